import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { keyRowTestId, navTestId, testIds } from '../../renderer/ui/testids.ts';
import { expectAccessible } from '../lib/axe.ts';
import { home, page, shot } from './world.ts';

const mode = (file: string) => statSync(join(home.home, '.ssh', file)).mode & 0o777;

/** What is done with a key on this computer. */
export function keyTests(): void {
  test('wrong permissions are shown with what ssh does about them, and repaired', async () => {
    await page.getByTestId(navTestId('keys')).click();
    const problems = page.getByTestId(testIds.keyProblems);
    await expect(problems).toContainText('2 permission problems');
    await expect(problems).toContainText('0644');
    await expect(problems).toContainText('0666');
    await shot('keys-problems');
    await expectAccessible(page, 'keys with permission problems');
    await problems.getByRole('button', { name: 'Repair', exact: true }).first().click();
    await expect(problems).toContainText('1 permission problem');
    await problems
      .getByRole('button', { name: /^Repair/ })
      .first()
      .click();
    await expect(problems).toHaveCount(0);
    expect([mode('open'), mode('writable')]).toEqual([0o600, 0o600]);
  });

  test('a key is made in the window', async () => {
    await page.getByTestId(testIds.newKey).click();
    await page.getByTestId(testIds.keyName).fill('laptop');
    await page.getByTestId('key-passphrase').fill('aaaaaaaa');
    await expect(page.getByRole('dialog')).toContainText('Weak');
    await shot('new-key');
    await expectAccessible(page, 'the dialog for a new key');
    await page.getByTestId('key-passphrase').fill('');
    await page.getByTestId(testIds.keySubmit).click();
    await expect(page.getByRole('dialog')).toContainText('laptop is made');
    await shot('key-made');
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.getByTestId(keyRowTestId('laptop')).click();
    await expect(page.getByTestId(testIds.keyDetails)).toContainText('Ed25519');
    await shot('keys');
    await expectAccessible(page, 'the keys with details');
    expect(mode('laptop')).toBe(0o600);
    expect(readFileSync(join(home.home, '.ssh/laptop.pub'), 'utf8')).toMatch(/^ssh-ed25519 /);
  });

  test('an RSA key of the bits chosen is made, kept by Guesthouse, with the comment typed', async () => {
    await page.getByTestId(testIds.newKey).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Type, comment and place' }).click();
    await dialog.getByText('RSA, 3072 bits').click();
    await expect(page.getByTestId(testIds.keyName)).toHaveValue('id_rsa');
    await dialog.getByText('Guesthouse’s own folder').click();
    await dialog.getByLabel('Comment').fill('old switch');
    await page.getByTestId(testIds.keyName).fill('appliance');
    await page.getByTestId('key-passphrase').fill('a long row of words');
    await expect(page.getByTestId(testIds.keySubmit)).toBeDisabled();
    await page.getByTestId('key-passphrase-again').fill('a long row of words');
    await page.getByTestId(testIds.keySubmit).click();
    await expect(dialog).toContainText('appliance is made');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByTestId(keyRowTestId('appliance')).click();
    await expect(page.getByTestId(testIds.keyDetails)).toContainText('RSA 3072');
    const file = join(home.data, 'guesthouse/keys/appliance');
    expect(execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' })).toMatch(
      /^3072 SHA256:\S+ old switch \(RSA\)/,
    );
    const opens = (words: string) => spawnSync('ssh-keygen', ['-y', '-P', words, '-f', file]).status === 0;
    expect([opens(''), opens('a long row of words')]).toEqual([false, true]);
  });

  test('a deleted key comes back', async () => {
    await page.getByTestId(keyRowTestId('writable')).click();
    await page.getByTestId(testIds.keyDetails).getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await expect(page.getByTestId(keyRowTestId('writable'))).toHaveCount(0);
    expect(existsSync(join(home.home, '.ssh/writable'))).toBe(false);
    await page.getByTestId(testIds.toast).getByRole('button', { name: 'Undo' }).click();
    await expect(page.getByTestId(keyRowTestId('writable'))).toBeVisible();
    expect(mode('writable')).toBe(0o600);
  });

  test('a key is imported from a file, and its passphrase is changed', async () => {
    const file = join(home.root, 'cloud key.pem');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '3072', '-m', 'PEM', '-N', 'old words', '-f', file]);
    await page.getByTestId(navTestId('keys')).click();
    await page
      .getByRole('button', { name: /^Import/ })
      .first()
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('input[type="file"]').setInputFiles(file);
    await expect(dialog.getByLabel('Name', { exact: true })).toHaveValue('cloud-key');
    await shot('import');
    await expectAccessible(page, 'importing a key');
    await dialog.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByTestId(keyRowTestId('cloud-key')).click();
    const details = page.getByTestId(testIds.keyDetails);
    await expect(details).toContainText('RSA');
    const copy = join(home.data, 'guesthouse/keys/cloud-key');
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const opens = (words: string) => spawnSync('ssh-keygen', ['-y', '-P', words, '-f', copy]).status === 0;
    expect(opens('old words')).toBe(true);
    await details.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Change passphrase…' }).click();
    await dialog.getByLabel('Passphrase now', { exact: true }).fill('not these');
    await dialog.getByLabel('New passphrase', { exact: true }).fill('new and longer words');
    await dialog.getByLabel('New passphrase again').fill('new and longer words');
    await dialog.getByRole('button', { name: 'Change it' }).click();
    await expect(dialog.getByTestId(testIds.errorNote)).toBeVisible();
    await shot('wrong-passphrase');
    await dialog.getByLabel('Passphrase now', { exact: true }).fill('old words');
    await dialog.getByRole('button', { name: 'Change it' }).click();
    await expect(dialog).toHaveCount(0);
    expect([opens('old words'), opens('new and longer words')]).toEqual([false, true]);
  });
}
