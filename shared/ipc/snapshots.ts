import * as z from 'zod';
import type { SnapshotView } from '../model/snapshot.ts';
import { call } from './call.ts';
import type { snapshotCalls } from './channels.ts';
import { guestRef, type Started } from './guests.ts';

const one = z.object({ id: guestRef });
/** Its id, or for people at a shell its name. */
const snapshot = z.string().min(1).max(100);
const name = z
  .string()
  .trim()
  .min(1, 'A snapshot needs a name.')
  .max(100, 'A name can have at most 100 characters.')
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'A name is one line.');

export const snapshotContract = {
  'snapshots.list': call(one).returns<SnapshotView>(),
  /**
   * Takes one: of a guest that is off its disks, of one that runs its memory too; that one stands still meanwhile and
   * goes on. Fails with `unsupported` where a disk cannot hold snapshots.
   */
  'snapshots.take': call(one.extend({ name })).returns<Started>(),
  /**
   * Goes back to one. What came since is lost unless `keepNow`, which takes a snapshot of it first. A guest that runs is
   * forced off. `start`: goes on at once, with memory from that very moment.
   */
  'snapshots.revert': call(
    one.extend({ snapshot, keepNow: z.boolean().default(true), start: z.boolean().default(false) }),
  ).returns<Started>(),
  'snapshots.rename': call(one.extend({ snapshot, name })).returns<void>(),
  /** Deletes one; the guest and its other snapshots stay as they are. */
  'snapshots.delete': call(one.extend({ snapshot })).returns<Started>(),
} satisfies Record<(typeof snapshotCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
