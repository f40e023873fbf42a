import { create } from 'zustand';
import { toWire, type WireError } from '../../shared/errors.ts';
import type { Guest } from '../../shared/model/guest.ts';
import type { DuplicateGroup, IdentityReport, IdentityRow } from '../../shared/model/identity.ts';
import { call } from '../bridge/call.ts';
import { operationEnd } from './operations.ts';
import { tellError } from './toasts.ts';

interface IdentityState {
  readonly report: IdentityReport | null;
  readonly loading: boolean;
  readonly error: WireError | null;
  /** What is being read: what changed, every disk, or what runs over SSH. */
  readonly reading: 'changes' | 'disks' | 'ssh' | null;
  fetch: (how?: { refresh?: boolean; overSsh?: boolean }) => Promise<void>;
}

/** The wish that came while a report was under way; it is asked for when that one is there. */
let next: { refresh: boolean; overSsh: boolean } | null = null;

/** The last identity report. Core keeps what it read of disks that did not change, so asking again costs little. */
export const useIdentity = create<IdentityState>()((set, get) => ({
  report: null,
  loading: false,
  error: null,
  reading: null,
  fetch: async ({ refresh = false, overSsh = false } = {}) => {
    if (get().loading) {
      next = { refresh: refresh || next?.refresh === true, overSsh: overSsh || next?.overSsh === true };
      return;
    }
    set({ loading: true, reading: overSsh ? 'ssh' : refresh ? 'disks' : 'changes' });
    try {
      set({ report: await call('identity.audit', { refresh, overSsh }), error: null });
    } catch (error) {
      set({ error: toWire(error) });
    }
    set({ loading: false, reading: null });
    if (next) {
      const wish = next;
      next = null;
      await get().fetch(wish);
    }
  },
}));

/** What was written and read since while it runs, without a word yet on whether the two agree. */
const unconfirmed = (report: IdentityReport | null): readonly IdentityRow[] =>
  report?.rows.filter(
    (row) =>
      row.facts !== null &&
      row.facts.source !== 'disk' &&
      row.error === null &&
      (row.verification === 'planned' || row.verification === 'restart-needed'),
  ) ?? [];

/** Reads what runs over SSH, then compares each machine that answered with what was written. Failures are told. */
export async function readRunning(): Promise<void> {
  await useIdentity.getState().fetch({ overSsh: true });
  for (const { id } of unconfirmed(useIdentity.getState().report))
    try {
      await operationEnd((await call('identity.verify', { id })).operation);
    } catch (error) {
      tellError(error);
    }
}

/** Milliseconds without a further change until the report is asked for again. */
const quiet = 700;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Something that identities depend on changed: asks for a fresh report once things are calm. */
export function identityChanged(after = quiet): void {
  clearTimeout(timer);
  timer = setTimeout(() => void useIdentity.getState().fetch(), after);
}

/** Whether a guest's event can change what its identity is or where it is read. */
export function touchesIdentity(before: Guest | undefined, after: Guest): boolean {
  return (
    before === undefined ||
    before.name !== after.name ||
    before.uuid !== after.uuid ||
    (before.pid === null) !== (after.pid === null)
  );
}

/** Groups that must be mended, in the report's order. */
export const problemGroups = (report: IdentityReport | null) =>
  report?.groups.filter((group) => group.severity === 'problem') ?? [];

/** Machines that share one thing or several: one problem, mended by one repair. */
export interface Doubles {
  readonly members: DuplicateGroup['members'];
  /** What they share, in the report's order. */
  readonly shared: readonly DuplicateGroup[];
}

/** Groups of the same machines made one. */
export function doubles(groups: readonly DuplicateGroup[]): readonly Doubles[] {
  const found = new Map<string, { members: DuplicateGroup['members']; shared: DuplicateGroup[] }>();
  for (const group of groups) {
    const key = group.members
      .map(({ kind, id }) => `${kind} ${id}`)
      .sort()
      .join('\n');
    const one = found.get(key);
    if (one) one.shared.push(group);
    else found.set(key, { members: group.members, shared: [group] });
  }
  return [...found.values()];
}

/** How many problems there are: sets of doubles, and machines that differ from what was written. */
export const countProblems = (report: IdentityReport | null): number =>
  report === null ? 0 : doubles(problemGroups(report)).length + report.rows.filter(rowIsWrong).length;

/** Whether it differs from what Guesthouse wrote, or has no machine-id that holds where it should have one. */
export const rowIsWrong = (row: IdentityRow): boolean => row.verification === 'differs';

/**
 * Which machines a repair is for: guests and servers of the problem groups, and those that differ from what was
 * written. A template is not repaired but sealed anew.
 */
export function repairable(report: IdentityReport): readonly string[] {
  const ids = new Set<string>();
  for (const group of problemGroups(report))
    for (const { kind, id } of group.members) if (kind !== 'template') ids.add(id);
  for (const row of report.rows) if (rowIsWrong(row)) ids.add(row.id);
  return [...ids];
}

/** The report's rows in two: those of a problem group or wrong by themselves, and all others, by name. */
export function splitRows(report: IdentityReport): {
  bad: readonly IdentityRow[];
  good: readonly IdentityRow[];
} {
  const inGroup = new Set(
    problemGroups(report).flatMap((group) => group.members.map(({ kind, id }) => `${kind} ${id}`)),
  );
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const sorted = [...report.rows].sort((a, b) => order.compare(a.name, b.name));
  const isBad = (row: IdentityRow) => inGroup.has(`${row.kind} ${row.id}`) || rowIsWrong(row);
  return { bad: sorted.filter(isBad), good: sorted.filter((row) => !isBad(row)) };
}
