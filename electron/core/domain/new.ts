import { randomBytes, randomUUID } from 'node:crypto';
import { Domain } from './domain.ts';
import { namespaces } from './properties/types.ts';
import type { BackingImage, Forward, GuestKind } from './views.ts';
import { el, type NewElement, writeElement } from './xml/edit.ts';

export interface NewDisk {
  /** Absolute path; null for an empty CD drive. */
  readonly file: string | null;
  /** Image format, e.g. `qcow2`; never guessed. */
  readonly format: string;
  readonly device?: 'disk' | 'cdrom';
  /** Default by kind: virtio, or SATA/IDE after the machine. */
  readonly bus?: 'virtio' | 'sata' | 'ide';
  readonly readonly?: boolean;
  /** Backing chain, nearest first; `[]` states that there is none. Unsaid when absent. */
  readonly backing?: readonly BackingImage[];
  readonly cache?: string;
  readonly serial?: string;
  /** Position in the boot order, from 1. Default: in the order given. */
  readonly bootOrder?: number;
}

export interface NewFirmware {
  /** Absolute path of the read-only code image, e.g. OVMF_CODE_4M.fd. */
  readonly code: string;
  /** Default: raw. */
  readonly codeFormat?: 'qcow2' | 'raw';
  readonly secure?: boolean;
  /** The guest's own variable store (absolute path) and its format; qcow2 so that snapshots work. */
  readonly nvram: string;
  readonly nvramFormat?: 'qcow2' | 'raw';
  /** What the store is made from. */
  readonly nvramTemplate: string;
  /** Default: raw. */
  readonly templateFormat?: 'qcow2' | 'raw';
}

/** What {@link newDomain} makes XML from. Paths are absolute: libvirt's schema wants them so. */
export interface NewGuestSpec {
  readonly name: string;
  readonly kind: GuestKind;
  /** Pinned, e.g. `pc-q35-7.2`, `pc-i440fx-7.2`, `microvm`. */
  readonly machine: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly uuid?: string;
  readonly genid?: string;
  readonly title?: string;
  readonly description?: string;
  /** `qemu` states that the guest does not need KVM. Default `kvm`: the wish. */
  readonly type?: 'kvm' | 'qemu';
  /** Absent: SeaBIOS. */
  readonly firmware?: NewFirmware;
  /** An emulated TPM 2.0; not for a microvm. */
  readonly tpm?: boolean;
  /** Direct kernel boot. */
  readonly kernel?: { readonly kernel: string; readonly initrd?: string; readonly cmdline?: string };
  /** Read kernel and initrd anew from this disk (target) before each start. */
  readonly bootFromDisk?: string;
  readonly disks: readonly NewDisk[];
  /** Default: one user network. */
  readonly interfaces?: readonly {
    readonly type?: 'user' | 'network' | 'bridge';
    readonly source?: string;
    readonly mac?: string;
    readonly model?: string;
  }[];
  /** Absolute path the serial console is logged to. */
  readonly serialLog?: string;
  /** Absolute path; absent: chosen at each run. */
  readonly vncSocket?: string;
  readonly origin?: { readonly uuid: string; readonly name: string; readonly linked: boolean };
  readonly starter?: string;
  readonly autostart?: boolean;
  readonly sshUser?: string;
  /** Port of 127.0.0.1 that leads to the guest's SSH. */
  readonly sshHostPort?: number;
  readonly forwards?: readonly Forward[];
  readonly restrict?: boolean;
  readonly tags?: readonly string[];
  readonly notes?: string;
}

/** A random MAC address in QEMU's range, 52:54:00. */
export function randomMac(): string {
  return `52:54:00:${[...randomBytes(3)].map((b) => b.toString(16).padStart(2, '0')).join(':')}`;
}

/** Root ports: what is there from the start, and what may be plugged in later. */
const rootPorts = 14;

