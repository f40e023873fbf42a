import { readProperty } from './access.ts';
import { diskProps, interfaceProps } from './properties/devices.ts';
import { domainProps } from './properties/domain.ts';
import type { ListName } from './properties/lists.ts';
import { forwardProps, metaProps, tagProps } from './properties/metadata.ts';
import type { Property } from './properties/types.ts';
import { childElements, type XmlElement } from './xml/parse.ts';

/** How hardware is presented to the guest. */
export type GuestKind = 'full' | 'hybrid' | 'paravirtual';

/** What the views need of a Domain. */
interface Reader {
  get<T>(property: Property<T>, index?: number): T | null;
  has(property: Property<unknown>, index?: number): boolean;
  raw(property: Property<unknown>, index?: number): string | null;
  count(list: ListName): number;
  items(list: ListName): readonly XmlElement[];
}

/** An image of a backing chain. */
export interface BackingImage {
  readonly file: string;
  readonly format: string;
  /** A block device, not a file. */
  readonly device?: boolean;
}

export interface PciAddress {
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
  readonly multifunction: boolean;
}

export interface DriveAddress {
  readonly controller: number;
  readonly bus: number;
  readonly target: number;
  readonly unit: number;
}

export interface DomainDisk {
  /** Position among the domain's disks: the index for property access. */
  readonly index: number;
  /** `vda`; unique in a valid domain. */
  readonly target: string;
  readonly device: 'disk' | 'cdrom' | 'floppy' | 'lun';
  readonly type: string;
  /** Image file or block device; null for an empty drive. */
  readonly file: string | null;
  /** Image format; null when the XML names none (libvirt then takes raw). */
  readonly format: string | null;
  /** `other`: one that PCs do not have, such as Xen's. */
  readonly bus: 'virtio' | 'sata' | 'ide' | 'scsi' | 'usb' | 'fdc' | 'sd' | 'other';
  readonly readonly: boolean;
  readonly shareable: boolean;
  /** 1 is first; null when the disk has no place in the boot order. */
  readonly bootOrder: number | null;
  /** Backing chain from the nearest on, as far as the XML names it; null when it names none. */
  readonly backing: readonly BackingImage[] | null;
  /** What lies below the last image named: nothing (`<backingStore/>`), or what that image's header says. */
  readonly below: 'nothing' | 'header';
  /** Why the chain cannot be opened: a clause about a level that is no local image; null when it can. */
  readonly backingProblem: string | null;
}

export interface DomainInterface {
  readonly index: number;
  readonly type: string;
  readonly mac: string | null;
  readonly model: string | null;
  /** Network or bridge. */
  readonly source: string | null;
  readonly linkUp: boolean;
  readonly bootOrder: number | null;
}

export interface Forward {
  readonly proto: 'tcp' | 'udp';
  /** Address of this computer it listens on. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

export interface DomainMetadata {
  readonly origin: {
    readonly uuid: string | null;
    readonly name: string | null;
    readonly linked: boolean;
  } | null;
  readonly starter: string | null;
  readonly template: boolean;
  readonly autostart: boolean;
  readonly ssh: { readonly user: string | null; readonly hostPort: number | null };
  readonly forwards: readonly Forward[];
  /** The guest cannot reach this computer or the network beyond the forwards. */
  readonly restrict: boolean;
  readonly tags: readonly string[];
  readonly notes: string;
  /** Kernel and initrd are read anew from the root disk (its target, e.g. `vda`) before each start. */
  readonly bootFromDisk: { readonly disk: string | null } | null;
}

/** libvirt's rule for a target without a bus (formatdomain, "target"). */
export function busOfTarget(target: string): DomainDisk['bus'] {
  if (target.startsWith('vd')) return 'virtio';
  if (target.startsWith('hd')) return 'ide';
  if (target.startsWith('fd')) return 'fdc';
  if (target.startsWith('sd')) return 'scsi';
  return 'virtio';
}

