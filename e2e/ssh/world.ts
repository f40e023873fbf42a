import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { testIds } from '../../renderer/ui/testids.ts';
import { type Home, type Launched, launchApp, makeHome } from '../lib/launch.ts';
import { paneText } from '../lib/screen.ts';
import { canServePasswords, type PasswordServer, startPasswordServer } from '../lib/sshd.ts';

// What the tests of keys, servers and consoles share: one window, one home and one server that knows only a password.
export let home: Home;
export let launched: Launched;
export let page: Page;
/** Null where a password cannot be served. */
export let server: PasswordServer | null = null;
/** What the window logged as an error. */
export const errors: string[] = [];
export const noServer = 'a password needs an account, which only root can make';

const shots = process.env.GUESTHOUSE_SHOTS;
let shotCount = 0;
/** For whoever looks at the window with their own eyes: $GUESTHOUSE_SHOTS is a folder. */
export async function shot(name: string): Promise<void> {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${String(++shotCount).padStart(2, '0')}-${name}.png`) });
}

export async function begin(): Promise<void> {
  home = await makeHome();
  const ssh = join(home.home, '.ssh');
  mkdirSync(ssh, { mode: 0o700 });
  for (const name of ['open', 'writable'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(ssh, name)]);
  chmodSync(join(ssh, 'open'), 0o644);
  chmodSync(join(ssh, 'writable'), 0o666);
  if (canServePasswords) server = await startPasswordServer();
  launched = await launchApp({ home });
  ({ page } = launched);
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.getByTestId(testIds.app).waitFor();
}

export async function end(): Promise<void> {
  await launched?.close();
  await server?.stop();
  if (home) await rm(home.root, { recursive: true, force: true });
}

/** What a console of the tab in front shows. */
export const screen = (place: number) => paneText(page, place);

/** Gives the keys to a console of the tab in front. */
export const focusPane = (place: number) =>
  page.locator('[data-terminal]:visible').nth(place).locator('.xterm-helper-textarea').focus();

/** What a public key file of ~/.ssh holds between the type and the comment. */
export const publicBlob = (name: string) =>
  readFileSync(join(home.home, '.ssh', `${name}.pub`), 'utf8').split(' ')[1]!;

/** Runs a command of the palette. */
export async function command(words: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.keyboard.type(words);
  await page.keyboard.press('Enter');
}
