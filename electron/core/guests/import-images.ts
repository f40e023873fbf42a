import { type Domain, type DomainDisk, type NvramStore, nvramOf } from '../domain/index.ts';
import { isInside } from '../platform/fs.ts';
import { readable } from './firmware.ts';

/** The disks a guest brings along; CDs stay where they are. */
export function ownDisks(domain: Domain): (DomainDisk & { readonly file: string })[] {
  return domain
    .disks()
    .filter((disk): disk is DomainDisk & { file: string } => disk.file !== null && disk.device === 'disk');
}

/** The variable store a guest brings along. One that cannot be read is made anew at the first start. */
export async function copiedStore(domain: Domain): Promise<NvramStore | null> {
  const store = nvramOf(domain);
  return store && (await readable(store.file)) ? store : null;
}

/**
 * The images outside the library that a copy of the guest's disks, or overlays on them, would be made of.
 * @param library the folder that is its own
 */
export async function imagesOutside(domain: Domain, library: string): Promise<string[]> {
  const store = await copiedStore(domain);
  const outside: string[] = [];
  for (const file of [...ownDisks(domain).map((disk) => disk.file), ...(store ? [store.file] : [])])
    if (!(await isInside(library, file).catch(() => false))) outside.push(file);
  return outside;
}
