import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

/** True when `target` exists; errors other than "not there" are thrown. */
export async function exists(target: string): Promise<boolean> {
  // Not by promises: one that is rejected costs a hundred times this look, and the start with many guests is made of it.
  try {
    return lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}

/** Makes `dir` and its parents, 0700 whatever the umask. */
export async function makePrivateDir(dir: string): Promise<void> {
  await fs.mkdir(dir, { recursive: true, mode: 0o700 });
}

/** Flushes a file, or a folder's entries, so that they outlive a power cut. fsync(2) */
export async function syncPath(target: string): Promise<void> {
  const handle = await fs.open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const flushes = new Map<string, { readonly running: Promise<void>; next: Promise<void> | null }>();

/**
 * Flushes a folder's entries to the disk, so that a rename in it outlives a power cut. What asks while one flush runs
 * shares the next: that one begins after all of their renames, and many appear in one folder at once.
 */
export function syncDir(dir: string): Promise<void> {
  const flush = flushes.get(dir);
  if (!flush) {
    const running = syncPath(dir).finally(() => flushes.delete(dir));
    flushes.set(dir, { running, next: null });
    return running;
  }
  flush.next ??= flush.running.catch(() => {}).then(() => syncDir(dir));
  return flush.next;
}

/** Flushes the files in a folder, then its entries: all that is staged in it, at one moment rather than in turn. */
export async function syncFolder(dir: string): Promise<void> {
  const entries = await fs.readdir(dir, { withFileTypes: true });
  await Promise.all(
    entries.map((entry) => {
      const target = path.join(dir, entry.name);
      if (entry.isDirectory()) return syncFolder(target);
      return entry.isFile() ? syncPath(target) : undefined;
    }),
  );
  await syncPath(dir);
}

/**
 * Writes a whole file so that at any moment the old or the new content is there, never a part:
 * temporary file in the same folder, fsync, rename, fsync of the folder. On failure nothing is left behind.
 * @param mode file mode, default 0600
 */
export async function writeAtomic(file: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const dir = path.dirname(file);
  const temp = path.join(dir, `.${path.basename(file).slice(0, 80)}.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await fs.open(temp, 'wx', mode);
  try {
    try {
      await handle.writeFile(data);
      await handle.chmod(mode); // the umask may have taken bits away
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temp, file);
  } catch (error) {
    await fs.rm(temp, { force: true });
    throw error;
  }
  await syncDir(dir);
}

/**
 * Writes a new file in a folder nobody else sees yet. Only for what is staged: it may be seen half, and
 * {@link syncFolder} flushes it before its folder is made to count.
 */
export async function writeStaged(file: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  await fs.writeFile(file, data, { mode, flag: 'wx' });
}

/** Reads a text file, or null when it does not exist. */
export async function readTextIfAny(file: string): Promise<string | null> {
  // As in exists(): most of the files asked for are not there.
  if (!existsSync(file)) return null;
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * True when `target`, with every symbolic link followed, lies inside `dir` (also resolved) and is not `dir` itself.
 * A target that does not exist yet is judged by its nearest existing parent.
 */
export async function isInside(dir: string, target: string): Promise<boolean> {
  const root = await fs.realpath(dir);
  let probe = path.resolve(target);
  const rest: string[] = [];
  for (;;) {
    try {
      probe = path.join(await fs.realpath(probe), ...rest);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false;
      rest.unshift(path.basename(probe));
      const parent = path.dirname(probe);
      if (parent === probe) return false;
      probe = parent;
    }
  }
  return probe.startsWith(root + path.sep);
}
