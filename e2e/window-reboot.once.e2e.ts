import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  actionTestId,
  bulkTestId,
  dockTabTestId,
  guestRowTestId,
  guestStateTestId,
  tabTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { bridgeCall, startClones } from './lib/clones.ts';
import { shareStarters } from './lib/library.ts';
import { pane, paneText } from './lib/screen.ts';
import { home, openWindow, page, shot } from './lib/window.ts';

// Consoles of two real guests: typed into together, one of them rebooted, the page killed, the app started again.
test.describe.configure({ mode: 'serial' });

const minute = 60_000;
const names = ['left', 'right'];

const shows = (name: string, text: string, timeout = minute) =>
  expect.poll(() => paneText(page, name), { timeout }).toContain(text);
const panes = () => page.locator('[data-terminal]:visible');

openWindow(shareStarters, { GUESTHOUSE_ON_CLOSE: 'finish' });

test('SSH consoles to two guests wait for their sshd, and are there when it is', async () => {
  test.setTimeout(8 * minute);
  const key = await bridgeCall(page, 'keys.create', { name: 'laptop', location: 'app' });
  await startClones(page, names, key.id);
  for (const name of names)
    await expect(page.getByTestId(guestStateTestId(name))).toHaveText('Running', { timeout: minute });
  await page.getByTestId(guestRowTestId('left')).click();
  await page.getByTestId(guestRowTestId('right')).click({ modifiers: ['Control'] });
  await page.getByTestId(bulkTestId('ssh')).click();
  await expect(page.getByTestId(testIds.dockStatus)).toContainText('Waiting for sshd');
  await shot('waiting');
  for (const name of names) {
    await page.getByTestId(dockTabTestId(`${name} ssh`)).click();
    await shows(name, `debian@${name}`, 3 * minute);
  }
  // No question was asked: the keys were known before the first connection, and nothing else is trusted.
  await expect(page.getByTestId(testIds.prompt)).toHaveCount(0);
  const guests = join(home.data, 'guesthouse/guests');
  for (const name of names) {
    const folder = readdirSync(guests).find((one) => one.startsWith(`${name}-`) && !one.includes('source'))!;
    expect(readFileSync(join(guests, folder, 'known_hosts'), 'utf8')).toContain('ssh-ed25519 ');
    const command = await bridgeCall(page, 'ssh.command', { target: name });
    expect(command.argv.join('\n')).toMatch(/StrictHostKeyChecking=yes/);
  }
  // The banner belongs to the log-in, and is said once.
  expect((await paneText(page, 'right')).match(/Debian GNU\/Linux comes with/g)?.length ?? 0).toBeLessThan(2);
});

test('what is typed goes to both at once, and both say so', async () => {
  await page.getByTestId('dock-split').click();
  await page.getByRole('menuitem', { name: 'Right: left (ssh), which is open' }).click();
  await expect(panes()).toHaveCount(2);
  await page.getByTestId(testIds.typeToAll).click();
  for (const name of names) await expect(pane(page, name)).toContainText('Typing to all 2');
  await page.keyboard.type('echo of-$(hostname)-$((40+2))\n');
  await shows('right', 'of-right-42');
  await shows('left', 'of-left-42');
  await shot('both');
  await expectAccessible(page, 'two guests typed into together');
  await page.getByTestId(testIds.typeToAll).click();
});

let repaired = '';

test('a guest that runs is repaired over SSH, and waits for its reboot', async () => {
  test.setTimeout(4 * minute);
  await page.getByTestId(guestRowTestId('left')).click();
  await page.getByTestId(tabTestId('identity')).click();
  await page.getByTestId(testIds.guestDetails).getByRole('button', { name: 'Repair…' }).click();
  const dialog = page.getByTestId(testIds.repairDialog);
  await expect(dialog).toContainText('over SSH, while it runs', { timeout: minute });
  repaired = /New machine-id\s*([0-9a-f]{32})/.exec((await dialog.textContent())!)![1]!;
  await expectAccessible(page, 'the preview of a repair over SSH');
  await shot('repair');
  await page.getByTestId(testIds.repairSubmit).click();
  await expect(dialog.getByLabel('Repaired', { exact: true })).toBeVisible({ timeout: 2 * minute });
  await expect(dialog).toContainText('Restart needed');
  await expect(dialog.getByRole('button', { name: 'Restart left now' })).toBeVisible();
  await shot('repaired');
  await dialog.getByRole('button', { name: 'Close' }).click();
});

test('a guest that reboots has its console back by itself', async () => {
  test.setTimeout(5 * minute);
  await pane(page, 'left').locator('.xterm-helper-textarea').focus();
  await page.keyboard.type('cat /proc/sys/kernel/random/boot_id\n');
  const bootId = /[0-9a-f]{8}-[0-9a-f-]{27}/;
  await expect.poll(() => paneText(page, 'left')).toMatch(bootId);
  const before = bootId.exec(await paneText(page, 'left'))![0];
  await page.getByTestId(guestRowTestId('left')).click();
  await page.getByTestId(actionTestId('more')).click();
  await page.getByTestId(actionTestId('reboot')).click();
  await expect(pane(page, 'left')).toContainText(/Waiting for sshd|The connection was lost/, {
    timeout: 2 * minute,
  });
  await shot('rebooting');
  await expect(pane(page, 'left')).not.toContainText('Waiting', { timeout: 3 * minute });
  await pane(page, 'left').locator('.xterm-helper-textarea').focus();
  await page.keyboard.type('clear; cat /proc/sys/kernel/random/boot_id\n');
  await expect
    .poll(async () => bootId.exec(await paneText(page, 'left'))?.[0] ?? before, { timeout: minute })
    .not.toBe(before);
  await shot('back');
  // It came back by its new host keys, with no question, and its new machine-id is one that a boot has confirmed.
  await expect(page.getByTestId(testIds.prompt)).toHaveCount(0);
  await page.keyboard.type('clear; cat /etc/machine-id\n');
  await shows('left', repaired);
  await page.getByTestId(testIds.guestDetails).getByRole('button', { name: 'Verify over SSH' }).click();
  await expect(page.getByTestId(testIds.guestDetails)).toContainText('Read from a boot after the change', {
    timeout: minute,
  });
  // The other one was not touched.
  await shows('right', 'of-right-42');
});
