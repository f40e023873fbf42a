import { copyFileSync, existsSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import * as path from 'node:path';
import { fromWire } from '../../../shared/errors.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Operation } from '../../../shared/model/operation.ts';
import type { Core } from '../api.ts';
import { type CoreDeps, createCore } from '../index.ts';
import { silentLog } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';

/** A core in this process, with what a test needs around it. */
export interface TestCore {
  readonly core: Core;
  readonly events: CoreEvent[];
  guest(id: string): Promise<Guest>;
  /** Waits for an operation to end well. @throws its error */
  done(started: { readonly operation: string }): Promise<Operation>;
  close(): Promise<void>;
}

/** Opens the library of `paths` as its owner, without a socket; terminals come by `forkTerminalHost` alone. */
export async function openTestCore(
  paths: LibraryPaths,
  options: Pick<CoreDeps, 'qemu' | 'podman' | 'cloudImages'> &
    Partial<Pick<CoreDeps, 'networkHost' | 'forkTerminalHost'>> = {},
): Promise<TestCore> {
  const verdict = path.join(paths.cache, 'accelerator.json');
  shareFile(path.join(testCache(), 'accelerator.json'), verdict);
  const core = await createCore({
    paths,
    log: silentLog,
    version: 'test',
    networkHost: ['/no-networks-in-this-test'],
    forkTerminalHost: () => {
      throw new Error('no terminals in this test');
    },
    ...options,
  });
  const events: CoreEvent[] = [];
  const ended = new Map<string, Operation>();
  const waiting = new Map<string, () => void>();
  core.onEvent(({ event }) => {
    events.push(event);
    if (event.type !== 'operation' || event.operation.endedAt === null) return;
    ended.set(event.operation.id, event.operation);
    waiting.get(event.operation.id)?.();
  });
  return {
    core,
    events,
    async guest(id) {
      const { guests } = await core.call('core.snapshot', undefined);
      const found = guests.find((guest) => guest.id === id);
      if (!found) throw new Error(`no guest ${id}`);
      return found;
    },
    async done({ operation }) {
      if (!ended.has(operation)) await new Promise<void>((resolve) => waiting.set(operation, resolve));
      const end = ended.get(operation)!;
      if (end.status !== 'done') {
        const error = fromWire(end.error ?? { code: 'cancelled', message: `${end.kind} was cancelled` });
        // What a failed test prints is its stack; on another machine that has to be enough to see what went wrong.
        error.stack += [error.why, error.detail].map((text) => (text ? `\n${text}` : '')).join('');
        throw error;
      }
      return end;
    },
    async close() {
      await core.close();
      shareFile(verdict, path.join(testCache(), 'accelerator.json'));
    },
  };
}

/** The folder of what tests share, so that it is made once: starter images, and what KVM was seen to do. */
const testCache = () =>
  process.env.GUESTHOUSE_TEST_CACHE ?? path.join(tmpdir(), `guesthouse-test-${userInfo().uid}`);

/**
 * Copies a file that is there to where it is not. A verdict on KVM names the boot, the QEMU and the device it is of, and
 * the app tries anew where they are others; trying takes seconds of a processor, in each of a hundred libraries.
 */
function shareFile(from: string, to: string): void {
  if (!existsSync(from) || existsSync(to)) return;
  mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
  copyFileSync(from, `${to}.${process.pid}`);
  renameSync(`${to}.${process.pid}`, to);
}

/**
 * Lets a temporary library use the starter images that tests share, so that one is built once:
 * `$GUESTHOUSE_TEST_CACHE/starters`, or a folder of this user's in /tmp.
 */
export const shareStarters = (paths: LibraryPaths): void => share('starters', paths);

/** The same for root file systems of containers. */
export const shareRoots = (paths: LibraryPaths): void => share('roots', paths);

function share(name: string, paths: LibraryPaths): void {
  const cache = testCache();
  const shared = path.join(cache, name);
  mkdirSync(shared, { recursive: true, mode: 0o700 });
  symlinkSync(shared, path.join(paths.cache, name));
}
