import { GuesthouseError } from '../../../shared/errors.ts';
import type { HardwareChange } from '../../../shared/ipc/hardware.ts';
import type { DiskLimits } from '../../../shared/model/hardware.ts';
import {
  controllerProps,
  type Domain,
  diskProps,
  domainProps,
  el,
  interfaceProps,
  metaProps,
} from '../domain/index.ts';

export type DiskBus = 'virtio' | 'sata' | 'ide' | 'scsi' | 'usb';
export type EditDisk = Extract<HardwareChange, { do: 'edit-disk' }>;

/** A disk to add: its image is made or chosen already. */
export interface AddedDisk {
  readonly target: string;
  readonly device: 'disk' | 'cdrom';
  readonly bus: DiskBus;
  /** Absolute; null is an empty CD drive. */
  readonly file: string | null;
  readonly format: string | null;
  readonly cache: string | null;
}

export const isMicro = (domain: Domain) => domain.get(domainProps.machine)?.startsWith('microvm') === true;
export const isQ35 = (domain: Domain) => /q35/.test(domain.get(domainProps.machine) ?? '');

/** The bus a new disk gets: that of the guest's kind. */
export function usualBus(domain: Domain, device: 'disk' | 'cdrom'): DiskBus {
  const emulated = isQ35(domain) ? 'sata' : 'ide';
  if (isMicro(domain)) return 'virtio';
  return device === 'cdrom' || domain.kind === 'full' ? emulated : 'virtio';
}

const letters: Readonly<Record<DiskBus, string>> = {
  virtio: 'vd',
  sata: 'sd',
  scsi: 'sd',
  usb: 'sd',
  ide: 'hd',
};

/** The first free name on a bus, such as `vdb`. `taken`: those of the guest as it is and as it runs. */
export function freeTarget(bus: DiskBus, taken: ReadonlySet<string>): string {
  for (let n = 0; n < 26; n++) {
    const target = `${letters[bus]}${String.fromCharCode(97 + n)}`;
    if (!taken.has(target)) return target;
  }
  throw new GuesthouseError('unsupported', 'The guest has as many disks as its bus can name.');
}

/** How many devices a bus with fixed places takes: AHCI has six ports, IDE two channels of two. */
const fixedPlaces: Readonly<Partial<Record<DiskBus, number>>> = { sata: 6, ide: 4 };

/** Puts a disk on the first free place of its bus; PCI addresses are left to completeDomain. */
function placeDrive(domain: Domain, index: number, bus: DiskBus): Domain {
  if (bus === 'virtio' || bus === 'usb') return domain;
  const used = new Set<number>();
  for (const disk of domain.disks())
    if (disk.index !== index && disk.bus === bus) {
      const channel = bus === 'ide' ? (domain.get(diskProps.driveBus, disk.index) ?? 0) : 0;
      used.add(2 * channel + (domain.get(diskProps.driveUnit, disk.index) ?? targetNumber(disk.target)));
    }
  let unit = 0;
  while (used.has(unit)) unit++;
  const most = fixedPlaces[bus];
  if (most !== undefined && unit >= most)
    throw new GuesthouseError('unsupported', `The ${bus.toUpperCase()} controller has no free place.`, {
      todo: 'Take a disk out, or choose another bus.',
    });
  return domain
    .set(diskProps.addressType, 'drive', index)
    .set(diskProps.driveController, 0, index)
    .set(diskProps.driveBus, bus === 'ide' ? unit >> 1 : 0, index)
    .set(diskProps.driveTarget, 0, index)
    .set(diskProps.driveUnit, bus === 'ide' ? unit & 1 : unit, index);
}

/** A disk's address taken away: the next place is chosen anew. */
function unplaced(domain: Domain, index: number): Domain {
  return [
    diskProps.pciDomain,
    diskProps.driveController,
    diskProps.pciBus,
    diskProps.pciSlot,
    diskProps.pciFunction,
    diskProps.pciMultifunction,
    diskProps.port,
    diskProps.driveTarget,
    diskProps.driveUnit,
    diskProps.addressType,
  ].reduce<Domain>((made, property) => made.set<never>(property as never, null, index), domain);
}

/** `sdc` -> 2: libvirt's place of a disk whose address is not written. */
const targetNumber = (target: string) => Math.max(0, (target.codePointAt(2) ?? 97) - 97);

export function addDisk(domain: Domain, disk: AddedDisk): Domain {
  const cd = disk.device === 'cdrom';
  refuseBus(domain, disk.bus, cd);
  const added = domain.add(
    'disk',
    el(
      'disk',
      { type: 'file', device: disk.device },
      el('driver', {
        name: 'qemu',
        type: disk.format,
        cache: disk.cache,
        discard: cd ? null : 'unmap',
      }),
      disk.file === null ? null : el('source', { file: disk.file }),
      el('target', { dev: disk.target, bus: disk.bus }),
      cd ? el('readonly') : null,
    ),
  );
  return placeDrive(added, added.count('disk') - 1, disk.bus);
}

function refuseBus(domain: Domain, bus: DiskBus, cd: boolean): void {
  const refuse = (why: string, todo: string) => {
    throw new GuesthouseError(
      'unsupported',
      `A ${cd ? 'CD drive' : 'disk'} on the bus ${bus} is not possible here.`,
      {
        why,
        todo,
      },
    );
  };
  if (isMicro(domain) && (bus !== 'virtio' || cd))
    refuse('A microvm has virtio disks and nothing else.', 'Choose virtio, or give the guest another kind.');
  if (cd && bus === 'virtio') refuse('Systems know no virtio CD drives.', 'Choose SATA, IDE, SCSI or USB.');
  if (bus === 'ide' && isQ35(domain)) refuse('A q35 machine has SATA in place of IDE.', 'Choose sata.');
}

