import type {
  Ability,
  GroupBackendKind,
  GroupHost,
  GroupLimits,
  LimitName,
} from '../../../shared/model/group.ts';
import type { Facts } from './facts.ts';
import type { Place } from './names.ts';
import type { ContainerPlacement } from './placement.ts';
import type { Step } from './steps.ts';

/** Kernel files of one control group, by what they tell; what is not there is left out. */
export interface NodeFiles {
  readonly layout: 'v1' | 'v2';
  /** The folder whose folders are its children. */
  readonly folder: string;
  /** Lists its processes. */
  readonly procs: string;
  readonly memory?: string;
  readonly swap?: string;
  /** v1: memory and swap together. */
  readonly both?: string;
  readonly memoryStat?: string;
  /** v2: `memory.events`; v1: `memory.oom_control`. */
  readonly memoryEvents?: string;
  /** v1: how often the limit was met. */
  readonly failures?: string;
  readonly cpuStat?: string;
  /** v1: nanoseconds of processor time. */
  readonly cpuUsage?: string;
  readonly tasks?: string;
  readonly taskEvents?: string;
  /** v2: `io.stat`; v1: bytes by device. */
  readonly io?: string;
  /** v1: operations by device. */
  readonly ioOps?: string;
  readonly cpuPressure?: string;
  readonly memoryPressure?: string;
  readonly ioPressure?: string;
}

/** How groups are made on one machine. Plans only; {@link Machine} does them. */
export interface Backend {
  readonly kind: Exclude<GroupBackendKind, 'none'>;
  /** One sentence for people. */
  readonly summary: string;
  /** Steps need the rights of root there. */
  readonly root: boolean;
  readonly abilities: readonly Ability[];
  /** Why what runs in its groups would not outlive us; null where it does. */
  readonly ends: GroupHost['ends'];
  /**
   * Makes a group's control group and sets its limits; may be done again at any time.
   * @param inner groups in it, whose processor limits the kernel may want out of the way first
   */
  ensure(place: Place, limits: GroupLimits, inner: readonly Place[]): Step[];
  /** Makes room for a member; empty where the manager does that itself. */
  room(place: Place, member: string): Step[];
  /** The command that enters a member's control group and becomes `argv`, as `user`. */
  enter(place: Place, member: string, argv: readonly string[]): [string, ...string[]];
  /** Moves running processes into a member's control group. */
  move(place: Place, member: string, pids: readonly number[]): Step[];
  /** Takes running processes out of every group. */
  release(place: Place, member: string, pids: readonly number[]): Step[];
  /** Clears away after a member that ended. */
  leave(place: Place, member: string): Step[];
  remove(place: Place): Step[];
  group(place: Place): NodeFiles;
  member(place: Place, member: string): NodeFiles;
  /** A child folder of a group as a node: a container's. */
  child(place: Place, folder: string): NodeFiles;
  /** End of the path in /proc/PID/cgroup of a process that is in the member's control group. */
  pathOf(place: Place, member: string): string;
  container(place: Place): ContainerPlacement;
}

export const held = (limit: LimitName): Ability => ({
  limit,
  held: 'yes',
  why: null,
  todo: null,
  command: null,
});

export const notHeld = (
  limit: LimitName,
  why: string,
  todo: string | null = null,
  command: string | null = null,
  how: 'no' | 'partly' = 'no',
): Ability => ({ limit, held: how, why, todo, command });

/** No kernel has one for a control group. */
export const networkAbility = notHeld(
  'network',
  'Control groups have no limit for network traffic.',
  'Limit it where it leaves: on a guest’s network card, or on a container.',
);

/** Files of a control group of v2. */
export function filesV2(folder: string): NodeFiles {
  return {
    layout: 'v2',
    folder,
    procs: `${folder}/cgroup.procs`,
    memory: `${folder}/memory.current`,
    swap: `${folder}/memory.swap.current`,
    memoryStat: `${folder}/memory.stat`,
    memoryEvents: `${folder}/memory.events`,
    cpuStat: `${folder}/cpu.stat`,
    tasks: `${folder}/pids.current`,
    taskEvents: `${folder}/pids.events`,
    io: `${folder}/io.stat`,
    cpuPressure: `${folder}/cpu.pressure`,
    memoryPressure: `${folder}/memory.pressure`,
    ioPressure: `${folder}/io.pressure`,
  };
}

/** Files of a control group of v1, by its folder in each controller; `unified` adds what a hybrid host tells. */
export function filesV1(folders: ReadonlyMap<string, string>): NodeFiles {
  const at = (controller: string, file: string) => {
    const folder = folders.get(controller);
    return folder === undefined ? undefined : `${folder}/${file}`;
  };
  const folder = folders.get('memory') ?? folders.get('cpu') ?? folders.get('pids') ?? '';
  return {
    layout: 'v1',
    folder,
    procs: `${folder}/cgroup.procs`,
    memory: at('memory', 'memory.usage_in_bytes'),
    both: at('memory', 'memory.memsw.usage_in_bytes'),
    memoryStat: at('memory', 'memory.stat'),
    memoryEvents: at('memory', 'memory.oom_control'),
    failures: at('memory', 'memory.failcnt'),
    cpuStat: at('cpu', 'cpu.stat'),
    cpuUsage: at('cpuacct', 'cpuacct.usage'),
    tasks: at('pids', 'pids.current'),
    taskEvents: at('pids', 'pids.events'),
    io: at('blkio', 'blkio.throttle.io_service_bytes_recursive'),
    ioOps: at('blkio', 'blkio.throttle.io_serviced_recursive'),
    cpuPressure: at('unified', 'cpu.pressure'),
    memoryPressure: at('unified', 'memory.pressure'),
    ioPressure: at('unified', 'io.pressure'),
  };
}

/** Enters control groups by writing into their files and becomes the command after `--`. */
const enterScript =
  'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@"';
export const enterFolders = (folders: readonly string[], argv: readonly string[]): [string, ...string[]] => [
  'sh',
  '-c',
  enterScript,
  'guesthouse-enter',
  ...folders,
  '--',
  ...argv,
];

/** Becomes an ordinary user again after root entered a group. */
export const asUser = (facts: Facts, root: boolean, argv: readonly string[]): readonly string[] =>
  root && facts.uid !== 0
    ? ['setpriv', `--reuid=${facts.uid}`, `--regid=${facts.gid}`, '--init-groups', '--', ...argv]
    : argv;
