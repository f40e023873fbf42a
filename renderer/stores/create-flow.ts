import { create } from 'zustand';
import { toWire, type WireError } from '../../shared/errors.ts';
import type { CreateSpec } from '../../shared/ipc/guests.ts';
import { call } from '../bridge/call.ts';
import { startGuest } from './consent.ts';
import { isUnderWay, operationEnd, useOperations } from './operations.ts';
import { useStarters } from './starters.ts';
import { openConsoles } from './terminals.ts';
import { useUi } from './ui.ts';

export type CreateFlow =
  | { readonly step: 'idle' }
  | {
      readonly step: 'building' | 'creating' | 'opening';
      readonly name: string;
      readonly operation: string | null;
    }
  | { readonly step: 'failed'; readonly name: string; readonly error: WireError };

/** What "New guest" is doing now; one at a time. It goes on when its dialog is closed. */
export const useCreateFlow = create<{ flow: CreateFlow; set: (flow: CreateFlow) => void }>()((set) => ({
  flow: { step: 'idle' },
  set: (flow) => set({ flow }),
}));

/** Builds the starter where needed, makes the guest and, when it is to start, opens its console. Never throws. */
export async function createGuest(spec: CreateSpec): Promise<void> {
  const { set } = useCreateFlow.getState();
  const name = spec.name;
  try {
    const { from } = spec;
    if (from.kind === 'starter' && useStarters.getState().byId[from.id]?.status !== 'built') {
      set({ step: 'building', name, operation: null });
      const underWay = useOperations
        .getState()
        .all.find((op) => isUnderWay(op) && op.kind.startsWith('starter'))?.id;
      const operation = underWay ?? (await call('starters.build', { id: from.id })).operation;
      set({ step: 'building', name, operation });
      await operationEnd(operation);
    }
    set({ step: 'creating', name, operation: null });
    const { operation, id } = await call('guests.create', { ...spec, start: false });
    set({ step: 'creating', name, operation });
    await operationEnd(operation);
    useUi.getState().go('guests');
    useUi.getState().set({ filter: '', stateFilter: new Set(), tagFilter: new Set() });
    useUi.getState().select([id], id);
    if (spec.start) {
      set({ step: 'opening', name, operation: null });
      // By the window, which asks where a start needs consent, and tells what keeps it from starting.
      void startGuest(id);
      await openConsoles([id]);
    }
    set({ step: 'idle' });
    if (useUi.getState().dialog?.kind === 'new-guest') useUi.getState().close();
  } catch (error) {
    const wire = toWire(error);
    set(wire.code === 'cancelled' ? { step: 'idle' } : { step: 'failed', name, error: wire });
  }
}
