import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import { createOverlay, type DiskRef, type ImagePolicy, isInUse } from '../disks/index.ts';
import { run } from '../platform/exec.ts';
import { faultPoint } from '../platform/fault.ts';
import { exists, makePrivateDir, readTextIfAny, syncDir, writeAtomic } from '../platform/fs.ts';

/**
 * Edits of an existing guest, safe against a kill at any moment. The edit goes into overlays first; when it is done and
 * checked, a journal is written that names what must happen, and from then on the edit counts: merging an overlay into
 * its disk (qemu-img commit) and writing the files can be repeated without harm, so a next start finishes it
 * ({@link recoverTransaction}). Without a journal the overlays are thrown away and nothing happened.
 */
const folderName = '.edit';
const journalName = 'journal.json';
/** Stands beside the journal from just before the first byte is merged: then the targets are as we left them. */
const mergingName = 'merging';

const journalSchema = z.object({
  version: z.literal(1),
  disks: z.array(
    z.object({
      overlay: z.string(),
      target: z.string(),
      format: z.enum(['raw', 'qcow2']),
      /** Of the target when the overlay was finished: bytes, and milliseconds since the epoch. */
      size: z.number(),
      mtimeMs: z.number(),
    }),
  ),
  /** Text files of the guest's folder, by name; written 0600. */
  files: z.record(z.string().regex(/^[a-z0-9_.-]+$/i), z.string()),
});
type Journal = z.infer<typeof journalSchema>;

export interface Transaction {
  /** Overlays on the guest's disks, in the same order: edit these. */
  readonly disks: readonly DiskRef[];
  /** Makes the edit count, with these files of the guest's folder beside it. */
  commit(files: Readonly<Record<string, string>>): Promise<void>;
}

/**
 * Runs an edit of a stopped guest.
 * @throws {GuesthouseError} `disk-in-use` when any QEMU holds a disk: an overlay would not notice, and merging it would
 *   change a running guest's disk, or what another guest's disk stands on
 * @param use edits the overlays, then calls `commit`; when it throws or does not commit, nothing changed
 */
export async function editGuest<T>(
  folder: string,
  disks: readonly DiskRef[],
  policy: ImagePolicy,
  use: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  await recoverTransaction(folder);
  await mustBeFree(disks);
  const work = path.join(folder, folderName);
  await makePrivateDir(work);
  try {
    const overlays: DiskRef[] = [];
    for (const [index, disk] of disks.entries()) {
      const overlay = path.join(work, `${index}.qcow2`);
      await createOverlay(overlay, disk, policy);
      overlays.push({ path: overlay, format: 'qcow2' });
    }
    faultPoint('edit:overlays');
    return await use({
      disks: overlays,
      async commit(files) {
        faultPoint('edit:edited');
        await mustBeFree(disks);
        const journal: Journal = {
          version: 1,
          disks: await Promise.all(
            disks.map(async (disk, index) => {
              const { size, mtimeMs } = await fs.stat(disk.path);
              return { overlay: `${index}.qcow2`, target: disk.path, format: disk.format, size, mtimeMs };
            }),
          ),
          files,
        };
        await writeAtomic(path.join(work, journalName), JSON.stringify(journal));
        faultPoint('edit:journal');
        await replay(folder, journal);
      },
    });
  } finally {
    await recoverTransaction(folder);
  }
}

async function mustBeFree(disks: readonly DiskRef[]): Promise<void> {
  for (const disk of disks) if (await isInUse(disk)) throw inUse(disk.path);
}

const inUse = (file: string) =>
  new GuesthouseError('disk-in-use', 'The disk is in use.', {
    why: `A running QEMU holds ${file}.`,
    todo: 'Shut the guest down first.',
  });

/**
 * Finishes or forgets what a kill interrupted. Must be called before the guest's disks are used, by one that holds the
 * guest's lock.
 */
export async function recoverTransaction(folder: string): Promise<'none' | 'finished' | 'forgotten'> {
  const work = path.join(folder, folderName);
  if (!(await exists(work))) return 'none';
  const text = await readTextIfAny(path.join(work, journalName));
  const journal = text === null ? null : journalSchema.parse(JSON.parse(text));
  const finish = journal !== null && ((await merging(work)) || (await unchanged(journal)));
  if (finish) await replay(folder, journal);
  await fs.rm(work, { recursive: true, force: true });
  await syncDir(folder);
  return finish ? 'finished' : 'forgotten';
}

const merging = (work: string) => exists(path.join(work, mergingName));

/** Whether the disks are those the overlays were made on: one that was started since must not get old blocks back. */
async function unchanged({ disks }: Journal): Promise<boolean> {
  for (const { target, size, mtimeMs } of disks) {
    const now = await fs.stat(target).catch(() => null);
    if (now?.size !== size || Math.abs(now.mtimeMs - mtimeMs) > 1) return false;
  }
  return true;
}

async function replay(folder: string, journal: Journal): Promise<void> {
  const work = path.join(folder, folderName);
  const first = !(await merging(work));
  if (first) await writeAtomic(path.join(work, mergingName), '');
  for (const [index, { overlay }] of journal.disks.entries()) {
    const file = path.join(work, path.basename(overlay));
    try {
      // -d leaves the overlay as it is, so that this can be done again.
      await run(['qemu-img', 'commit', '-q', '-d', '-f', 'qcow2', '--', file]);
    } catch (error) {
      // A QEMU took the disk in the last moment, and nothing is merged: nothing happened.
      if (first && index === 0 && lostRace(error)) {
        await fs.rm(path.join(work, journalName), { force: true });
        throw inUse(journal.disks[0]!.target);
      }
      throw error;
    }
    faultPoint('edit:merged');
  }
  for (const [name, text] of Object.entries(journal.files)) await writeAtomic(path.join(folder, name), text);
  faultPoint('edit:files');
  await fs.rm(path.join(work, journalName), { force: true });
}

const lostRace = (error: unknown) =>
  error instanceof GuesthouseError && /Failed to get .*lock/.test(error.detail ?? '');
