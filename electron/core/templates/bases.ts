import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { halfDone } from '../guests/store.ts';
import { faultPoint } from '../platform/fault.ts';
import { syncDir } from '../platform/fs.ts';

/**
 * Hidden read-only disks. A linked clone of a *guest* needs a disk that never changes again, while the guest goes on:
 * its disk becomes such a base, and the guest itself moves to an overlay. Starting the backing disk of an overlay
 * would ruin the overlay (QEMU, "Disk image file locking").
 */

/**
 * Turns a disk into a base at every moment safely: a second name for the same file in the bases folder, an overlay made
 * beside the disk, and one atomic step that puts the overlay in the disk's place: a rename where the disk is qcow2
 * itself; where it is raw, `adopt`, since then the definition must change together with the file. Killed in between,
 * the guest has its old disk or the overlay on it, and {@link sweepBases} removes what is left.
 *
 * @param makeOverlay makes a qcow2 overlay at the first path on top of the second
 * @param adopt writes a definition that names the overlay, in one step
 * @returns the base's absolute path
 */
export async function rebaseOnHiddenBase(
  bases: string,
  disk: { readonly path: string; readonly format: 'raw' | 'qcow2' },
  makeOverlay: (overlay: string, base: string) => Promise<void>,
  adopt: (overlay: string) => Promise<void>,
): Promise<string> {
  const folder = path.dirname(disk.path);
  // A folder of its own: as deep as a guest's disk is, so that a relative backing file of the disk is found from here.
  const own = path.join(bases, randomUUID());
  const base = path.join(own, `disk.${disk.format}`);
  const stem = path.basename(disk.path, path.extname(disk.path));
  const overlay = halfDone(disk.path);
  const renamed = path.join(folder, `${stem}-${randomUUID().slice(0, 8)}.qcow2`);
  await fs.mkdir(own, { mode: 0o700 });
  try {
    await fs.rm(overlay, { force: true });
    await fs.link(disk.path, base);
    faultPoint('base:linked');
    await makeOverlay(overlay, base);
    faultPoint('base:overlay');
    await syncDir(own);
    await syncDir(bases);
    await fs.rename(overlay, disk.format === 'qcow2' ? disk.path : renamed);
    if (disk.format === 'raw') await adopt(renamed);
    faultPoint('base:adopted');
  } catch (error) {
    for (const made of [overlay, renamed]) await fs.rm(made, { force: true });
    await fs.rm(own, { recursive: true, force: true });
    throw error;
  }
  await fs.chmod(base, 0o444);
  if (disk.format === 'raw') await fs.rm(disk.path);
  await syncDir(folder);
  return base;
}

/**
 * Removes bases that nothing stands on, and the second names a kill left. Not while {@link rebaseOnHiddenBase} runs:
 * what is being adopted is on no chain yet.
 * @param inUse absolute paths of every image in every chain of the library, looked for after the bases were listed.
 *   Null when one chain could not be read: then nothing is removed, since it might need any of them.
 */
export async function sweepBases(
  bases: string,
  inUse: () => Promise<ReadonlySet<string> | null>,
): Promise<readonly string[]> {
  const names = await fs.readdir(bases);
  if (names.length === 0) return [];
  const used = await inUse();
  if (used === null) return [];
  const kept = new Set([...used].flatMap((file) => [file, path.dirname(file)]));
  const removed = names.map((name) => path.join(bases, name)).filter((file) => !kept.has(file));
  for (const file of removed) await fs.rm(file, { recursive: true, force: true });
  return removed;
}
