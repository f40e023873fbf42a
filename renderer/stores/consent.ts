import { GuesthouseError } from '../../shared/errors.ts';
import { call } from '../bridge/call.ts';
import { operationEnd } from './operations.ts';
import { tellError } from './toasts.ts';
import { useUi } from './ui.ts';

const needsConsent = (error: unknown) => error instanceof GuesthouseError && error.code === 'needs-consent';

/**
 * Starts a guest. One that reaches outside the library and was not allowed to is asked about instead of failing; other
 * failures are told. Never throws.
 * @returns whether it was started
 */
export async function startGuest(id: string): Promise<boolean> {
  let operation: string;
  try {
    ({ operation } = await call('guests.start', { id }));
  } catch (error) {
    if (needsConsent(error)) useUi.getState().open({ kind: 'consent', id });
    else tellError(error);
    return false;
  }
  // Other ends are told where every operation's end is: outcomes.ts.
  try {
    await operationEnd(operation);
    return true;
  } catch (error) {
    if (needsConsent(error)) useUi.getState().open({ kind: 'consent', id });
    return false;
  }
}
