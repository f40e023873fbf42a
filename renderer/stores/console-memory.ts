import * as z from 'zod';
import { call } from '../bridge/call.ts';
import { useConnection } from './connection.ts';
import { paneSchema, useDock } from './dock.ts';
import { type DockTab, renamed } from './dock-layout.ts';
import { useGuests } from './guests.ts';
import { useTerminals } from './terminals.ts';

/**
 * Which consoles of guests were open, and how they lay: guests outlive the app, and its next start opens them again.
 * Those of servers are not: connecting asks for passwords, and nobody asked for that.
 */
const storageKey = 'consoles';
const memory = z.object({
  consoles: z
    .array(z.object({ id: z.string(), kind: z.enum(['serial', 'ssh']), subject: z.string() }))
    .max(100),
  tabs: z.array(z.object({ id: z.string(), root: paneSchema, last: z.string() })),
});

function recall(): z.infer<typeof memory> {
  try {
    return memory.parse(JSON.parse(localStorage.getItem(storageKey) ?? ''));
  } catch {
    return { consoles: [], tabs: [] };
  }
}

/** False until the consoles of the run before were opened again: what is there until then is not worth remembering. */
let settled = false;

function remember(): void {
  if (!settled) return;
  const guests = useGuests.getState().byId;
  const consoles = useTerminals
    .getState()
    .all.flatMap(({ id, kind, subject }) =>
      kind !== 'exec' && subject !== null && guests[subject] ? [{ id, kind, subject }] : [],
    );
  try {
    localStorage.setItem(storageKey, JSON.stringify({ consoles, tabs: useDock.getState().tabs }));
  } catch {} // no storage: the next start opens none
}

/** Opens again what was open when the app ended, of the guests that run. What fails is left out: nobody waits for it. */
async function reopenConsoles(): Promise<void> {
  if (useTerminals.getState().all.length > 0) return; // the page was loaded again, or another window is open
  const { consoles, tabs } = recall();
  const now = new Map<string, string>();
  for (const { id, kind, subject } of consoles) {
    if (useGuests.getState().byId[subject]?.pid == null) continue;
    try {
      const terminal =
        kind === 'serial'
          ? await call('terminals.openSerial', { id: subject })
          : await call('terminals.openSsh', { target: subject });
      useTerminals.getState().put(terminal);
      now.set(id, terminal.id);
    } catch {}
  }
  if (now.size === 0) return;
  const back = tabs.flatMap((tab): DockTab[] => {
    const root = renamed(tab.root, now);
    return root ? [{ id: tab.id, root, last: now.get(tab.last) ?? '' }] : [];
  });
  useDock.getState().lay(back);
}

/** Begins to keep in mind which consoles are open, once those of the run before are open again. */
export function keepConsoles(): void {
  useConnection.subscribe(({ epoch }, before) => {
    if (epoch === before.epoch) return;
    settled = false;
    void reopenConsoles().finally(() => {
      settled = true;
      remember();
    });
  });
  useTerminals.subscribe(remember);
  useDock.subscribe(({ tabs }, before) => tabs !== before.tabs && remember());
}
