import * as fs from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { EditOptions } from './edit.ts';
import { exportBy } from './export-daemon.ts';
import { findFatFile } from './fat.ts';
import { readVolumes } from './guestfs.ts';
import { type DiskRef, type ImagePolicy, openImageChain } from './image.ts';
import { FileReader, SliceReader } from './reader.ts';

/** Where systemd-boot keeps its seed on the EFI system partition (bootctl(1)). */
const seedPath = ['loader', 'random-seed'];

/**
 * Overwrites the boot loader's random seed on a disk's EFI system partition in place, so that two clones do not boot
 * with the same one. Its size stays.
 * @param make gives that many fresh random bytes
 * @returns how many seeds were overwritten; 0 where there is none
 */
export async function refreshEspSeed(
  image: DiskRef,
  policy: ImagePolicy,
  options: Pick<EditOptions, 'runtimeDir' | 'signal' | 'daemon' | 'flush'>,
  make: (size: number) => Uint8Array,
): Promise<number> {
  const { volumes, chain } = await seedVolumes(image, policy);
  let done = 0;
  for (const { partition } of volumes) {
    const { number, offset, size } = partition;
    const target = await exportBy(chain, number === 0 ? null : { offset, size }, options);
    try {
      if (await overwrite(target.file, make)) done++;
    } finally {
      await target.close();
    }
  }
  return done;
}

/** How many {@link refreshEspSeed} would overwrite: a look, without any program. */
export async function countEspSeeds(image: DiskRef, policy: ImagePolicy): Promise<number> {
  return (await seedVolumes(image, policy)).volumes.length;
}

async function seedVolumes(image: DiskRef, policy: ImagePolicy) {
  const { reader, chain } = await openImageChain(image, policy);
  const volumes: Awaited<ReturnType<typeof readVolumes>> = [];
  try {
    for (const volume of await readVolumes(reader, 0)) {
      if (volume.kind !== 'vfat') continue;
      const part = new SliceReader(reader, volume.partition.offset, volume.partition.size);
      if (await findFatFile(part, seedPath)) volumes.push(volume); // an export costs more than a look
    }
  } finally {
    await reader.close();
  }
  return { volumes, chain };
}

async function overwrite(file: string, make: (size: number) => Uint8Array): Promise<boolean> {
  const part = await FileReader.open(file);
  try {
    const seed = await findFatFile(part, seedPath);
    if (!seed || seed.size === 0 || seed.size > 4096) return false;
    const fresh = make(seed.size);
    if (fresh.length !== seed.size) throw new GuesthouseError('internal', 'The new seed has another size.');
    const device = await fs.open(file, 'r+');
    try {
      let at = 0;
      for (const { offset, length } of seed.extents) {
        await device.write(fresh, at, length, offset);
        at += length;
      }
      await device.sync();
    } finally {
      await device.close();
    }
    return true;
  } finally {
    await part.close();
  }
}
