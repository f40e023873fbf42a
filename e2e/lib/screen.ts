import { expect, type Locator, type Page } from '@playwright/test';
import { testIds } from '../../renderer/ui/testids.ts';

/** What the terminal in front shows, as text: the rows of xterm's DOM renderer. */
export async function terminalText(page: Page): Promise<string> {
  const rows = await page
    .getByTestId(testIds.terminal)
    .locator('.xterm-rows > div:visible')
    .allTextContents();
  // xterm pads with no-break spaces.
  return rows.map((row) => row.replace(/\u00a0/g, ' ').trimEnd()).join('\n');
}

/**
 * A console of the tab in front.
 * @param which its title, or a place among the tab's panes from 0; panes stand in the page in the order in which their
 *   consoles were opened, wherever they lie
 */
export const pane = (page: Page, which: string | number): Locator =>
  typeof which === 'number'
    ? page.locator('[data-terminal]:visible').nth(which)
    : page.locator(`[data-terminal="${which}"]:visible`);

/** What such a console shows. */
export async function paneText(page: Page, which: string | number): Promise<string> {
  const rows = await pane(page, which).locator('.xterm-rows > div').allTextContents();
  return rows.map((row) => row.replace(/\u00a0/g, ' ').trimEnd()).join('\n');
}

/** Waits until the terminal in front shows `pattern`. Milliseconds. */
export async function waitForTerminal(page: Page, pattern: RegExp, timeout: number): Promise<void> {
  await expect
    .poll(() => terminalText(page), { timeout, message: `the terminal shows ${pattern}` })
    .toMatch(pattern);
}
