import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { guestRowTestId, tabTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { bridgeCall } from './lib/clones.ts';
import { shareStarters } from './lib/library.ts';
import { home, openWindow, page } from './lib/window.ts';

/** Real boots of one real guest in each kind, seen as bars. */
const minute = 60_000;
let id = '';
test.setTimeout(15 * minute);

openWindow(shareStarters);
test.beforeAll(async () => {
  ({ id } = await bridgeCall(page, 'guests.create', {
    name: 'measured',
    from: { kind: 'starter', id: 'debian-12' },
    memory: 512,
  }));
  await page.getByTestId(guestRowTestId('measured')).click({ timeout: 10 * minute });
});

test('one button measures each kind, with three bars for each number', async () => {
  const library = join(home.data, 'guesthouse');
  const definition = join(library, 'guests', id, 'domain.xml');
  const before = readFileSync(definition, 'utf8');
  await page.getByTestId(tabTestId('hardware')).click();
  await page.getByTestId(testIds.compareStart).click();
  await expect(page.getByTestId(testIds.compareStart)).toBeDisabled();
  const chart = page.getByTestId(testIds.compareChart);
  await expect(chart).toBeVisible({ timeout: 12 * minute });
  for (const metric of ['Boot', 'Disk read', 'Disk written', 'Network out', 'Network in'])
    await expect(chart).toContainText(metric);
  await expect(chart).not.toContainText('not measured');
  for (const kind of ['full', 'hybrid', 'paravirtual']) {
    const bars = chart.locator(`[data-bar="${kind}"]`);
    await expect(bars).toHaveCount(5);
    for (const bar of await bars.all()) expect((await bar.boundingBox())!.width).toBeGreaterThan(0);
  }
  const comparison = (await bridgeCall(page, 'hardware.comparison', { id }))!;
  expect(comparison.results.map(({ kind, problem }) => [kind, problem])).toEqual([
    ['full', null],
    ['hybrid', null],
    ['paravirtual', null],
  ]);
  for (const { boot } of comparison.results) expect(boot).toBeGreaterThan(0);
  await expectAccessible(page, 'the comparison');
  // Nothing is left of the copies, and the guest is as it was.
  expect(readdirSync(join(library, 'staging'))).toEqual([]);
  expect(readFileSync(definition, 'utf8')).toBe(before);
});
