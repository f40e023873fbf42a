// @vitest-environment jsdom
import { beforeEach, expect, it } from 'vitest';
import type { ClonePlan, CloneResult } from '../../shared/model/template.ts';
import { fakeBridge, makeOperation } from '../testing/fake-bridge.ts';
import { madeIds, runClones, useCloneFlow } from './clone-flow.ts';
import { useOperations } from './operations.ts';
import { useUi } from './ui.ts';

const identity = { machineId: null, hostname: null, uuid: null, macs: [], hostKeys: [] };
const plan: ClonePlan = {
  planId: 'p',
  source: { kind: 'template', id: 't', name: 't' },
  linked: true,
  items: ['a', 'b'].map((name) => ({ name, identity, sshPort: null })),
  changes: [],
  notes: [],
  warnings: [],
  bytesEach: 1,
};
const made = (name: string): CloneResult => ({
  name,
  id: `${name}-id`,
  status: 'made',
  error: null,
  identity,
});
const failed = (name: string): CloneResult => ({
  name,
  id: null,
  status: 'failed',
  error: { code: 'no-space', message: 'Full.' },
  identity,
});

let bridge: ReturnType<typeof fakeBridge>;
let results: readonly CloneResult[] = [];
const put = (patch: Parameters<typeof makeOperation>[0]) =>
  useOperations.getState().put(makeOperation({ id: 'op', ...patch }));
const started = () => bridge.calls.filter((one) => one.name === 'guests.start').map((one) => one.input);

beforeEach(() => {
  results = [];
  bridge = fakeBridge({}, { 'clones.run': () => ({ operation: 'op' }), 'clones.results': () => results });
  window.guesthouse = bridge;
  useOperations.getState().load([]);
  useCloneFlow.getState().set({ step: 'idle' });
  useUi.getState().open({ kind: 'clone', sources: [] });
});

it('shows each clone as it is made, then the outcome with the time it took', async () => {
  put({ status: 'running' });
  const running = runClones(plan, { start: false, consoles: true });
  await expect.poll(() => useCloneFlow.getState().flow).toMatchObject({ step: 'making', operation: 'op' });
  results = [made('b')];
  put({ fraction: 0.5 });
  await expect.poll(() => useCloneFlow.getState().flow).toMatchObject({ results: [{ name: 'b' }] });
  results = [made('b'), made('a')];
  put({ status: 'done', startedAt: 1000, endedAt: 1400 });
  await running;
  expect(useCloneFlow.getState().flow).toMatchObject({
    step: 'done',
    took: 400,
    error: null,
    started: false,
  });
  expect(madeIds(plan, results)).toEqual(['a-id', 'b-id']);
  expect(started()).toEqual([]);
});

it('starts what was made though one failed, and says what failed', async () => {
  put({ status: 'running' });
  bridge.answer({ 'guests.start': () => ({ operation: 'start' }) });
  useOperations.getState().put(makeOperation({ id: 'start', status: 'done', endedAt: 1 }));
  results = [made('a'), failed('b')];
  const running = runClones(plan, { start: true, consoles: false });
  await expect.poll(() => useCloneFlow.getState().flow).toMatchObject({ step: 'making' });
  put({ status: 'failed', endedAt: 2, error: { code: 'no-space', message: '1 of 2 clones were not made.' } });
  await running;
  expect(useCloneFlow.getState().flow).toMatchObject({
    step: 'done',
    error: { code: 'no-space' },
    started: true,
  });
  expect(started()).toEqual([{ id: 'a-id' }]);
});

it('a cancelled batch is no failure, and starts nothing', async () => {
  put({ status: 'running' });
  results = [made('a')];
  const running = runClones(plan, { start: true, consoles: true });
  await expect.poll(() => useCloneFlow.getState().flow).toMatchObject({ step: 'making' });
  put({ status: 'cancelled', endedAt: 2 });
  await running;
  expect(useCloneFlow.getState().flow).toMatchObject({ step: 'done', cancelled: true, error: null });
  expect(started()).toEqual([]);
});

it('is forgotten when it ends while nobody looks, so that the next begins anew', async () => {
  put({ status: 'running' });
  const running = runClones(plan, { start: false, consoles: false });
  await expect.poll(() => useCloneFlow.getState().flow).toMatchObject({ operation: 'op' });
  useUi.getState().close();
  results = [made('a'), made('b')];
  put({ status: 'done', endedAt: 2 });
  await running;
  expect(useCloneFlow.getState().flow).toEqual({ step: 'idle' });
});
