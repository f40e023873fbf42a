import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import {
  copyHostTestId,
  keyRowTestId,
  navTestId,
  serverRowTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import { paneText } from '../../lib/screen.ts';
import { canServePasswords, type PasswordServer, startPasswordServer } from '../../lib/sshd.ts';
import type { DemoContext, DemoPart } from '../part.ts';

let server: PasswordServer | null = null;

/** Passwords need an account on this computer, which only root can make. */
function needsServer({ note }: DemoContext): PasswordServer | null {
  if (!server) note('left out: a server with a password needs an account, which only root can make');
  return server;
}

/** The third main job: from a password to a key, and consoles one types into together. */
export const sshAccess: DemoPart = {
  name: 'keys and servers',
  steps: [
    {
      title: 'a private key that others can read is found and repaired',
      async run({ page, launched, shot }) {
        const folder = join(launched.paths.home, '.ssh');
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const file = join(folder, 'careless');
        if (!existsSync(file))
          execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'careless', '-f', file]);
        chmodSync(file, 0o644);
        await page.getByTestId(navTestId('keys')).click();
        const problems = page.getByTestId(testIds.keyProblems);
        await expect(problems).toContainText('0644', { timeout: 20_000 });
        await shot('permission problem');
        await problems
          .getByRole('button', { name: /^Repair/ })
          .first()
          .click();
        await expect(problems).toHaveCount(0);
      },
    },
    {
      title: 'a key is made',
      async run({ page, shot }) {
        await page.getByTestId(testIds.newKey).click();
        await page.getByTestId(testIds.keyName).fill('laptop');
        await shot('new key');
        await page.getByTestId(testIds.keySubmit).click();
        await expect(page.getByRole('dialog')).toContainText('laptop is made', { timeout: 20_000 });
        await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
        await page.getByTestId(keyRowTestId('laptop')).click();
        await shot('keys');
      },
    },
    {
      title: 'it is copied to a server that knows only a password, asked for in the window',
      async run(context) {
        const { page, shot } = context;
        if (canServePasswords) server = await startPasswordServer();
        const far = needsServer(context);
        if (!far) return;
        await page.getByTestId(navTestId('servers')).click();
        await page.keyboard.press('Control+k');
        await page.keyboard.type('add a server');
        await page.keyboard.press('Enter');
        await page.getByTestId(testIds.serverAddress).fill(`${far.user}@127.0.0.1:${far.port}`);
        await page.getByTestId('server-name').fill('cloud');
        await page.getByTestId(testIds.serverSubmit).click();
        await page.getByTestId(serverRowTestId('cloud')).waitFor();
        await page.getByTestId(navTestId('keys')).click();
        await page.getByTestId(keyRowTestId('laptop')).click();
        await page.getByTestId(testIds.copyKey).click();
        await page
          .getByRole('dialog')
          .getByText(/^cloud/)
          .first()
          .click();
        await page.getByTestId(testIds.copyKeySubmit).click();
        const prompt = page.getByTestId(testIds.prompt);
        await expect(prompt).toContainText(far.fingerprint, { timeout: 30_000 });
        await shot('host key');
        await prompt.getByTestId(testIds.promptSubmit).click();
        await expect(prompt).toContainText('Password for cloud', { timeout: 30_000 });
        await page.getByTestId(testIds.promptAnswer).fill(far.password);
        await shot('password');
        await page.keyboard.press('Enter');
        await expect(page.getByTestId(copyHostTestId('cloud'))).toContainText('Copied, and it works', {
          timeout: 60_000,
        });
        await shot('copied');
      },
    },
    {
      title: 'consoles open with the key, side by side, and both are typed into at once',
      async run(context) {
        const { page, shot } = context;
        if (!needsServer(context)) return;
        await page.getByTestId(testIds.copyKeyDone).getByRole('button', { name: 'Open its console' }).click();
        await expect.poll(() => paneText(page, 0), { timeout: 60_000 }).toContain('$');
        await page.locator('[data-terminal]:visible .xterm-helper-textarea').first().focus();
        await page.keyboard.press('Control+Shift+E');
        await expect.poll(() => page.locator('[data-terminal]:visible').count(), { timeout: 20_000 }).toBe(2);
        await expect.poll(() => paneText(page, 1), { timeout: 60_000 }).toContain('$');
        await page.getByTestId(testIds.typeToAll).click();
        await page.keyboard.type('echo both-$((2+1))\n');
        for (const place of [0, 1])
          await expect.poll(() => paneText(page, place), { timeout: 30_000 }).toContain('both-3');
        await shot('typing into both');
        await page.getByTestId(testIds.typeToAll).click();
      },
    },
  ],
  async cleanUp() {
    await server?.stop();
    server = null;
  },
};