/** The chain the XML names. A level that cannot be read ends it: what lies below must not read as zeros. */
function backingOf(disk: XmlElement): Pick<DomainDisk, 'backing' | 'below' | 'backingProblem'> {
  const chain: BackingImage[] = [];
  for (let level = disk; ; ) {
    const next = childElements(level, 'backingStore')[0];
    const backing = next || chain.length > 0 ? chain : null;
    if (!next) return { backing, below: 'header', backingProblem: null };
    if (childElements(next).length === 0) return { backing, below: 'nothing', backingProblem: null };
    const file = readProperty(level, diskProps.backingFile);
    const device = readProperty(level, diskProps.backingDev);
    const format = readProperty(level, diskProps.backingFormat);
    const image = file ?? device;
    if (image === null || format === null) {
      const type = readProperty(level, diskProps.backingType);
      const what =
        image === null ? `is of the type ${type ?? 'unknown'}, not a local image` : 'has no format';
      return { backing, below: 'nothing', backingProblem: `level ${chain.length + 1} below it ${what}` };
    }
    chain.push({ file: image, format, ...(file === null ? { device: true } : {}) });
    level = next;
  }
}

export function disksOf(domain: Reader): DomainDisk[] {
  return domain.items('disk').map((element, index) => {
    const target = domain.get(diskProps.target, index) ?? '';
    const device = domain.get(diskProps.device, index) ?? 'disk';
    return {
      index,
      target,
      device,
      type: domain.raw(diskProps.type, index)?.trim() ?? 'file',
      file: domain.get(diskProps.file, index) ?? domain.get(diskProps.dev, index),
      format: domain.get(diskProps.format, index),
      bus:
        domain.get(diskProps.bus, index) ??
        (domain.has(diskProps.bus, index) ? 'other' : busOfTarget(target)),
      readonly: device === 'cdrom' || domain.get(diskProps.readonly, index) === true,
      shareable: domain.get(diskProps.shareable, index) === true,
      bootOrder: domain.get(diskProps.bootOrder, index),
      ...backingOf(element),
    };
  });
}

export function interfacesOf(domain: Reader): DomainInterface[] {
  return domain.items('interface').map((_, index) => ({
    index,
    type: domain.raw(interfaceProps.type, index)?.trim() ?? 'user',
    mac: domain.get(interfaceProps.mac, index),
    model: domain.get(interfaceProps.model, index),
    source: domain.get(interfaceProps.network, index) ?? domain.get(interfaceProps.bridge, index),
    linkUp: domain.get(interfaceProps.link, index) !== 'down',
    bootOrder: domain.get(interfaceProps.bootOrder, index),
  }));
}

export function kindOf(domain: Reader): GuestKind {
  const said = domain.get(metaProps.kind);
  if (said) return said;
  if (isMicrovm(domain.get(domainProps.machine))) return 'paravirtual';
  const disks = disksOf(domain).filter((disk) => disk.device === 'disk');
  return disks.length > 0 && disks.every((disk) => disk.bus !== 'virtio' && disk.bus !== 'scsi')
    ? 'full'
    : 'hybrid';
}

export function isMicrovm(machine: string | null): boolean {
  return machine !== null && /^microvm(-|$)/.test(machine);
}

export function metadataOf(domain: Reader): DomainMetadata {
  const uuid = domain.get(metaProps.originUuid);
  const name = domain.get(metaProps.originName);
  const forwards: Forward[] = [];
  domain.items('forward').forEach((_, i) => {
    const hostPort = domain.get(forwardProps.hostPort, i);
    const guestPort = domain.get(forwardProps.guestPort, i);
    if (hostPort === null || guestPort === null) return;
    forwards.push({
      proto: domain.get(forwardProps.proto, i) ?? 'tcp',
      hostAddress: domain.get(forwardProps.hostAddress, i) ?? '127.0.0.1',
      hostPort,
      guestPort,
    });
  });
  return {
    origin:
      uuid === null && name === null
        ? null
        : { uuid, name, linked: domain.get(metaProps.originLinked) === true },
    starter: domain.get(metaProps.starter),
    template: domain.get(metaProps.template) === true,
    autostart: domain.get(metaProps.autostart) === true,
    ssh: { user: domain.get(metaProps.sshUser), hostPort: domain.get(metaProps.sshPort) },
    forwards,
    restrict: domain.get(metaProps.restrict) === true,
    tags: domain.items('tag').map((_, i) => domain.get(tagProps.name, i) ?? ''),
    notes: domain.get(metaProps.notes) ?? '',
    bootFromDisk: domain.has(metaProps.bootFromDisk) ? { disk: domain.get(metaProps.bootRoot) } : null,
  };
}
