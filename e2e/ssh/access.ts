import { spawnSync } from 'node:child_process';
import { expect, test } from '@playwright/test';
import {
  copyHostTestId,
  dockTabTestId,
  keyRowTestId,
  navTestId,
  serverRowTestId,
  testIds,
} from '../../renderer/ui/testids.ts';
import { expectAccessible } from '../lib/axe.ts';
import { command, home, launched, noServer, page, publicBlob, screen, server, shot } from './world.ts';

/** A key gets to a server. */
export function copyTests(): void {
  test('the key is copied to a server that asks for a password, in the window', async () => {
    test.skip(!server, noServer);
    const { fingerprint, password, authorizedKeys } = server!;
    await page.getByTestId(navTestId('keys')).click();
    await page.getByTestId(keyRowTestId('laptop')).click();
    await page.getByTestId(testIds.copyKey).click();
    await page
      .getByRole('group', { name: 'Hosts' })
      .getByText(/^cloud/)
      .first()
      .click();
    await shot('copy-choose');
    await expectAccessible(page, 'choosing hosts for a key');
    await page.getByTestId(testIds.copyKeySubmit).click();
    const prompt = page.getByTestId(testIds.prompt);
    await expect(prompt).toContainText(fingerprint);
    await shot('prompt-host-key');
    await expectAccessible(page, 'the question about a host key');
    await prompt.getByTestId(testIds.promptSubmit).click();
    await expect(prompt).toContainText('Password for cloud');
    await page.getByTestId(testIds.promptAnswer).fill('not it');
    await page.keyboard.press('Enter');
    await expect(prompt).toContainText('Attempt 2');
    await shot('prompt-password');
    await expectAccessible(page, 'the question for a password');
    await page.getByTestId(testIds.promptAnswer).fill(password);
    await page.keyboard.press('Enter');
    await expect(page.getByTestId(copyHostTestId('cloud'))).toContainText('Copied, and it works', {
      timeout: 30_000,
    });
    await expect(prompt).toHaveCount(0);
    await shot('copied');
    await expectAccessible(page, 'a key that was copied');
    expect(authorizedKeys()).toContain(publicBlob('laptop'));
    // The password went through and stayed nowhere.
    expect(launched.output()).not.toContain(password);
    expect(spawnSync('grep', ['-rsl', '-e', password, home.root], { encoding: 'utf8' }).stdout).toBe('');
  });
}

/** What follows from it, and how it is taken back. */
export function accessTests(): void {
  test('what ~/.ssh/config says of an imported host holds: where it is, who logs in, with which key', async () => {
    test.skip(!server, noServer);
    await page.getByTestId(navTestId('servers')).click();
    await page.getByTestId(serverRowTestId('by-config')).click();
    const details = page.getByTestId(testIds.serverDetails);
    await details.getByRole('button', { name: 'Look at it' }).click();
    // Nothing is asked: the key named there is in the account by now, and that machine's host key is known.
    await expect(details).toContainText(`Logged in as${server!.user}`);
  });

  test('the wizard walks from an address and a password to a console', async () => {
    test.skip(!server, noServer);
    const { user, port, password, authorizedKeys } = server!;
    const dialog = page.getByTestId(testIds.accessDialog);
    const prompt = page.getByTestId(testIds.prompt);
    await command('get access');
    await page.keyboard.press('Enter');
    await expect(dialog).toContainText('Enter an address.');
    await page.keyboard.type(`${user}@127.0.0.1:${port}`);
    // Enter takes it as it stands, with user and port in it.
    await page.keyboard.press('Enter');
    await expect(dialog).toContainText('Log in with');
    await dialog.getByRole('button', { name: 'Back' }).click();
    await expect(page.getByTestId(testIds.serverAddress)).toHaveValue('127.0.0.1');
    await expect(page.getByTestId('server-port')).toHaveValue(String(port));
    await page.getByTestId('server-name').fill('second');
    await shot('access-server');
    await page.keyboard.press('Enter');
    await expect(dialog).toContainText('Log in with');
    await expectAccessible(page, 'the wizard for access');
    // The last of the choices is a new key.
    await page.keyboard.press('ArrowUp');
    await expect(dialog.getByRole('radio', { name: /^A new key/ })).toBeChecked();
    await shot('access-key');
    await page.keyboard.press('Enter');
    await expect(prompt).toContainText('Password for second');
    // To give no answer is no failure: nothing red, and one can try again.
    await page.keyboard.press('Escape');
    await expect(dialog).toContainText('It was cancelled.');
    await expect(page.getByTestId(testIds.errorNote)).toHaveCount(0);
    await expect(page.getByTestId(testIds.toast).filter({ hasText: 'id_ed25519' })).toHaveCount(0);
    await shot('access-cancelled');
    await dialog.getByRole('button', { name: 'Back' }).click();
    await dialog.getByRole('button', { name: 'Copy the key' }).click();
    await expect(prompt).toContainText('Password for second');
    await page.getByTestId(testIds.promptAnswer).fill(password);
    await page.keyboard.press('Enter');
    await expect(dialog).toContainText('second lets you in with the key');
    await shot('access-done');
    expect(authorizedKeys()).toContain(publicBlob('id_ed25519'));
    const open = dialog.getByRole('button', { name: 'Open a console' });
    await expect(open).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByTestId(dockTabTestId('second ssh'))).toBeVisible();
    await expect.poll(() => screen(0)).toContain('$');
    await expect(prompt).toHaveCount(0);
  });

  test('a key is removed from a server, which gets the usual ones again', async () => {
    test.skip(!server, noServer);
    await page.getByTestId(navTestId('keys')).click();
    await page.getByTestId(keyRowTestId('id_ed25519')).click();
    const details = page.getByTestId(testIds.keyDetails);
    await details.getByRole('button', { name: 'Remove from second' }).click();
    const question = page.getByRole('alertdialog');
    await expect(question).toContainText('~/.ssh/authorized_keys');
    await shot('remove-key');
    await expectAccessible(page, 'removing a key from a server');
    await question.getByRole('button', { name: 'Remove it from second' }).click();
    await expect(details).toContainText('No guest or server is known to accept it yet.');
    expect(server!.authorizedKeys()).not.toContain(publicBlob('id_ed25519'));
    expect(server!.authorizedKeys()).toContain(publicBlob('laptop'));
    await page.getByTestId(navTestId('servers')).click();
    await page.getByTestId(serverRowTestId('second')).click();
    await expect(page.getByTestId(testIds.serverDetails)).toContainText('the agent and the usual ones');
    // It let the key in before.
    await expect(page.getByTestId(serverRowTestId('second'))).toContainText('Reached');
  });

  test('a server is looked at, and removing it can be undone', async () => {
    test.skip(!server, noServer);
    await page.getByTestId(navTestId('servers')).click();
    await page.getByTestId(serverRowTestId('cloud')).click();
    await page.getByTestId(testIds.serverDetails).getByRole('button', { name: 'Look at it' }).click();
    await expect(page.getByTestId(testIds.serverDetails)).toContainText('Logged in as', { timeout: 30_000 });
    await shot('server-info');
    await page.getByTestId(testIds.serverDetails).getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Remove from the list' }).click();
    await expect(page.getByTestId(serverRowTestId('cloud'))).toHaveCount(0);
    await page.getByTestId(testIds.toast).getByRole('button', { name: 'Undo' }).first().click();
    await expect(page.getByTestId(serverRowTestId('cloud'))).toBeVisible();
  });
}
