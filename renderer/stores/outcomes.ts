import type { Operation } from '../../shared/model/operation.ts';
import { call } from '../bridge/call.ts';
import { tellError, useToasts } from './toasts.ts';
import { type DialogState, useUi } from './ui.ts';

/** Operations whose end shows by itself (a state in the list, a console that opens): no toast when they go well. */
const quiet = /^(guest\.|group\.|container\.|identity\.verify$|key\.(create|copy)$|server\.|ssh\.prepare)/;

/** Dialogs that show how these end, each with the next step: a toast would tell it twice and cover their buttons. */
const shownBy: Readonly<Record<string, readonly DialogState['kind'][]>> = {
  'template.seal': ['seal'],
  'template.make': ['new-template'],
  'clones.run': ['clone'],
  'identity.repair': ['repair'],
  'container.create': ['new-container'],
  'container.compare': ['compare'],
  'key.copy': ['copy-key', 'get-access'],
  'server.test': ['get-access'],
};

/** A shut-down that ran out of time is answered by the dialog that offers to force it. */
export const isShutdownTimeout = (operation: Operation) =>
  /shutdown/i.test(operation.kind) && operation.error?.code === 'timeout';

/** Tells once how an operation ended. One that is first seen when it has ended (a snapshot) is old news. */
export function announceOutcome(before: Operation | undefined, after: Operation): void {
  const wasOpen = before === undefined || before.endedAt === null;
  if (!wasOpen || after.endedAt === null) return;
  const { dialog } = useUi.getState();
  if (dialog !== null && shownBy[after.kind]?.includes(dialog.kind)) return;
  const add = useToasts.getState().add;
  if (after.status === 'cancelled') add({ tone: 'plain', text: `${after.title}: cancelled` });
  else if (after.status === 'failed' && after.error) {
    // Those two are answered by a dialog.
    if (!isShutdownTimeout(after) && after.error.code !== 'needs-consent')
      add({ tone: 'bad', text: after.error.message, error: after.error });
  } else if (after.status === 'done' && (after.undoable || !quiet.test(after.kind)))
    add({
      tone: 'good',
      text: `${after.title}: done`,
      action: after.undoable
        ? { label: 'Undo', run: () => void call('operations.undo', { id: after.id }).catch(tellError) }
        : undefined,
    });
}
