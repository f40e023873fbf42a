import { type FSWatcher, watch } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { Log } from '../platform/log.ts';
import { type LoadingDeps, loadOne } from './loading.ts';

/** Milliseconds a new folder is left alone: one of our own is added by who makes it, a copy may still be coming in. */
const settles = 2000;

/**
 * Takes in guests that somebody put into the library since it was read.
 * @returns false when some are too young to be looked at, or have no definition yet
 */
export async function takeInNew(deps: LoadingDeps): Promise<boolean> {
  const { store, registry, clock, log } = deps;
  let all = true;
  for (const id of await store.ids()) {
    if (registry.find(id)) continue;
    try {
      const { ctimeMs } = await fs.stat(store.folder(id));
      const stored = clock.now() - ctimeMs < settles ? null : await store.read(id);
      if (!stored?.domain) all = false;
      else if (!registry.find(id)) await loadOne(deps, stored);
    } catch (error) {
      log.error(`${id} could not be taken in`, error); // gone again, for one
    }
  }
  return all;
}

/** Looks for newcomers whenever something in the folder of guests changes. @returns how to stop */
export function watchNewcomers(deps: LoadingDeps): () => void {
  return watchFolder(deps.paths.guests, deps.log, () => takeInNew(deps));
}

/**
 * Calls back when folders came into a folder of the library or left it, once it is quiet, and again while not all is seen.
 * @param look false: something is not whole yet
 * @returns how to stop
 */
export function watchFolder(folder: string, log: Log, look: () => Promise<boolean>): () => void {
  let watcher: FSWatcher | null = null;
  let timer: NodeJS.Timeout | undefined;
  let tries = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      look().then(
        // A large copy takes a while; what never gets a definition is not waited for without end.
        (all) => {
          if (!all && tries++ < 20) later();
        },
        (error) => log.error('the library could not be read again', error),
      );
    }, settles + 500);
    timer.unref();
  };
  try {
    watcher = watch(folder, { persistent: false }, () => {
      tries = 0;
      later();
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    // Where nothing can be watched, the next look at identities finds them.
  }
  return () => {
    clearTimeout(timer);
    watcher?.close();
  };
}
