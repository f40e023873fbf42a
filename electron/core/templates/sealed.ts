import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import { nameOf, type StoredGuest } from '../guests/store.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import { sourceDisks } from './sources.ts';

/** What sealing wrote down, in the template's folder as `sealed.json`. */
const sealedSchema = z.object({
  version: z.literal(1),
  /** Milliseconds since the epoch. */
  sealedAt: z.number(),
  /** Disk images as they were sealed, by file name: bytes and time of the last change. */
  disks: z.record(z.string(), z.object({ size: z.number(), mtimeMs: z.number() })),
});
export type Sealed = z.infer<typeof sealedSchema>;

const sealedFile = 'sealed.json';

export async function readSealed(folder: string): Promise<Sealed | null> {
  const text = await readTextIfAny(path.join(folder, sealedFile));
  if (text === null) return null;
  try {
    return sealedSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Notes the disks as they are now; the last write of sealing. */
export async function writeSealed(folder: string, files: readonly string[], now: number): Promise<void> {
  const disks: Sealed['disks'] = {};
  for (const file of files) {
    const { size, mtimeMs } = await fs.stat(file);
    disks[path.basename(file)] = { size, mtimeMs };
  }
  await writeAtomic(
    path.join(folder, sealedFile),
    `${JSON.stringify({ version: 1, sealedAt: now, disks } satisfies Sealed)}\n`,
  );
}

/**
 * Why a template's folder is no whole copy of what was sealed: a file is missing, or shorter. Null when it is whole.
 * @param sealed what the original's `sealed.json` says, which may not have come yet
 */
export async function unfinished(folder: string, sealed: Sealed): Promise<string | null> {
  for (const [name, { size }] of Object.entries(sealed.disks)) {
    const there = (await fs.stat(path.join(folder, name)).catch(() => null))?.size ?? null;
    if (there === null) return `${name} is not there.`;
    if (there !== size) return `${name} has ${there} of ${size} bytes.`;
  }
  return null;
}

/**
 * Refuses a template whose disk is not what was sealed: every linked clone stands on it, and would be ruined or be
 * given someone's identity.
 * @throws {GuesthouseError} `disk-missing`, `disk-damaged`
 */
export async function checkSealed(template: StoredGuest): Promise<void> {
  const sealed = await readSealed(template.folder);
  for (const { path: file } of sourceDisks(template)) {
    const name = path.basename(file);
    const stat = await fs.stat(file).catch(() => null);
    if (!stat)
      throw new GuesthouseError('disk-missing', `The disk of the template ${nameOf(template)} is gone.`, {
        why: `${file} does not exist.`,
        todo: 'Put the file back. Without it neither the template nor its linked clones can be used.',
        subject: template.id,
      });
    const noted = sealed?.disks[name];
    if (noted && (noted.size !== stat.size || Math.abs(noted.mtimeMs - stat.mtimeMs) > 1))
      throw new GuesthouseError('disk-damaged', `The disk of the template ${nameOf(template)} was changed.`, {
        why: `${name} is not what was sealed: someone wrote to it on ${new Date(stat.mtimeMs).toISOString()}.`,
        todo: 'Restore the file from a backup, or make the template again.',
        subject: template.id,
      });
  }
}
