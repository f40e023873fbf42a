import { GuesthouseError } from '../../shared/errors.ts';
import type { Guest } from '../../shared/model/guest.ts';
import { call, shell } from '../bridge/call.ts';
import { writeClipboard } from '../bridge/clipboard.ts';
import { startGuest } from './consent.ts';
import { openScreens } from './consoles.ts';
import { allows, type GuestActionId } from './guest-actions.ts';
import { operationEnd } from './operations.ts';
import { openConsoles, openSshConsoles } from './terminals.ts';
import { tell, tellError } from './toasts.ts';
import { useUi } from './ui.ts';

/** Does an action to those of the guests that allow it. Failures are told; nothing is thrown. */
export function runGuestAction(action: GuestActionId, guests: readonly Guest[]): void {
  const able = guests.filter((guest) => allows(guest.state, action));
  const first = able[0];
  if (!first) return;
  const ids = able.map((guest) => guest.id);
  const { open } = useUi.getState();
  switch (action) {
    case 'force-off':
    case 'reset':
    case 'discard-saved':
    case 'delete':
      open({ kind: action, ids });
      break;
    case 'rename':
    case 'labels':
      open({ kind: action, id: first.id });
      break;
    case 'clone':
      open({ kind: 'clone', sources: ids });
      break;
    case 'template':
      open({ kind: 'seal', id: first.id });
      break;
    case 'console':
      openConsoles(ids).catch(tellError);
      break;
    case 'screen':
      openScreens(ids);
      break;
    case 'show-folder':
      shell('shell.showInFolder', { path: first.folder }).catch(tellError);
      break;
    case 'shutdown':
      for (const id of ids) void shutDown(id);
      break;
    case 'start':
      for (const id of ids) void startGuest(id);
      break;
    case 'ssh':
      openSshConsoles(ids).catch(tellError);
      break;
    case 'copy-ssh':
      copySshCommand(first.id).catch(tellError);
      break;
    case 'copy-key':
      open({ kind: 'copy-key', key: null, targets: ids });
      break;
    case 'reboot':
    case 'save':
    case 'pause':
    case 'resume':
      for (const id of ids) call(`guests.${action}`, { id }).catch(tellError);
  }
}

async function copySshCommand(target: string): Promise<void> {
  await writeClipboard((await call('ssh.command', { target })).line);
  tell('The SSH command is on the clipboard');
}

/** Asks the system inside to shut down. When it does not in time, offers to force it, unless it is down by then. */
export async function shutDown(id: string): Promise<void> {
  let operation: string;
  try {
    ({ operation } = await call('guests.shutdown', { id }));
  } catch (error) {
    return tellError(error);
  }
  await operationEnd(operation).catch((error: unknown) => {
    // Other ends are told where every operation's end is: outcomes.ts.
    if (error instanceof GuesthouseError && error.code === 'timeout')
      useUi.getState().open({ kind: 'shutdown-timeout', id });
  });
}
