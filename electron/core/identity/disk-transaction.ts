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

const journalSchema = z.object({
  version: z.literal(1),
  disks: z.array(z.object({ overlay: z.string(), target: z.string(), format: z.enum(['raw', 'qcow2']) })),
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
          disks: disks.map((disk, index) => ({
            overlay: `${index}.qcow2`,
            target: disk.path,
            format: disk.format,
          })),
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
  for (const disk of disks)
    if (await isInUse(disk))
      throw new GuesthouseError('disk-in-use', 'The disk is in use.', {
        why: `A running QEMU holds ${disk.path}.`,
        todo: 'Shut the guest down first.',
      });
}

/** Finishes or forgets what a kill interrupted. Must be called before the guest's disks are used. */
export async function recoverTransaction(folder: string): Promise<'none' | 'finished' | 'forgotten'> {
  const work = path.join(folder, folderName);
  if (!(await exists(work))) return 'none';
  const text = await readTextIfAny(path.join(work, journalName));
  if (text !== null) await replay(folder, journalSchema.parse(JSON.parse(text)));
  await fs.rm(work, { recursive: true, force: true });
  await syncDir(folder);
  return text === null ? 'forgotten' : 'finished';
}

async function replay(folder: string, journal: Journal): Promise<void> {
  const work = path.join(folder, folderName);
  for (const { overlay } of journal.disks) {
    const file = path.join(work, path.basename(overlay));
    // -d leaves the overlay as it is, so that this can be done again.
    await run(['qemu-img', 'commit', '-q', '-d', '-f', 'qcow2', '--', file]);
    faultPoint('edit:merged');
  }
  for (const [name, text] of Object.entries(journal.files)) await writeAtomic(path.join(folder, name), text);
  faultPoint('edit:files');
  await fs.rm(path.join(work, journalName), { force: true });
}
