import { rm } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';
import { guestRowTestId, tabTestId, testIds } from '../renderer/ui/testids.ts';
import type { Bridge } from '../shared/ipc/contract.ts';
import { expectAccessible } from './lib/axe.ts';
import { type Home, type Launched, launchApp, makeHome } from './lib/launch.ts';
import { endGuests, shareStarters } from './lib/library.ts';

/** Real boots of one real guest in each kind, seen as bars. */
let home: Home;
let launched: Launched;
let page: Page;
test.setTimeout(15 * 60_000);

test.beforeAll(async () => {
  home = await makeHome();
  shareStarters(home);
  launched = await launchApp({ home });
  ({ page } = launched);
  await page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('guests.create', {
      name: 'measured',
      from: { kind: 'starter', id: 'debian-12' },
      memory: 512,
    });
    if (!answer.ok) throw new Error(answer.error.message);
  });
  await page.getByTestId(guestRowTestId('measured')).click({ timeout: 10 * 60_000 });
});
test.afterAll(async () => {
  if (launched) await endGuests(page);
  await launched?.close();
  if (home) await rm(home.root, { recursive: true, force: true });
});

test('one button measures each kind, with three bars for each number', async () => {
  await page.getByTestId(tabTestId('hardware')).click();
  await page.getByTestId(testIds.compareStart).click();
  await expect(page.getByTestId(testIds.compareStart)).toBeDisabled();
  const chart = page.getByTestId(testIds.compareChart);
  await expect(chart).toBeVisible({ timeout: 12 * 60_000 });
  for (const metric of ['Boot', 'Disk read', 'Disk written', 'Network out', 'Network in'])
    await expect(chart).toContainText(metric);
  await expect(chart).not.toContainText('not measured');
  await expect(chart.getByText('Paravirtual')).toHaveCount(5);
  await expectAccessible(page, 'the comparison');
});