/** @throws `not-found` */
export function diskIndex(domain: Domain, target: string): number {
  const disk = domain.disks().find((each) => each.target === target);
  if (!disk)
    throw new GuesthouseError('not-found', `There is no disk ${target}.`, {
      why: `It has ${
        domain
          .disks()
          .map((each) => each.target)
          .join(', ') || 'none'
      }.`,
    });
  return disk.index;
}

const limitProps: Readonly<Record<keyof DiskLimits, (typeof diskProps)['totalBytesSec']>> = {
  totalBytes: diskProps.totalBytesSec,
  readBytes: diskProps.readBytesSec,
  writeBytes: diskProps.writeBytesSec,
  totalIops: diskProps.totalIopsSec,
  readIops: diskProps.readIopsSec,
  writeIops: diskProps.writeIopsSec,
};

/** What of a disk may change: its place on a bus, how QEMU opens it, how much it may do. */
export function editDisk(domain: Domain, change: EditDisk, taken: ReadonlySet<string>): Domain {
  const index = diskIndex(domain, change.target);
  const disk = domain.disks()[index]!;
  let made = domain;
  if (change.cache !== undefined)
    made = made.set(diskProps.cache, change.cache === 'default' ? null : change.cache, index);
  if (change.discard !== undefined)
    made = made.set(diskProps.discard, change.discard ? 'unmap' : null, index);
  if (change.readonly !== undefined && disk.device === 'disk') {
    const bus = change.bus ?? disk.bus;
    if (change.readonly && (bus === 'sata' || bus === 'ide'))
      throw new GuesthouseError('unsupported', 'IDE and SATA disks cannot be read-only.', {
        todo: 'Put it on the bus virtio.',
      });
    made = made.set(diskProps.readonly, change.readonly ? true : null, index);
  }
  for (const [key, value] of Object.entries(change.limits ?? {}) as [keyof DiskLimits, number | null][])
    made = made.set(limitProps[key], value || null, index);
  refuseBothTotals(made, index);
  if (change.bus !== undefined && change.bus !== disk.bus) {
    refuseBus(domain, change.bus, disk.device === 'cdrom');
    made = moveTo(made, index, change.bus, taken);
  }
  return made;
}

/** QEMU takes a total, or reads and writes apart (qapi, block_set_io_throttle). */
function refuseBothTotals(domain: Domain, index: number): void {
  const has = (property: (typeof diskProps)['totalBytesSec']) => (domain.get(property, index) ?? 0) > 0;
  if (
    (has(diskProps.totalBytesSec) && (has(diskProps.readBytesSec) || has(diskProps.writeBytesSec))) ||
    (has(diskProps.totalIopsSec) && (has(diskProps.readIopsSec) || has(diskProps.writeIopsSec)))
  )
    throw new GuesthouseError(
      'invalid-input',
      'A total limit and one for reads or writes exclude each other.',
      {
        todo: 'Set the total, or reads and writes apart.',
      },
    );
}

/** Puts a disk on another bus, under a name of that bus. */
export function moveTo(domain: Domain, index: number, bus: DiskBus, taken: ReadonlySet<string>): Domain {
  const names = new Set([...taken, ...domain.disks().map((disk) => disk.target)]);
  const old = domain.disks()[index]!;
  const stays = old.target.startsWith(letters[bus]);
  const target = stays ? old.target : freeTarget(bus, names);
  const bootRoot = domain.metadata.bootFromDisk?.disk;
  let made = unplaced(domain, index).set(diskProps.target, target, index).set(diskProps.bus, bus, index);
  if (bus !== 'virtio') made = made.set(diskProps.iothread, null, index).set(diskProps.queues, null, index);
  if (bootRoot === old.target) made = bootFrom(made, target);
  return placeDrive(made, index, bus);
}

/** Boot order as `<boot order>` on each device; `<os><boot dev>` goes, since libvirt takes one or the other. */
export function setBootOrder(domain: Domain, order: readonly string[]): Domain {
  let made = domain;
  while (made.count('boot') > 0) made = made.remove('boot', 0);
  const known = new Set<string>();
  for (const disk of made.disks()) {
    known.add(disk.target);
    const at = order.indexOf(disk.target);
    made = made.set(diskProps.bootOrder, at === -1 ? null : at + 1, disk.index);
  }
  made = setNicOrder(made, order, known);
  const unknown = order.find((key) => !known.has(key));
  if (unknown !== undefined)
    throw new GuesthouseError('not-found', `There is nothing named ${unknown} to boot from.`);
  return made;
}

function setNicOrder(domain: Domain, order: readonly string[], known: Set<string>): Domain {
  return domain.interfaces().reduce<Domain>((made, nic) => {
    if (nic.mac === null) return made;
    known.add(nic.mac);
    const at = order.indexOf(nic.mac);
    return made.set(interfaceProps.bootOrder, at === -1 ? null : at + 1, nic.index);
  }, domain);
}

function bootFrom(domain: Domain, target: string): Domain {
  return domain.set(metaProps.bootRoot, target);
}

/** Whether a running machine has a controller a disk can be plugged into. */
export function hasController(domain: Domain, type: 'scsi' | 'usb' | 'virtio-serial'): boolean {
  return domain
    .items('controller')
    .some(
      (_, i) =>
        domain.get(controllerProps.type, i) === type && domain.get(controllerProps.model, i) !== 'none',
    );
}
