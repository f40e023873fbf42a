import type { Ability, GroupLimits, LimitName } from '../../../shared/model/group.ts';
import {
  asUser,
  type Backend,
  enterFolders,
  filesV1,
  held,
  type NodeFiles,
  networkAbility,
  notHeld,
} from './backend.ts';
import type { Facts } from './facts.ts';
import { memberFolder, type Place } from './names.ts';
import type { Step } from './steps.ts';
import { onlyV2, pressureAbility } from './systemd.ts';

/** Microseconds; the kernel's default. */
const period = 100_000;
const shares = (weight: number | null) =>
  String(Math.min(262_144, Math.max(2, Math.round(((weight ?? 100) * 1024) / 100))));

interface LimitFile {
  readonly limit: LimitName;
  readonly controller: string;
  readonly file: string;
  readonly text: string;
  readonly optional?: boolean;
}

/** Kernel files and what is written into them (Documentation/admin-guide/cgroup-v1/, scheduler/sched-bwc.rst). */
export function limitFilesV1(facts: Facts, limits: GroupLimits): LimitFile[] {
  const { memoryMax, swapMax, cpus, cpuWeight, tasksMax } = limits;
  const both = memoryMax !== null && swapMax !== null ? String(memoryMax + swapMax) : null;
  const memsw = { limit: 'swapMax', controller: 'memory', file: 'memory.memsw.limit_in_bytes' } as const;
  return [
    // Memory and swap together may never be below memory alone: out of the way first.
    { ...memsw, text: '-1', optional: true },
    {
      limit: 'memoryMax',
      controller: 'memory',
      file: 'memory.limit_in_bytes',
      text: memoryMax === null ? '-1' : String(memoryMax),
    },
    ...(both === null ? [] : [{ ...memsw, text: both }]),
    {
      limit: 'cpus',
      controller: 'cpu',
      file: 'cpu.cfs_quota_us',
      text: cpus === null ? '-1' : String(Math.max(1000, Math.round(cpus * period))),
    },
    { limit: 'cpuWeight', controller: 'cpu', file: 'cpu.shares', text: shares(cpuWeight) },
    {
      limit: 'tasksMax',
      controller: 'pids',
      file: 'pids.max',
      text: tasksMax === null ? 'max' : String(tasksMax),
    },
    ...facts.disks.flatMap(({ path, device }) => {
      const one = limits.io.find((io) => io.device === path);
      const file = (name: string, value: number | null | undefined): LimitFile => ({
        limit: 'io',
        controller: 'blkio',
        file: `blkio.throttle.${name}_device`,
        text: `${device} ${value ?? 0}`,
        optional: value == null,
      });
      return [
        file('read_bps', one?.readBytes),
        file('write_bps', one?.writeBytes),
        file('read_iops', one?.readOps),
        file('write_iops', one?.writeOps),
      ];
    }),
  ];
}

