import { rm } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { actionTestId, guestRowTestId, guestStateTestId } from '../renderer/ui/testids.ts';
import type { Guest } from '../shared/model/guest.ts';
import type { DemoContext } from './demo/part.ts';
import { firstGuest } from './demo/parts/first-guest.ts';
import { bridgeCall } from './lib/clones.ts';
import { type Home, type Launched, launchApp, makeHome } from './lib/launch.ts';
import { endGuests, shareStarters } from './lib/library.ts';
import { waitForTerminal } from './lib/screen.ts';

// The first main job, as the demo plays it: an empty library, a real Debian guest, its login prompt, and its end.
// Where the demo closes the window the app is killed here, as by kill -9.
test.describe.configure({ mode: 'serial' });

let home: Home;
let launched: Launched;
let before: Guest | undefined;

async function guest(): Promise<Guest> {
  const { guests } = await bridgeCall(launched.page, 'core.snapshot', undefined);
  expect(guests).toHaveLength(1);
  return guests[0]!;
}

/** Ends the app without a word, and starts it again on the same library. */
async function killAndStart(): Promise<void> {
  const child = launched.app.process();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  await launched.close().catch(() => {});
  launched = await launchApp({ home });
}

const context: DemoContext = {
  get page() {
    return launched.page;
  },
  get launched() {
    return launched;
  },
  shot: async () => {},
  note: () => {},
  restart: async () => {
    before = await guest();
    await killAndStart();
  },
};

test.beforeAll(async () => {
  home = await makeHome();
  shareStarters(home);
  launched = await launchApp({ home });
});
test.afterAll(async () => {
  if (launched) await endGuests(launched.page);
  await launched?.close();
  if (home) await rm(home.root, { recursive: true, force: true });
});

for (const step of firstGuest.steps) {
  test(step.title, () => step.run(context));
  if (step.title.includes('the next start finds it'))
    test('what it found is the very QEMU of before, with what its console said', async () => {
      const found = await guest();
      expect(before?.pid).toBeGreaterThan(0);
      expect(found).toMatchObject({ state: 'running', pid: before?.pid, crash: null, problem: null });
      // Killed, the app could note nothing down: the terminal shows what QEMU logged.
      const { page } = launched;
      await page.getByTestId(guestRowTestId(found.name)).click();
      await page.getByTestId(actionTestId('console')).first().click();
      await waitForTerminal(page, /login:/, 30_000);
    });
}

test('it starts with the app when it is to', async () => {
  const { id, name, state } = await guest();
  expect(state).toBe('off');
  await bridgeCall(launched.page, 'guests.setAutostart', { id, autostart: true });
  await killAndStart();
  await expect(launched.page.getByTestId(guestStateTestId(name))).toHaveText(/running/i, { timeout: 60_000 });
});
