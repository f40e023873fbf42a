import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  actionTestId,
  guestRowTestId,
  guestStateTestId,
  tabTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { writeGuests } from './lib/library.ts';
import { errors, home, launched, openWindow, page } from './lib/window.ts';

// What one test saves the next one finds.
test.describe.configure({ mode: 'serial' });

let folders: Map<string, string>;

openWindow((home) => {
  folders = writeGuests(home, [
    { name: 'web' },
    { name: 'torn', xml: '<domain>\r\n  <name>torn</name>\r\n  <devices>\r\n</domain>\r\n' },
  ]);
});
test.beforeAll(async () => {
  await page.getByTestId(guestRowTestId('web')).click();
  await page.getByTestId(tabTestId('xml')).click();
});

const file = (name: string) => readFileSync(join(folders.get(name)!, 'domain.xml'), 'utf8');
const verdict = () => page.getByTestId('xml-verdict');
const edit = async () => {
  await page.getByTestId('xml-edit').click();
  await expect(page.getByTestId(testIds.xmlEditor).locator('.cm-content')).toBeVisible();
};
const put = async (text: string) => {
  await page.getByTestId(testIds.xmlEditor).locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
};

test('the tab shows the XML, searched with Ctrl+F, and saves it as a file', async () => {
  const tab = page.getByTestId(testIds.xmlTab);
  await expect(tab.locator('.cm-content')).toContainText('<name>web</name>');
  await tab.locator('.cm-content').click();
  await page.keyboard.press('Control+f');
  await expect(tab.getByPlaceholder('Find')).toBeFocused();
  await page.keyboard.press('Escape');
  await expectAccessible(page, 'the XML tab');
  const target = join(home.home, 'saved.xml');
  await launched.app.evaluate(({ dialog }, filePath) => {
    dialog.showSaveDialog = async () => ({ canceled: false, filePath });
  }, target);
  await page.getByTestId('xml-save-as').click();
  await expect(page.getByTestId(testIds.toast).filter({ hasText: 'Saved as' })).toBeVisible();
  expect(readFileSync(target, 'utf8')).toBe(file('web'));
});

test('a fault is named with its line while one types, and cannot be saved', async () => {
  const before = file('web');
  await edit();
  await expect(verdict()).toContainText('unchanged');
  await expectAccessible(page, 'the XML editor');
  await put(before.replace('</os>', '</oss>'));
  await expect(verdict()).toContainText(/^Line 8: /);
  await expect(page.getByTestId('xml-review')).toBeDisabled();
  // Closing asks first: an hour of editing is not lost by Escape.
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Cancel' }).last().click();
  await put(before.replace('</devices>', "  <hostdev mode='subsystem' type='mdev'/>\n  </devices>"));
  await expect(verdict()).toContainText('will not run');
  await expect(
    page
      .getByTestId(testIds.xmlDialog)
      .getByText(/^Line \d+$/)
      .first(),
  ).toBeVisible();
});

test('the changes are shown before they are saved, and one press undoes them', async () => {
  const before = file('web');
  const after = before.replace('<vcpu>1</vcpu>', '<vcpu>2</vcpu>');
  await put(after);
  await expect(verdict()).not.toContainText('Checking');
  await page.getByTestId('xml-review').click();
  const diff = page.getByTestId('xml-diff');
  await expect(diff.locator('.cm-deletedChunk')).toContainText('<vcpu>1</vcpu>');
  await expect(diff.locator('.cm-changedLine')).toContainText('<vcpu>2</vcpu>');
  await expectAccessible(page, 'the changes of an XML');
  await page.getByTestId('xml-save').click();
  await expect(page.getByTestId(testIds.xmlDialog)).toHaveCount(0);
  expect(file('web')).toBe(after);
  await page.getByTestId(testIds.toast).getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => file('web')).toBe(before);
  await expect(page.getByTestId(testIds.xmlTab).locator('.cm-content')).toContainText('<vcpu>1</vcpu>');
});

test('what a running guest takes up at its next start is shown as a difference', async () => {
  await page.getByTestId(actionTestId('start')).click();
  await expect(page.getByTestId(guestStateTestId('web'))).toHaveText('Running', { timeout: 60_000 });
  const before = file('web');
  await edit();
  await put(before.replace("<memory unit='MiB'>64</memory>", "<memory unit='MiB'>96</memory>"));
  await expect(verdict()).not.toContainText('Checking');
  await page.getByTestId('xml-review').click();
  await expect(page.getByTestId(testIds.xmlDialog)).toContainText('take effect at its next start');
  await page.getByTestId('xml-save').click();
  await page.getByTestId('xml-view').click();
  await page.getByRole('menuitem', { name: 'What takes effect at the next start' }).click();
  const changes = page.getByTestId('xml-changes');
  await expect(changes.locator('.cm-deletedChunk')).toContainText('64');
  await expect(changes.locator('.cm-changedLine')).toContainText('96');
});

test('a broken XML is mended in the editor; its other lines keep their bytes', async () => {
  const before = file('torn');
  await page.locator('[role="row"]', { hasText: 'Broken' }).click();
  await page.getByTestId(tabTestId('xml')).click();
  await edit();
  await expect(verdict()).toContainText(/^Line 4: /);
  await page.getByTestId(testIds.xmlEditor).locator('.cm-line', { hasText: '<devices>' }).click();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.type('/');
  await expect(verdict()).not.toContainText(/^Line|Checking/);
  await page.getByTestId('xml-review').click();
  await page.getByTestId('xml-save').click();
  await expect(page.getByTestId(testIds.xmlDialog)).toHaveCount(0);
  expect(file('torn')).toBe(before.replace('<devices>', '<devices/>'));
  await expect(page.getByTestId(guestStateTestId('torn'))).toHaveText('Off');
});

test('nothing went wrong in the page', () => {
  expect(errors).toEqual([]);
});
