import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  actionTestId,
  dockTabTestId,
  guestRowTestId,
  guestStateTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { root as checkout } from '../scripts/lib/common.mjs';
import { findElectron } from '../scripts/lib/electron.mjs';
import { bridgeCall } from './lib/clones.ts';
import { homeEnv } from './lib/launch.ts';
import { writeGuests } from './lib/library.ts';
import { home, launch, launched, openWindow, page } from './lib/window.ts';

// What the window does as a window: a page that crashes, a second start, pages that are not ours, closing and coming back.
test.describe.configure({ mode: 'serial' });

const names = ['one', 'two'];
const tabs = () => page.locator('[data-testid^="dock-tab-"]');

/** Runs a script in the page by way of the main process: also where Playwright has lost the page. */
const inPage = <T>(script: string) =>
  launched.app.evaluate(
    ({ BrowserWindow }, text) =>
      BrowserWindow.getAllWindows()[0]!.webContents.executeJavaScript(text) as Promise<T>,
    script,
  );

openWindow(
  (home) =>
    writeGuests(
      home,
      names.map((name) => ({ name })),
    ),
  { GUESTHOUSE_ON_CLOSE: 'cancel' },
);

test('bad arguments and unknown calls are refused before anything is done', async () => {
  const answers = await page.evaluate(async () => {
    const call = window.guesthouse.call as (name: string, input: unknown) => Promise<unknown>;
    return Promise.all([
      call('guests.start', { id: 5 }),
      call('guests.start', { id: 'x'.repeat(10_000) }),
      call('guests.rename', { id: 'one', name: '../../x' }),
      call('toString', undefined),
      call('__proto__', {}),
      call('shell.openExternal', { url: 'file:///etc/passwd' }),
    ]);
  });
  for (const answer of answers) expect(answer).toMatchObject({ ok: false, error: { code: 'invalid-input' } });
});

test('a page that is not ours is answered nothing, and ours cannot be led away', async () => {
  const answer = await launched.app.evaluate(
    async ({ BrowserWindow }, preload) => {
      const other = new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } });
      await other.loadURL('data:text/html,<title>other</title>');
      const said: unknown = await other.webContents.executeJavaScript(
        'window.guesthouse.call("core.snapshot", undefined)',
      );
      other.destroy();
      return said;
    },
    join(checkout, 'dist/preload.cjs'),
  );
  expect(answer).toMatchObject({ ok: false, error: { code: 'no-permission' } });
  const before = page.url();
  await page.evaluate(() => {
    location.href = 'https://example.com/';
    window.open('https://example.com/');
  });
  await page.waitForTimeout(300);
  expect(page.url()).toBe(before);
  expect(await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
  // Playwright waits for a navigation that was stopped; a reload is one that ends.
  await page.reload();
  await page.getByTestId(testIds.app).waitFor();
});

test('a second start brings the first one to the front and ends', async () => {
  await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.hide());
  const visible = () =>
    launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible());
  expect(await visible()).toBe(false);
  const env: NodeJS.ProcessEnv = { ...process.env, ...homeEnv(home), DISPLAY: launched.display };
  delete env.ELECTRON_RUN_AS_NODE;
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const second: ChildProcess = spawn(findElectron()!.executable, [...sandbox, checkout], {
    env,
    stdio: 'ignore',
  });
  const code = await new Promise((done) => second.on('exit', done));
  expect(code).toBe(0);
  await expect.poll(visible).toBe(true);
  await expect(page.getByTestId(guestRowTestId('one'))).toBeVisible();
});

test('consoles come back in a new start, in the places they had; guests ran on', async () => {
  for (const name of names) {
    await page.getByTestId(guestRowTestId(name)).click();
    await page.getByTestId(actionTestId('start')).click();
    await expect(page.getByTestId(guestStateTestId(name))).toHaveText('Running', { timeout: 60_000 });
    await page.getByTestId(actionTestId('console')).click();
    await expect(page.getByTestId(dockTabTestId(name))).toBeVisible();
  }
  // An empty console says why it is empty.
  await expect(page.locator('[data-terminal]:visible')).toContainText('two is starting');
  await page.getByTestId('dock-split').click();
  await page.getByRole('menuitem', { name: 'Right: one, which is open' }).click();
  await expect(tabs()).toHaveCount(1);
  const pids = await guestPids();
  await launched.quit();
  await launch();
  await expect(page.locator('[data-terminal]:visible')).toHaveCount(2, { timeout: 30_000 });
  await expect(page.getByTestId(dockTabTestId('two + one'))).toBeVisible();
  expect(await guestPids()).toEqual(pids);
});

const guestPids = async () =>
  (await bridgeCall(page, 'core.snapshot', undefined)).guests.map(({ pid }) => pid).sort();

test('an operation that runs is asked about when the window closes, and cancelled where one says so', async () => {
  // Nothing inside answers: it waits until its deadline, or until it is cancelled.
  await page.getByTestId(guestRowTestId('one')).click();
  await page.getByTestId(actionTestId('shutdown')).click();
  await expect(page.getByTestId(testIds.operationsButton)).toContainText('1 operation');
  await launched.quit();
  await launch();
  await expect(page.getByTestId(guestStateTestId('one'))).toHaveText('Running', { timeout: 30_000 });
});

test('a page that crashes is loaded again, with its consoles', async () => {
  await expect(page.locator('[data-terminal]:visible')).toHaveCount(2, { timeout: 30_000 });
  const crashed = page.waitForEvent('crash');
  await launched.app.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]!.webContents.forcefullyCrashRenderer(),
  );
  await crashed;
  const shown = () =>
    inPage<number>(
      `[...document.querySelectorAll('[data-terminal]')].filter((one) => one.offsetParent !== null).length`,
    ).catch(() => 0);
  await expect.poll(shown, { timeout: 30_000 }).toBe(2);
  expect(await inPage<string>(`document.querySelector('[data-testid="dock"]').textContent`)).toContain(
    'two + one',
  );
  // Off by the main process: Playwright's page is gone.
  await inPage(
    `window.guesthouse.call('core.snapshot', undefined).then(({ value }) =>
      Promise.all(value.guests.map(({ id }) => window.guesthouse.call('guests.forceOff', { id }))))`,
  );
});