/**
 * Makes a new domain: libvirt's element order, machine pinned, every device with its address, and on q35 free
 * root ports for hot-plugging. `virt-xml-validate` takes all three kinds.
 */
export function newDomain(spec: NewGuestSpec): Domain {
  const layout = { newline: '\n', indent: '', unit: '  ', quote: "'" } as const;
  return Domain.parse(`${writeElement(domainElement(spec), layout)}\n`);
}

const text = (name: string, value: string | number | undefined, attributes: NewElement['attributes'] = {}) =>
  value === undefined || value === '' ? null : el(name, attributes, String(value));

function domainElement(spec: NewGuestSpec): NewElement {
  const micro = spec.kind === 'paravirtual';
  const { firmware, kernel } = spec;
  return el(
    'domain',
    { type: spec.type ?? 'kvm' },
    text('name', spec.name),
    text('uuid', spec.uuid ?? randomUUID()),
    micro ? null : text('genid', spec.genid ?? randomUUID()),
    text('title', spec.title),
    text('description', spec.description),
    el('metadata', {}, metadataElement(spec)),
    text('memory', spec.memoryMiB * 1024, { unit: 'KiB' }),
    text('currentMemory', spec.memoryMiB * 1024, { unit: 'KiB' }),
    text('vcpu', spec.vcpus, { placement: 'static' }),
    el(
      'os',
      {},
      text('type', 'hvm', { arch: 'x86_64', machine: spec.machine }),
      firmware &&
        text('loader', firmware.code, {
          readonly: 'yes',
          secure: firmware.secure ? 'yes' : null,
          type: 'pflash',
          format: firmware.codeFormat === 'qcow2' ? 'qcow2' : null,
        }),
      firmware &&
        text('nvram', firmware.nvram, {
          template: firmware.nvramTemplate,
          templateFormat: firmware.templateFormat === 'qcow2' ? 'qcow2' : null,
        }),
      kernel && text('kernel', kernel.kernel),
      kernel && text('initrd', kernel.initrd),
      kernel && text('cmdline', kernel.cmdline),
    ),
    el('features', {}, el('acpi'), el('apic'), firmware?.secure ? el('smm', { state: 'on' }) : null),
    // libvirt takes host-passthrough for KVM only.
    spec.type === 'qemu'
      ? el('cpu', { mode: 'maximum', check: 'none' })
      : el('cpu', { mode: 'host-passthrough', check: 'none', migratable: 'on' }),
    el('clock', { offset: 'utc' }),
    text('on_poweroff', 'destroy'),
    text('on_reboot', 'restart'),
    text('on_crash', 'destroy'),
    el('devices', {}, ...(micro ? microvmDevices(spec) : pciDevices(spec))),
  );
}

function metadataElement(spec: NewGuestSpec): NewElement {
  return el(
    'gh:guest',
    {
      'xmlns:gh': namespaces.gh!,
      kind: spec.kind,
      starter: spec.starter,
      autostart: spec.autostart ? 'yes' : null,
    },
    spec.origin &&
      el('gh:origin', {
        uuid: spec.origin.uuid,
        name: spec.origin.name,
        linked: spec.origin.linked ? 'yes' : 'no',
      }),
    spec.sshUser !== undefined || spec.sshHostPort !== undefined
      ? el('gh:ssh', { user: spec.sshUser, 'host-port': spec.sshHostPort })
      : null,
    spec.restrict ? el('gh:network', { restrict: 'yes' }) : null,
    ...(spec.forwards ?? []).map((f) => forwardElement(f)),
    spec.bootFromDisk !== undefined ? el('gh:boot-from-disk', { disk: spec.bootFromDisk }) : null,
    spec.firmware ? el('gh:nvram', { format: spec.firmware.nvramFormat ?? 'qcow2' }) : null,
    ...(spec.tags ?? []).map((tag) => el('gh:tag', {}, tag)),
    text('gh:notes', spec.notes),
  );
}

