import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Page, test } from '@playwright/test';
import { testIds } from '../../renderer/ui/testids.ts';
import { type Home, type Launched, launchApp, makeHome } from './launch.ts';
import { endGuests } from './library.ts';

// What the tests of a file share: one window in one home, each test going on where the one before left off.
export let home: Home;
export let launched: Launched;
export let page: Page;
/** What the window logged as an error. */
export const errors: string[] = [];

let env: Readonly<Record<string, string>> | undefined;

/**
 * Opens the window before the tests of the file that calls this, and ends it after them, with all guests.
 * @param prepare writes into the home what is to be there at the first start
 */
export function openWindow(
  prepare: (home: Home) => unknown = () => {},
  variables?: Readonly<Record<string, string>>,
): void {
  test.beforeAll(async () => {
    home = await makeHome();
    env = variables;
    errors.length = 0;
    count = 0;
    await prepare(home);
    await launch();
  });
  test.afterAll(async () => {
    // Where none opened this is the window of the file before, which is gone.
    if (launched?.paths === home) {
      await endGuests(page).catch(() => {});
      await launched.close();
    }
    await rm(home.root, { recursive: true, force: true });
  });
}

/** Starts the app, again too: on the same home. */
export async function launch(): Promise<void> {
  launched = await launchApp({ home, env });
  ({ page } = launched);
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.getByTestId(testIds.app).waitFor();
}

/** Makes what the window shows this large, in pixels, and waits until it is. */
export async function resize(width: number, height: number): Promise<void> {
  await launched.app.evaluate(
    ({ BrowserWindow }, [w, h]) => BrowserWindow.getAllWindows()[0]!.setContentSize(w!, h!),
    [width, height],
  );
  await page.waitForFunction((wide) => window.innerWidth === wide, width);
}

const shots = process.env.GUESTHOUSE_SHOTS;
let count = 0;
/** For whoever looks at the window with their own eyes: $GUESTHOUSE_SHOTS is a folder. */
export async function shot(name: string): Promise<void> {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  const file = basename(test.info().file)
    .replace(/^window-/, '')
    .replace(/[.].*/, '');
  await page.screenshot({ path: join(shots, `${file}-${String(++count).padStart(2, '0')}-${name}.png`) });
}
