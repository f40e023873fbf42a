import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  actionTestId,
  bulkTestId,
  guestRowTestId,
  identityRowTestId,
  navTestId,
  tabTestId,
  templateRowTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import type { Bridge } from '../shared/ipc/contract.ts';
import type { IdentityReport } from '../shared/model/identity.ts';
import { expectAccessible } from './lib/axe.ts';
import { shareStarters } from './lib/library.ts';
import { errors, home, openWindow, page, resize, shot } from './lib/window.ts';

test.describe.configure({ mode: 'serial' });

const minute = 60_000;

openWindow(shareStarters);

const dialog = (id: string) => page.getByTestId(id);
const go = (section: string) => page.getByTestId(navTestId(section)).click();
const audit = () =>
  page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('identity.audit', { refresh: true, overSsh: false });
    if (!answer.ok) throw new Error(answer.error.message);
    return answer.value as IdentityReport;
  });

test('without templates the page says what one is and offers the first step', async () => {
  await go('templates');
  await expect(page.getByTestId(testIds.templatesPage)).toContainText('each a machine of their own');
  await expect(page.getByRole('button', { name: 'Try a Debian guest first' })).toBeVisible();
  await expectAccessible(page, 'no templates');
  await shot('templates-empty');
  await go('identity');
  await expect(page.getByTestId(testIds.identityPage)).toContainText('No machines yet');
  await expectAccessible(page, 'no identities');
});

test('a guest becomes a template after a preview of the very paths', async () => {
  test.setTimeout(8 * minute);
  await go('guests');
  await page.getByTestId(testIds.newGuest).click();
  await page.getByTestId(testIds.createName).fill('base');
  await page.getByText('Start it and open its console').click();
  await page.getByTestId(testIds.createSubmit).click();
  await page.getByTestId(guestRowTestId('base')).click({ timeout: 6 * minute });

  await page.getByTestId(actionTestId('more')).click();
  await shot('guest-menu');
  await page.getByTestId(actionTestId('template')).click();
  const seal = dialog(testIds.sealDialog);
  await expect(seal).toContainText('machine-id');
  await seal.getByText('stays as it is').click();
  await expect(seal.getByLabel('Name of the template')).toHaveValue('base-template');
  await seal.getByText('becomes the template').click();
  await seal.getByLabel('Name of the template').fill('debian-12');
  await seal.getByLabel('Description').fill('Debian 12 as it comes');
  await expectAccessible(page, 'what is sealed');
  await shot('seal-choices');
  await page.getByTestId(testIds.sealSubmit).click();
  await expect(seal).toContainText('/etc/machine-id', { timeout: minute });
  await expect(seal).toContainText('/etc/ssh/ssh_host_ed25519_key');
  await expectAccessible(page, 'the preview of a seal');
  await shot('seal-preview');
  await seal.getByRole('button', { name: 'Back' }).click();
  await expect(seal.getByLabel('Name of the template')).toHaveValue('debian-12');
  await page.getByTestId(testIds.sealSubmit).click();
  await page.getByRole('button', { name: 'Seal it' }).click({ timeout: minute });
  await expect(seal.getByRole('button', { name: 'Clone it…' })).toBeVisible({ timeout: 2 * minute });
  await expectAccessible(page, 'a sealed template');
  await shot('sealed');
});

