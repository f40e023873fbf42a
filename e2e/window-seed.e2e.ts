import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { actionTestId, guestRowTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { writeGuests } from './lib/library.ts';
import { home, openWindow, page, shot } from './lib/window.ts';

// A guest whose disk cannot be edited (nothing on it is a Linux): its clones get their identity by cloud-init.
test.describe.configure({ mode: 'serial' });

openWindow((home) => writeGuests(home, [{ name: 'image' }]));

const wizard = () => page.getByTestId(testIds.cloneDialog);
const yaml = () => page.getByTestId(testIds.seedYaml).locator('.cm-content');

test('where a disk cannot be edited, the wizard says why and offers a seed', async () => {
  await page.getByTestId(guestRowTestId('image')).click();
  await page.getByTestId(actionTestId('more')).click();
  await page.getByTestId(actionTestId('clone')).click();
  await page.getByTestId(testIds.cloneNames).fill('cloud-{1..2}');
  await page.getByTestId(testIds.cloneNext).click();
  await page.getByTestId(testIds.cloneNext).click();
  await expect(wizard()).toContainText('cannot be reached without starting it');
  await shot('seed-offered');
  await wizard().getByRole('button', { name: 'Give a cloud-init seed…' }).click();
  await expect(page.getByTestId(testIds.seedFields)).toBeVisible();
});

test('the fields write the YAML, which is checked by line as it is edited', async () => {
  await wizard().getByLabel('User', { exact: true }).fill('ann');
  await wizard().getByLabel('Packages').fill('nginx, git');
  await wizard().getByLabel('Commands').fill('systemctl enable --now nginx');
  await expect(yaml()).toContainText('name: ann');
  await expect(yaml()).toContainText('- git');
  await expectAccessible(page, 'a cloud-init seed');
  await shot('seed-fields');
  await wizard().getByLabel('Password hash').fill('secret');
  await expect(wizard()).toContainText('Enter a hash as crypt(5) writes it');
  await expect(page.getByTestId(testIds.cloneNext)).toBeDisabled();
  await wizard().getByLabel('Password hash').fill('');

  await expect(page.getByTestId(testIds.cloneNext)).toBeEnabled();
  await yaml().click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('\npackage_upgrade: maybe');
  await expect(page.getByTestId(testIds.seedProblems)).toContainText('package_upgrade: Write true or false.');
  await expect(page.getByTestId(testIds.cloneNext)).toBeDisabled();
  await shot('seed-problem');
  await expect(wizard().getByLabel('Packages')).toBeDisabled();
  await wizard().getByRole('button', { name: 'Write it from the fields again' }).click();
  await expect(page.getByTestId(testIds.seedProblems)).toBeEmpty();
  await expect(page.getByTestId(testIds.cloneNext)).toBeEnabled();
});

test('the clones are made with a seed each, on which their own names and keys stand', async () => {
  await page.getByTestId(testIds.cloneNext).click();
  const review = page.getByTestId(testIds.cloneReview);
  await expect(review).toContainText('cloud-2');
  await expect(wizard()).toContainText('the new machine-id counts from the boot after that');
  const machineIds = await review.locator('tbody td:nth-child(3)').allTextContents();
  await wizard().getByRole('button', { name: 'What will change on disk' }).click();
  await expect(wizard()).toContainText('seed.iso');
  await expectAccessible(page, 'the review of clones with a seed');
  await shot('seed-review');
  await wizard().getByText('Start now').click();
  await page.getByTestId(testIds.cloneSubmit).click();
  await expect(page.getByTestId(testIds.cloneDone)).toContainText('2 clones made');
  const guests = join(home.data, 'guesthouse/guests');
  for (const [n, machineId] of machineIds.entries()) {
    const folder = join(guests, readdirSync(guests).find((name) => name.startsWith(`cloud-${n + 1}-`)) ?? '');
    const iso = readFileSync(join(folder, 'seed.iso'), 'latin1');
    expect(iso).toContain(`local-hostname: cloud-${n + 1}`);
    expect(iso).toContain(machineId);
    expect(iso).toContain('name: ann');
    expect(iso).toContain('BEGIN OPENSSH PRIVATE KEY');
    expect(readFileSync(join(folder, 'domain.xml'), 'utf8')).toContain(join(folder, 'seed.iso'));
  }
});
