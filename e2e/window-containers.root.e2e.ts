import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { containerGraphTestId, containerRowTestId, navTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { packRoot, removeContainers, resetPodman } from './lib/containers.ts';
import { addKeyServer, type KeyServer, startKeyServer } from './lib/key-server.ts';
import { type Home, type Launched, launchApp, makeHome } from './lib/launch.ts';
import { terminalText, waitForTerminal } from './lib/screen.ts';

// Real podman, here and over a real sshd. As root the limits hold; as an ordinary user they do where the host can (with
// cgroup v1 it cannot, and the window must say so before one asks).
let home: Home;
let launched: Launched;
let page: Page;
let server: KeyServer;
let tar: string;
let limited = true;
const tag = randomBytes(4).toString('hex');
const own = `web-${tag}`;
const volume = `kept-${tag}`;
const far = `far-${tag}`;
const errors: string[] = [];
const shots = process.env.GUESTHOUSE_SHOTS;
let count = 0;
const shot = async (name: string) => {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${String(++count).padStart(2, '0')}-${name}.png`) });
};

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
  home = await makeHome();
  server = await startKeyServer(home);
  tar = packRoot(home.root);
  launched = await launchApp({ home });
  ({ page } = launched);
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.getByTestId(testIds.app).waitFor();
});
test.afterAll(async () => {
  if (page) await removeContainers(page, [own, far]);
  spawnSync('podman', ['volume', 'rm', '--force', volume]);
  await launched?.close();
  await server?.stop();
  if (!home) return;
  resetPodman(home);
  await rm(home.root, { recursive: true, force: true });
});

test.afterEach(() => {
  expect(errors).toEqual([]);
});

const dialog = () => page.getByTestId(testIds.containerDialog);
const details = () => page.getByTestId(testIds.containerDetails);

async function fillIn(name: string, command: string): Promise<void> {
  await dialog().getByText('A root file system as a tar').click();
  await page.getByTestId(testIds.containerImage).fill(tar);
  await page.getByTestId(testIds.containerName).fill(name);
  await page.getByTestId(testIds.containerCommand).fill(command);
}

test('the page says what a container is, and what this host cannot hold', async () => {
  await page.getByTestId(navTestId('containers')).click();
  await expect(page.getByTestId(testIds.containersPage)).toContainText('Containers');
  await page.getByTestId(testIds.newContainer).click();
  const memory = page.getByTestId(testIds.limitMemory);
  await expect(memory).toBeVisible();
  // Looking at podman takes a moment: it runs one to see.
  await expect
    .poll(() => page.evaluate(factsOfLocal), { timeout: 60_000, message: 'podman was looked at' })
    .not.toBeNull();
  limited = (await page.evaluate(factsOfLocal)) === 'limits';
  if (limited) await expect(memory).toBeEnabled();
  else {
    await expect(memory).toBeDisabled();
    await expect(dialog()).toContainText('Limits cannot be enforced on this host.');
    await expect(dialog()).toContainText('cgroup');
  }
  await shot('new-container');
  await expectAccessible(page, 'the wizard for a container');
  await page.getByTestId(testIds.containerName).fill('-rf *');
  await expect(dialog()).toContainText('A name begins with a letter or a digit.');
  await expect(page.getByTestId(testIds.containerSubmit)).toBeDisabled();
  await page.keyboard.press('Escape');
});

async function factsOfLocal(): Promise<'limits' | 'none' | null> {
  const bridge = (window as unknown as { guesthouse: { call: (name: string) => Promise<unknown> } })
    .guesthouse;
  const answer = (await bridge.call('core.snapshot')) as {
    value: { containerHosts: { id: string; facts: { limits: { kind: string; ok: boolean }[] } | null }[] };
  };
  const facts = answer.value.containerHosts.find(({ id }) => id === 'local')?.facts;
  if (!facts) return null;
  return facts.limits.some(({ kind, ok }) => kind === 'memory' && ok) ? 'limits' : 'none';
}

test('a root file system is imported, and an application in it gets 64 MB and half a CPU', async () => {
  await page.getByTestId(testIds.newContainer).click();
  // A loop that would take a whole core.
  await fillIn(own, `sh -c 'yes > /dev/null & echo "it says hello"; sleep 3600'`);
  if (limited) {
    await page.getByTestId(testIds.limitMemory).fill('64');
    await page.getByTestId(testIds.limitCpus).fill('0.5');
    await page.keyboard.press('Tab');
  }
  await dialog().getByRole('button', { name: 'Ports, folders, volumes, variables and restart' }).click();
  await dialog().getByRole('button', { name: 'Give it a volume' }).click();
  await dialog().getByRole('textbox', { name: 'Volume' }).fill('no name');
  await expect(dialog()).toContainText('a volume by a name of letters');
  await expect(page.getByTestId(testIds.containerSubmit)).toBeDisabled();
  await dialog().getByRole('textbox', { name: 'Volume' }).fill(volume);
  await shot('filled-in');
  await page.getByTestId(testIds.containerSubmit).click();
  await expect(dialog()).toContainText(`${own} runs`, { timeout: 60_000 });
  await shot('runs');
  await expectAccessible(page, 'an application that runs');
});

test('a terminal opens in it', async () => {
  await dialog().getByTestId(testIds.openConsole).click();
  await expect.poll(() => terminalText(page), { timeout: 30_000 }).toMatch(/[#$]\s*$/);
  await page.keyboard.type('echo in-$((40+2)); ls /bin | wc -l\n');
  await waitForTerminal(page, /in-42\n\s*\d+/, 30_000);
  await shot('terminal');
});

test('it is seen limited in the graphs', async () => {
  await page.getByTestId(containerRowTestId(own)).click();
  await expect(details()).toContainText(own);
  const cpu = page.getByTestId(containerGraphTestId(`cpu-${own}`));
  const memory = page.getByTestId(containerGraphTestId(`memory-${own}`));
  await expect(cpu).toContainText('%', { timeout: 30_000 });
  if (limited) {
    await expect(cpu).toContainText('of 50%');
    await expect(cpu).toContainText('held back', { timeout: 30_000 });
    await expect(memory).toContainText('of 64 MiB');
    await expect(details()).toContainText('64 MiB, no swap');
    const container = execFileSync('podman', ['inspect', '--format', '{{.HostConfig.NanoCpus}}', own], {
      encoding: 'utf8',
    });
    expect(container.trim()).toBe('500000000');
  } else await expect(details()).toContainText('None: it may use all');
  await expect(cpu.locator('canvas')).toBeVisible();
  // A few samples, so that the picture shows something to a person too.
  if (shots) await page.waitForTimeout(20_000);
  await shot('graphs');
  await expectAccessible(page, 'a container with graphs');
});

test('its limits are changed while it runs', async () => {
  test.skip(!limited, 'this host holds an ordinary user’s containers to no limits');
  await details().getByRole('button', { name: 'Change limits…' }).click();
  await expect(page.getByTestId(testIds.limitMemory)).toHaveValue('64');
  await page.getByTestId(testIds.limitMemory).fill('128');
  await page.getByTestId(testIds.limitCpus).fill('0.25');
  await page.keyboard.press('Tab');
  await shot('limits');
  await expectAccessible(page, 'the limits of a container');
  await page.getByTestId(testIds.limitsSubmit).click();
  await expect(page.getByTestId(containerGraphTestId(`cpu-${own}`))).toContainText('of 25%', {
    timeout: 30_000,
  });
  await expect(page.getByTestId(containerGraphTestId(`memory-${own}`))).toContainText('of 128 MiB');
});

test('its log and environment are there', async () => {
  await details().getByRole('tab', { name: 'Log' }).click();
  await expect(details()).toContainText('it says hello');
  await shot('log');
  await details().getByRole('button', { name: 'Follow it in a console' }).click();
  await waitForTerminal(page, /it says hello/, 30_000);
  execFileSync('podman', ['exec', own, 'sh', '-c', 'echo "and goes on" >/proc/1/fd/1']);
  await waitForTerminal(page, /and goes on/, 30_000);
  await details().getByRole('tab', { name: 'Environment' }).click();
  await expect(details()).toContainText(/\/data\s*kept-\w+ may be written/);
  await details().getByRole('tab', { name: 'Inspect' }).click();
  await expect(details()).toContainText('"HostConfig"');
  await details().getByRole('tab', { name: 'Overview' }).click();
});

test('the same on a host over SSH', async () => {
  await addKeyServer(page, server);
  await page.getByRole('button', { name: 'Hosts…' }).click();
  const hosts = page.getByTestId(testIds.containerHosts);
  await hosts.getByRole('button', { name: 'Add it' }).click();
  await expect(hosts.getByRole('listitem').filter({ hasText: 'far' })).toContainText('Ready', {
    timeout: 60_000,
  });
  await shot('hosts');
  await expectAccessible(page, 'the hosts of containers');
  await hosts.getByRole('button', { name: 'Close' }).click();
  await page.getByTestId(testIds.newContainer).click();
  await dialog().getByLabel('On', { exact: true }).selectOption({ label: 'far' });
  await fillIn(far, `sh -c 'sleep 3600'`);
  if (limited) {
    await page.getByTestId(testIds.limitMemory).fill('64');
    await page.getByTestId(testIds.limitCpus).fill('0.5');
    await page.keyboard.press('Tab');
  }
  await page.getByTestId(testIds.containerSubmit).click();
  await expect(dialog()).toContainText(`${far} runs`, { timeout: 60_000 });
  await dialog().getByTestId(testIds.openConsole).click();
  await expect.poll(() => terminalText(page), { timeout: 30_000 }).toMatch(/[#$]\s*$/);
  await page.keyboard.type('echo far-$((40+2))\n');
  await waitForTerminal(page, /far-42/, 30_000);
  const memory = page.getByTestId(containerGraphTestId(`memory-${far}`));
  await expect(memory).toContainText(limited ? 'of 64 MiB' : 'B', { timeout: 30_000 });
  if (shots) await page.waitForTimeout(12_000);
  await shot('over-ssh');
});

test('one is removed, and what is lost is named', async () => {
  await page.getByTestId(containerRowTestId(own)).first().click();
  await details().getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Remove…' }).click();
  await expect(page.getByRole('alertdialog')).toContainText('is lost');
  await shot('remove');
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(page.getByTestId(containerRowTestId(own))).toHaveCount(0, { timeout: 30_000 });
  expect(errors).toEqual([]);
});
