import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { nameProblem } from '../../../shared/model/names.ts';
import { type Domain, domainProps, relocatedWithDisks } from '../domain/index.ts';
import { exists } from '../platform/fs.ts';
import { nameOf, type StoredGuest } from './store.ts';

/** A folder's own definition, where the one it has names the files of another. */
export interface Homecoming {
  readonly domain: Domain;
  /** The folder its definition named. */
  readonly from: string;
  /** True for a copy, whose original is still there. */
  readonly copied: boolean;
}

/**
 * The domain of a guest's folder that somebody copied or moved (`cp -r`, `mv`, a library put elsewhere). libvirt's XML
 * names files by absolute paths: taken at its word, a copy would run on, and be repaired on, the disk of its original.
 *
 * @param sibling reads the guest of another folder of the same library
 * @returns its domain with its own files; of a copy that has its original's name too, under its folder's name. Null when
 *   the folder is where its domain says, or what it names may be another guest's on purpose
 */
export async function broughtHome(
  stored: StoredGuest,
  sibling: (id: string) => Promise<StoredGuest>,
): Promise<Homecoming | null> {
  const { domain, folder } = stored;
  if (!domain) return null;
  const files = domain
    .disks()
    .flatMap(({ file }) => (file !== null && path.isAbsolute(file) ? [path.normalize(file)] : []));
  if (files.some((file) => file.startsWith(`${folder}/`))) return null;
  const named = new Set<string>();
  for (const file of files)
    if (await exists(path.join(folder, path.basename(file)))) named.add(path.dirname(file));
  const [from, ...more] = named;
  if (from === undefined || more.length > 0) return null;
  const beside = path.dirname(from) === path.dirname(folder);
  if (!(await isThere(from)))
    return beside || path.basename(from) === path.basename(folder)
      ? { domain: relocatedWithDisks(domain, from, folder), from, copied: false }
      : null;
  // Only a guest that is the same one to QEMU is the original: any other may have been lent its disk.
  if (!beside) return null;
  const original = await sibling(path.basename(from));
  if (!original.domain || domain.uuid === null || original.domain.uuid !== domain.uuid) return null;
  const own = relocatedWithDisks(domain, from, folder);
  const name = path.basename(folder);
  const renames = nameOf(original) === nameOf(stored) && nameProblem(name) === null;
  return { domain: renames ? own.set(domainProps.name, name) : own, from, copied: true };
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await fs.lstat(folder);
    return true;
  } catch (error) {
    // One that may not be looked into is there.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
