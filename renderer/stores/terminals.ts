import type { Terminal } from '../../shared/model/terminal.ts';
import { call } from '../bridge/call.ts';
import { keyedStore } from './keyed.ts';
import { useUi } from './ui.ts';

export const useTerminals = keyedStore<Terminal>();

/** Opens an SSH console to each of these guests and servers and shows the last one; returns their ids. */
export async function openSshConsoles(targets: readonly string[]): Promise<readonly string[]> {
  const opened: string[] = [];
  for (const target of targets) {
    const terminal = await call('terminals.openSsh', { target });
    useTerminals.getState().put(terminal);
    useUi.getState().showTerminal(terminal.id);
    opened.push(terminal.id);
  }
  return opened;
}

/** Opens (or finds) the serial consoles of these guests and shows the last one in the dock. */
export async function openConsoles(guestIds: readonly string[]): Promise<void> {
  for (const id of guestIds) {
    const terminal = await call('terminals.openSerial', { id });
    // The event tells the same; it may come after this answer, and the dock should not wait for it.
    useTerminals.getState().put(terminal);
    useUi.getState().showTerminal(terminal.id);
  }
}
