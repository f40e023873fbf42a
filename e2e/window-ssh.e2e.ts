import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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

/** Gives the keys to a console of the tab in front. */
const focusPane = (place: number) =>
  page.locator('[data-terminal]:visible').nth(place).locator('.xterm-helper-textarea').focus();
const inFar = (name: string) => join(server!.home, name);

test('a file dropped on a console is copied there', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  const name = `dropped $(touch x) ü.txt`;
  writeFileSync(join(home.root, name), 'what was dropped\n');
  // A file of the disk, as a drag brings one: chosen in a field first, since a page cannot make one up.
  const input = page.locator('#dropped-file');
  await page.evaluate(() => {
    const field = document.createElement('input');
    field.type = 'file';
    field.id = 'dropped-file';
    document.body.append(field);
  });
  await input.setInputFiles(join(home.root, name));
  await page.evaluate(() => {
    const field = document.getElementById('dropped-file') as HTMLInputElement;
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(field.files![0]!);
    const target = [...document.querySelectorAll<HTMLElement>('[data-terminal]')].find(
      (one) => one.offsetParent !== null,
    )!;
    for (const type of ['dragenter', 'dragover', 'drop'])
      target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    field.remove();
  });
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText(name);
  await shot('drop');
  await expectAccessible(page, 'a file dropped on a console');
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  await expect.poll(() => existsSync(inFar(name)), { timeout: 30_000 }).toBe(true);
  await expect.poll(() => readFileSync(inFar(name), 'utf8')).toBe('what was dropped\n');
  expect(existsSync(inFar('x'))).toBe(false);
});

test('the text of a console is saved, with what has scrolled out of sight', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  const file = join(home.root, 'saved.txt');
  await launched.app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = async () => ({ canceled: false, filePath });
  }, file);
  await focusPane(0);
  await page.keyboard.type('seq -f line-%g 1 200\n');
  await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('line-200');
  await page.keyboard.press('Control+Shift+S');
  await expect.poll(() => existsSync(file)).toBe(true);
  await expect.poll(() => readFileSync(file, 'utf8')).toMatch(/line-1\nline-2\n[\s\S]*line-200\n/);
});

test('a console that rings out of sight marks its tab until one looks', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  await focusPane(0);
  await page.keyboard.type("(sleep 2; printf '\\a') &\n");
  await page.getByTestId('dock-add').click();
  await page.getByRole('menuitem', { name: /^cloud/ }).click();
  await expect(page.locator('[data-terminal]:visible')).toHaveCount(1);
  await expect.poll(() => screen(0), { timeout: 30_000 }).toContain('$');
  const bell = page.getByTestId(testIds.dock).getByRole('img', { name: 'It rang' });
  await expect(bell).toBeVisible({ timeout: 15_000 });
  await shot('bell');
  await page.locator('[data-testid^="dock-tab-"]').first().click();
  await expect(bell).toHaveCount(0);
});

test('a console goes on while nobody can see the window', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.hide());
  await focusPane(0);
  // What is drawn by timers that come once a second takes minutes for this.
  await page.keyboard.type('head -c 20000000 /dev/zero | base64; touch whole\n');
  await expect.poll(() => existsSync(inFar('whole')), { timeout: 60_000 }).toBe(true);
  await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.show());
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

test('a changed host key is a full stop, explained, and forgotten only on purpose', async () => {
  test.skip(!server, 'a password needs an account, which only root can make');
  await server!.changeHostKey();
  await page.getByTestId('dock-add').click();
  await page.getByRole('menuitem', { name: /^cloud/ }).click();
  const status = page.getByTestId(testIds.dockStatus);
  await expect(status).toContainText('another host key than the one pinned', { timeout: 30_000 });
  await shot('changed-host-key');
  await expectAccessible(page, 'a changed host key');
  // To try again changes nothing.
  await status.getByRole('button', { name: 'Connect again' }).click();
  await expect(status).toContainText('another host key than the one pinned', { timeout: 30_000 });
  await expect(page.getByTestId(testIds.prompt)).toHaveCount(0);
  await status.getByRole('button', { name: 'Forget the old key…' }).click();
  await shot('forget-host-key');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Forget it' }).click();
  await status.getByRole('button', { name: 'Connect again' }).click();
  // Now it is a key nobody has seen: one question, with its fingerprint.
  await expect(page.getByTestId(testIds.prompt)).toContainText('SHA256:', { timeout: 30_000 });
  await page.getByTestId(testIds.promptSubmit).click();
  await expect.poll(() => screen(0), { timeout: 30_000 }).toContain('$');
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
  // A key that was chosen before is a page of its own here.
  const back = page.getByRole('button', { name: 'Back to the list' });
  if (await back.isVisible()) await back.click();
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
