import type { GroupHit, GroupUse, HitKind, Pressure } from '../../../shared/model/group.ts';
import type { NodeFiles } from './backend.ts';
import type { Survey } from './machine.ts';

/** What the kernel says of one control group at one moment. Null: it does not tell. Counters grow from its beginning. */
export interface Counters {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly memory: number | null;
  readonly swap: number | null;
  readonly tasks: number | null;
  /** Microseconds of processor time. */
  readonly cpu: number | null;
  readonly periods: number | null;
  readonly throttledPeriods: number | null;
  readonly readBytes: number | null;
  readonly writeBytes: number | null;
  readonly readOps: number | null;
  readonly writeOps: number | null;
  readonly oomKills: number | null;
  readonly memoryMax: number | null;
  readonly memoryHigh: number | null;
  readonly tasksMax: number | null;
  readonly pressure: GroupUse['pressure'];
}

/** The files of a node that {@link readCounters} wants. */
export const filesOf = (node: NodeFiles): string[] =>
  Object.entries(node).flatMap(([key, value]) =>
    key === 'layout' || key === 'folder' || key === 'memoryStat' || value === undefined ? [] : [value],
  );

export function readCounters(node: NodeFiles, survey: Survey, at: number): Counters {
  const text = (file: string | undefined) => (file === undefined ? null : (survey.files.get(file) ?? null));
  const number = (file: string | undefined) => {
    const found = text(file)?.trim();
    return found !== undefined && /^\d+$/.test(found) ? Number(found) : null;
  };
  const field = (file: string | undefined, name: string) => {
    const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(text(file) ?? '')?.[1];
    return found === undefined ? null : Number(found);
  };
  const memory = number(node.memory);
  const v1 = node.layout === 'v1';
  const nanoseconds = number(node.cpuUsage);
  const both = number(node.both);
  return {
    at,
    memory,
    swap: v1 ? (both !== null && memory !== null ? Math.max(0, both - memory) : null) : number(node.swap),
    tasks: number(node.tasks),
    cpu: v1 ? (nanoseconds === null ? null : nanoseconds / 1000) : field(node.cpuStat, 'usage_usec'),
    periods: field(node.cpuStat, 'nr_periods'),
    throttledPeriods: field(node.cpuStat, 'nr_throttled'),
    ...io(v1, text(node.io), text(node.ioOps)),
    oomKills: field(node.memoryEvents, 'oom_kill'),
    memoryMax: v1 ? number(node.failures) : field(node.memoryEvents, 'max'),
    memoryHigh: v1 ? null : field(node.memoryEvents, 'high'),
    tasksMax: field(node.taskEvents, 'max'),
    pressure: {
      cpu: pressure(text(node.cpuPressure)),
      memory: pressure(text(node.memoryPressure)),
      io: pressure(text(node.ioPressure)),
    },
  };
}

/** io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`; v1: `8:0 Read 1` a line. All devices together. */
function io(v1: boolean, bytes: string | null, ops: string | null) {
  const sum = (text: string | null, pattern: RegExp) =>
    text === null ? null : [...text.matchAll(pattern)].reduce((total, found) => total + Number(found[1]), 0);
  return v1
    ? {
        readBytes: sum(bytes, /^\d+:\d+ Read (\d+)$/gm),
        writeBytes: sum(bytes, /^\d+:\d+ Write (\d+)$/gm),
        readOps: sum(ops, /^\d+:\d+ Read (\d+)$/gm),
        writeOps: sum(ops, /^\d+:\d+ Write (\d+)$/gm),
      }
    : {
        readBytes: sum(bytes, /\brbytes=(\d+)/g),
        writeBytes: sum(bytes, /\bwbytes=(\d+)/g),
        readOps: sum(bytes, /\brios=(\d+)/g),
        writeOps: sum(bytes, /\bwios=(\d+)/g),
      };
}

/** PSI: `some avg10=0.00 avg60=…` and `full avg10=…`. */
function pressure(text: string | null): Pressure | null {
  const some = /^some avg10=([\d.]+)/m.exec(text ?? '')?.[1];
  if (some === undefined) return null;
  return { some: Number(some), full: Number(/^full avg10=([\d.]+)/m.exec(text ?? '')?.[1] ?? 0) };
}

export interface MemberCounters {
  readonly id: string;
  readonly counters: Counters;
  readonly before: Counters | null;
}

/** Two looks at a group make a sample. */
export function sampleOf(
  id: string,
  now: Counters,
  before: Counters | null,
  members: readonly MemberCounters[],
): GroupUse {
  const rate = (key: 'readBytes' | 'writeBytes' | 'readOps' | 'writeOps') => {
    const seconds = before ? (now.at - before.at) / 1000 : 0;
    const [a, b] = [before?.[key] ?? null, now[key]];
    return seconds > 0 && a !== null && b !== null ? Math.max(0, (b - a) / seconds) : null;
  };
  const periods = difference(now.periods, before?.periods);
  const throttled = difference(now.throttledPeriods, before?.throttledPeriods);
  return {
    id,
    at: now.at,
    cpu: coresOf(now, before),
    memory: now.memory,
    swap: now.swap,
    tasks: now.tasks,
    readBytes: rate('readBytes'),
    writeBytes: rate('writeBytes'),
    readOps: rate('readOps'),
    writeOps: rate('writeOps'),
    throttled: periods > 0 ? Math.min(1, throttled / periods) : now.periods === null ? null : 0,
    pressure: now.pressure,
    members: members.map((member) => ({
      id: member.id,
      cpu: coresOf(member.counters, member.before),
      memory: member.counters.memory,
      tasks: member.counters.tasks,
    })),
  };
}

function coresOf(now: Counters, before: Counters | null): number | null {
  if (!before || now.cpu === null || before.cpu === null || now.at <= before.at) return null;
  return Math.max(0, (now.cpu - before.cpu) / 1000 / (now.at - before.at));
}

const difference = (now: number | null, before: number | null | undefined) =>
  now === null || before == null ? 0 : Math.max(0, now - before);

/** Milliseconds without the same hit after which the next one is another. */
const pause = 30_000;
const kept = 20;

/**
 * Adds the limits that were met between two looks, the latest first. Some kernels count a hit at the group, others at
 * the member's own control group, others at both: the larger sum is what happened.
 */
export function addHits(
  hits: readonly GroupHit[],
  now: Counters,
  before: Counters,
  members: readonly MemberCounters[],
): readonly GroupHit[] {
  const counted = (key: 'oomKills' | 'memoryMax' | 'memoryHigh' | 'tasksMax' | 'throttledPeriods'): number =>
    Math.max(
      difference(now[key], before[key]),
      members.reduce((sum, one) => sum + difference(one.counters[key], one.before?.[key]), 0),
    );
  const found: [HitKind, number][] = [
    ['throttled', counted('throttledPeriods')],
    ['memory-high', counted('memoryHigh')],
    ['tasks-max', counted('tasksMax')],
    ['memory-max', counted('memoryMax')],
    ['oom-kill', counted('oomKills')],
  ];
  let list = hits;
  for (const [kind, count] of found) {
    if (count === 0) continue;
    const same = list.find((hit) => hit.kind === kind && now.at - hit.last <= pause);
    const next: GroupHit = same
      ? { ...same, last: now.at, count: same.count + count }
      : { kind, first: before.at, last: now.at, count };
    list = [next, ...list.filter((hit) => hit !== same)];
  }
  return list.slice(0, kept);
}
