import { expect, test } from '@playwright/test';
import {
  groupRowTestId,
  guestStateTestId,
  memberRowTestId,
  navTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { bridgeCall, startClones } from './lib/clones.ts';
import { shareStarters } from './lib/library.ts';
import { openWindow, page, shot } from './lib/window.ts';

// Groups in a guest, over SSH, in the real window: needs no rights on this computer.
const minute = 60_000;

openWindow(shareStarters);

test('a group in a guest holds a busy loop, seen in the graph here', async () => {
  test.setTimeout(10 * minute);
  const key = await bridgeCall(page, 'keys.create', { name: 'laptop', location: 'app' });
  await startClones(page, ['far'], key.id);
  await expect(page.getByTestId(guestStateTestId('far'))).toHaveText('Running', { timeout: minute });
  const { operation } = await bridgeCall(page, 'guests.waitSsh', { id: 'far' });
  await expect
    .poll(
      async () =>
        (await bridgeCall(page, 'core.snapshot', undefined)).operations.find((one) => one.id === operation)
          ?.status,
      { timeout: 5 * minute },
    )
    .toBe('done');

  await page.getByTestId(navTestId('groups')).click();
  await page.getByTestId(testIds.newGroup).click();
  await page.getByTestId(testIds.groupName).fill('nightly');
  await page.getByTestId('group-host').selectOption({ label: 'far' });
  const dialog = page.getByTestId(testIds.groupDialog);
  await expect(dialog.getByRole('progressbar')).toHaveCount(0, { timeout: minute });
  await page.getByTestId('limit-memoryMax').fill('100 MB');
  await page.getByTestId('limit-cpus').fill('0.3');
  await page.getByTestId(testIds.groupSubmit).click();
  await page.getByTestId(groupRowTestId('nightly')).click();
  await page.getByTestId(testIds.groupAdd).click();
  await page.getByTestId('group-add-application').click();
  await page.getByTestId('group-command').fill(`perl -e '1 while 1'`);
  await page.getByTestId(testIds.groupSubmit).click();
  await expect(page.getByTestId(memberRowTestId('perl'))).toContainText('Running', { timeout: 2 * minute });
  const graph = page.getByTestId('group-graph-cpu');
  await expect(graph).toContainText('of 30%');
  await expect(graph).toContainText('held back', { timeout: minute });
  await expect(page.getByTestId(testIds.groupHits)).toContainText('Held to its processor limit');
  await expect(page.getByTestId('group-graph-memory')).toContainText('of 100 MiB');
  await shot('held');
});
