import { expect, test } from '@playwright/test';
import { actionTestId, navTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { errors, openWindow, page } from './lib/window.ts';

openWindow();
test.beforeAll(async () => {
  // The verdicts come when the accelerator was tried.
  await expect(page.getByTestId('verdict-kvm').or(page.getByText('KVM').first())).toBeVisible({
    timeout: 30_000,
  });
});
test.beforeEach(async () => {
  await page.keyboard.press('Escape');
  await page.getByTestId(navTestId('guests')).click();
});

test('an empty library says what a guest is, what this machine can do, and the first step', async () => {
  await expect(page.getByTestId(testIds.firstRun)).toBeVisible();
  await expect(page.getByTestId(testIds.tryDebian)).toBeVisible();
  await expect(page.getByTestId(testIds.guestList)).toHaveCount(0);
  await expectAccessible(page, 'the first-run page');
});

test('two clicks make the first guest: the dialog is filled in and ready', async () => {
  await page.getByTestId(testIds.tryDebian).click();
  const dialog = page.getByTestId(testIds.createDialog);
  await expect(dialog).toBeVisible();
  await expect(page.getByTestId(testIds.createName)).toHaveValue('debian-1');
  await expect(page.getByTestId(testIds.createSubmit)).toBeEnabled();
  await expectAccessible(page, 'the dialog of a new guest');

  await page.getByTestId(testIds.createName).fill('../../x');
  await expect(dialog).toContainText('A name cannot hold /');
  await expect(page.getByTestId(testIds.createSubmit)).toBeDisabled();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
});

test('the host page gives each verdict and every program', async () => {
  await page.getByTestId(navTestId('host')).click();
  await expect(page.getByTestId(testIds.hostPage)).toContainText('qemu-system-x86_64');
  await expectAccessible(page, 'the host page');
});

test('the palette goes anywhere by keyboard', async () => {
  await page.keyboard.press('Control+k');
  const palette = page.getByTestId(testIds.palette);
  await expect(palette).toBeVisible();
  await expectAccessible(page, 'the palette');
  await page.keyboard.type('go host');
  await page.keyboard.press('Enter');
  await expect(palette).toHaveCount(0);
  await expect(page.getByTestId(testIds.hostPage)).toBeVisible();
  await page.keyboard.press('Control+Shift+P');
  await page.keyboard.type('no such thing at all');
  await expect(palette).toContainText('Nothing is called that');
});

test('F1 lists what the keyboard does, and so does the palette', async () => {
  await page.keyboard.press('F1');
  const list = page.getByTestId(testIds.keyboardDialog);
  await expect(list).toContainText('Take the keyboard back from the guest');
  await expectAccessible(page, 'what the keyboard does');
  await page.keyboard.press('Escape');
  await expect(list).toHaveCount(0);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('shortcuts');
  await page.keyboard.press('Enter');
  await expect(list).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(list).toHaveCount(0);
});

test('the theme follows the setting, and is contrast enough in both', async () => {
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press('Control+,');
  const dialog = page.getByTestId(testIds.settingsDialog);
  await dialog.getByText('Dark', { exact: true }).click();
  await expect.poll(theme).toBe('dark');
  await expectAccessible(page, 'the settings, dark');
  await page.keyboard.press('Escape');
  await expectAccessible(page, 'the first-run page, dark');
  await page.reload();
  await expect.poll(theme).toBe('dark');
  await page.keyboard.press('Control+,');
  await dialog.getByText('Light', { exact: true }).click();
  await expect.poll(theme).toBe('light');
  await page.keyboard.press('Escape');
});

test('nothing is offered to a guest that is not there, and nothing was logged as an error', async () => {
  await expect(page.getByTestId(actionTestId('start'))).toHaveCount(0);
  expect(errors).toEqual([]);
});
