import { expect, type Page } from '@playwright/test';
import {
  actionTestId,
  groupRowTestId,
  guestRowTestId,
  guestStateTestId,
  memberRowTestId,
  navTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import type { Bridge } from '../../../shared/ipc/contract.ts';
import { endGuests } from '../../lib/library.ts';
import type { DemoPart } from '../part.ts';

const minute = 60_000;
const group = 'nightly';
const guest = 'grouped';

const go = (page: Page, section: string) => page.getByTestId(navTestId(section)).click();

/** Why this user can have no control groups here; null when there can be. */
async function refusal(page: Page): Promise<string | null> {
  return page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('groups.host', { host: null });
    if (!answer.ok) return answer.error.message;
    return (answer.value as { problem: { why?: string } | null }).problem?.why ?? null;
  });
}

/** A guest and an application share one limit, and the graph shows it hold. */
export const resourceGroups: DemoPart = {
  name: 'groups',
  steps: [
    {
      title: 'a guest and an application are in one group, held to its limit together',
      async run({ page, shot, note }) {
        await go(page, 'groups');
        const why = await refusal(page);
        if (why !== null) {
          await expect(page.getByTestId(testIds.errorNote)).toBeVisible();
          await shot('no groups here');
          return note(`Not on this computer: ${why}`);
        }
        await page.getByTestId(testIds.newGroup).first().click();
        await page.getByTestId(testIds.groupName).fill(group);
        await page.getByTestId('limit-cpus').fill('0.5');
        await page.getByTestId('limit-memoryMax').fill('2 GB');
        await shot('new group');
        await page.getByTestId(testIds.groupSubmit).click();
        await page.getByTestId(groupRowTestId(group)).click();

        await go(page, 'guests');
        await page.getByTestId(testIds.newGuest).click();
        await page.getByTestId(testIds.createName).fill(guest);
        await page.getByText('Start it and open its console').click();
        await page.getByTestId(testIds.createSubmit).click();
        await page.getByTestId(guestRowTestId(guest)).click({ timeout: 6 * minute });
        await go(page, 'groups');
        await page.getByTestId(groupRowTestId(group)).click();
        await page.getByTestId(testIds.groupAdd).click();
        await page.getByTestId('group-add-guest').click();
        await page.getByTestId('group-guest').selectOption({ label: guest });
        await page.getByTestId(testIds.groupSubmit).click();
        await expect(page.getByTestId(memberRowTestId(guest))).toContainText('Off');
        await go(page, 'guests');
        await page.getByTestId(guestRowTestId(guest)).click();
        await page.getByTestId(actionTestId('start')).click();
        await expect(page.getByTestId(guestStateTestId(guest))).toHaveText('Running', { timeout: minute });

        await go(page, 'groups');
        await page.getByTestId(groupRowTestId(group)).click();
        await page.getByTestId(testIds.groupAdd).click();
        await page.getByTestId('group-add-application').click();
        await page.getByTestId('group-command').fill(`perl -e '1 while 1'`);
        await page.getByTestId(testIds.groupSubmit).click();
        await expect(page.getByTestId(memberRowTestId('perl'))).toContainText('Running', { timeout: minute });
        await expect(page.getByTestId('group-graph-cpu')).toContainText('held back', { timeout: minute });
        await expect(page.getByTestId(testIds.groupHits)).toContainText('Held to its processor limit');
        await shot('held together');
      },
    },
  ],
  async cleanUp({ page }) {
    await page
      .evaluate(async (name) => {
        const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
        await bridge.call('groups.endMember', { id: name, member: 'perl', force: true });
      }, group)
      .catch(() => {});
    await endGuests(page);
    await page
      .evaluate(async (name) => {
        const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
        await bridge.call('groups.remove', { id: name });
      }, group)
      .catch(() => {});
  },
};
