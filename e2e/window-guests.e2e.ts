import { expect, test } from '@playwright/test';
import {
  actionTestId,
  bulkTestId,
  dockTabTestId,
  guestRowTestId,
  guestStateTestId,
  navTestId,
  snapshotRowTestId,
  tabTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { writeGuests } from './lib/library.ts';
import { errors, openWindow, page, resize } from './lib/window.ts';

const longName = 'a guest whose name goes on and on, as names do when nobody stops them'.replace(',', '');

openWindow((home) =>
  writeGuests(home, [
    { name: 'web-01' },
    { name: 'web-02' },
    { name: 'web-10' },
    { name: 'db' },
    { name: longName },
    { name: 'torn', xml: '<domain>\n  <name>torn</name>\n  <devices>\n</domain>\n' },
  ]),
);
test.beforeEach(async () => {
  await page.keyboard.press('Escape');
  await page.getByTestId(navTestId('guests')).click();
});

const row = (name: string) => page.getByTestId(guestRowTestId(name));
const selected = () =>
  page
    .locator('[role="row"][aria-selected="true"]')
    .evaluateAll((rows) => rows.map((one) => (one as HTMLElement).dataset.testid?.replace('guest-row-', '')));
const names = () =>
  page
    .locator('[data-testid^="guest-row-"]')
    .evaluateAll((rows) => rows.map((one) => (one as HTMLElement).dataset.testid?.replace('guest-row-', '')));

test('the list shows every guest in natural order, the broken one among them', async () => {
  expect((await names()).filter((name) => name?.startsWith('web'))).toEqual(['web-01', 'web-02', 'web-10']);
  await expect(page.getByTestId(guestStateTestId('web-01'))).toHaveText('Off');
  await row('web-01').click();
  await expect(page.getByTestId(testIds.guestDetails)).toContainText('web-01');
  await expectAccessible(page, 'the list with details');
});

test('a broken guest says where its file is broken, and offers no start', async () => {
  const broken = page.locator('[role="row"]', { hasText: 'Broken' });
  await broken.click();
  const note = page.getByTestId(testIds.guestDetails).getByTestId(testIds.errorNote);
  await expect(note).toContainText(/line \d/i);
  await expect(page.getByTestId(actionTestId('start'))).toHaveCount(0);
  await expectAccessible(page, 'a broken guest');
  // The next step is a button: the very text that is to be mended.
  await note.getByRole('button', { name: 'Edit the XML…' }).click();
  await expect(page.getByTestId(testIds.xmlEditor)).toContainText('<name>torn</name>');
  await page.keyboard.press('Escape');
});

test('the keyboard selects, extends, toggles and clears', async () => {
  await row('db').click();
  await page.keyboard.press('End');
  expect(await selected()).toEqual(['web-10']);
  await page.keyboard.press('Shift+ArrowUp');
  await page.keyboard.press('Shift+ArrowUp');
  expect(await selected()).toEqual(['web-01', 'web-02', 'web-10']);
  await expect(page.getByTestId(testIds.bulkBar)).toContainText('3 selected');
  await expect(page.getByTestId(bulkTestId('start'))).toBeVisible();
  await expect(page.getByTestId(bulkTestId('shutdown'))).toHaveCount(0);
  await expectAccessible(page, 'three selected');
  await page.keyboard.press('Control+ArrowDown');
  await page.keyboard.press('Space');
  expect(await selected()).toEqual(['web-01', 'web-10']);
  await page.keyboard.press('Escape');
  expect(await selected()).toEqual([]);
});

test('the filter narrows the list, and an empty result says so', async () => {
  await page.getByTestId(testIds.guestFilter).fill('web 0');
  expect(await names()).toEqual(['web-01', 'web-02', 'web-10']);
  await page.getByTestId(testIds.guestFilter).fill('nothing like it');
  await expect(page.getByText('No guest matches')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(row('db')).toBeVisible();
});

test('F2 renames, in place, and refuses a name in use', async () => {
  await row('db').click();
  await page.keyboard.press('F2');
  const dialog = page.getByTestId(testIds.dialog);
  await dialog.getByLabel('Name').fill('WEB-01');
  await expect(dialog).toContainText('Another guest has this name');
  await dialog.getByLabel('Name').fill('db-main');
  await page.keyboard.press('Enter');
  await expect(row('db-main')).toBeVisible();
  await expect(row('db')).toHaveCount(0);
});

test('Delete names the very files that go, and takes none of the others', async () => {
  await row('web-10').click();
  await page.keyboard.press('Delete');
  const dialog = page.getByTestId(testIds.dialog);
  await expect(dialog).toContainText('disk.qcow2');
  await expect(dialog).toContainText('domain.xml');
  await expectAccessible(page, 'the question before deleting');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(row('web-10')).toBeVisible();
  await row('web-10').click();
  await page.keyboard.press('Delete');
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(row('web-10')).toHaveCount(0);
  await expect(page.getByTestId(testIds.toast)).toContainText('web-10 was deleted');
  await expect(row('web-01')).toBeVisible();
});

test('a guest starts, pauses, goes on, and is forced off after a warning; its console is in the dock', async () => {
  await row('web-01').click();
  await page.getByTestId(actionTestId('start')).click();
  const state = page.getByTestId(guestStateTestId('web-01'));
  await expect(state).toHaveText('Running', { timeout: 60_000 });

  await row('web-01').click();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId(dockTabTestId('web-01'))).toBeVisible();
  await expect(page.getByTestId(testIds.terminal).locator('.xterm')).toBeVisible();
  await expectAccessible(page, 'a console in the dock');

  await row('web-01').click();
  await page.getByTestId(actionTestId('more')).click();
  await page.getByTestId(actionTestId('pause')).click();
  await expect(state).toHaveText('Paused');
  await expect(page.getByTestId(testIds.dockStatus)).toContainText('is paused');
  await page.getByTestId(actionTestId('resume')).click();
  await expect(state).toHaveText('Running');

  await page.getByTestId(actionTestId('more')).click();
  await page.getByTestId(actionTestId('force-off')).click();
  await expect(page.getByTestId(testIds.dialog)).toContainText('pulls the plug');
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(state).toHaveText('Off');
});

test('the details say the hardware, the kept text and the log', async () => {
  await row('web-01').click();
  await page.getByTestId(tabTestId('hardware')).click();
  await expect(page.getByTestId(testIds.guestDetails)).toContainText('Disk vda');
  await expectAccessible(page, 'the hardware of a guest');
  await page.getByTestId(tabTestId('xml')).click();
  await expect(page.getByTestId(testIds.guestDetails)).toContainText('<name>web-01</name>');
  await page.getByTestId(tabTestId('log')).click();
  await expectAccessible(page, 'the log of a guest');
  await page.getByTestId(tabTestId('overview')).click();
});

test('a snapshot is taken, gone back to with what came since kept, and deleted', async () => {
  await row('web-02').click();
  await page.getByTestId(tabTestId('snapshots')).click();
  const tab = page.getByTestId(testIds.snapshotsTab);
  await expect(tab).toContainText('No snapshots');
  await tab.getByTestId(testIds.takeSnapshot).click();
  await page.keyboard.type('clean');
  await page.keyboard.press('Enter');
  const clean = page.getByTestId(snapshotRowTestId('clean'));
  await expect(clean).toContainText('Goes on from here');
  await expect(clean).toContainText('disks of a guest that was off');
  await expectAccessible(page, 'the snapshots of a guest');

  await clean.getByRole('button', { name: 'Go back' }).click();
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(page.getByTestId(snapshotRowTestId('Before going back to “clean”'))).toBeVisible();
  await expect(clean).toContainText('Goes on from here');

  await clean.getByRole('button', { name: 'More for clean' }).click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(clean).toHaveCount(0);
  // Of one whose domain cannot be read there is none to take.
  await page.locator('[role="row"]', { hasText: 'Broken' }).click();
  await expect(page.getByTestId(tabTestId('snapshots'))).toHaveCount(0);
});

test('Ctrl+J folds the dock, F6 goes round the panes', async () => {
  await row('web-01').click();
  await expect(page.getByTestId(testIds.terminal)).toBeVisible();
  await page.keyboard.press('Control+j');
  await expect(page.locator('.xterm')).toBeHidden();
  await page.keyboard.press('Control+j');
  await expect(page.locator('.xterm')).toBeVisible();
  await row('web-01').click();
  const pane = () =>
    page.evaluate(() => document.activeElement?.closest('[data-pane]')?.getAttribute('data-pane'));
  const seen = new Set([await pane()]);
  for (let press = 0; press < 4; press++) {
    await page.keyboard.press('F6');
    seen.add(await pane());
  }
  expect([...seen].sort()).toEqual(['details', 'dock', 'list', 'nav']);
});

test('below 1000 pixels the details are a page with a way back', async () => {
  await resize(900, 600);
  await expect(page.getByTestId(testIds.guestDetails)).toHaveCount(0);
  await row(longName).click();
  await page.getByTestId(testIds.bulkBar).getByRole('button', { name: 'Details' }).click();
  await expect(page.getByTestId(testIds.guestDetails)).toBeVisible();
  await expect(page.getByTestId(testIds.guestList)).toHaveCount(0);
  await expectAccessible(page, 'the details as a page');
  // The console in the dock follows a new size a moment later.
  await expect
    .poll(() => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth))
    .toBeLessThanOrEqual(0);
  await page.getByRole('button', { name: 'Back to the list' }).click();
  await expect(page.getByTestId(testIds.guestList)).toBeVisible();
  await resize(1280, 800);
});

test('what was opened in the details stays when the window is made narrow', async () => {
  await row(longName).click();
  await page.getByTestId(tabTestId('snapshots')).click();
  await page.getByTestId(testIds.takeSnapshot).click();
  const name = page.getByTestId(testIds.dialog).getByLabel('Name');
  await name.fill('as it was');
  await resize(900, 600);
  await expect(name).toHaveValue('as it was');
  await page.keyboard.press('Escape');
  await expect(name).toHaveCount(0);
  await expect(page.getByTestId(testIds.takeSnapshot)).toBeFocused();
  await page.getByRole('button', { name: 'Back to the list' }).click();
  await resize(1280, 800);
  // The list was used last: it is what a narrow window shows.
  await page.getByTestId(testIds.takeSnapshot).focus();
  await row(longName).click();
  await resize(900, 600);
  await expect(page.getByTestId(testIds.guestList)).toBeVisible();
  await resize(1280, 800);
});

test('a reload brings back the list and the console', async () => {
  await page.reload();
  await expect(row('web-01')).toBeVisible();
  await expect(page.getByTestId(dockTabTestId('web-01'))).toBeVisible();
  expect(errors).toEqual([]);
});