test('five clones through the wizard: names as one types, the very values, and they are what was shown', async () => {
  test.setTimeout(3 * minute);
  await dialog(testIds.sealDialog).getByRole('button', { name: 'Clone it…' }).click();
  const wizard = dialog(testIds.cloneDialog);
  const names = page.getByTestId(testIds.cloneNames);
  await expect(wizard).toBeVisible();
  await names.fill('web-{01..');
  await expect(wizard).toContainText('A { is not closed.');
  await expect(page.getByTestId(testIds.cloneNext)).toBeDisabled();
  await names.fill('DEBIAN-12');
  await expect(wizard).toContainText('There is a guest or template named DEBIAN-12.');
  await names.fill('web-{01..05}');
  await expect(wizard).toContainText('5 guests: web-01, web-02, web-03, web-04, web-05');
  await expectAccessible(page, 'the clone wizard, names');
  await shot('clone-1');
  await page.keyboard.press('Enter');

  await expect(wizard).toContainText('Step 2 of 3');
  await wizard.getByLabel('Tags').fill('web');
  await wizard.getByRole('button', { name: 'What each clone gets anew' }).click();
  await expectAccessible(page, 'the clone wizard, hardware');
  await shot('clone-2');
  await page.getByTestId(testIds.cloneNext).click();

  const review = page.getByTestId(testIds.cloneReview);
  await expect(review).toContainText('web-05', { timeout: minute });
  const machineIds = await review.locator('tbody td:nth-child(3)').allTextContents();
  for (const id of machineIds) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(machineIds).size).toBe(5);
  await wizard.getByRole('button', { name: 'All values' }).click();
  const values = page.getByTestId(testIds.cloneValues);
  const uuids = await values.locator('dt:text-is("UUID") + dd').allTextContents();
  expect(new Set(uuids).size).toBe(5);
  for (const uuid of uuids) expect(uuid).toMatch(/^[0-9a-f-]{36}$/);
  await expect(values.locator('dt:text-is("MAC")')).toHaveCount(5);
  for (const type of ['ssh-ed25519', 'ecdsa-sha2-nistp256'])
    await expect(values.locator(`dt:text-is("${type}")`)).toHaveCount(5);
  await wizard.getByRole('button', { name: 'What will change on disk' }).click();
  await expect(wizard).toContainText('/etc/hostname');
  await expectAccessible(page, 'the clone wizard, review');
  await shot('clone-3');

  // Back and forth without a change keeps the very values.
  await wizard.getByRole('button', { name: 'Back' }).click();
  await expect(wizard.getByLabel('Tags')).toHaveValue('web');
  await page.getByTestId(testIds.cloneNext).click();
  await expect(review).toContainText(machineIds[0] ?? 'a machine-id');

  await wizard.getByText('Start now').click();
  await page.getByTestId(testIds.cloneSubmit).click();
  await expect(page.getByTestId(testIds.cloneDone)).toContainText(/5 clones made in \d+\.\d s/, {
    timeout: 2 * minute,
  });
  await expectAccessible(page, 'five clones made');
  await shot('clone-done');
  await wizard.getByRole('button', { name: 'Show in list' }).click();
  await expect(page.getByTestId(testIds.bulkBar)).toContainText('5 selected');

  const { rows, groups } = await audit();
  const ids = new Map(rows.map((row) => [row.name, row.facts?.machineId]));
  for (const [index, id] of machineIds.entries()) expect(ids.get(`web-0${index + 1}`)).toBe(id);
  expect(groups.filter((group) => group.severity === 'problem')).toEqual([]);
});

test('the Identity page shows five machines, each its own, and unfolds to all values', async () => {
  await go('identity');
  const here = page.getByTestId(testIds.identityPage);
  await expect(here).toContainText('Every machine that was read is a machine of its own.');
  await expect(page.getByTestId(identityRowTestId('web-03'))).toContainText('Written, not booted');
  await page.getByTestId(identityRowTestId('web-03')).getByRole('button').click();
  await expect(here).toContainText('a link to /etc/machine-id');
  await expectAccessible(page, 'the Identity page without problems');
  await shot('identity-fine');
});

