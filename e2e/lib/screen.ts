import { expect, type Page } from '@playwright/test';
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

/** What a console of the tab in front shows. @param place among the tab's panes, from 0 */
export async function paneText(page: Page, place: number): Promise<string> {
  const rows = await page
    .locator('[data-terminal]:visible')
    .nth(place)
    .locator('.xterm-rows > div')
    .allTextContents();
  return rows.map((row) => row.replace(/\u00a0/g, ' ').trimEnd()).join('\n');
}

/** Waits until the terminal in front shows `pattern`. Milliseconds. */
export async function waitForTerminal(page: Page, pattern: RegExp, timeout: number): Promise<void> {
  await expect
    .poll(() => terminalText(page), { timeout, message: `the terminal shows ${pattern}` })
    .toMatch(pattern);
}
