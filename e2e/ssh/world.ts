import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '@playwright/test';
import { paneText } from '../lib/screen.ts';
import { canServePasswords, type PasswordServer, startPasswordServer } from '../lib/sshd.ts';
import { home, openWindow, page } from '../lib/window.ts';

export { errors, home, launched, page, shot } from '../lib/window.ts';

// What the tests of keys, servers and consoles share besides the window: one server that knows only a password.
/** Null where a password cannot be served. */
export let server: PasswordServer | null = null;
export const noServer = 'a password needs an account, which only root can make';

/** Opens the window with two keys in `~/.ssh` that others may read, and starts the server. */
export function openWorld(): void {
  openWindow(async ({ home }) => {
    const ssh = join(home, '.ssh');
    mkdirSync(ssh, { mode: 0o700 });
    for (const name of ['open', 'writable'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(ssh, name)]);
    chmodSync(join(ssh, 'open'), 0o644);
    chmodSync(join(ssh, 'writable'), 0o666);
    if (canServePasswords) server = await startPasswordServer();
  });
  test.afterAll(() => server?.stop());
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
