import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { GuestKindName } from '../../../shared/model/hardware.ts';
import { openGuestDisk } from '../disks/index.ts';
import { type Domain, domainProps } from '../domain/index.ts';
import { guestPolicy } from '../guests/loading.ts';
import type { Entry } from '../guests/registry.ts';
import { isLive } from '../guests/transitions.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { DirectBoot } from './kinds.ts';

/**
 * How the kernel on a guest's own disk is booted directly, for the kind that needs it. Null when it needs none, has one, or
 * none could be found: the guest runs, or its disk holds no Linux that can be read.
 */
export async function findDirectBoot(
  paths: LibraryPaths,
  entry: Entry,
  domain: Domain,
  kind: GuestKindName,
): Promise<DirectBoot | null> {
  if (kind !== 'paravirtual' || domain.get(domainProps.kernel) !== null || isLive(entry.state)) return null;
  const disk = domain.disks().find((each) => each.device === 'disk' && each.type === 'file');
  if (!disk?.file) return null;
  const { folder } = entry.stored;
  try {
    const image = { path: disk.file, format: disk.format === 'qcow2' ? 'qcow2' : 'raw' } as const;
    const root = await openGuestDisk(image, await guestPolicy(paths, folder));
    try {
      const found = await root.extractKernel(path.join(folder, 'boot'));
      if (found.initrd === null) return null;
      return {
        kernel: found.kernel,
        initrd: found.initrd,
        cmdline: `root=${found.root} ro console=tty0 console=ttyS0,115200n8 quiet`,
      };
    } finally {
      await root.close();
    }
  } catch (error) {
    if (error instanceof GuesthouseError) return null;
    throw error;
  }
}
