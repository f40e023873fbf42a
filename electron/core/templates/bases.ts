import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { syncDir } from '../platform/fs.ts';

/**
 * Hidden read-only disks. A linked clone of a *guest* needs a disk that never changes again, while the guest goes on:
 * its disk becomes such a base, and the guest itself moves to an overlay. Starting the backing disk of an overlay
 * would ruin the overlay (QEMU, "Disk image file locking").
 */

/**
 * Turns a disk into a base at every moment safely: a second name for the same file in the bases folder, an overlay made
 * beside the disk, and one rename that puts the overlay in the disk's place. Killed in between, the guest has its old
 * disk or the overlay on it, and {@link sweepBases} removes what is left.
 *
 * @param makeOverlay makes a qcow2 overlay at the first path on top of the second
 * @returns the base's absolute path
 */
export async function rebaseOnHiddenBase(
  bases: string,
  disk: string,
  makeOverlay: (overlay: string, base: string) => Promise<void>,
): Promise<string> {
  const base = path.join(bases, `${randomUUID()}${path.extname(disk)}`);
  const overlay = path.join(
    path.dirname(disk),
    `.${path.basename(disk)}.${randomUUID().slice(0, 8)}.overlay`,
  );
  await fs.link(disk, base);
  try {
    await makeOverlay(overlay, base);
    await fs.rename(overlay, disk);
  } catch (error) {
    await fs.rm(overlay, { force: true });
    await fs.rm(base, { force: true });
    throw error;
  }
  await fs.chmod(base, 0o444);
  await syncDir(bases);
  await syncDir(path.dirname(disk));
  return base;
}

/**
 * Removes bases that nothing stands on, and the second names a kill left.
 * @param inUse absolute paths of every image in every chain of the library. Null when one chain could not be read:
 *   then nothing is removed, since it might need any of them.
 */
export async function sweepBases(
  bases: string,
  inUse: ReadonlySet<string> | null,
): Promise<readonly string[]> {
  if (inUse === null) return [];
  const removed: string[] = [];
  for (const name of await fs.readdir(bases)) {
    const file = path.join(bases, name);
    if (inUse.has(file)) continue;
    await fs.rm(file, { force: true });
    removed.push(file);
  }
  return removed;
}
