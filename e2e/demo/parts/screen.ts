import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { echoCode, makeIso } from '../../../electron/core/guests/testing/boot-media.ts';
import {
  actionTestId,
  guestRowTestId,
  guestStateTestId,
  navTestId,
  tabTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import type { Bridge } from '../../../shared/ipc/contract.ts';
import type { DemoContext, DemoPart } from '../part.ts';

const name = 'from-iso';
const minute = 60_000;
let id = '';

const serial = ({ launched }: DemoContext) =>
  readFileSync(join(launched.paths.data, 'guesthouse/guests', id, 'serial.log'), 'latin1');

/** A guest's screen in the window: seen, typed into, moved into a window of its own; and its XML edited. */
export const screen: DemoPart = {
  name: 'screen and XML',
  steps: [
    {
      title: 'a guest made of an installation medium shows its screen',
      async run({ page, launched, shot }) {
        const medium = makeIso(launched.paths.home, 'DEMO', '', echoCode('This medium repeats your keys: '));
        id = await page.evaluate(
          async ([guest, path]) => {
            const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
            const made = await bridge.call('guests.create', {
              name: guest,
              from: { kind: 'iso', path },
              kind: 'full',
              memory: 64,
              vcpus: 1,
              diskSize: 1,
            });
            if (!made.ok) throw new Error(made.error.message);
            return (made.value as { id: string }).id;
          },
          [name, medium],
        );
        await page.getByTestId(navTestId('guests')).click();
        await page.getByTestId(guestRowTestId(name)).click();
        await page.getByTestId(actionTestId('start')).click();
        await expect(page.getByTestId(guestStateTestId(name))).toHaveText('Running', { timeout: minute });
        await page.getByTestId(actionTestId('screen')).click();
        await expect(page.getByTestId(testIds.screen).locator('canvas')).toBeVisible({ timeout: minute });
        await shot('screen');
      },
    },
    {
      title: 'keys typed into the picture reach it',
      async run(context) {
        const { page, shot } = context;
        await expect.poll(() => serial(context), { timeout: minute }).toContain('your keys: ');
        await page.getByTestId(testIds.screen).locator('canvas').click();
        await page.keyboard.type('hello from the window', { delay: 30 });
        await expect.poll(() => serial(context), { timeout: minute }).toContain('hello from the window');
        await shot('typed');
      },
    },
    {
      title: 'the screen moves into a window of its own',
      async run({ page, launched, note }) {
        const opening = launched.app.waitForEvent('window');
        await page.getByTestId('screen-pop-out').click();
        const own = await opening;
        await expect(own.getByTestId(testIds.screen).locator('canvas')).toBeVisible({ timeout: minute });
        note(`its window is called “${await own.title()}”`);
        await own.close();
      },
    },
    {
      title: 'its XML is edited, compared and saved for the next start',
      async run({ page, shot }) {
        await page.getByTestId(tabTestId('xml')).click();
        await page.getByTestId('xml-edit').click();
        const text = page.getByTestId(testIds.xmlEditor);
        await text.locator('.cm-line', { hasText: '<vcpu' }).click();
        await page.keyboard.press('End');
        await page.keyboard.press('Enter');
        await page.keyboard.insertText('<!-- one is enough for it -->');
        await expect(page.getByTestId('xml-review')).toBeEnabled({ timeout: minute });
        await page.getByTestId('xml-review').click();
        await expect(page.getByTestId('xml-diff')).toContainText('one is enough');
        await shot('xml');
        await page.getByTestId('xml-save').click();
        await expect(page.getByTestId(testIds.xmlDialog)).toHaveCount(0);
        await page.getByTestId(tabTestId('overview')).click();
      },
    },
  ],
  async cleanUp({ page }) {
    if (id === '') return;
    await page.evaluate(async (guest) => {
      const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
      await bridge.call('guests.forceOff', { id: guest });
    }, id);
  },
};
