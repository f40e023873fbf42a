import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { echoCode, makeIso } from '../electron/core/guests/testing/boot-media.ts';
import { actionTestId, dockTabTestId, guestRowTestId, testIds } from '../renderer/ui/testids.ts';
import type { Bridge } from '../shared/ipc/contract.ts';
import { expectAccessible } from './lib/axe.ts';
import { endGuests, writeGuests } from './lib/library.ts';
import { errors, home, launched, openWindow, page } from './lib/window.ts';

// One guest goes through all of it.
test.describe.configure({ mode: 'serial' });

let id: string;

openWindow((home) => writeGuests(home, [{ name: 'blind' }]));
test.beforeAll(async () => {
  const medium = makeIso(home.home, 'ECHO', '', echoCode('Ready. '));
  id = await page.evaluate(async (path) => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const made = await bridge.call('guests.create', {
      name: 'echo',
      from: { kind: 'iso', path },
      kind: 'full',
      memory: 64,
      vcpus: 1,
      diskSize: 1,
    });
    if (!made.ok) throw new Error(made.error.message);
    return (made.value as { id: string }).id;
  }, medium);
  await page.getByTestId(guestRowTestId('echo')).click();
});

const serial = () => readFileSync(join(home.data, 'guesthouse/guests', id, 'serial.log'), 'latin1');
const untilSerial = (pattern: RegExp) =>
  expect.poll(serial, { timeout: 60_000, message: `the guest says ${pattern}` }).toMatch(pattern);
const screenOf = (where: Page) => where.getByTestId(testIds.screen);
const hint = (where: Page) => where.getByTestId(testIds.screenHint);

/** How many pixels of the picture are not dark. */
const lit = (picture: Locator): Promise<number> =>
  picture.locator('canvas').evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i]! + data[i + 1]! + data[i + 2]! > 200) count++;
    return count;
  });

test('a screen of a guest that is off says so, starts it, and shows its picture', async () => {
  await page.getByTestId(actionTestId('more')).click();
  await page.getByTestId(actionTestId('screen')).click();
  await expect(page.getByTestId(testIds.dock)).toContainText('echo is off');
  await expectAccessible(page, 'the screen of a guest that is off');
  await page.getByTestId('screen-start').click();
  await expect(screenOf(page).locator('canvas')).toBeVisible({ timeout: 60_000 });
  await untilSerial(/Ready\. /);
  await expect.poll(() => lit(screenOf(page))).toBeGreaterThan(100);
  await expectAccessible(page, 'a screen');
});

test('what is typed into the picture reaches the guest, and shows', async () => {
  await screenOf(page).locator('canvas').click();
  await expect(hint(page)).toContainText('Keys go to echo');
  const before = await lit(screenOf(page));
  // Ctrl+K and F6 are the window's elsewhere; here they are the guest's.
  await page.keyboard.press('Control+k');
  // A real keyboard sends Shift; Playwright's `type` does not.
  await page.keyboard.press('Shift+KeyH', { delay: 30 });
  await page.keyboard.type('ello, guest 42', { delay: 30 });
  await page.keyboard.press('Shift+Digit1', { delay: 30 });
  await untilSerial(/Hello, guest 42!/);
  await expect(page.getByTestId(testIds.palette)).toHaveCount(0);
  await expect.poll(() => lit(screenOf(page))).toBeGreaterThan(before + 100);
});

test('Ctrl and Alt alone give the keys back', async () => {
  await page.keyboard.down('Control');
  await page.keyboard.down('Alt');
  await page.keyboard.up('Alt');
  await page.keyboard.up('Control');
  await expect(hint(page)).toContainText('Click the picture');
  const said = serial();
  await page.keyboard.type('not for it');
  await screenOf(page).locator('canvas').click();
  await page.keyboard.type('=', { delay: 30 });
  await untilSerial(/=$/);
  expect(serial()).toBe(`${said}=`);
});

