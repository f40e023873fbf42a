import { expect } from '@playwright/test';
import {
  actionTestId,
  guestRowTestId,
  guestStateTestId,
  navTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import { waitWithProgress } from '../../lib/progress.ts';
import { waitForTerminal } from '../../lib/screen.ts';
import type { DemoPart } from '../part.ts';

const name = 'debian';
const minute = 60_000;

/** The first main job: from an empty library to the login prompt of a real guest, in the window. */
export const firstGuest: DemoPart = {
  name: 'first guest',
  steps: [
    {
      title: 'the window opens and says what this machine can do',
      async run({ page, shot }) {
        await page.getByTestId(testIds.firstRun).waitFor({ timeout: 30_000 });
        await shot('first run');
        await page.getByTestId(navTestId('host')).click();
        await page.getByTestId(testIds.hostPage).waitFor();
        // The trial of KVM takes seconds where KVM hangs; the verdict is what the picture is about.
        await expect(page.getByTestId(testIds.hostPage)).not.toContainText('being tried', {
          timeout: 30_000,
        });
        await expect(page.getByTestId(testIds.hostPage)).toContainText('KVM');
        await shot('host');
        await page.getByTestId(navTestId('guests')).click();
      },
    },
    {
      title: 'a Debian guest is built from packages and created',
      async run({ page, shot, note }) {
        await page.getByTestId(testIds.tryDebian).click();
        await page.getByTestId(testIds.createDialog).waitFor();
        await page.getByTestId(testIds.createName).fill(name);
        await shot('create');
        await page.getByTestId(testIds.createSubmit).click();
        const failure = page.getByTestId(testIds.errorNote);
        const made = page.getByTestId(guestRowTestId(name)).or(failure);
        // With a starter that was built before, it is over at once.
        await page.getByTestId(testIds.createProgress).or(made).first().waitFor();
        await shot('building the starter');
        await waitWithProgress(page, made, note);
        if (await failure.isVisible())
          throw new Error((await failure.textContent()) ?? 'an error without words');
        await shot('created');
      },
    },
    {
      title: 'it boots to its login prompt in a console',
      async run({ page, shot }) {
        const state = page.getByTestId(guestStateTestId(name));
        await page.getByTestId(guestRowTestId(name)).click();
        // "Create and start" starts it by itself, a moment after it is in the list.
        const starts = await expect(state)
          .not.toHaveText(/off/i, { timeout: 20_000 })
          .then(
            () => true,
            () => false,
          );
        if (!starts) await page.getByTestId(actionTestId('start')).first().click();
        await expect(state).toHaveText(/running/i, { timeout: minute });
        if ((await page.getByTestId(testIds.terminal).count()) === 0)
          await page.getByTestId(actionTestId('console')).first().click();
        await page.getByTestId(testIds.terminal).first().waitFor();
        await shot('booting');
        await waitForTerminal(page, /login:/, 3 * minute);
        await shot('login prompt');
      },
    },
    {
      title: 'without the window it runs on, and the next start finds it',
      async run(context) {
        await context.restart();
        await expect(context.page.getByTestId(guestStateTestId(name))).toHaveText(/running/i, {
          timeout: 30_000,
        });
        await context.shot('adopted');
      },
    },
    {
      title: 'it shuts down when asked',
      async run({ page, shot }) {
        await page.getByTestId(guestRowTestId(name)).click();
        await page.getByTestId(actionTestId('shutdown')).first().click();
        await expect(page.getByTestId(guestStateTestId(name))).toHaveText(/off/i, { timeout: 2 * minute });
        await shot('shut down');
      },
    },
  ],
};
