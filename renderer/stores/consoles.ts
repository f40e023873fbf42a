import { create } from 'zustand';
import type { Terminal } from '../../shared/model/terminal.ts';
import { useConnection } from './connection.ts';
import { useGuests } from './guests.ts';
import { keyedStore } from './keyed.ts';
import { useTerminals } from './terminals.ts';
import { useUi } from './ui.ts';

/** A guest's screen in the dock. It belongs to this window alone: nothing of it lives elsewhere. */
export interface ScreenConsole extends Omit<Terminal, 'kind' | 'subject'> {
  readonly kind: 'screen';
  readonly subject: string;
}
/** What lies in the dock: a terminal, or a screen. */
export type Console = Terminal | ScreenConsole;

const prefix = 'screen:';
const screenOf = (guest: string) => prefix + guest;

// Survives a reload of the window, as terminals do.
const storageKey = 'screens';

function read(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? '[]');
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

/** The guests whose screens are open here. */
const useScreens = create<{ readonly guests: readonly string[] }>()(() => ({ guests: read() }));

useScreens.subscribe(({ guests }) => {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(guests));
  } catch {} // no storage: a reload then closes the screens alone
});

/** Terminals and screens together. Derived: nobody writes it but this file. */
export const useConsoles = keyedStore<Console>();

function derive() {
  // Before the first snapshot nothing is known, and a screen of an unknown guest is none.
  if (!useConnection.getState().loaded) return;
  const { byId } = useGuests.getState();
  const screens = useScreens.getState().guests.flatMap((id): ScreenConsole[] => {
    const guest = byId[id];
    if (!guest) return [];
    return [
      {
        id: screenOf(id),
        kind: 'screen',
        title: guest.name,
        subject: id,
        status: guest.pid === null ? 'waiting' : 'open',
        reason: guest.pid === null ? `${guest.name} is off` : null,
        exitCode: null,
        error: null,
      },
    ];
  });
  const next: readonly Console[] = [...useTerminals.getState().all, ...screens];
  const old = useConsoles.getState().all;
  const same =
    old.length === next.length &&
    next.every((console, i) => console === old[i] || sameScreen(console, old[i]));
  if (!same) useConsoles.getState().load(next);
}

const sameScreen = (a: Console, b: Console | undefined) =>
  a.kind === 'screen' &&
  b?.kind === 'screen' &&
  a.id === b.id &&
  a.title === b.title &&
  a.status === b.status;

useTerminals.subscribe(derive);
useGuests.subscribe(derive);
useScreens.subscribe(derive);
useConnection.subscribe(derive);

/** Opens the screens of these guests in the dock, high enough to see something, and shows the last one. */
export function openScreens(guestIds: readonly string[]): void {
  const last = guestIds.at(-1);
  if (last === undefined) return;
  const { guests } = useScreens.getState();
  useScreens.setState({ guests: [...guests, ...guestIds.filter((id) => !guests.includes(id))] });
  const ui = useUi.getState();
  const high = Math.round(window.innerHeight * 0.62);
  if (ui.dockHeight < high) {
    raised = { from: ui.dockHeight, to: high };
    ui.set({ dockHeight: high });
  }
  ui.showTerminal(screenOf(last));
}

/** The dock's height before a screen needed more, in pixels. */
let raised: { from: number; to: number } | null = null;
useScreens.subscribe(({ guests }) => {
  if (guests.length > 0 || !raised) return;
  // Somebody who chose another height meanwhile keeps it.
  if (useUi.getState().dockHeight === raised.to) useUi.getState().set({ dockHeight: raised.from });
  raised = null;
});

export function closeScreenOf(guest: string): void {
  useScreens.setState(({ guests }) => ({ guests: guests.filter((id) => id !== guest) }));
}

/** @returns false when the id is no screen's */
export function closeScreen(id: string): boolean {
  if (!id.startsWith(prefix)) return false;
  closeScreenOf(id.slice(prefix.length));
  return true;
}
