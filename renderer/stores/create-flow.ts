import { create } from 'zustand';
import { toWire, type WireError } from '../../shared/errors.ts';
import type { CallInput } from '../../shared/ipc/contract.ts';
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
  | {
      readonly step: 'made';
      readonly name: string;
      readonly id: string;
      /** What had to be changed beside what was asked for, as sentences. */
      readonly changes: readonly string[];
    }
  | { readonly step: 'failed'; readonly name: string; readonly error: WireError };

/** What "New guest" is doing now; one at a time. It goes on when its dialog is closed. */
export const useCreateFlow = create<{ flow: CreateFlow; set: (flow: CreateFlow) => void }>()((set) => ({
  flow: { step: 'idle' },
  set: (flow) => set({ flow }),
}));

function show(id: string): void {
  useUi.getState().go('guests');
  useUi.getState().set({ filter: '', stateFilter: new Set(), tagFilter: new Set() });
  useUi.getState().select([id], id);
}

function failed(name: string, error: unknown): void {
  const wire = toWire(error);
  useCreateFlow
    .getState()
    .set(wire.code === 'cancelled' ? { step: 'idle' } : { step: 'failed', name, error: wire });
}

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
    show(id);
    if (spec.start) {
      set({ step: 'opening', name, operation: null });
      // By the window, which asks where a start needs consent, and tells what keeps it from starting.
      void startGuest(id);
      await openConsoles([id]);
    }
    set({ step: 'idle' });
    if (useUi.getState().dialog?.kind === 'new-guest') useUi.getState().close();
  } catch (error) {
    failed(name, error);
  }
}

/** Makes a guest of a file, starts it when that is wished, and leaves what comes next to the person. Never throws. */
export async function createFromFile(spec: CreateSpec): Promise<void> {
  await make(spec.name, spec.start ?? false, async () => {
    const started = await call('guests.create', { ...spec, start: false });
    return { ...started, changes: [] };
  });
}

/** As {@link createFromFile}, of a domain XML. */
export async function importXml(input: CallInput<'guests.importXml'>, start: boolean): Promise<void> {
  await make(input.name ?? 'The guest', start, () => call('guests.importXml', input));
}

async function make(
  name: string,
  start: boolean,
  begin: () => Promise<{ id: string; operation: string; changes: readonly string[] }>,
): Promise<void> {
  const { set } = useCreateFlow.getState();
  try {
    set({ step: 'creating', name, operation: null });
    const { id, operation, changes } = await begin();
    set({ step: 'creating', name, operation });
    await operationEnd(operation);
    show(id);
    // Nobody looks: the operation's outcome was told, and the next "New guest" begins anew.
    const watched = useUi.getState().dialog?.kind === 'new-guest';
    set(watched ? { step: 'made', name, id, changes } : { step: 'idle' });
    if (start) await startGuest(id);
  } catch (error) {
    failed(name, error);
  }
}
