import * as fs from 'node:fs/promises';
import { GuesthouseError, toWire } from '../../../../shared/errors.ts';
import type { snapshotCalls } from '../../../../shared/ipc/channels.ts';
import type { GuestState } from '../../../../shared/model/guest.ts';
import type { SnapshotView } from '../../../../shared/model/snapshot.ts';
import type { Handlers } from '../../api.ts';
import { tagImages, untagImages } from '../../disks/index.ts';
import { Domain } from '../../domain/index.ts';
import { recoverTransaction } from '../../identity/disk-transaction.ts';
import type { OperationContext } from '../../operations/runner.ts';
import { faultPoint } from '../../platform/fault.ts';
import { writeAtomic } from '../../platform/fs.ts';
import type { CreateDeps } from '../create-spec.ts';
import { type Lifecycle, lockOf } from '../lifecycle.ts';
import { guestPolicy, refresh } from '../loading.ts';
import type { Entry } from '../registry.ts';
import { readSaved, type SavingInfo, savedFiles, saveMemory } from '../saved.ts';
import { nameOf } from '../store.ts';
import { follow, isLive } from '../transitions.ts';
import { snapshotImages, tagLive, tagOf, untagLive, untagStrays } from './images.ts';
import { recoverRevert, revertTo } from './revert.ts';
import {
  dropSnapshot,
  findSnapshot,
  publishSnapshot,
  readCurrent,
  readSnapshots,
  rewriteSnapshot,
  stageSnapshot,
  sweepSnapshots,
} from './store.ts';

/** States of a running guest in which its memory can be written. */
const settled: readonly GuestState[] = ['running', 'paused'];
const still: readonly GuestState[] = ['off', 'crashed', 'saved'];

