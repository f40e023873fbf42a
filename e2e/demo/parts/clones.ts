import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import {
  actionTestId,
  dockTabTestId,
  guestRowTestId,
  guestStateTestId,
  identityRowTestId,
  navTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import type { Bridge } from '../../../shared/ipc/contract.ts';
import { endGuests } from '../../lib/library.ts';
import { waitWithProgress } from '../../lib/progress.ts';
import { waitForTerminal } from '../../lib/screen.ts';
import type { DemoContext, DemoPart } from '../part.ts';

const minute = 60_000;
const source = 'debian';
const clones = ['web-1', 'web-2'];

const go = (page: Page, section: string) => page.getByTestId(navTestId(section)).click();

/** The guest of the part before, off; made anew when this part plays alone. */
async function sourceGuest({ page, note }: DemoContext): Promise<void> {
  await go(page, 'guests');
  const row = page.getByTestId(guestRowTestId(source));
  if ((await row.count()) === 0) {
    await page.getByTestId(testIds.newGuest).click();
    await page.getByTestId(testIds.createName).fill(source);
    await page.getByText('Start it and open its console').click();
    await page.getByTestId(testIds.createSubmit).click();
  }
  await waitWithProgress(page, row, note);
  await row.click();
  await expect(page.getByTestId(guestStateTestId(source))).toHaveText('Off');
}

/** A key of the person who plays this, so that SSH opens the clones. */
async function makeKey(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('keys.create', { name: 'id_demo', location: 'app' });
    if (!answer.ok) throw new Error(answer.error.message);
  });
}

/** The second main job: clones that are each a machine of their own, and a copy that is not, found and repaired. */
export const clonesAndIdentity: DemoPart = {
  name: 'clones and identity',
  steps: [
    {
      title: 'a guest becomes a template, after a preview of the very paths',
      async run(context) {
        const { page, shot } = context;
        await sourceGuest(context);
        await makeKey(page);
        await page.getByTestId(actionTestId('more')).click();
        await page.getByTestId(actionTestId('template')).click();
        const dialog = page.getByTestId(testIds.sealDialog);
        await dialog.getByText('stays as it is').click();
        await shot('what is sealed');
        await page.getByTestId(testIds.sealSubmit).click();
        await dialog.getByText('/etc/machine-id').first().waitFor({ timeout: minute });
        await shot('the paths a seal changes');
        await page.getByTestId(testIds.sealSubmit).click();
        await dialog.getByRole('button', { name: 'Clone it…' }).click({ timeout: 2 * minute });
      },
    },
    {
      title: 'two clones are made with the very values that were shown, and started',
      async run({ page, shot, note }) {
        const dialog = page.getByTestId(testIds.cloneDialog);
        await page.getByTestId(testIds.cloneNames).fill('web-{1..2}');
        await shot('clone names');
        await page.getByTestId(testIds.cloneNext).click();
        await dialog.getByText('id_demo').first().click();
        await shot('clone hardware and keys');
        await page.getByTestId(testIds.cloneNext).click();
        await expect(page.getByTestId(testIds.cloneReview)).toContainText('web-2', { timeout: minute });
        await shot('clone review');
        await page.getByTestId(testIds.cloneSubmit).click();
        const done = page.getByTestId(testIds.cloneDone);
        await expect(done).toContainText('2 clones made', { timeout: minute });
        note((await done.textContent()) ?? '');
        await shot('clones made');
        await dialog.getByRole('button', { name: 'Show in list' }).click();
        for (const name of clones)
          await expect(page.getByTestId(guestStateTestId(name))).toHaveText('Running', { timeout: minute });
      },
    },
    {
      title: 'both boot to a login prompt under a name of their own',
      async run({ page, shot }) {
        for (const name of clones) {
          await page.getByTestId(dockTabTestId(name)).click({ timeout: minute });
          await waitForTerminal(page, new RegExp(`${name} login:`), 5 * minute);
        }
        await shot('clones booted');
      },
    },
    {
      title: 'the Identity page shows them distinct, and verified from the running systems',
      async run({ page, shot }) {
        await go(page, 'identity');
        const here = page.getByTestId(testIds.identityPage);
        for (const name of clones) {
          const row = page.getByTestId(identityRowTestId(name));
          await row.getByRole('button').click();
          const verify = here.getByRole('button', { name: /Verify over SSH|Read over SSH/ });
          await verify.click();
          await expect(row).toContainText('Verified', { timeout: minute });
          await row.getByRole('button').click();
        }
        await shot('verified');
        await endGuests(page);
      },
    },
    {
      title: 'a folder copied by hand is found as a double and repaired on its disk',
      async run(context) {
        const guests = join(context.launched.paths.data, 'guesthouse/guests');
        const original = readdirSync(guests).find((name) => name.startsWith(`${source}-`));
        if (!original) throw new Error(`There is no folder of ${source}.`);
        const copy = 'old-copy-00000001';
        cpSync(join(guests, original), join(guests, copy), { recursive: true });
        const file = join(guests, copy, 'domain.xml');
        const xml = readFileSync(file, 'utf8').replaceAll(original, copy);
        writeFileSync(file, xml.replace(`<name>${source}</name>`, '<name>old-copy</name>'));
        await context.restart();
        const { page, shot } = context;
        await go(page, 'identity');
        const problems = page.getByTestId(testIds.identityProblems);
        await expect(problems).toContainText('Same machine-id', { timeout: minute });
        await shot('two machines with one identity');
        await problems.getByRole('button', { name: 'Repair old-copy' }).click();
        const dialog = page.getByTestId(testIds.repairDialog);
        await dialog.getByText('/etc/machine-id').waitFor({ timeout: minute });
        await shot('what a repair changes');
        await page.getByTestId(testIds.repairSubmit).click();
        await dialog.getByLabel('Repaired', { exact: true }).waitFor({ timeout: minute });
        await dialog.getByRole('button', { name: 'Close' }).click();
        await expect(page.getByTestId(testIds.identityPage)).toContainText('is a machine of its own');
        await shot('repaired');
      },
    },
  ],
  async cleanUp({ page }) {
    await endGuests(page);
  },
};
