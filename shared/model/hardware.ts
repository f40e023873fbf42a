import type { VirtKind } from './guest.ts';

/** Limits on a disk's use, enforced by QEMU; null is none. */
export interface DiskLimits {
  /** Bytes a second. */
  readonly totalBytes: number | null;
  readonly readBytes: number | null;
  readonly writeBytes: number | null;
  /** Requests a second. */
  readonly totalIops: number | null;
  readonly readIops: number | null;
  readonly writeIops: number | null;
}

export interface HardwareDisk {
  /** `vda`; unique in a guest. */
  readonly target: string;
  readonly device: 'disk' | 'cdrom' | 'floppy';
  readonly bus: string;
  /** Absolute path on this computer; null for an empty drive. */
  readonly file: string | null;
  readonly format: string | null;
  readonly readonly: boolean;
  /** libvirt's word; `default` when the XML names none. */
  readonly cache: string;
  /** What the guest frees is freed on this computer too. */
  readonly discard: boolean;
  readonly limits: DiskLimits;
}

export interface HardwareNic {
  /** Its name here: MAC addresses are unique in a guest. Null when the XML names none. */
  readonly mac: string | null;
  /** libvirt's word: `user`, `network`, `bridge`. */
  readonly type: string;
  readonly model: string | null;
  /** Network or bridge. */
  readonly source: string | null;
  readonly linkUp: boolean;
}

export interface HardwareForward {
  readonly proto: 'tcp' | 'udp';
  /** Port of this computer's loopback. */
  readonly hostPort: number;
  readonly guestPort: number;
  /** The one that SSH uses. */
  readonly ssh: boolean;
}

/** What a guest has, as a person reads it; made from one domain XML. */
export interface Hardware {
  readonly kind: VirtKind;
  /** `pc-q35-7.2` */
  readonly machine: string;
  readonly cpu: {
    /** Processors it starts with (or has now). */
    readonly count: number;
    /** How many it can be given while it runs. */
    readonly max: number;
    /** `host`: this computer's; `model`: the one named; `default`: QEMU's own. */
    readonly mode: 'host' | 'model' | 'default';
    readonly model: string | null;
    readonly topology: { readonly sockets: number; readonly cores: number; readonly threads: number } | null;
  };
  readonly memory: {
    /** MiB the guest starts with and cannot go beyond. */
    readonly max: number;
    /** MiB it is left by the balloon; the same as `max` without one. */
    readonly current: number;
    readonly balloon: boolean;
  };
  readonly disks: readonly HardwareDisk[];
  readonly nics: readonly HardwareNic[];
  readonly forwards: readonly HardwareForward[];
  /** The guest cannot reach this computer or the network beyond the forwards. */
  readonly restrict: boolean;
  /** It has a screen. */
  readonly screen: boolean;
  readonly video: string | null;
  /** Its clipboard is tied to its screen's, where spice-vdagent runs inside. */
  readonly clipboard: boolean;
  readonly sound: string | null;
  /** Model of an emulated TPM. */
  readonly tpm: string | null;
  readonly rng: boolean;
  readonly watchdog: { readonly model: string; readonly action: string } | null;
  readonly usb: readonly { readonly vendor: number; readonly product: number }[];
  readonly folders: readonly {
    readonly tag: string;
    readonly path: string;
    readonly driver: 'virtiofs' | '9p';
    readonly readonly: boolean;
  }[];
  /** What it is booted from, first to last: targets of disks, MAC addresses of cards. */
  readonly bootOrder: readonly string[];
  /** The kernel it is booted with directly; null when the disk's own boot loader is asked. */
  readonly kernel: string | null;
  readonly firmware: 'bios' | 'uefi';
}

/** One thing that differs between two states of a guest's hardware. */
export interface HardwareDifference {
  /** `cpu`, `disk:vdb`, `nic:52:54:00:…`: what `hardware.revert` takes. */
  readonly part: string;
  /** "Processors", "Disk vdb". */
  readonly what: string;
  /** Null: not there. */
  readonly from: string | null;
  readonly to: string | null;
}

export interface HardwareView {
  /** As the XML wishes it. */
  readonly wanted: Hardware;
  /** What the running QEMU has; null when none runs. */
  readonly running: Hardware | null;
  /** What takes effect at the next start, from what runs to what is wished. */
  readonly pending: readonly HardwareDifference[];
  /** Bytes the balloon leaves the guest now, by QEMU's word; null when not known. */
  readonly balloonNow: number | null;
  /** Disk images in the guest's folder that no guest uses. */
  readonly unusedDisks: readonly { readonly file: string; readonly size: number }[];
  /** What this computer can offer. */
  readonly host: {
    readonly processors: number;
    /** MiB */
    readonly memory: number;
    readonly tpm: boolean;
  };
}

/** A USB device plugged into this computer. */
export interface HostUsbDevice {
  readonly vendor: number;
  readonly product: number;
  /** As the device names itself; ids when it does not. */
  readonly name: string;
  /** QEMU may open its device node. */
  readonly usable: boolean;
}

export type GuestKindName = 'full' | 'hybrid' | 'paravirtual';

/** What another kind of hardware would mean for a guest. */
export interface KindPlan {
  readonly from: VirtKind;
  readonly to: GuestKindName;
  readonly changes: readonly HardwareDifference[];
  /** What the system inside needs; `met` null when it cannot be told from outside. */
  readonly needs: readonly { readonly text: string; readonly met: boolean | null }[];
  /** Why it cannot be done; null when it can. */
  readonly blocked: string | null;
  /** The domain XML as it would be. */
  readonly xml: string;
}

/** One kind's measurement. Null numbers could not be measured: `problem` says why. */
export interface CompareResult {
  readonly kind: GuestKindName;
  /** Seconds from QEMU's start to the SSH server's first word. */
  readonly boot: number | null;
  /** Bytes a second, read and written past this computer's cache. */
  readonly diskRead: number | null;
  readonly diskWrite: number | null;
  /** Bytes a second from the guest to this computer and back. */
  readonly netOut: number | null;
  readonly netIn: number | null;
  readonly problem: string | null;
}

export interface Comparison {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly accelerator: 'kvm' | 'tcg';
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  /** This computer had much else to do meanwhile: the numbers are lower than they could be. */
  readonly busy: boolean;
  readonly results: readonly CompareResult[];
}