test('the template lists its linked clones, refuses to go, and lets go of one that becomes full', async () => {
  test.setTimeout(2 * minute);
  await go('templates');
  await page.getByTestId(templateRowTestId('debian-12')).click();
  const details = page.getByTestId(testIds.templateDetails);
  await expect(details.getByRole('button', { name: 'web-05', exact: true })).toBeVisible();
  await expectAccessible(page, 'a template with clones');
  await shot('templates');
  await details.getByRole('button', { name: 'More actions' }).click();
  await page.getByTestId('template-xml').click();
  const xml = page.getByTestId(testIds.templateXml);
  await expect(xml.locator('.cm-content')).toContainText('<name>debian-12</name>');
  await expect(xml.locator('.cm-content')).toHaveAttribute('aria-readonly', 'true');
  await xml.getByRole('button', { name: 'Close' }).click();
  await page.getByTestId(actionTestId('delete-template')).click();
  const refusal = page.getByTestId(testIds.dialog);
  await expect(refusal).toContainText('5 linked clones stand on its disk');
  await expectAccessible(page, 'a template that cannot go');
  await shot('template-delete');
  await refusal.getByRole('button', { name: 'Make web-05 a full clone' }).click();
  await expect(refusal).toContainText('4 linked clones stand on its disk', { timeout: minute });
  await refusal.getByRole('button', { name: 'Close' }).click();
  await expect(details.getByRole('button', { name: 'web-05', exact: true })).toHaveCount(0);
});

test('a folder copied by hand is found as a double, repaired on disk, and its old values put back', async () => {
  test.setTimeout(3 * minute);
  const guests = join(home.data, 'guesthouse/guests');
  const original = readdirSync(guests).find((name) => name.startsWith('web-05'))!;
  // As a person does it, with the app open: the definition in it still names the disk of the original.
  const copy = join(guests, 'old-copy');
  cpSync(join(guests, original), copy, { recursive: true });
  await go('guests');
  await expect(page.getByTestId(guestRowTestId('old-copy'))).toBeVisible({ timeout: minute });
  const xml = readFileSync(join(copy, 'domain.xml'), 'utf8');
  expect(xml).not.toContain(original);
  expect(xml).toContain(`${copy}/`);

  // The badge of the section says it before one looks.
  await expect(page.getByTestId(navTestId('identity'))).toContainText('!', { timeout: minute });
  await go('identity');
  const problems = page.getByTestId(testIds.identityProblems);
  await expect(problems).toContainText('Same machine-id');
  await expect(problems).toContainText('Same SSH host key');
  await expect(problems).toContainText('old-copy');
  await expect(problems).toContainText('asks DHCP for one and the same address');
  await expectAccessible(page, 'two machines with one identity');
  await shot('identity-problems');

  await problems.getByRole('button', { name: 'Repair old-copy' }).first().click();
  const repair = page.getByTestId(testIds.repairDialog);
  await expect(repair).toContainText('/etc/machine-id', { timeout: minute });
  await expectAccessible(page, 'the preview of a repair');
  await shot('repair-preview');
  await page.getByTestId(testIds.repairSubmit).click();
  await expect(repair.getByLabel('Repaired', { exact: true })).toBeVisible({ timeout: minute });
  await expect(repair).toContainText('No boot has confirmed it yet');
  await expectAccessible(page, 'a repaired machine');
  await shot('repair-done');
  await repair.getByRole('button', { name: 'Close' }).click();
  await expect(page.getByTestId(testIds.identityPage)).toContainText('is a machine of its own');
  expect((await audit()).groups.filter((group) => group.severity === 'problem')).toEqual([]);

  await go('guests');
  await page.getByTestId(guestRowTestId('old-copy')).click();
  await page.getByTestId(tabTestId('identity')).click();
  await expect(page.getByTestId(testIds.guestDetails)).toContainText('Written');
  await expectAccessible(page, 'the identity of a guest');
  await shot('guest-identity');
  await page.getByRole('button', { name: 'Put back old values…' }).click();
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(page.getByTestId(testIds.guestDetails)).toContainText('Same machine-id as web-05', {
    timeout: minute,
  });
  await shot('guest-identity-double');
});

