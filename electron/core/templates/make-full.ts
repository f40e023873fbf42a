import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { convertImage, type DiskRef, inspectChain } from '../disks/index.ts';
import { type Domain, diskProps, metaProps } from '../domain/index.ts';
import { guestPolicy, type LoadingDeps, refresh } from '../guests/loading.ts';
import { halfDone, nameOf, type StoredGuest } from '../guests/store.ts';
import type { OperationContext } from '../operations/runner.ts';
import { faultPoint } from '../platform/fault.ts';
import { syncDir } from '../platform/fs.ts';
import { domainOf } from './sources.ts';

/**
 * Gives a stopped guest whole disks of its own. Each is copied beside the overlay and takes its place by one rename when
 * it is on the disk, so that a kill or a power cut leaves the one or the other.
 * @throws {GuesthouseError} `wrong-state` when a disk holds snapshots, which no copy keeps; as {@link convertImage}
 */
export async function makeFull(deps: LoadingDeps, stored: StoredGuest, op: OperationContext): Promise<void> {
  // It takes long, and labels may be edited meanwhile.
  const edit = (change: (domain: Domain) => Domain) =>
    deps.store.inTurn(stored.id, async () =>
      deps.store.write(stored.id, change(domainOf(await deps.store.read(stored.id)))),
    );
  const policy = guestPolicy(deps.paths, stored.folder);
  for (const disk of domainOf(stored).disks()) {
    if (disk.file === null || disk.format !== 'qcow2') continue;
    const ref: DiskRef = { path: disk.file, format: 'qcow2' };
    const [top, ...below] = await inspectChain(ref, policy);
    if (below.length === 0) continue;
    if (top!.snapshots > 0)
      throw new GuesthouseError('wrong-state', `${nameOf(stored)} has snapshots in its disk.`, {
        why: `A whole copy of ${disk.target} would be without them.`,
        todo: 'Delete the snapshots first (qemu-img snapshot -d), or keep it linked.',
        subject: stored.id,
      });
    op.phase(`Copying ${disk.target}`);
    const whole = halfDone(disk.file);
    await fs.rm(whole, { force: true });
    // What is below must not be said twice: the header does, before and after the switch.
    await edit((domain) => domain.set(diskProps.backingEnd, null, disk.index));
    await convertImage(ref, { path: whole, format: 'qcow2' }, policy, op);
    faultPoint('full:converted');
    await fs.rename(whole, disk.file);
    await syncDir(path.dirname(disk.file));
    faultPoint('full:renamed');
  }
  await edit((domain) => domain.set(metaProps.originLinked, false));
  await refresh(deps, stored.id);
}
