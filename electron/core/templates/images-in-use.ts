import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { inspectChain } from '../disks/index.ts';
import { Domain } from '../domain/index.ts';
import { guestPolicy } from '../guests/loading.ts';
import type { StoredGuest } from '../guests/store.ts';
import type { LibraryPaths } from '../platform/paths.ts';

/** A machine of the library, and the definition its running QEMU was started with. */
export interface Machine {
  readonly stored: StoredGuest;
  readonly runningText?: string | null;
}

/**
 * Absolute paths of all images these machines may need: the chains of the disks they are defined with, of those a
 * running QEMU has, and of every other qcow2 image in their folders, since a disk that was taken out may be put back.
 * Null when one cannot be read.
 */
export async function imagesInUse(
  machines: readonly Machine[],
  paths: LibraryPaths,
): Promise<ReadonlySet<string> | null> {
  const used = new Set<string>();
  for (const { stored, runningText } of machines) {
    if (!stored.domain) return null;
    const differs = runningText && runningText !== stored.text;
    const domains = differs ? [stored.domain, Domain.parse(runningText)] : [stored.domain];
    const tops = new Map<string, { format: 'raw' | 'qcow2'; needed: boolean }>();
    for (const domain of domains)
      for (const { file, format, device } of domain.disks())
        if (file !== null && (format === 'qcow2' || format === 'raw'))
          tops.set(path.resolve(file), { format, needed: device === 'disk' });
    for (const name of await fs.readdir(stored.folder).catch(() => [] as string[])) {
      const file = path.join(stored.folder, name);
      if (name.endsWith('.qcow2') && !tops.has(file)) tops.set(file, { format: 'qcow2', needed: true });
    }
    for (const [file, { format, needed }] of tops)
      try {
        for (const image of await inspectChain({ path: file, format }, guestPolicy(paths, stored.folder)))
          used.add(image.path);
      } catch {
        if (needed) return null;
      }
  }
  return used;
}
