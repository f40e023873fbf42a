import { rm } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { guestRowTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { launchApp, makeHome } from './lib/launch.ts';
import { writeGuests } from './lib/library.ts';

test('three hundred guests scroll, filter and select without a row too many in the page', async () => {
  const home = await makeHome();
  writeGuests(
    home,
    Array.from({ length: 300 }, (_, index) => ({ name: `guest-${String(index + 1).padStart(3, '0')}` })),
  );
  const launched = await launchApp({ home });
  try {
    const { page } = launched;
    const rows = page.locator('[data-testid^="guest-row-"]');
    await expect(page.getByTestId(guestRowTestId('guest-001'))).toBeVisible();
    expect(await rows.count()).toBeLessThan(60);
    await page.getByTestId(guestRowTestId('guest-001')).click();
    await page.keyboard.press('End');
    await expect(page.getByTestId(guestRowTestId('guest-300'))).toBeInViewport();
    await expect(page.getByTestId(testIds.guestDetails)).toContainText('guest-300');
    expect(await rows.count()).toBeLessThan(60);
    await page.keyboard.press('Control+a');
    await expect(page.getByTestId(testIds.bulkBar)).toContainText('300 selected');
    await page.getByTestId(testIds.guestFilter).fill('guest-17');
    await expect(rows).toHaveCount(10);
    await expectAccessible(page, 'a filtered list');
  } finally {
    await launched.close();
    await rm(home.root, { recursive: true, force: true });
  }
});
