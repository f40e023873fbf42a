import * as path from 'node:path';
import * as z from 'zod';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Step } from './plan/context.ts';
import type { GuestTree, TreeEdit } from './tree.ts';

/**
 * What Guesthouse wrote into a machine, and what was there before. Lives in the guest's folder as `identity.json`,
 * 0600: the old values hold private keys. Gone with the guest.
 */
const savedFile = z.object({
  path: z.string(),
  /** `absent`: restoring removes the path, and what has come to be in it. */
  kind: z.enum(['file', 'link', 'folder', 'absent']),
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

/** Parts whose old values are waste: nobody wants logs back, and they may be many. */
const waste: readonly Step['change']['part'][] = ['logs', 'histories', 'tmp', 'user-ssh'];

/** Keeps what stands at the paths that edits will change, in their order. Large files and waste are not kept. */
export async function saveBefore(tree: GuestTree, steps: readonly Step[]): Promise<SavedFile[]> {
  const saved = new Map<string, SavedFile>();
  for (const { edit, change } of steps) {
    const file = edit.path;
    if (saved.has(file) || waste.includes(change.part)) continue;
    const stat = await tree.lstat(file);
    const owner = { mode: stat?.mode ?? 0, uid: stat?.uid ?? 0, gid: stat?.gid ?? 0 };
    const put = (kind: SavedFile['kind'], content = '') =>
      saved.set(file, { path: file, kind, content, ...owner });
    if (stat === null) put('absent');
    else if (stat.type === 'symlink') put('link', (await tree.readlink(file)) ?? '');
    else if (stat.type === 'directory') put('folder');
    else if (stat.type === 'file' && stat.size <= 1 << 20)
      put('file', ((await tree.readFile(file, 1 << 20)) ?? Buffer.alloc(0)).toString('base64'));
  }
  return [...saved.values()];
}

type Before = NonNullable<IdentityRecord['before']>;

/**
 * What a record must keep: after a repair that was not confirmed yet, the values from before that one. A second try
 * would keep the half-written values of the first.
 */
export function keptBefore(previous: IdentityRecord | null, now: Before): Before {
  if (!previous?.before || previous.verification === 'verified') return now;
  const known = new Set(previous.before.files.map((file) => file.path));
  return {
    files: [...previous.before.files, ...now.files.filter((file) => !known.has(file.path))],
    uuid: previous.before.uuid ?? now.uuid,
    macs: previous.before.macs.length > 0 ? previous.before.macs : now.macs,
  };
}

/** The edits that put saved values back, last change first: a folder before what was in it. */
export function restoreEdits(files: readonly SavedFile[]): TreeEdit[] {
  return [...files].reverse().map(restoreEdit);
}

function restoreEdit(file: SavedFile): TreeEdit {
  const { path: at, mode, uid, gid } = file;
  switch (file.kind) {
    case 'absent':
      return { action: 'remove', path: at, shred: true, recursive: true };
    case 'link':
      return { action: 'link', path: at, target: file.content };
    case 'folder':
      return { action: 'directory', path: at, mode, uid, gid };
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
