import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../../shared/errors.ts';
import type { GuestSnapshot } from '../../../../shared/model/snapshot.ts';
import { makePrivateDir, readTextIfAny, syncDir, writeAtomic } from '../../platform/fs.ts';
import { domainFile } from '../store.ts';

/**
 * Snapshots in a guest's folder: `snapshots/ID/` with what they are, the definition, the saved memory if the guest ran,
 * and the small files that belong to the disk's identity. The disks' part stands in the images, by a tag. A folder
 * appears by one rename; what begins with a dot is half-made or half-deleted.
 */
const infoFile = 'snapshot.json';
const currentFile = 'current.json';
/** Files of the guest's folder that say what its disk holds: they go back with it. */
export const companions = [domainFile, 'known_hosts', 'identity.json'] as const;

const infoSchema = z.object({
  name: z.string(),
  at: z.number(),
  memory: z.number().nullable(),
  /** By path and target, as they were. */
  images: z.array(z.object({ target: z.string(), file: z.string() })),
  parent: z.string().nullable(),
});
type Info = z.infer<typeof infoSchema>;

export interface StoredSnapshot extends GuestSnapshot {
  readonly dir: string;
  readonly images: Info['images'];
}

const rootOf = (folder: string) => path.join(folder, 'snapshots');

/**
 * For what gives a guest other disks in the place of those that hold its snapshots.
 * @param todo what to do instead, before "or delete its snapshots"
 * @throws {GuesthouseError} `wrong-state`
 */
export async function refuseSnapshots(folder: string, name: string, todo: string): Promise<void> {
  const { length } = await readSnapshots(folder);
  if (length > 0)
    throw new GuesthouseError(
      'wrong-state',
      `${name} has ${length === 1 ? 'a snapshot' : `${length} snapshots`}.`,
      {
        why: 'Its disks would be others afterwards, and one could not go back any more.',
        todo: `${todo}, or delete its snapshots first.`,
      },
    );
}

/** All of them, newest first. One whose description cannot be read is left out: nothing can be done with it. */
export async function readSnapshots(folder: string): Promise<StoredSnapshot[]> {
  const root = rootOf(folder);
  const names = await fs.readdir(root).catch(() => []);
  const all = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{8}$/.test(name))
      .map(async (id): Promise<StoredSnapshot[]> => {
        const dir = path.join(root, id);
        try {
          const { images, ...info } = infoSchema.parse(
            JSON.parse(await fs.readFile(path.join(dir, infoFile), 'utf8')),
          );
          const disks = images.map(({ target }) => target).filter((target) => target !== 'nvram');
          return [{ id, ...info, disks, images, dir }];
        } catch {
          return [];
        }
      }),
  );
  return all.flat().sort((a, b) => b.at - a.at);
}

/** By id, or by a name that only one has. @throws {GuesthouseError} `not-found`, `invalid-input` when two have it */
export function findSnapshot(all: readonly StoredSnapshot[], ref: string): StoredSnapshot {
  const found = all.filter(({ id }) => id === ref);
  const named = found.length > 0 ? found : all.filter(({ name }) => name === ref);
  if (named.length > 1)
    throw new GuesthouseError('invalid-input', `${named.length} snapshots are named “${ref}”.`, {
      todo: `Say which by its id: ${named.map(({ id }) => id).join(', ')}.`,
    });
  if (!named[0]) throw new GuesthouseError('not-found', 'There is no such snapshot.', { why: ref });
  return named[0];
}

export async function readCurrent(folder: string): Promise<string | null> {
  try {
    const text = await readTextIfAny(path.join(rootOf(folder), currentFile));
    return text === null ? null : z.string().nullable().parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export async function writeCurrent(folder: string, id: string | null): Promise<void> {
  await writeAtomic(path.join(rootOf(folder), currentFile), JSON.stringify(id));
}

/** A folder to make a snapshot in. */
export async function stageSnapshot(folder: string): Promise<{ id: string; dir: string }> {
  const id = randomBytes(4).toString('hex');
  const dir = path.join(rootOf(folder), `.${id}`);
  await makePrivateDir(dir);
  return { id, dir };
}

/** Copies what goes with the disks, and makes the staged folder a snapshot. */
export async function publishSnapshot(folder: string, id: string, info: Info): Promise<void> {
  const root = rootOf(folder);
  const staged = path.join(root, `.${id}`);
  for (const name of companions) {
    const text = await readTextIfAny(path.join(folder, name));
    if (text !== null) await writeAtomic(path.join(staged, name), text);
  }
  await writeAtomic(path.join(staged, infoFile), JSON.stringify(info));
  await fs.rename(staged, path.join(root, id));
  await syncDir(root);
  await writeCurrent(folder, id);
}

export async function rewriteSnapshot(snapshot: StoredSnapshot, patch: Partial<Info>): Promise<void> {
  const { name, at, memory, images, parent } = snapshot;
  const info: Info = { name, at, memory, images, parent, ...patch };
  await writeAtomic(path.join(snapshot.dir, infoFile), JSON.stringify(info));
}

/** Takes a snapshot out of the list by one rename, then its files; those that stood on it stand on its parent. */
export async function dropSnapshot(folder: string, snapshot: StoredSnapshot): Promise<void> {
  const root = rootOf(folder);
  for (const other of await readSnapshots(folder))
    if (other.parent === snapshot.id) await rewriteSnapshot(other, { parent: snapshot.parent });
  if ((await readCurrent(folder)) === snapshot.id) await writeCurrent(folder, snapshot.parent);
  const grave = path.join(root, `.${snapshot.id}`);
  await fs.rename(snapshot.dir, grave);
  await syncDir(root);
  await fs.rm(grave, { recursive: true, force: true });
}

/** Removes what a kill left half-made. Only while no snapshot of this guest is being made. */
export async function sweepSnapshots(folder: string): Promise<void> {
  const root = rootOf(folder);
  for (const name of await fs.readdir(root).catch(() => []))
    if (/^\.[0-9a-f]{8}$/.test(name)) await fs.rm(path.join(root, name), { recursive: true, force: true });
}
