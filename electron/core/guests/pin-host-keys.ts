import * as path from 'node:path';
import { type DiskRef, openGuestDisk } from '../disks/index.ts';
import type { Domain } from '../domain/index.ts';
import { DiskTree } from '../identity/disk-tree.ts';
import { publicHostKeys } from '../identity/facts.ts';
import { readTextIfAny } from '../platform/fs.ts';
import { knownKeys, pinHostFile } from '../ssh/known-hosts.ts';
import { guestPolicy, type LoadingDeps } from './loading.ts';
import type { StoredGuest } from './store.ts';

/**
 * Reads the SSH host keys of a guest that is about to start from its disk and pins them, where none are pinned yet: so
 * nobody is asked about a guest that was installed or brought along. What our own code cannot read is left to the
 * question at the first connection; guestfish would boot an appliance for seconds.
 */
export async function pinFromDisk(
  deps: Pick<LoadingDeps, 'paths' | 'log'>,
  { id, folder }: StoredGuest,
  domain: Domain,
): Promise<void> {
  const { uuid } = domain;
  if (uuid === null) return;
  const file = path.join(folder, 'known_hosts');
  if (knownKeys((await readTextIfAny(file)) ?? '', uuid).length > 0) return;
  try {
    const root = await openGuestDisk(disksOf(domain), guestPolicy(deps.paths, folder));
    try {
      const keys = await publicHostKeys(new DiskTree(root));
      if (keys.length > 0) await pinHostFile(file, uuid, keys);
    } finally {
      await root.close();
    }
  } catch (error) {
    deps.log.warn(`the host keys of ${id} were not read from its disk: ${(error as Error).message}`);
  }
}

function disksOf(domain: Domain): readonly DiskRef[] {
  return domain
    .disks()
    .flatMap(({ device, type, file, format }) =>
      (device === 'disk' || device === 'lun') &&
      type === 'file' &&
      file !== null &&
      (format === 'raw' || format === 'qcow2')
        ? [{ path: path.resolve(file), format }]
        : [],
    );
}
