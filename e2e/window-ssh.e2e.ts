import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { copyHostTestId, keyRowTestId, navTestId, serverRowTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { type Home, type Launched, launchApp, makeHome } from './lib/launch.ts';
import { paneText } from './lib/screen.ts';
import { canServePasswords, type PasswordServer, startPasswordServer } from './lib/sshd.ts';

// Keys, a server that knows only a password, and consoles to it: all real, in a temporary home.
let home: Home;
let launched: Launched;
let page: Page;
let server: PasswordServer | null = null;
const errors: string[] = [];
const shots = process.env.GUESTHOUSE_SHOTS;
let shotCount = 0;
const shot = async (name: string) => {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${String(++shotCount).padStart(2, '0')}-${name}.png`) });
};
const mode = (file: string) => statSync(join(home.home, '.ssh', file)).mode & 0o777;
const screen = (place: number) => paneText(page, place);

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
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
});
test.afterAll(async () => {
  await launched?.close();
  await server?.stop();
  if (home) await rm(home.root, { recursive: true, force: true });
});

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

test('a server is added; an address that is an option is refused', async () => {
  await page.getByTestId(navTestId('servers')).click();
  await shot('servers-empty');
  await expectAccessible(page, 'no servers');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('add a server');
  await page.keyboard.press('Enter');
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

test('the key is copied to a server that asks for a password, in the window', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  const { fingerprint, password, authorizedKeys } = server!;
  await page.getByTestId(navTestId('keys')).click();
  await page.getByTestId(keyRowTestId('laptop')).click();
  await page.getByTestId(testIds.copyKey).click();
  await page
    .getByRole('dialog')
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
  expect(authorizedKeys()).toContain(readFileSync(join(home.home, '.ssh/laptop.pub'), 'utf8').split(' ')[1]);
  // The password went through and stayed nowhere.
  expect(launched.output()).not.toContain(password);
  expect(spawnSync('grep', ['-rsl', '-e', password, home.root], { encoding: 'utf8' }).stdout).toBe('');
});

test('an SSH console opens, splits, and types into all of them at once', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  await page.getByTestId(testIds.copyKeyDone).getByRole('button', { name: 'Open its console' }).click();
  await expect.poll(() => screen(0), { timeout: 30_000 }).toContain('$');
  await page.locator('.xterm-helper-textarea').first().focus();
  await page.keyboard.type('echo one-$((40+2))\n');
  await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('one-42');
  await shot('console');
  await page.keyboard.press('Control+Shift+E');
  await expect(page.locator('[data-terminal]:visible')).toHaveCount(2);
  await expect.poll(() => screen(1), { timeout: 30_000 }).toContain('$');
  // What one types goes to the new one alone, until the group is made.
  await page.keyboard.type('echo alone-$((1+1))\n');
  await expect.poll(() => screen(1), { timeout: 15_000 }).toContain('alone-2');
  expect(await screen(0)).not.toContain('alone');
  await page.getByTestId(testIds.typeToAll).click();
  await expect(page.locator('[data-terminal]:visible').first()).toContainText('Typing to all 2');
  await page.keyboard.type('echo both-$((2+1))\n');
  await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('both-3');
  await expect.poll(() => screen(1), { timeout: 15_000 }).toContain('both-3');
  await shot('type-to-all');
  await expectAccessible(page, 'two consoles typed into together');
  await page.keyboard.press('Control+Shift+O');
  await expect(page.locator('[data-terminal]:visible')).toHaveCount(3);
  await shot('three-panes');
  await page.getByTestId(testIds.typeToAll).click();
  await page.keyboard.press('Control+Shift+ArrowUp');
  await page.keyboard.press('Control+Shift+ArrowLeft');
  await page.keyboard.type('echo left-$((3+1))\n');
  await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('left-4');
  expect(await screen(1)).not.toContain('left');
});

test('a reload keeps the consoles and how they lie', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  await page.reload();
  await page.getByTestId(testIds.app).waitFor();
  await expect(page.locator('[data-terminal]:visible')).toHaveCount(3);
  await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('both-3');
});

test('a console says why it ended, and connects again in its place', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  await page
    .locator('.xterm-helper-textarea:visible, [data-terminal]:visible .xterm-helper-textarea')
    .first()
    .focus();
  await page.keyboard.type('exit\n');
  await expect(page.getByTestId(testIds.dockStatus)).toContainText('You logged out', { timeout: 15_000 });
  await shot('ended');
  await page.getByTestId(testIds.dockStatus).getByRole('button', { name: 'Connect again' }).click();
  await expect(page.getByTestId(testIds.dockStatus)).toHaveCount(0, { timeout: 15_000 });
});

test('a server is looked at, and removing it can be undone', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
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

test('the OpenSSH configuration is shown, put first, and taken out again', async () => {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('openssh configuration');
  await page.keyboard.press('Enter');
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

test('the wizard and a small window', async () => {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('get access');
  await page.keyboard.press('Enter');
  await page.getByTestId(testIds.serverAddress).fill('admin@203.0.113.7');
  await shot('access-server');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId(testIds.accessDialog)).toContainText('Log in with');
  await shot('access-key');
  await expectAccessible(page, 'the wizard for access');
  await page.keyboard.press('Escape');
  await launched.app.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]?.setContentSize(900, 600),
  );
  await page.getByTestId(navTestId('keys')).click();
  await expect.poll(() => page.evaluate(() => window.innerWidth)).toBe(900);
  await shot('small-keys');
  await page.getByTestId(keyRowTestId('laptop')).click();
  await shot('small-key-details');
  await expectAccessible(page, 'a small window');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByTestId(navTestId('servers')).click();
  await shot('small-servers-dark');
  await launched.app.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]?.setContentSize(1280, 800),
  );
  await expect.poll(() => page.evaluate(() => window.innerWidth)).toBe(1280);
  await page.getByTestId(navTestId('keys')).click();
  await page.getByTestId(keyRowTestId('laptop')).click();
  await shot('dark-keys');
  await expectAccessible(page, 'dark');
  expect(errors).toEqual([]);
});
