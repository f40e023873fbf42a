import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import {
  actionTestId,
  groupRowTestId,
  guestRowTestId,
  memberRowTestId,
  navTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { type Home, type Launched, launchApp, makeHome } from './lib/launch.ts';
import { endGuests, writeGuests } from './lib/library.ts';

// A guest and an application in one group, in the real window: with control groups where this user has them, and with
// a clear word where not.
let home: Home;
let launched: Launched;
let holds = false;

const percent = async (): Promise<number> =>
  Number(
    /(\d+)%/.exec((await launched.page.getByTestId('group-graph-cpu').textContent()) ?? '')?.[1] ??
      Number.NaN,
  );

test.beforeAll(async () => {
  home = await makeHome();
  writeGuests(home, [{ name: 'web' }]);
  launched = await launchApp({ home });
  await launched.page.getByTestId(navTestId('groups')).click();
  await launched.page.getByTestId(testIds.newGroup).waitFor();
  const { page } = launched;
  holds = await page.evaluate(async () => {
    const bridge = (
      window as unknown as {
        guesthouse: {
          call: (n: string, i: unknown) => Promise<{ ok: boolean; value?: { problem: unknown } }>;
        };
      }
    ).guesthouse;
    const answer = await bridge.call('groups.host', { host: null });
    return answer.ok && answer.value?.problem === null;
  });
});
test.afterAll(async () => {
  if (launched) await endGuests(launched.page).catch(() => {});
  await launched?.close();
  if (home) await rm(home.root, { recursive: true, force: true });
});

test('an empty page says what a group is, and whether this computer can have one', async () => {
  const { page } = launched;
  await expect(page.getByTestId(testIds.groupsPage)).toContainText('holds guests, containers and programs');
  if (!holds) {
    const note = page.getByTestId(testIds.errorNote);
    await expect(note).toContainText('There can be no resource groups here.');
    await expect(note).toContainText(/Run Guesthouse as root|delegated|loginctl|Have root/);
  }
  await expectAccessible(page, 'the empty page of groups');
  await page.getByTestId(testIds.newGroup).click();
  const dialog = page.getByTestId(testIds.groupDialog);
  await page.getByTestId(testIds.groupName).fill('../up');
  await expect(dialog).toContainText('A name cannot hold /');
  await page.getByTestId('limit-memoryMax').fill('lots');
  await expect(dialog).toContainText('A size such as 512 MB');
  if (!holds) await expect(page.getByTestId(testIds.groupSubmit)).toBeDisabled();
  await expectAccessible(page, 'the dialog of a new group');
  await page.keyboard.press('Escape');
});

test('a guest and an application are held together, seen in the graph and changed while they run', async () => {
  test.setTimeout(120_000);
  if (!holds) {
    await expect(launched.page.getByTestId(testIds.errorNote)).toBeVisible();
    return;
  }
  const { page } = launched;
  await page.getByTestId(testIds.newGroup).click();
  await page.getByTestId(testIds.groupName).fill('build – night');
  await page.getByTestId('limit-memoryMax').fill('600 MB');
  await page.getByTestId('limit-cpus').fill('0.4');
  await page.getByTestId(testIds.groupSubmit).click();
  await page.getByTestId(groupRowTestId('build – night')).click();

  await page.getByTestId(testIds.groupAdd).click();
  await page.getByTestId('group-add-guest').click();
  await page.getByTestId(testIds.groupSubmit).click();
  await expect(page.getByTestId(memberRowTestId('web'))).toContainText('Off');
  await page.getByTestId(navTestId('guests')).click();
  await page.getByTestId(guestRowTestId('web')).click();
  await page.getByTestId(actionTestId('start')).click();
  await page.getByTestId(navTestId('groups')).click();
  await expect(page.getByTestId(memberRowTestId('web'))).toContainText('Running', { timeout: 60_000 });

  await page.getByTestId(testIds.groupAdd).click();
  await page.getByTestId('group-add-application').click();
  await page.getByTestId('group-command').fill(`perl -e "1 while 1`);
  await expect(page.getByTestId(testIds.groupMemberDialog)).toContainText('A quote is still open.');
  await page.getByTestId('group-command').fill(`perl -e "1 while 1;"`);
  await page.getByTestId(testIds.groupSubmit).click();
  await expect(page.getByTestId(memberRowTestId('perl'))).toContainText('Running', { timeout: 30_000 });
  await expect(page.getByTestId('group-graph-cpu')).toContainText('of 40%');
  await expect(page.getByTestId('group-graph-cpu')).toContainText('held back', { timeout: 30_000 });
  await expect.poll(percent, { timeout: 20_000 }).toBeGreaterThan(15);
  expect(await percent()).toBeLessThanOrEqual(50);
  await expect(page.getByTestId(testIds.groupHits)).toContainText('Held to its processor limit');
  await expectAccessible(page, 'a group in use');

  await page.getByTestId(testIds.groupLimits).click();
  await page.getByTestId('limit-memoryMax').fill('10 MB');
  await page.getByTestId(testIds.groupSubmit).click();
  await expect(page.getByTestId(testIds.groupDialog)).toContainText('has more memory than that');
  await page.getByTestId('limit-memoryMax').fill('800 MB');
  await page.getByTestId('limit-cpus').fill('0.2');
  await page.getByTestId(testIds.groupSubmit).click();
  await expect(page.getByTestId('group-graph-cpu')).toContainText('of 20%');
  await expect(page.getByTestId('group-graph-memory')).toContainText('of 800 MiB');
  await expect.poll(percent, { timeout: 30_000 }).toBeLessThanOrEqual(26);
});

test('a running process is moved in and out, and a removed group lets go of what runs', async () => {
  test.setTimeout(120_000);
  test.skip(!holds, 'this computer can hold no group');
  const { page } = launched;
  await page.getByTestId(testIds.groupAdd).click();
  await page.getByTestId('group-add-process').click();
  const dialog = page.getByTestId(testIds.groupMemberDialog);
  await page.getByTestId('group-process-filter').fill('no such process at all');
  await expect(dialog.getByRole('row')).toHaveCount(1);
  // A number of seconds that nobody else sleeps: the row is this process.
  const sleeper = spawn('sleep', ['987.25'], { stdio: 'ignore' });
  try {
    const inGroup = () => readFileSync(`/proc/${sleeper.pid}/cgroup`, 'utf8').includes('build-night-');
    await page.keyboard.press('Escape');
    await page.getByTestId(testIds.groupAdd).click();
    await page.getByTestId('group-add-process').click();
    await page.getByTestId('group-process-filter').fill('987.25');
    await page.getByTestId('process-row-sleep').click();
    await page.getByTestId(testIds.groupSubmit).click();
    await expect(page.getByTestId(memberRowTestId('sleep'))).toContainText('Running', { timeout: 20_000 });
    expect(inGroup()).toBe(true);
    await page.getByTestId(memberRowTestId('sleep')).getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Take out of the group' }).click();
    await expect(page.getByTestId(memberRowTestId('sleep'))).toHaveCount(0);
    expect(inGroup()).toBe(false);
    expect(sleeper.exitCode).toBeNull();
  } finally {
    sleeper.kill();
  }
  await page.getByTestId(memberRowTestId('perl')).getByRole('button').click();
  await page.getByRole('menuitem', { name: 'End it by force' }).click();
  await expect(page.getByTestId(memberRowTestId('perl'))).toContainText('Ended', { timeout: 20_000 });
  await page
    .getByRole('button', { name: 'More actions for build' })
    .or(page.getByRole('button', { name: 'More actions', exact: true }))
    .first()
    .click();
  await page.getByTestId('group-remove').click();
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(page.getByTestId(groupRowTestId('build – night'))).toHaveCount(0);
  await page.getByTestId(navTestId('guests')).click();
  await expect(page.getByTestId(guestRowTestId('web'))).toContainText('Running');
});
