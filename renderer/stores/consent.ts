import { GuesthouseError } from '../../shared/errors.ts';
import { call } from '../bridge/call.ts';
import { operationEnd } from './operations.ts';
import { tellError } from './toasts.ts';
import { useUi } from './ui.ts';

const needsConsent = (error: unknown) => error instanceof GuesthouseError && error.code === 'needs-consent';

/** Starts a guest. One that reaches outside the library and was not allowed to is asked about instead of failing. */
export async function startGuest(id: string): Promise<void> {
  let operation: string;
  try {
    ({ operation } = await call('guests.start', { id }));
  } catch (error) {
    if (needsConsent(error)) useUi.getState().open({ kind: 'consent', id });
    else tellError(error);
    return;
  }
  // Other ends are told where every operation's end is: outcomes.ts.
  await operationEnd(operation).catch((error: unknown) => {
    if (needsConsent(error)) useUi.getState().open({ kind: 'consent', id });
  });
}
