// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { DuplicateGroup, IdentityReport, IdentityRow } from '../../shared/model/identity.ts';
import { fakeBridge, makeGuest, makeOperation } from '../testing/fake-bridge.ts';
import {
  countProblems,
  doubles,
  identityChanged,
  readRunning,
  repairable,
  splitRows,
  touchesIdentity,
  useIdentity,
} from './identity.ts';
import { useOperations } from './operations.ts';

const row = (id: string, patch: Partial<IdentityRow> = {}): IdentityRow => ({
  kind: 'guest',
  id,
  name: id,
  state: 'Off',
  facts: null,
  error: null,
  uuid: null,
  macs: [],
  verification: 'none',
  writtenAt: null,
  restorable: false,
  ...patch,
});
const group = (severity: DuplicateGroup['severity'], ...rows: IdentityRow[]): DuplicateGroup => ({
  kind: severity === 'problem' ? 'machine-id' : 'hostname',
  value: 'x',
  members: rows.map(({ kind, id }) => ({ kind, id })),
  consequence: 'They fight.',
  severity,
});
const reportOf = (rows: IdentityRow[], ...groups: DuplicateGroup[]): IdentityReport => ({
  rows,
  groups,
  checkedAt: 1,
  cached: 0,
});

describe('what a report means', () => {
  const a = row('a');
  const b = row('b');
  const mould = row('mould', { kind: 'template' });
  const off = row('off', { verification: 'differs' });
  const fine = row('fine');
  const report = reportOf([mould, off, b, a, fine], group('problem', a, b, mould), group('note', a, fine));
  it('repairs the guests of problem groups and what differs, never a template, and no notes', () => {
    expect(repairable(report)).toEqual(['a', 'b', 'off']);
  });
  it('parts the rows in two, each in natural order', () => {
    const { bad, good } = splitRows(report);
    expect(bad.map((one) => one.id)).toEqual(['a', 'b', 'mould', 'off']);
    expect(good.map((one) => one.id)).toEqual(['fine']);
  });
});

it('machines that share several things are one problem', () => {
  const [a, b, c] = [row('a'), row('b'), row('c', { verification: 'differs' })];
  const groups = [
    group('problem', a, b),
    { ...group('problem', b, a), kind: 'mac' as const },
    group('problem', b, c),
  ];
  expect(doubles(groups).map((one) => one.shared.map((shared) => shared.kind))).toEqual([
    ['machine-id', 'mac'],
    ['machine-id'],
  ]);
  expect(countProblems(reportOf([a, b, c], ...groups))).toBe(3);
  expect(countProblems(null)).toBe(0);
});

describe('asking for it', () => {
  let bridge: ReturnType<typeof fakeBridge>;
  beforeEach(() => {
    bridge = fakeBridge();
    window.guesthouse = bridge;
    useIdentity.setState({ report: null, loading: false, error: null, reading: null });
  });
  const asked = () => bridge.calls.filter((one) => one.name === 'identity.audit').map((one) => one.input);

  it('asks once more, with all that was wished, for what came while a report was under way', async () => {
    let answer: (report: IdentityReport) => void = () => {};
    bridge.answer({ 'identity.audit': () => new Promise((resolve) => (answer = resolve)) });
    const first = useIdentity.getState().fetch();
    void useIdentity.getState().fetch({ overSsh: true });
    void useIdentity.getState().fetch({ refresh: true });
    await expect.poll(() => asked().length).toBe(1);
    answer(reportOf([]));
    await expect.poll(() => asked().length).toBe(2);
    expect(asked()[1]).toEqual({ refresh: true, overSsh: true });
    answer(reportOf([row('a')]));
    await first;
    expect(useIdentity.getState().report?.rows).toHaveLength(1);
    expect(useIdentity.getState().loading).toBe(false);
  });

  it('keeps the last report when a later one fails', async () => {
    useIdentity.setState({ report: reportOf([row('a')]) });
    await useIdentity.getState().fetch();
    expect(useIdentity.getState().error).not.toBeNull();
    expect(useIdentity.getState().report?.rows).toHaveLength(1);
  });

  it('verifies what was written and answered over SSH, and nothing else', async () => {
    const facts = { source: 'ssh' } as IdentityRow['facts'];
    const rows = [
      row('new', { facts, verification: 'planned' }),
      row('known', { facts, verification: 'verified' }),
      row('mute', { facts, verification: 'planned', error: { code: 'timeout', message: 'No answer.' } }),
      row('off', { facts: { source: 'disk' } as IdentityRow['facts'], verification: 'planned' }),
    ];
    useOperations.getState().put(makeOperation({ id: 'look', status: 'done', endedAt: 1 }));
    bridge.answer({
      'identity.audit': () => reportOf(rows),
      'identity.verify': () => ({ operation: 'look' }),
    });
    await readRunning();
    expect(asked()).toEqual([{ refresh: false, overSsh: true }]);
    expect(bridge.calls.filter((one) => one.name === 'identity.verify').map((one) => one.input)).toEqual([
      { id: 'new' },
    ]);
  });

  it('asks once for a burst of changes', async () => {
    vi.useFakeTimers();
    bridge.answer({ 'identity.audit': () => reportOf([]) });
    for (let change = 0; change < 20; change++) identityChanged();
    await vi.runAllTimersAsync();
    vi.useRealTimers();
    expect(asked()).toHaveLength(1);
  });
});

it('a guest’s event matters when it is new, renamed, or its disk was taken or let go', () => {
  const guest = makeGuest('web');
  expect(touchesIdentity(undefined, guest)).toBe(true);
  expect(touchesIdentity(guest, { ...guest, tags: ['x'], state: 'crashed' })).toBe(false);
  expect(touchesIdentity(guest, { ...guest, name: 'other' })).toBe(true);
  expect(touchesIdentity(guest, { ...guest, pid: guest.pid === null ? 1 : null })).toBe(true);
});
