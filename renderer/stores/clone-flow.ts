import { create } from 'zustand';
import { isCancelled, toWire, type WireError } from '../../shared/errors.ts';
import type { ClonePlan, CloneResult } from '../../shared/model/template.ts';
import { call } from '../bridge/call.ts';
import { startGuest } from './consent.ts';
import { operationEnd, useOperations } from './operations.ts';
import { openConsoles } from './terminals.ts';
import { tellError } from './toasts.ts';
import { useUi } from './ui.ts';

/** What follows when the clones are made. */
export interface Afterwards {
  readonly start: boolean;
  readonly consoles: boolean;
}

export type CloneFlow =
  | { readonly step: 'idle' }
  | {
      readonly step: 'making';
      readonly plan: ClonePlan;
      readonly operation: string | null;
      readonly results: readonly CloneResult[];
    }
  | {
      readonly step: 'done';
      readonly plan: ClonePlan;
      readonly results: readonly CloneResult[];
      /** Milliseconds the making took; null when it never began. */
      readonly took: number | null;
      /** Null when all were made, or it was cancelled. */
      readonly error: WireError | null;
      readonly cancelled: boolean;
      readonly started: boolean;
      readonly operation: string | null;
    };

/** The batch of clones being made, one at a time; it goes on when its dialog is closed. */
export const useCloneFlow = create<{ flow: CloneFlow; set: (flow: CloneFlow) => void }>()((set) => ({
  flow: { step: 'idle' },
  set: (flow) => set({ flow }),
}));

/** The guests a batch made, in the plan's order. */
export function madeIds(plan: ClonePlan, results: readonly CloneResult[]): readonly string[] {
  const byName = new Map(results.map((result) => [result.name, result]));
  return plan.items.flatMap((item) => byName.get(item.name)?.id ?? []);
}

/** Starts them one after the other, then opens their consoles. What fails is told; nothing is thrown. */
export async function startAndOpen(ids: readonly string[], { start, consoles }: Afterwards): Promise<void> {
  const up: string[] = [];
  for (const id of ids) {
    if (!start || (await startGuest(id))) up.push(id);
  }
  if (consoles) await openConsoles(up).catch(tellError);
}

/** Makes what was planned, with the very values shown. Never throws. */
export async function runClones(plan: ClonePlan, afterwards: Afterwards): Promise<void> {
  const { set } = useCloneFlow.getState();
  const { planId } = plan;
  let results: readonly CloneResult[] = [];
  let operation: string | null = null;
  let took: number | null = null;
  let failure: unknown = null;
  let off = () => {};
  set({ step: 'making', plan, operation, results });
  try {
    ({ operation } = await call('clones.run', { planId }));
    const id = operation;
    let asking = false;
    const look = async () => {
      if (asking) return;
      asking = true;
      results = await call('clones.results', { planId }).catch(() => results);
      asking = false;
      const { flow } = useCloneFlow.getState();
      if (flow.step === 'making' && flow.plan.planId === planId) set({ ...flow, operation: id, results });
    };
    set({ step: 'making', plan, operation, results });
    off = useOperations.subscribe((now, before) => {
      if (now.byId[id] !== before.byId[id]) void look();
    });
    void look();
    await operationEnd(operation);
  } catch (error) {
    failure = error;
  }
  off();
  if (operation !== null) {
    const ended = useOperations.getState().byId[operation];
    if (ended?.endedAt) took = ended.endedAt - ended.startedAt;
    results = await call('clones.results', { planId }).catch(() => results);
  }
  const made = madeIds(plan, results);
  const cancelled = failure !== null && isCancelled(failure);
  const started = afterwards.start && !cancelled && made.length > 0;
  set({
    step: 'done',
    plan,
    results,
    took,
    error: failure === null || cancelled ? null : toWire(failure),
    cancelled,
    started,
    operation,
  });
  // Nobody looks: the operation's outcome was told, and the next "Clone" begins anew.
  if (useUi.getState().dialog?.kind !== 'clone') set({ step: 'idle' });
  if (started) await startAndOpen(made, afterwards);
}
