import type { WireError } from '../errors.ts';

/** `local`, a guest's or server's id, or that id with `/root`: the same machine, by `sudo`. */
export const localHost = 'local';

/** Limits by what they hold. */
export const limitKinds = [
  'memory',
  'swap',
  'cpus',
  'cpuWeight',
  'cpuSet',
  'pids',
  'disk',
  'netUp',
  'netDown',
] as const;
export type LimitKind = (typeof limitKinds)[number];

export const limitWords: Readonly<Record<LimitKind, string>> = {
  memory: 'Memory',
  swap: 'Swap',
  cpus: 'CPU',
  cpuWeight: 'CPU weight',
  cpuSet: 'CPU set',
  pids: 'Processes',
  disk: 'Disk',
  netUp: 'Network up',
  netDown: 'Network down',
};

/** Whether a host can enforce a limit. */
export interface LimitSupport {
  readonly kind: LimitKind;
  readonly ok: boolean;
  /** Why not, or what it does not hold; a sentence. Null: it holds without a word more. */
  readonly why: string | null;
  /** How to get it; null when there is nothing to do. */
  readonly todo: string | null;
}

export interface BlockDevice {
  /** `/dev/vda` */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** A machine whose podman runs containers. */
export interface ContainerHost {
  readonly id: string;
  readonly name: string;
  readonly kind: 'local' | 'guest' | 'server';
  /** As root by `sudo -n`, on a machine one logs in to as someone else. */
  readonly sudo: boolean;
  /** `missing`: no podman. `unusable`: podman is there and runs nothing. `away`: it does not answer. */
  readonly status: 'unknown' | 'looking' | 'ready' | 'missing' | 'unusable' | 'away';
  readonly error: WireError | null;
  readonly facts: HostFacts | null;
}

/** What a host's podman is and can. */
export interface HostFacts {
  /** podman's version. */
  readonly version: string;
  readonly rootless: boolean;
  readonly user: string;
  /** `v1` includes hosts where v2 is mounted beside it without controllers. */
  readonly cgroups: 'v1' | 'v2';
  /** Who keeps podman's control groups. */
  readonly manager: 'systemd' | 'cgroupfs';
  readonly runtime: string;
  /** `amd64`, `arm64` */
  readonly arch: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly limits: readonly LimitSupport[];
  readonly devices: readonly BlockDevice[];
  /** Settings its containers need, found by trying; for people. */
  readonly needs: readonly string[];
  /** SELinux is on: without a label of theirs, containers may not use a folder of the host. */
  readonly selinux: boolean;
  /** `sudo -n podman` works there too, and this is not it already. */
  readonly sudoWorks: boolean;
}

export type ContainerState = 'created' | 'running' | 'paused' | 'exited' | 'stopping' | 'other';

export interface ContainerPort {
  /** Address it listens on; empty: all. */
  readonly address: string;
  readonly hostPort: number;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
}

/** A container, as `podman ps` tells. */
export interface Container {
  /** `HOST:ID`, unique over all hosts. */
  readonly id: string;
  readonly host: string;
  /** podman's id, 64 hexadecimal digits. */
  readonly podmanId: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly state: ContainerState;
  /** As podman words it: "Exited (137) 2 minutes ago". */
  readonly statusText: string;
  /** Milliseconds since the epoch; null when it never ran. */
  readonly startedAt: number | null;
  readonly createdAt: number;
  readonly exitCode: number | null;
  readonly ports: readonly ContainerPort[];
  readonly pid: number | null;
  /** Why limits that were asked for do not hold in this run; null: they do, or there are none. */
  readonly notHeld: WireError | null;
}

/** Limits in force; null: none. */
export interface Limits {
  /** Bytes. */
  readonly memory: number | null;
  /** Bytes of swap beside the memory; 0: none. */
  readonly swap: number | null;
  /** 0.5 is half a core. */
  readonly cpus: number | null;
  /** cgroup v2's weight, 1 to 10,000; 100 is what everyone has. */
  readonly cpuWeight: number | null;
  /** `0-1,3` */
  readonly cpuSet: string | null;
  readonly pids: number | null;
  readonly disk: readonly DiskLimit[];
  /** Bits a second. */
  readonly netUp: number | null;
  readonly netDown: number | null;
}

export const noLimits: Limits = {
  memory: null,
  swap: null,
  cpus: null,
  cpuWeight: null,
  cpuSet: null,
  pids: null,
  disk: [],
  netUp: null,
  netDown: null,
};

/** Bytes and operations a second by block device; null: none. */
export interface DiskLimit {
  readonly device: string;
  readonly readBps: number | null;
  readonly writeBps: number | null;
  readonly readIops: number | null;
  readonly writeIops: number | null;
}

export interface ContainerMount {
  readonly type: string;
  /** Folder on the host, or the volume's name. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerDetail {
  readonly container: Container;
  /** Names and values; values may be secret and are shown only when asked for. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly ContainerMount[];
  /** `no`, `always`, `on-failure`, `unless-stopped`. */
  readonly restart: string;
  readonly workingDir: string;
  readonly user: string;
  readonly addresses: readonly string[];
  readonly oomKilled: boolean;
  readonly error: string;
  /** What was asked for at creation or changed later; what is in force while it runs is in its stats. */
  readonly wanted: Limits;
  /** Read from the kernel; null when it does not run. */
  readonly inForce: Limits | null;
  /** `podman inspect`, indented. */
  readonly inspect: string;
}

/** What a container uses; counters are the kernel's own. */
export interface ContainerStats {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** 1 = one core busy; null in the first sample. */
  readonly cpu: number | null;
  /** Part of the time, 0 to 1, in which its CPU limit held it back; null where there is none. */
  readonly throttled: number | null;
  /** Bytes, without what the kernel gives back at once (page cache that was not used lately). */
  readonly memory: number;
  /** Bytes that lie in swap. */
  readonly swap: number;
  readonly pids: number;
  /** Bytes a second; null in the first sample. */
  readonly diskRead: number | null;
  readonly diskWrite: number | null;
  readonly netIn: number | null;
  readonly netOut: number | null;
  /** Processes the kernel killed for the memory limit, since its start. */
  readonly oomKills: number;
  /** Times a new process was refused for the limit, since its start. */
  readonly pidsRefused: number;
  /** Times the memory limit was reached, since its start. */
  readonly memoryHits: number;
  readonly limits: Limits;
}

export interface ContainerImage {
  readonly id: string;
  /** `localhost/web:1`, or the short id of one without a name. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: number;
}
