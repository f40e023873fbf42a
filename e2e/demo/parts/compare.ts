import { expect } from '@playwright/test';
import {
  actionTestId,
  guestRowTestId,
  guestStateTestId,
  navTestId,
  tabTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import type { DemoPart } from '../part.ts';

const name = 'debian';
const minute = 60_000;

/** What drivers are worth on this computer: one guest booted in each kind of hardware, as bars. */
export const compareKinds: DemoPart = {
  name: 'compare',
  steps: [
    {
      title: 'a guest’s hardware, and what another kind would mean',
      async run({ page, shot }) {
        await page.getByTestId(navTestId('guests')).click();
        await page.getByTestId(guestRowTestId(name)).click();
        await page.getByTestId(tabTestId('hardware')).click();
        await page.getByTestId(testIds.hardwareTab).waitFor();
        await shot('hardware');
        await page.getByTestId(testIds.changeKind).click();
        await expect(page.getByTestId(testIds.kindDialog)).toContainText('What changes');
        await shot('another kind');
        await page.keyboard.press('Escape');
      },
    },
    {
      title: 'throw-away copies boot in each kind and are measured',
      async run({ page, shot }) {
        const state = page.getByTestId(guestStateTestId(name));
        if (/running/i.test((await state.textContent()) ?? '')) {
          await page.getByTestId(actionTestId('shutdown')).first().click();
          await expect(state).toHaveText(/off/i, { timeout: 2 * minute });
        }
        await page.getByTestId(testIds.compareStart).click();
        await shot('measuring');
        await page.getByTestId(testIds.compareChart).waitFor({ timeout: 12 * minute });
        await page.getByTestId(testIds.compareChart).scrollIntoViewIfNeeded();
        for (const kind of ['Full', 'Hybrid', 'Paravirtual'])
          await expect(page.getByTestId(testIds.compareChart)).toContainText(kind);
        await shot('three bars');
      },
    },
  ],
};
