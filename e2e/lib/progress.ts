import type { Locator, Page } from '@playwright/test';
import type { Snapshot } from '../../shared/ipc/events.ts';
import { bridgeCall } from './clones.ts';

/** Milliseconds without any progress after which nothing is expected to come: the longest silent step takes a third. */
const patience = 5 * 60_000;

/**
 * Waits for something that operations bring about, for as long as they make progress. Each phase is told once, with
 * the time it took.
 * @throws Error when no operation has moved for five minutes; it names the phase that stood still
 */
export async function waitWithProgress(
  page: Page,
  awaited: Locator,
  tell: (line: string) => void,
): Promise<void> {
  let moved = performance.now();
  let seen = '';
  let phase = null as { readonly text: string; readonly from: number } | null;
  const endPhase = () => {
    if (phase) tell(`${((performance.now() - phase.from) / 1000).toFixed(1).padStart(6)} s  ${phase.text}`);
    phase = null;
  };
  while (!(await awaited.first().isVisible())) {
    const { operations } = (await bridgeCall(page, 'core.snapshot', undefined)) as Snapshot;
    const running = operations.filter((operation) => operation.endedAt === null);
    const state = JSON.stringify(running.map(({ id, phase: now, fraction }) => [id, now, fraction]));
    if (state !== seen) {
      seen = state;
      moved = performance.now();
    }
    const first = running[0];
    const text = first ? `${first.title}: ${first.phase || 'beginning'}` : null;
    if (text !== (phase?.text ?? null)) {
      endPhase();
      if (text !== null) phase = { text, from: performance.now() };
    }
    if (performance.now() - moved > patience)
      throw new Error(`No progress for ${patience / 60_000} minutes; the last was "${text ?? 'nothing'}".`);
    await page.waitForTimeout(250);
  }
  endPhase();
}