/** A forward as a list item, for `domain.add('forward', ...)` too. */
export function forwardElement(forward: Forward): NewElement {
  return el('gh:forward', {
    proto: forward.proto,
    'host-address': forward.hostAddress,
    'host-port': forward.hostPort,
    'guest-port': forward.guestPort,
  });
}

type Address = NewElement | null;
const pci = (bus: number, slot: number, fn = 0, multifunction = false): NewElement =>
  el('address', {
    type: 'pci',
    domain: '0x0000',
    bus: `0x${bus.toString(16).padStart(2, '0')}`,
    slot: `0x${slot.toString(16).padStart(2, '0')}`,
    function: `0x${fn}`,
    multifunction: multifunction ? 'on' : null,
  });
const mmio = (): NewElement => el('address', { type: 'virtio-mmio' });

function diskElement(
  disk: NewDisk,
  target: string,
  bus: string,
  order: number,
  address: Address,
): NewElement {
  const backing = (disk.backing ?? []).reduceRight<NewElement>(
    (inner, image) =>
      el(
        'backingStore',
        { type: 'file' },
        el('format', { type: image.format }),
        el('source', { file: image.file }),
        inner,
      ),
    el('backingStore'),
  );
  const cdrom = disk.device === 'cdrom';
  return el(
    'disk',
    { type: 'file', device: disk.device ?? 'disk' },
    el('driver', {
      name: 'qemu',
      type: disk.format,
      cache: disk.cache,
      discard: cdrom || disk.readonly ? null : 'unmap',
    }),
    disk.file === null ? null : el('source', { file: disk.file }),
    disk.backing === undefined ? null : backing,
    el('target', { dev: target, bus }),
    cdrom || disk.readonly ? el('readonly') : null,
    text('serial', disk.serial),
    el('boot', { order: disk.bootOrder ?? order }),
    address,
  );
}

function interfaceElement(
  nic: NonNullable<NewGuestSpec['interfaces']>[number],
  model: string,
  address: Address,
): NewElement {
  const source =
    nic.source === undefined
      ? null
      : el('source', { [nic.type === 'bridge' ? 'bridge' : 'network']: nic.source });
  return el(
    'interface',
    { type: nic.type ?? 'user' },
    el('mac', { address: nic.mac ?? randomMac() }),
    source,
    el('model', { type: nic.model ?? model }),
    address,
  );
}

function serialElements(spec: NewGuestSpec): NewElement[] {
  const log = spec.serialLog === undefined ? null : el('log', { file: spec.serialLog, append: 'on' });
  return [
    el(
      'serial',
      { type: 'pty' },
      log,
      el('target', { type: 'isa-serial', port: 0 }, el('model', { name: 'isa-serial' })),
    ),
    el('console', { type: 'pty' }, log, el('target', { type: 'serial', port: 0 })),
  ];
}

function channelElement(): NewElement {
  return el(
    'channel',
    { type: 'unix' },
    el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
    el('address', { type: 'virtio-serial', controller: 0, bus: 0, port: 1 }),
  );
}

const letter = (i: number) => String.fromCharCode('a'.charCodeAt(0) + i);

