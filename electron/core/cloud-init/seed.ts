import * as path from 'node:path';
import {
  completeDomain,
  type Domain,
  diskProps,
  domainProps,
  el,
  type GuestKind,
  type NewDisk,
} from '../domain/index.ts';
import { writeAtomic } from '../platform/fs.ts';
import { makeIso } from './iso.ts';
import { machineUserData, type SeedValues } from './user-data.ts';
import { toYaml } from './yaml.ts';

/** The medium's name in a guest's folder. It is removed and copied with the guest, and never shared. */
export const seedFile = 'seed.iso';

/**
 * Makes the NoCloud seed (cloud-init's data source of that name) of one machine: a small read-only ISO in its folder.
 * @param folder the guest's folder, or the staged one it is made in
 * @param userData as the person wrote it; see {@link machineUserData}
 * @param now milliseconds since the epoch
 * @throws {GuesthouseError} `invalid-input` with the line that is wrong
 */
export async function makeSeed(
  folder: string,
  userData: string,
  values: SeedValues,
  now: number,
): Promise<void> {
  const metaData = {
    'instance-id': values.instanceId,
    ...(values.hostname === null ? {} : { 'local-hostname': values.hostname }),
  };
  const files = [
    { name: 'meta-data', content: Buffer.from(toYaml(metaData)) },
    { name: 'user-data', content: Buffer.from(machineUserData(userData, values)) },
  ];
  // It holds private keys: for this person alone.
  await writeAtomic(path.join(folder, seedFile), makeIso('CIDATA', files, now), 0o400);
}

/**
 * The drive for a new domain: a read-only virtio disk, which cloud-init takes like a CD. Kernels made for clouds (Debian's
 * among them) have no driver for a SATA CD. Emulated hardware has a CD drive instead.
 */
export function seedDisk(folder: string, kind: GuestKind): NewDisk {
  return {
    file: path.join(folder, seedFile),
    format: 'raw',
    device: kind === 'full' ? 'cdrom' : 'disk',
    readonly: true,
    backing: [],
  };
}

/** A domain that has the seed of `folder` in a drive, the old seed's drive replaced. */
export function withSeedDrive(domain: Domain, folder: string): Domain {
  const micro = domain.get(domainProps.machine)?.startsWith('microvm') === true;
  const bare = withoutSeedDrive(domain);
  const q35 = /q35|^virt(-|$)/.test(domain.get(domainProps.machine) ?? 'pc');
  const virtio = micro || bare.disks().some((disk) => disk.bus === 'virtio');
  const bus = virtio ? 'virtio' : q35 ? 'sata' : 'ide';
  const target = freeTarget(bare, virtio ? 'vd' : q35 ? 'sd' : 'hd', bus);
  const drive = el(
    'disk',
    { type: 'file', device: virtio ? 'disk' : 'cdrom' },
    el('driver', { name: 'qemu', type: 'raw' }),
    el('source', { file: path.join(folder, seedFile) }),
    el('target', { dev: target, bus }),
    el('readonly'),
  );
  return completeDomain(bare.add('disk', drive));
}

/** A domain without the drive of a seed: another machine's would name that machine. */
export function withoutSeedDrive(domain: Domain): Domain {
  return domain
    .disks()
    .filter(isSeed)
    .map((disk) => disk.index)
    .sort((a, b) => b - a)
    .reduce((rest, index) => rest.remove('disk', index), domain);
}

/** True for a drive that holds a seed made here. */
export function isSeed(disk: { readonly file: string | null; readonly readonly: boolean }): boolean {
  return disk.file !== null && path.basename(disk.file) === seedFile && disk.readonly;
}

/** A name no disk has, whose place on the bus (its letter, where there is no address) none has either. */
function freeTarget(domain: Domain, prefix: string, bus: string): string {
  const names = new Set<string>();
  const units = new Set<number>();
  for (const disk of domain.disks()) {
    names.add(disk.target);
    if (disk.bus !== bus) continue;
    const unit = domain.get(diskProps.driveUnit, disk.index);
    if (unit !== null) units.add((domain.get(diskProps.pciBus, disk.index) ?? 0) * 2 + unit);
  }
  for (let n = 0; ; n++) {
    const target = prefix + String.fromCharCode(97 + n);
    if (!names.has(target) && (bus === 'virtio' || !units.has(n))) return target;
  }
}
