import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { keyRowTestId, navTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { resize } from './lib/window.ts';
import { accessTests, copyTests } from './ssh/access.ts';
import { consoleTests } from './ssh/consoles.ts';
import { keyTests } from './ssh/keys.ts';
import { serverTests } from './ssh/servers.ts';
import { command, errors, home, openWorld, page, shot } from './ssh/world.ts';

// Keys, a server that knows only a password, and consoles to it: all real, in a temporary home. One window for all of
// it: each part goes on where the one before left off.
test.describe.configure({ mode: 'serial' });
openWorld();

keyTests();
serverTests();
copyTests();
consoleTests();
accessTests();

test('the OpenSSH configuration is shown, put first, and taken out again', async () => {
  await command('openssh configuration');
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Host cloud');
  await shot('ssh-config');
  await expectAccessible(page, 'the OpenSSH configuration');
  await dialog.getByRole('button', { name: 'Write it and add the line' }).click();
  const config = join(home.home, '.ssh/config');
  await expect(dialog).toContainText('The line stands there');
  expect(readFileSync(config, 'utf8')).toMatch(/^\s*(#.*\n)*Include /);
  await dialog.getByRole('button', { name: 'Take the line out again' }).click();
  await expect(dialog).toContainText('not there yet');
  await dialog.getByRole('button', { name: 'Close' }).click();
});

test('a small window, and a dark one', async () => {
  await resize(900, 600);
  await page.getByTestId(navTestId('keys')).click();
  // A key that was chosen before is a page of its own here.
  const back = page.getByRole('button', { name: 'Back to the list' });
  if (await back.isVisible()) await back.click();
  await shot('small-keys');
  await page.getByTestId(keyRowTestId('laptop')).click();
  await shot('small-key-details');
  // The list is left again by a click on the very key, by Enter, or by the button below it; arrow keys stay in it.
  const details = page.getByTestId(testIds.keyDetails);
  const again = [
    () => page.getByTestId(keyRowTestId('laptop')).click(),
    () => page.keyboard.press('Enter'),
    () => page.getByRole('button', { name: 'Details' }).click(),
  ];
  for (const show of again) {
    await back.click();
    await page.getByRole('grid', { name: 'Keys' }).focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowDown');
    await expect(details).toHaveCount(0);
    await show();
    await expect(details).toBeVisible();
  }
  await expectAccessible(page, 'a small window');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByTestId(navTestId('servers')).click();
  await shot('small-servers-dark');
  await resize(1280, 800);
  await page.getByTestId(navTestId('keys')).click();
  await page.getByTestId(keyRowTestId('laptop')).click();
  await shot('dark-keys');
  await expectAccessible(page, 'dark');
  expect(errors).toEqual([]);
});