/** Groups in the control group file systems of version 1; on a hybrid host its cgroup2 tells the pressure. */
export function v1Backend(facts: Facts, root: boolean): Backend {
  const bases = new Map<string, string>();
  for (const [name, { base }] of facts.v1) if (base !== null) bases.set(name, base);
  const { v2, delegated } = facts;
  // Only where the file system's root is ours: below another process nothing could be moved there.
  if (v2 && delegated?.folder === v2.mount) bases.set('unified', `${v2.mount}/guesthouse`);
  const folders = (place: readonly string[], leaf: string | null, all = false) =>
    new Map(
      [...bases].map(([name, base]) => [
        name,
        // Throttling is flat in version 1: only processes in the very group are held, so they are all in that one.
        [base, ...place, ...(leaf !== null && (all || name !== 'blkio') ? [leaf] : [])].join('/'),
      ]),
    );
  /** Each once: controllers may be mounted together. */
  const unique = (map: ReadonlyMap<string, string>) => [...new Set(map.values())];
  const made = (map: ReadonlyMap<string, string>): Step[] => unique(map).map((path) => ({ do: 'dir', path }));
  const into = (map: ReadonlyMap<string, string>, pids: readonly number[]): Step[] =>
    unique(map).flatMap((folder) =>
      pids.map((pid): Step => ({ do: 'write', path: `${folder}/cgroup.procs`, text: String(pid) })),
    );
  const gone = (map: ReadonlyMap<string, string>, optional: boolean): Step[] =>
    unique(map).map((path) => ({ do: 'rmdir', path, optional }));
  const free = () => new Map([...bases].map(([name, base]) => [name, `${base}/free`]));
  const files = (place: Place, leaf: string | null, all = false): NodeFiles => {
    const found = filesV1(folders(place, leaf, all));
    // A member shares its group's folder there: those numbers would be the whole group's.
    return leaf === null || all ? found : { ...found, io: undefined, ioOps: undefined };
  };
  return {
    kind: 'v1',
    root,
    summary: `Groups are control groups of version 1${v2 ? ' (hybrid)' : ''}: ${[...facts.v1.keys()].join(', ')}.`,
    abilities: abilities(facts, bases),
    ends: null,
    ensure(place, limits, inner) {
      const map = folders(place, null);
      return [
        ...made(map),
        // A quota below that of a group within is refused: theirs are set again after this one.
        ...inner.flatMap((one): Step[] => {
          const cpu = folders(one, null).get('cpu');
          return cpu === undefined
            ? []
            : [{ do: 'write', path: `${cpu}/cpu.cfs_quota_us`, text: '-1', optional: true }];
        }),
        ...limitFilesV1(facts, limits).flatMap(({ limit, controller, file, text, optional }): Step[] => {
          const folder = map.get(controller);
          if (folder === undefined) return [];
          return [{ do: 'write', path: `${folder}/${file}`, text, ...(optional ? { optional } : { limit }) }];
        }),
      ];
    },
    room: (place, member) => [...made(folders(place, null)), ...made(folders(place, memberFolder(member)))],
    enter: (place, member, argv) =>
      enterFolders(unique(folders(place, memberFolder(member))), asUser(facts, root, argv)),
    move: (place, member, pids) => into(folders(place, memberFolder(member)), pids),
    release: (_place, _member, pids) => [...made(free()), ...into(free(), pids)],
    leave: (place, member) =>
      gone(new Map([...folders(place, memberFolder(member))].filter(([name]) => name !== 'blkio')), true),
    remove: (place) => unique(folders(place, null)).map((path): Step => ({ do: 'prune', path })),
    group: (place) => files(place, null),
    member: (place, member) => files(place, memberFolder(member)),
    child: (place, folder) => files(place, folder, true),
    pathOf: (place, member) => `/${place.join('/')}/${memberFolder(member)}`,
    container: (place) => {
      const [name, base] = [...bases].find(([one]) => one !== 'unified') ?? ['', ''];
      const mount = facts.v1.get(name)?.mount ?? '';
      return { cgroupParent: [base.slice(mount.length), ...place].join('/'), manager: 'cgroupfs', root };
    },
  };
}

function abilities(facts: Facts, bases: ReadonlyMap<string, string>): Ability[] {
  const by = (limit: LimitName, controller: string) => {
    if (bases.has(controller)) return held(limit);
    const mount = facts.v1.get(controller)?.mount;
    return mount === undefined
      ? notHeld(
          limit,
          `The ${controller} controller is not mounted.`,
          `Have root mount it: mount -t cgroup -o ${controller}.`,
        )
      : notHeld(
          limit,
          `${facts.user} may not write to ${mount}.`,
          'Have root make a folder there that is yours.',
          shareCommand(facts),
        );
  };
  return [
    by('memoryMax', 'memory'),
    notHeld('memoryHigh', ...onlyV2),
    by('swapMax', 'memory'),
    by('cpus', 'cpu'),
    by('cpuWeight', 'cpu'),
    by('tasksMax', 'pids'),
    bases.has('blkio')
      ? notHeld(
          'io',
          'Version 1 holds reads and direct writes; writes through the page cache, containers and groups within are not held.',
          onlyV2[1],
          null,
          'partly',
        )
      : by('io', 'blkio'),
    bases.has('unified') || !facts.v2
      ? pressureAbility(facts)
      : notHeld('pressure', 'Pressure is told by cgroup2, which only root may use here.'),
    networkAbility,
  ];
}

/** What root runs once so that an ordinary user has groups of version 1. */
export const shareCommand = (facts: Facts): string =>
  `for c in ${[...new Set([...facts.v1.values()].map(({ mount }) => mount))].join(' ')}; do sudo mkdir -p "$c/guesthouse-${facts.uid}" && sudo chown -R ${facts.uid} "$c/guesthouse-${facts.uid}"; done`;
