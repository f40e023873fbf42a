import { useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../shared/errors.ts';
import type { Operation } from '../../shared/model/operation.ts';
import { call } from '../bridge/call.ts';
import { cancelOperation, operationEnd, useSubjectOperation } from './operations.ts';

export interface ShuttingDown {
  /** What is going on with the guest now, if anything. */
  readonly operation: Operation | undefined;
  readonly error: WireError | null;
  begin: () => void;
  cancel: () => void;
  /** Pulls the plug. */
  force: () => void;
}

/** For what needs a guest to be off first. The guest's own state tells when it is. */
export function useShutDown(id: string | null): ShuttingDown {
  const operation = useSubjectOperation(id ?? '');
  const [error, setError] = useState<WireError | null>(null);
  const act = async () => {
    if (id === null) return;
    setError(null);
    try {
      await operationEnd((await call('guests.shutdown', { id })).operation);
    } catch (cause) {
      if (!isCancelled(cause)) setError(toWire(cause));
    }
  };
  return {
    operation,
    error,
    begin: () => void act(),
    cancel: () => {
      if (operation) cancelOperation(operation.id);
    },
    force: () => {
      if (id !== null) void call('guests.forceOff', { id }).catch((cause) => setError(toWire(cause)));
    },
  };
}