test('the clipboard’s text is typed, without what a US keyboard lacks', async () => {
  await launched.app.evaluate(({ clipboard, BrowserWindow }) => {
    clipboard.writeText('~$ Zürich {A|b} & "C"');
    BrowserWindow.getAllWindows()[0]!.focus();
  });
  await page.getByTestId('screen-clipboard').click();
  await page.getByTestId('screen-type').click();
  await untilSerial(/~\$ Zrich \{A\|b\} & "C"$/);
  await expect(page.getByTestId(testIds.toast).filter({ hasText: 'ü' })).toBeVisible();
});

test('Ctrl+Alt+Del from the menu restarts it, and the picture stays joined', async () => {
  const before = serial().split('Ready. ').length;
  await page.getByTestId('screen-keys').click();
  await page.getByRole('menuitem', { name: 'Ctrl+Alt+Del' }).click();
  await expect.poll(() => serial().split('Ready. ').length, { timeout: 60_000 }).toBe(before + 1);
  await page.keyboard.type('again', { delay: 30 });
  await untilSerial(/Ready\. again$/);
});

test('it is fitted or shown pixel for pixel, and saved as a picture', async () => {
  const canvas = screenOf(page).locator('canvas');
  const width = () => canvas.evaluate((element) => element.getBoundingClientRect().width);
  const real = await canvas.evaluate((element) => (element as HTMLCanvasElement).width);
  expect(await width()).not.toBe(real);
  await page.getByTestId('screen-size').click();
  await page.getByRole('menuitem', { name: /Actual size/ }).click();
  await expect.poll(width).toBe(real);
  await page.getByTestId('screen-size').click();
  await page.getByRole('menuitem', { name: /Fit/ }).click();
  await expect.poll(width).not.toBe(real);
  const file = join(home.home, 'picture.png');
  await launched.app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = async () => ({ canceled: false, filePath });
  }, file);
  await page.getByTestId('screen-photo').click();
  await expect(page.getByTestId(testIds.toast).filter({ hasText: 'Saved as' })).toBeVisible();
  const png = readFileSync(file);
  expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
  expect(png.readUInt32BE(16)).toBe(real);
});

test('a window of its own takes the screen over, and joins again when the guest was off between', async () => {
  const opening = launched.app.waitForEvent('window');
  await page.getByTestId('screen-pop-out').click();
  const own = await opening;
  await expect(screenOf(own).locator('canvas')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByTestId(dockTabTestId('echo screen'))).toHaveCount(0);
  await expect.poll(() => own.title()).toContain('echo');
  await expect.poll(() => lit(screenOf(own))).toBeGreaterThan(100);
  await expectAccessible(own, 'a screen in its own window');
  await endGuests(page);
  await expect(own.getByTestId(testIds.screenWindow)).toContainText('echo is off');
  const before = serial().split('Ready. ').length;
  await own.getByTestId('screen-start').click();
  await expect(screenOf(own).locator('canvas')).toBeVisible({ timeout: 60_000 });
  await expect.poll(() => serial().split('Ready. ').length, { timeout: 60_000 }).toBe(before + 1);
  await screenOf(own).locator('canvas').click();
  await own.keyboard.type('own', { delay: 30 });
  await untilSerial(/own$/);
  await own.getByTestId('screen-full').click();
  await expect(own.locator('[data-screen="echo"]')).toBeVisible();
  await own.close();
});

test('a guest without a display says so and offers its serial console', async () => {
  await page.getByTestId(guestRowTestId('blind')).click();
  await page.getByTestId(actionTestId('start')).click();
  await page.getByTestId(actionTestId('screen')).click();
  const dock = page.getByTestId(testIds.dock);
  await expect(dock).toContainText('blind has no screen', { timeout: 60_000 });
  await dock.getByRole('button', { name: 'Open its serial console' }).click();
  await expect(page.getByTestId(dockTabTestId('blind'))).toBeVisible();
});

test('nothing went wrong in the page', () => {
  expect(errors).toEqual([]);
});
