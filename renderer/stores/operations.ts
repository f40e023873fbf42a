import { CancelledError, fromWire } from '../../shared/errors.ts';
import type { Operation } from '../../shared/model/operation.ts';
import { call } from '../bridge/call.ts';
import { keyedStore } from './keyed.ts';
import { tellError } from './toasts.ts';

export const useOperations = keyedStore<Operation>();

export const isUnderWay = (operation: Operation) =>
  operation.status === 'running' || operation.status === 'cancelling';

/** Asks for it to be cancelled; its end comes as an event. */
export const cancelOperation = (id: string): void => {
  call('operations.cancel', { id }).catch(tellError);
};

/** Resolves when the operation is done; rejects with its error, or CancelledError. Its event may come later. */
export function operationEnd(id: string): Promise<Operation> {
  return new Promise((resolve, reject) => {
    const look = (operation: Operation | undefined): boolean => {
      if (!operation || isUnderWay(operation)) return false;
      if (operation.status === 'done') resolve(operation);
      else if (operation.status === 'failed' && operation.error) reject(fromWire(operation.error));
      else reject(new CancelledError());
      return true;
    };
    if (look(useOperations.getState().byId[id])) return;
    const off = useOperations.subscribe((state) => {
      if (look(state.byId[id])) off();
    });
  });
}

/** The operation under way about this subject, if any; the newest one. */
export function useSubjectOperation(subject: string): Operation | undefined {
  return useOperations((state) => state.all.filter((op) => op.subject === subject && isUnderWay(op)).at(-1));
}
