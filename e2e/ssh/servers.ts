import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { keyRowTestId, navTestId, serverRowTestId, testIds } from '../../renderer/ui/testids.ts';
import { expectAccessible } from '../lib/axe.ts';
import { command, home, page, server, shot } from './world.ts';

/** How servers come into the list. */
export function serverTests(): void {
  test('a server is added; an address that is an option is refused', async () => {
    await page.getByTestId(navTestId('servers')).click();
    await shot('servers-empty');
    await expectAccessible(page, 'no servers');
    await command('add a server');
    await page.getByTestId(testIds.serverAddress).fill('-oProxyCommand=id');
    await expect(page.getByTestId(testIds.serverDialog)).toContainText('cannot begin with a dash');
    const port = server?.port ?? 22;
    await page.getByTestId(testIds.serverAddress).fill(`${server?.user ?? 'nobody'}@127.0.0.1:${port}`);
    await expect(page.getByTestId('server-port')).toHaveValue(String(port));
    await page.getByTestId('server-name').fill('cloud');
    await shot('server-dialog');
    await expectAccessible(page, 'the dialog of a server');
    await page.getByTestId(testIds.serverSubmit).click();
    await page.getByTestId(serverRowTestId('cloud')).click();
    await expect(page.getByTestId(testIds.serverDetails)).toContainText('127.0.0.1');
    await shot('servers');
    await expectAccessible(page, 'the servers');
  });

  test('hosts of ~/.ssh/config are imported: those that were chosen, each once', async () => {
    writeFileSync(
      join(home.home, '.ssh/config'),
      [
        'Host by-config',
        '  HostName 127.0.0.1',
        `  Port ${server?.port ?? 22}`,
        `  User ${server?.user ?? 'nobody'}`,
        // By its whole path: ssh takes ~ from the account, not from $HOME.
        `  IdentityFile ${join(home.home, '.ssh/laptop')}`,
        'Host inner',
        '  HostName 10.0.0.4',
        '  User admin',
        '  ProxyJump by-config',
        'Host left-out',
        '  HostName 203.0.113.9',
        'Host many-*',
        '  User nobody',
        '',
      ].join('\n'),
      { mode: 0o600 },
    );
    const dialog = page.getByRole('dialog');
    await command('import servers');
    await expect(dialog).toContainText('admin@10.0.0.4 by way of by-config');
    await expect(dialog).not.toContainText('many-');
    await dialog.getByText('left-out').click();
    await shot('import-servers');
    await expectAccessible(page, 'the hosts of ~/.ssh/config');
    await dialog.getByRole('button', { name: 'Import 2 servers' }).click();
    await expect(page.getByTestId(serverRowTestId('inner'))).toBeVisible();
    await expect(page.getByTestId(serverRowTestId('by-config'))).toBeVisible();
    await expect(page.getByTestId(serverRowTestId('left-out'))).toHaveCount(0);
    await command('import servers');
    await expect(dialog).toContainText('inner: there already');
    await dialog.getByRole('button', { name: 'Import 1 server' }).click();
    await expect(page.getByTestId(serverRowTestId('left-out'))).toBeVisible();
    await command('import servers');
    await expect(dialog).toContainText('None of its hosts is left to import.');
    await expect(dialog.getByRole('button', { name: /^Import/ })).toHaveCount(0);
    await dialog.getByRole('button', { name: 'Close' }).click();
  });

  test('a server that is set to use a key is not said to accept it', async () => {
    await page.getByTestId(serverRowTestId('left-out')).click();
    await page.getByTestId(testIds.serverDetails).getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Edit…' }).click();
    await page.getByTestId(testIds.serverDialog).locator('select').selectOption('laptop');
    await page.getByTestId(testIds.serverSubmit).click();
    await page.getByTestId(navTestId('keys')).click();
    await page.getByTestId(keyRowTestId('laptop')).click();
    const details = page.getByTestId(testIds.keyDetails);
    await expect(details).toContainText('No guest or server is known to accept it yet.');
    await expect(details.getByRole('button', { name: 'Copy it to left-out' })).toBeVisible();
    await shot('key-set-for');
    await expectAccessible(page, 'a key that a server is set to use');
  });
}