/** Hybrid and full: PCI machines. Emulated hardware keeps to what old systems have drivers for. */
function pciDevices(spec: NewGuestSpec): NewElement[] {
  const q35 = !/^pc(-i440fx|-\d|$)/.test(spec.machine);
  const hybrid = spec.kind === 'hybrid';
  let port = 0;
  let slot = 3; // i440FX: 0 the bridge, 1 ISA and IDE, 2 video
  const next = (): NewElement => (q35 ? pci(++port, 0) : pci(0, slot++));

  const nics = (spec.interfaces ?? [{}]).map((nic) =>
    interfaceElement(nic, hybrid ? 'virtio' : q35 ? 'e1000e' : 'e1000', next()),
  );
  const usb = el(
    'controller',
    { type: 'usb', index: 0, model: q35 ? 'qemu-xhci' : 'piix3-uhci' },
    q35 ? next() : pci(0, 1, 2),
  );
  const serialBus = hybrid ? el('controller', { type: 'virtio-serial', index: 0 }, next()) : null;
  let virtio = 0;
  let emulated = 0;
  const disks = spec.disks.map((disk, i) => {
    const bus = disk.bus ?? (hybrid && disk.device !== 'cdrom' ? 'virtio' : q35 ? 'sata' : 'ide');
    if (bus === 'virtio') return diskElement(disk, `vd${letter(virtio++)}`, bus, i + 1, next());
    const n = emulated++;
    const place =
      bus === 'sata'
        ? { type: 'drive', controller: 0, bus: 0, target: 0, unit: n }
        : { type: 'drive', controller: 0, bus: n >> 1, target: 0, unit: n & 1 };
    return diskElement(disk, `${bus === 'ide' ? 'hd' : 'sd'}${letter(n)}`, bus, i + 1, el('address', place));
  });
  const balloon = el('memballoon', { model: hybrid ? 'virtio' : 'none' }, hybrid ? next() : null);
  const rng = hybrid
    ? el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom'), next())
    : null;
  return present(
    ...disks,
    usb,
    q35
      ? el('controller', { type: 'sata', index: 0 }, pci(0, 0x1f, 2))
      : el('controller', { type: 'ide', index: 0 }, pci(0, 1, 1)),
    el('controller', { type: 'pci', index: 0, model: q35 ? 'pcie-root' : 'pci-root' }),
    ...(q35 ? rootPortElements() : []),
    serialBus,
    ...nics,
    ...serialElements(spec),
    hybrid ? channelElement() : null,
    el('input', { type: 'tablet', bus: 'usb' }, el('address', { type: 'usb', bus: 0, port: 1 })),
    el('input', { type: 'mouse', bus: 'ps2' }),
    el('input', { type: 'keyboard', bus: 'ps2' }),
    spec.tpm ? el('tpm', { model: 'tpm-crb' }, el('backend', { type: 'emulator', version: '2.0' })) : null,
    el('graphics', { type: 'vnc' }, el('listen', { type: 'socket', socket: spec.vncSocket })),
    el(
      'video',
      {},
      el('model', { type: hybrid ? 'virtio' : 'vga', heads: 1, primary: 'yes' }),
      pci(0, q35 ? 1 : 2),
    ),
    balloon,
    rng,
  );
}

/** Empty PCIe slots of a q35 machine, for `domain.add('controller', ...)`. */
export function rootPortElements(): NewElement[] {
  return Array.from({ length: rootPorts }, (_, i) =>
    el(
      'controller',
      { type: 'pci', index: i + 1, model: 'pcie-root-port' },
      el('model', { name: 'pcie-root-port' }),
      el('target', { chassis: i + 1, port: `0x${(0x10 + i).toString(16)}` }),
      pci(0, 2 + (i >> 3), i & 7, (i & 7) === 0),
    ),
  );
}

/** Paravirtual: microvm. libvirt takes it only when every device has a virtio-mmio address and USB is none. */
function microvmDevices(spec: NewGuestSpec): NewElement[] {
  return present(
    ...spec.disks.map((disk, i) => diskElement(disk, `vd${letter(i)}`, 'virtio', i + 1, mmio())),
    el('controller', { type: 'usb', index: 0, model: 'none' }),
    el('controller', { type: 'virtio-serial', index: 0 }, mmio()),
    ...(spec.interfaces ?? [{}]).map((nic) => interfaceElement(nic, 'virtio', mmio())),
    ...serialElements(spec),
    channelElement(),
    el('memballoon', { model: 'none' }),
    el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom'), mmio()),
  );
}

function present(...elements: (NewElement | null)[]): NewElement[] {
  return elements.filter((e): e is NewElement => e !== null);
}
