import * as z from 'zod';
import { create } from 'zustand';
import { call } from '../bridge/call.ts';
import { closeScreen, useConsoles } from './consoles.ts';
import {
  type DockTab,
  neighbour,
  type Pane,
  reconcile,
  splitAt,
  terminalsOf,
  without,
  withRatio,
} from './dock-layout.ts';
import { openSshConsoles } from './terminals.ts';
import { tellError } from './toasts.ts';
import { useUi } from './ui.ts';

interface DockState {
  readonly tabs: readonly DockTab[];
  /** Consoles typed into together; empty: each by itself. */
  readonly group: ReadonlySet<string>;
  /** Consoles that rang while they were not in front. */
  readonly bells: ReadonlySet<string>;
  set: (patch: Partial<Pick<DockState, 'tabs' | 'group' | 'bells'>>) => void;
  /** Lays the consoles there are as these tabs say; those they do not name get one of their own. */
  lay: (tabs: readonly DockTab[]) => void;
}

// Survives a reload of the window, as the consoles do; not a new start.
const storageKey = 'dock';
export const paneSchema: z.ZodType<Pane> = z.lazy(() =>
  z.union([
    z.object({ terminal: z.string() }),
    z.object({
      split: z.enum(['row', 'column']),
      ratio: z.number().min(0.05).max(0.95),
      a: paneSchema,
      b: paneSchema,
    }),
  ]),
);
const stored = z.array(z.object({ id: z.string(), root: paneSchema, last: z.string() }));

function read(): readonly DockTab[] {
  try {
    return stored.parse(JSON.parse(sessionStorage.getItem(storageKey) ?? '[]'));
  } catch {
    return [];
  }
}

export const useDock = create<DockState>()((set) => ({
  tabs: read(),
  group: new Set(),
  bells: new Set(),
  set: (patch) => set(patch),
  lay: (tabs) =>
    set({
      tabs: reconcile(
        tabs,
        useConsoles.getState().all.map(({ id }) => id),
      ),
    }),
}));

/** Whether the first snapshot is there: before it there are no terminals, and the stored tabs must stay. */
let loaded = false;

useConsoles.subscribe(({ all }) => {
  loaded ||= all.length > 0;
  if (!loaded) return;
  const ids = all.map((terminal) => terminal.id);
  const { tabs, group, bells, set } = useDock.getState();
  const next = reconcile(tabs, ids);
  if (next !== tabs) set({ tabs: next });
  if ([...group].some((id) => !ids.includes(id))) setGroup([...group].filter((id) => ids.includes(id)));
  if ([...bells].some((id) => !ids.includes(id)))
    set({ bells: new Set([...bells].filter((id) => ids.includes(id))) });
});

useDock.subscribe(({ tabs }, before) => {
  if (tabs === before.tabs) return;
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(tabs));
  } catch {} // no storage: a reload then loses the splits alone
});

useUi.subscribe(({ activeTerminal, dockOpen }) => {
  if (activeTerminal === null) return;
  const { tabs, bells, set } = useDock.getState();
  const tab = tabs.find(({ root }) => terminalsOf(root).includes(activeTerminal));
  if (tab && tab.last !== activeTerminal)
    set({ tabs: tabs.map((one) => (one === tab ? { ...tab, last: activeTerminal } : one)) });
  if (dockOpen && tab && terminalsOf(tab.root).some((id) => bells.has(id)))
    set({ bells: new Set([...bells].filter((id) => !terminalsOf(tab.root).includes(id))) });
});

/** The tab in front. */
export function activeTab(tabs: readonly DockTab[], activeTerminal: string | null): DockTab | undefined {
  return (
    tabs.find(({ root }) => activeTerminal !== null && terminalsOf(root).includes(activeTerminal)) ??
    tabs.at(-1)
  );
}

export function changeTab(id: string, change: (root: Pane) => Pane): void {
  const { tabs, set } = useDock.getState();
  set({ tabs: tabs.map((tab) => (tab.id === id ? { ...tab, root: change(tab.root) } : tab)) });
}

/** Moves a console out of wherever it is to the right of or below another one. */
function place(terminal: string, at: string, split: 'row' | 'column'): void {
  if (terminal === at) return;
  const { tabs, set } = useDock.getState();
  const next = tabs.flatMap((tab) => {
    const root = without(tab.root, terminal);
    if (!root) return [];
    return [
      terminalsOf(root).includes(at)
        ? { ...tab, root: splitAt(root, at, split, terminal) }
        : { ...tab, root },
    ];
  });
  set({ tabs: next });
  useUi.getState().showTerminal(terminal);
}

/** Splits the pane of `at`: with a console that is open already, or a new one of the same or another host. */
export async function splitConsole(
  at: string,
  split: 'row' | 'column',
  what: { readonly terminal: string } | { readonly target: string },
): Promise<void> {
  try {
    const [terminal] = 'terminal' in what ? [what.terminal] : await openSshConsoles([what.target]);
    if (terminal !== undefined) place(terminal, at, split);
  } catch (error) {
    tellError(error);
  }
}

/** Gives a pane a tab of its own again. */
export function ownTab(terminal: string): void {
  const { tabs, set } = useDock.getState();
  const next = tabs.flatMap((tab) => {
    const root = without(tab.root, terminal);
    return root ? [{ ...tab, root, last: tab.last === terminal ? terminalsOf(root)[0]! : tab.last }] : [];
  });
  set({ tabs: [...next, { id: `of-${terminal}-${Date.now()}`, root: { terminal }, last: terminal }] });
  useUi.getState().showTerminal(terminal);
}

/** Moves the focus to the pane beside; stays at the edge. */
export function focusBeside(to: 'left' | 'right' | 'up' | 'down'): void {
  const { activeTerminal } = useUi.getState();
  const tab = activeTab(useDock.getState().tabs, activeTerminal);
  const next = tab && neighbour(tab.root, tab.last, to);
  if (next) useUi.getState().showTerminal(next);
}

export function moveLine(tab: string, path: string, ratio: number): void {
  changeTab(tab, (root) => withRatio(root, path, ratio));
}

/** One console alone is no group. */
export function setGroup(ids: readonly string[]): void {
  useDock.getState().set({ group: new Set(ids.length > 1 ? ids : []) });
}

export function ring(terminal: string): void {
  const { bells, set } = useDock.getState();
  if (!bells.has(terminal)) set({ bells: new Set([...bells, terminal]) });
}

export function closeConsole(id: string): void {
  if (!closeScreen(id)) void call('terminals.close', { id }).catch(tellError);
}