/** Moments of a guest that one can go back to. */
export function createSnapshots(
  deps: CreateDeps,
  lifecycle: Lifecycle,
): { readonly handlers: Handlers<(typeof snapshotCalls)[number]> } {
  const { registry, runner, monitor, clock, paths, log } = deps;

  const imagesOf = (entry: Entry) => {
    const live = isLive(entry.state) && entry.runningText !== null;
    const domain = live ? Domain.parse(entry.runningText!) : entry.stored.domain;
    if (!domain)
      throw new GuesthouseError('xml-invalid', 'Its domain XML cannot be read.', { subject: entry.id });
    return snapshotImages(domain, guestPolicy(paths, entry.stored.folder));
  };

  function mustBe(entry: Entry, states: readonly GuestState[]): void {
    if (states.includes(entry.state)) return;
    throw new GuesthouseError('wrong-state', 'That is not possible now.', {
      why: `${nameOf(entry.stored)} is in between: ${entry.state}.`,
      todo: 'Wait until it runs or is off, then try again.',
      subject: entry.id,
    });
  }

  async function view(entry: Entry): Promise<SnapshotView> {
    const { folder } = entry.stored;
    const refusal = await imagesOf(entry).then(
      () => null,
      (error) => {
        const { message, why, todo } = toWire(error);
        return { why: why ? `${message} ${why}` : message, todo: todo ?? null };
      },
    );
    return {
      snapshots: (await readSnapshots(folder)).map(({ dir: _, images: __, ...row }) => row),
      current: await readCurrent(folder),
      refusal,
    };
  }

  /** Takes a snapshot of the guest as it is, running or not. */
  async function take(ref: string, name: string, op: OperationContext): Promise<void> {
    const entry = registry.get(ref);
    mustBe(entry, [...settled, ...still]);
    const { folder } = entry.stored;
    const images = await imagesOf(entry);
    const parent = await readCurrent(folder);
    await sweepSnapshots(folder);
    const live = isLive(entry.state);
    if (!live) await untagStrays(images, new Set((await readSnapshots(folder)).map(({ id }) => id)));
    const { id, dir } = await stageSnapshot(folder);
    const tag = tagOf(id);
    const memory = live
      ? await takeLive(entry, tag, dir, op)
      : await takeStill(
          folder,
          images.map(({ file }) => file),
          tag,
          dir,
          op,
        );
    faultPoint('snapshot:taken');
    try {
      await publishSnapshot(folder, id, { name, at: clock.now(), memory, images, parent });
    } catch (error) {
      await fs.rm(dir, { recursive: true, force: true });
      throw error; // the mark is a stray now; the next snapshot of the guest takes it out
    }
  }

  /** @returns bytes of a memory that was saved before, or null */
  async function takeStill(
    folder: string,
    files: readonly string[],
    tag: string,
    dir: string,
    op: OperationContext,
  ): Promise<number | null> {
    op.phase('Marking the disks');
    try {
      await tagImages(files, tag);
      const saved = await readSaved(folder);
      if (!saved) return null;
      const [from, to] = [savedFiles(folder), savedFiles(dir)];
      await fs.link(from.memory, to.memory);
      for (const part of ['xml', 'info'] as const) await fs.copyFile(from[part], to[part]);
      return saved.size;
    } catch (error) {
      await untagImages(files, tag).catch(() => {});
      await fs.rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * The guest stands still from the disks' mark until its memory is written, and goes on. Not QMP's `snapshot-save`: that
   * blocks every monitor for its whole length, knows no progress and no cancel, and its room in the image stays taken.
   * @returns bytes of the memory
   */
  async function takeLive(entry: Entry, tag: string, dir: string, op: OperationContext): Promise<number> {
    const { id, process } = entry;
    if (!process) throw new GuesthouseError('wrong-state', 'The guest does not run.', { subject: id });
    const { qmp } = process;
    const { status } = await qmp.execute<{ status: string }>('query-status');
    const wasRunning = status === 'running';
    // As in saving: the next owner lets a guest go on whose owner was killed meanwhile.
    const { saving } = savedFiles(entry.stored.folder);
    await writeAtomic(saving, JSON.stringify({ wasRunning } satisfies SavingInfo));
    registry.update(id, { state: follow(entry.state, { type: 'began', job: 'save' }) });
    op.phase('Marking the disks');
    let tagged = false;
    try {
      if (wasRunning) await qmp.execute('stop');
      await tagLive(qmp, tag);
      tagged = true;
      op.phase('Writing the memory');
      const saved = await saveMemory(process, dir, wasRunning, clock, op);
      // The disks were let go of at the end of the memory; going on takes them back, also for one that stands still.
      await qmp.execute('cont');
      if (!wasRunning) await qmp.execute('stop');
      return saved.size;
    } catch (error) {
      if (qmp.open) {
        if (wasRunning) await qmp.execute('cont').catch(() => {});
        if (tagged) await untagLive(qmp, tag).catch((cause) => log.error(`${id}: ${tag} stays`, cause));
      }
      await fs.rm(dir, { recursive: true, force: true });
      throw error;
    } finally {
      await fs.rm(saving, { force: true });
      if (registry.find(id)?.state === 'saving') registry.update(id, { state: 'running' });
      await monitor.sync(id).catch(() => {});
    }
  }

  async function revert(ref: string, wanted: string, keepNow: boolean, op: OperationContext): Promise<void> {
    const before = registry.get(ref);
    mustBe(before, [...settled, ...still]);
    const { folder } = before.stored;
    const snapshot = findSnapshot(await readSnapshots(folder), wanted);
    if (keepNow) await take(ref, `Before going back to “${snapshot.name}”`.slice(0, 100), op);
    op.check();
    if (isLive(registry.get(ref).state)) {
      op.phase('Forcing it off');
      await lifecycle.forceOff(ref);
    }
    op.phase('Going back');
    await recoverTransaction(folder);
    await revertTo(folder, snapshot, nameOf(registry.get(ref).stored));
    await refresh(deps, before.id);
  }

  async function remove(ref: string, wanted: string): Promise<void> {
    const entry = registry.get(ref);
    mustBe(entry, [...settled, ...still]);
    const { folder } = entry.stored;
    const snapshot = findSnapshot(await readSnapshots(folder), wanted);
    await dropSnapshot(folder, snapshot);
    faultPoint('snapshot:dropped');
    const { process } = entry;
    if (process && isLive(entry.state)) await untagLive(process.qmp, tagOf(snapshot.id));
    else {
      const here: string[] = [];
      for (const { file } of snapshot.images) if (await fs.stat(file).catch(() => null)) here.push(file);
      await untagImages(here, tagOf(snapshot.id));
    }
  }

  function background(kind: string, verb: string, ref: string, job: (op: OperationContext) => Promise<void>) {
    const { id, stored } = registry.get(ref);
    return runner.start(
      { kind: `snapshot.${kind}`, title: `${verb} ${nameOf(stored)}`, subject: id, lock: lockOf(id) },
      async (op) => {
        // A kill may have stopped going back halfway, in this very run of the app too.
        if (!isLive(registry.get(id).state) && (await recoverRevert(stored.folder))) await refresh(deps, id);
        await job(op);
      },
    );
  }

  const started = ({ operation, result }: ReturnType<typeof background>) => {
    result.catch(() => {});
    return { operation: operation.id };
  };

  return {
    handlers: {
      'snapshots.list': async ({ id }) => view(registry.get(id)),
      'snapshots.take': async ({ id, name }) =>
        started(background('take', 'Taking a snapshot of', id, (op) => take(id, name, op))),
      'snapshots.revert': async ({ id, snapshot, keepNow, start }) => {
        const going = background('revert', 'Going back with', id, (op) => revert(id, snapshot, keepNow, op));
        if (start)
          going.result.then(
            () => lifecycle.start(id).catch((error) => log.error(`${id} was not started`, error)),
            () => {},
          );
        return started(going);
      },
      'snapshots.rename': async ({ id, snapshot, name }) => {
        const { folder } = registry.get(id).stored;
        await rewriteSnapshot(findSnapshot(await readSnapshots(folder), snapshot), { name });
      },
      'snapshots.delete': async ({ id, snapshot }) =>
        started(background('delete', 'Deleting a snapshot of', id, () => remove(id, snapshot))),
    },
  };
}