test('several selected are offered for cloning, and a batch can be undone', async () => {
  test.setTimeout(2 * minute);
  await go('guests');
  await page.getByTestId(guestRowTestId('web-01')).click();
  await page.getByTestId(guestRowTestId('web-02')).click({ modifiers: ['Control'] });
  await page.getByTestId(bulkTestId('clone')).click();
  const wizard = dialog(testIds.cloneDialog);
  await expect(wizard).toContainText('2 were selected; one at a time is cloned.');
  await page.getByTestId(testIds.cloneNames).fill('again');
  await page.getByTestId(testIds.cloneNext).click();
  await page.getByTestId(testIds.cloneNext).click();
  await wizard.getByText('Start now').click({ timeout: minute });
  await page.getByTestId(testIds.cloneSubmit).click();
  await expect(page.getByTestId(testIds.cloneDone)).toContainText('1 clone made', { timeout: minute });
  await page.keyboard.press('Escape');
  await expect(page.getByTestId(guestRowTestId('again'))).toBeVisible();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByTestId(guestRowTestId('again'))).toHaveCount(0);
});

test('a template is made straight from the starter, without a guest', async () => {
  test.setTimeout(4 * minute);
  await go('templates');
  await page.getByRole('button', { name: 'From an image…' }).click();
  const made = dialog(testIds.sealDialog);
  await expect(made.getByLabel('Name of the template')).toHaveValue('debian-12-2');
  await made.getByText('A disk image').click();
  await expect(page.getByTestId(testIds.sealSubmit)).toBeDisabled();
  await expectAccessible(page, 'a template straight from an image');
  await shot('new-template');
  await made.getByText('Debian 12, built here').click();
  await made.getByLabel('Name of the template').fill('straight');
  await page.getByTestId(testIds.sealSubmit).click();
  await expect(made.getByRole('button', { name: 'Clone it…' })).toBeVisible({ timeout: 3 * minute });
  await made.getByRole('button', { name: 'Show it' }).click();
  await expect(page.getByTestId(templateRowTestId('straight'))).toHaveAttribute('aria-selected', 'true');
  await go('guests');
  await expect(page.getByTestId(guestRowTestId('straight'))).toHaveCount(0);
});

test('at 900 by 600 every page and wizard fits its width', async () => {
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  await resize(900, 600);
  await go('templates');
  await shot('small-templates');
  await page.getByRole('button', { name: 'Details' }).click();
  await expect(page.getByTestId(testIds.templateDetails)).toBeVisible();
  expect(await fits()).toBe(true);
  await page.getByRole('button', { name: 'Clone…' }).click();
  await page.getByTestId(testIds.cloneNames).fill('many-{001..100}');
  await page.getByTestId(testIds.cloneNext).click();
  await shot('small-clone-2');
  await page.getByTestId(testIds.cloneNext).click();
  await expect(page.getByTestId(testIds.cloneReview)).toContainText('many-100', { timeout: minute });
  await expect(page.getByTestId(testIds.cloneSubmit)).toBeInViewport();
  await page.getByRole('button', { name: 'All values' }).click();
  await expect(page.getByTestId(testIds.cloneValues)).toContainText('many-100');
  expect(await fits()).toBe(true);
  await expect(page.getByTestId(testIds.cloneSubmit)).toBeInViewport();
  await expectAccessible(page, 'a hundred clones, reviewed in a small window');
  await shot('small-clone-3');
  await page.keyboard.press('Escape');
  await go('identity');
  await expect(page.getByTestId(testIds.identityProblems)).toBeVisible();
  expect(await fits()).toBe(true);
  await shot('small-identity');
  await resize(1280, 800);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectAccessible(page, 'the Identity page, dark');
  await shot('dark-identity');
  await go('templates');
  await expectAccessible(page, 'templates, dark');
  await shot('dark-templates');
  await page.emulateMedia({ colorScheme: null });
  expect(errors).toEqual([]);
});
