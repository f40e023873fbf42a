import * as path from 'node:path';
import * as z from 'zod';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { GuestTree, TreeEdit } from './tree.ts';

/**
 * What Guesthouse wrote into a machine, and what was there before. Lives in the guest's folder as `identity.json`,
 * 0600: the old values hold private keys. Gone with the guest.
 */
const savedFile = z.object({
  path: z.string(),
  /** `absent`: restoring removes the path. */
  kind: z.enum(['file', 'link', 'absent']),
  /** base64 for files, the target for links. */
  content: z.string(),
  mode: z.number(),
  uid: z.number(),
  gid: z.number(),
});

const recordSchema = z.object({
  version: z.literal(1),
  /** Milliseconds since the epoch of the last write. */
  writtenAt: z.number(),
  machineId: z.string().nullable(),
  hostname: z.string().nullable(),
  hostKeys: z.array(z.string()),
  /** Boot id of the system that was running when it was written over SSH; null for a disk. */
  bootIdThen: z.string().nullable(),
  verification: z.enum(['planned', 'restart-needed', 'verified', 'differs']),
  /** Values from before the last repair; null for a new guest. */
  before: z
    .object({ files: z.array(savedFile), uuid: z.string().nullable(), macs: z.array(z.string()) })
    .nullable(),
});
export type IdentityRecord = z.infer<typeof recordSchema>;
export type SavedFile = z.infer<typeof savedFile>;

const fileName = 'identity.json';

/** The record of a guest, or null when there is none or it cannot be read. */
export async function readRecord(folder: string): Promise<IdentityRecord | null> {
  const text = await readTextIfAny(path.join(folder, fileName));
  if (text === null) return null;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** @param write for a folder that is only staged, another */
export async function writeRecord(
  folder: string,
  record: IdentityRecord,
  write = writeAtomic,
): Promise<void> {
  await write(path.join(folder, fileName), `${JSON.stringify(record, null, 1)}\n`, 0o600);
}

/** Keeps what stands at the paths that edits will change. Folders and large files are not kept. */
export async function saveBefore(tree: GuestTree, edits: readonly TreeEdit[]): Promise<SavedFile[]> {
  const saved = new Map<string, SavedFile>();
  for (const { path: file } of edits) {
    if (saved.has(file)) continue;
    const stat = await tree.lstat(file);
    const owner = { mode: stat?.mode ?? 0, uid: stat?.uid ?? 0, gid: stat?.gid ?? 0 };
    if (stat === null) saved.set(file, { path: file, kind: 'absent', content: '', ...owner });
    else if (stat.type === 'symlink')
      saved.set(file, { path: file, kind: 'link', content: (await tree.readlink(file)) ?? '', ...owner });
    else if (stat.type === 'file' && stat.size <= 1 << 20)
      saved.set(file, {
        path: file,
        kind: 'file',
        content: ((await tree.readFile(file, 1 << 20)) ?? Buffer.alloc(0)).toString('base64'),
        ...owner,
      });
  }
  return [...saved.values()];
}

/** The edits that put saved values back. */
export function restoreEdits(files: readonly SavedFile[]): TreeEdit[] {
  return files.map(restoreEdit);
}

function restoreEdit(file: SavedFile): TreeEdit {
  const { path: at, mode, uid, gid } = file;
  switch (file.kind) {
    case 'absent':
      return { action: 'remove', path: at, shred: true };
    case 'link':
      return { action: 'link', path: at, target: file.content };
    case 'file':
      return {
        action: 'write',
        path: at,
        content: Buffer.from(file.content, 'base64'),
        mode,
        uid,
        gid,
        shred: true,
      };
  }
}
