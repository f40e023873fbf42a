import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import {
  containerGraphTestId,
  containerRowTestId,
  navTestId,
  testIds,
} from '../../../renderer/ui/testids.ts';
import type { Bridge } from '../../../shared/ipc/contract.ts';
import type { Snapshot } from '../../../shared/ipc/events.ts';
import type { ContainerHost } from '../../../shared/model/container.ts';
import { packRoot, removeContainers, resetPodman } from '../../lib/containers.ts';
import { terminalText, waitForTerminal } from '../../lib/screen.ts';
import type { DemoPart } from '../part.ts';

const minute = 60_000;
const name = `demo-${process.pid}`;
let folder = '';

/** podman of this computer, once it was looked at. */
async function local(page: Page): Promise<ContainerHost | null> {
  return page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('core.snapshot', undefined);
    if (!answer.ok) return null;
    const { containerHosts = [] } = answer.value as Snapshot;
    const host = containerHosts.find(({ id }) => id === 'local');
    return host && (host.facts || host.error) ? host : null;
  });
}

/** A root file system becomes an application held to 64 MB and half a processor, and one works in it. */
export const applicationContainer: DemoPart = {
  name: 'containers',
  steps: [
    {
      title: 'a root file system runs as an application with 64 MB and half a CPU, seen in the graph',
      async run({ page, shot, note }) {
        await page.getByTestId(navTestId('containers')).click();
        await page.getByTestId(testIds.newContainer).first().click();
        await expect.poll(() => local(page), { timeout: minute }).not.toBeNull();
        const { facts, error } = (await local(page))!;
        if (!facts) {
          await page.keyboard.press('Escape');
          await shot('no podman here');
          return note(`Not on this computer: ${error?.message}`);
        }
        folder = mkdtempSync(join(tmpdir(), 'guesthouse-demo-root-'));
        const dialog = page.getByTestId(testIds.containerDialog);
        await dialog.getByText('A root file system as a tar').click();
        await page.getByTestId(testIds.containerImage).fill(packRoot(folder));
        await page.getByTestId(testIds.containerName).fill(name);
        await page.getByTestId(testIds.containerCommand).fill(`sh -c 'yes > /dev/null & sleep 3600'`);
        const refused = facts.limits.find(({ kind, ok }) => kind === 'memory' && !ok);
        if (refused) note(`Without limits on this computer: ${refused.why}`);
        else {
          await page.getByTestId(testIds.limitMemory).fill('64');
          await page.getByTestId(testIds.limitCpus).fill('0.5');
          await page.keyboard.press('Tab');
        }
        await shot('new container');
        await page.getByTestId(testIds.containerSubmit).click();
        await expect(dialog).toContainText(`${name} runs`, { timeout: 2 * minute });

        await dialog.getByTestId(testIds.openConsole).click();
        await expect.poll(() => terminalText(page), { timeout: minute }).toMatch(/[#$]\s*$/);
        await page.keyboard.type('echo inside-$((40+2)); ls /bin\n');
        await waitForTerminal(page, /inside-42/, minute);

        await page.getByTestId(containerRowTestId(name)).click();
        const cpu = page.getByTestId(containerGraphTestId(`cpu-${name}`));
        await expect(cpu).toContainText(refused ? '%' : 'of 50%', { timeout: minute });
        if (!refused) {
          await expect(cpu).toContainText('held back', { timeout: minute });
          await expect(page.getByTestId(containerGraphTestId(`memory-${name}`))).toContainText('of 64 MiB');
        }
        await shot(refused ? 'runs' : 'limited');
      },
    },
  ],
  async cleanUp({ page, launched }) {
    if (!folder) return;
    await removeContainers(page, [name]).catch(() => {});
    resetPodman(launched.paths);
    rmSync(folder, { recursive: true, force: true });
  },
};
