import { zoomConsoles } from './stores/settings.ts';
import { useUi } from './stores/ui.ts';
import { testIds } from './ui/testids.ts';

const zoomSteps: Readonly<Record<string, 1 | -1 | 0>> = { '=': 1, '+': 1, '-': -1, _: -1, 0: 0 };

/** Moves the focus to the next pane that is there, or with `back` to the one before. */
export function cyclePanes(back: boolean): void {
  // Of panes within each other the inner one is meant.
  const panes = [...document.querySelectorAll<HTMLElement>('[data-pane]:not(:has([data-pane]))')];
  const here = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = panes[(here + (back ? -1 : 1) + panes.length) % panes.length];
  if (!next) return;
  const inside = next.querySelector<HTMLElement>(
    '.xterm-helper-textarea, [role="tab"][aria-selected="true"], [aria-current="page"], table[role="grid"], button:not([disabled])',
  );
  const self = next.tabIndex >= 0 && next.matches('[role="grid"], section');
  (self || !inside ? next : inside).focus();
}

/**
 * The window's keys. Inside a console plain Ctrl+letter belongs to the program there, so each of them has a form
 * with Shift that works everywhere.
 */
export function onWindowKey(event: KeyboardEvent): void {
  // What an editor took as its own (Ctrl+F searches in it) is done.
  if (event.defaultPrevented && event.target instanceof Element && event.target.closest('.cm-editor')) return;
  const ui = useUi.getState();
  const inConsole = event.target instanceof Element && event.target.closest('.xterm') !== null;
  const key = event.key.toLowerCase();
  if (event.key === 'F6') {
    if (ui.dialog) return;
    cyclePanes(event.shiftKey);
  } else if (event.key === 'F1') {
    // In a console it is the program's there.
    if (ui.dialog || inConsole) return;
    ui.open({ kind: 'keyboard' });
  } else if (!event.ctrlKey || event.altKey || event.metaKey) return;
  else if (inConsole && !event.shiftKey) {
    const step = zoomSteps[key];
    if (step === undefined) return;
    zoomConsoles(step);
  } else if ((key === 'k' && !event.shiftKey) || (key === 'p' && event.shiftKey)) {
    if (ui.dialog?.kind === 'palette') ui.close();
    else if (!ui.dialog) ui.open({ kind: 'palette' });
    else return;
  } else if (key === 'j') ui.set({ dockOpen: !ui.dockOpen });
  else if (inConsole && (event.key === '+' || event.key === '_')) zoomConsoles(zoomSteps[event.key]!);
  else if (ui.dialog || inConsole) return;
  else if (key === 'n') ui.open({ kind: 'new-guest' });
  else if (key === ',') ui.open({ kind: 'settings' });
  else if (key === 'f')
    document.querySelector<HTMLElement>(`[data-testid="${testIds.guestFilter}"]`)?.focus();
  else return;
  event.preventDefault();
}
