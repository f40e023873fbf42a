import { rmSync } from 'node:fs';
import { openTestCore, shareStarters, type TestCore } from '../../electron/core/testing/core.ts';
import { type TempHome, tempHome } from '../../electron/core/testing/temp-home.ts';

/** A library of its own, its core in this process, and the starter shared with other runs. */
export interface BenchLibrary {
  readonly home: TempHome;
  readonly test: TestCore;
  /** Closes the core and opens the library anew, as after a restart of the app. */
  reopen(): Promise<TestCore>;
  close(): Promise<void>;
}

export async function openLibrary(): Promise<BenchLibrary> {
  const home = tempHome();
  shareStarters(home.paths);
  let test = await openTestCore(home.paths);
  return {
    home,
    get test() {
      return test;
    },
    async reopen() {
      await test.close();
      test = await openTestCore(home.paths);
      return test;
    },
    async close() {
      await endAll(test);
      await test.close();
      rmSync(home.home, { recursive: true, force: true });
    },
  };
}

/** Makes a guest from the starter, which is built first where there is none. @returns its id */
export async function starterGuest(test: TestCore, name: string): Promise<string> {
  const made = await test.core.call('guests.create', { name, from: { kind: 'starter', id: 'debian-12' } });
  await test.done(made);
  return made.id;
}

/** Guests outlive their core: none may outlive a bench. */
async function endAll(test: TestCore): Promise<void> {
  const { guests } = await test.core.call('core.snapshot', undefined);
  for (const guest of guests)
    if (guest.pid !== null) await test.core.call('guests.forceOff', { id: guest.id }).catch(() => {});
}
