import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import {
  actionTestId,
  bulkTestId,
  copyHostTestId,
  dockTabTestId,
  guestRowTestId,
  guestStateTestId,
  keyRowTestId,
  navTestId,
  serverRowTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import { bridgeCall, startClones } from '../../lib/clones.ts';
import { endGuests } from '../../lib/library.ts';
import { pane, paneText } from '../../lib/screen.ts';
import { canServePasswords, type PasswordServer, startPasswordServer } from '../../lib/sshd.ts';
import type { DemoContext, DemoPart } from '../part.ts';

const minute = 60_000;
const guests = ['app-1', 'app-2'];
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
    {
      title: 'consoles of two guests: typed into together, with host keys known from their disks',
      async run({ page, shot }) {
        const { keys } = await bridgeCall(page, 'keys.list', undefined);
        const laptop = keys.find((key) => key.name === 'laptop');
        if (!laptop) throw new Error('The key laptop is gone.');
        await startClones(page, guests, laptop.id);
        await page.getByTestId(navTestId('guests')).click();
        for (const name of guests)
          await expect(page.getByTestId(guestStateTestId(name))).toHaveText('Running', { timeout: minute });
        await page.getByTestId(guestRowTestId(guests[0]!)).click();
        await page.getByTestId(guestRowTestId(guests[1]!)).click({ modifiers: ['Control'] });
        await page.getByTestId(bulkTestId('ssh')).click();
        await shot('waiting for two guests');
        for (const name of guests) {
          await page.getByTestId(dockTabTestId(`${name} ssh`)).click();
          await expect.poll(() => paneText(page, name), { timeout: 4 * minute }).toContain(`debian@${name}`);
        }
        await expect(page.getByTestId(testIds.prompt)).toHaveCount(0);
        await page.getByTestId('dock-split').click();
        await page.getByRole('menuitem', { name: `Right: ${guests[0]} (ssh), which is open` }).click();
        await page.getByTestId(testIds.typeToAll).click();
        await page.keyboard.type('echo of-$(hostname)-$((40+2))\n');
        for (const name of guests)
          await expect.poll(() => paneText(page, name), { timeout: minute }).toContain(`of-${name}-42`);
        await shot('typing into two guests');
        await page.getByTestId(testIds.typeToAll).click();
      },
    },
    {
      title: 'one of them reboots, and its console comes back by itself',
      async run({ page, shot }) {
        const rebooting = pane(page, guests[0]!);
        await page.getByTestId(guestRowTestId(guests[0]!)).click();
        await page.getByTestId(actionTestId('more')).click();
        await page.getByTestId(actionTestId('reboot')).click();
        await expect(rebooting).toContainText('Waiting for sshd', { timeout: 2 * minute });
        await shot('rebooting');
        await expect(rebooting).not.toContainText('Waiting for sshd', { timeout: 4 * minute });
        await rebooting.locator('.xterm-helper-textarea').focus();
        await page.keyboard.type('clear; echo back-$((1+1))\n');
        await expect.poll(() => paneText(page, guests[0]!), { timeout: minute }).toContain('back-2');
        await shot('back');
      },
    },
  ],
  async cleanUp({ page }) {
    await endGuests(page);
    await server?.stop();
    server = null;
  },
};
