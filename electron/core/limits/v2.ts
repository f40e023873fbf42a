import type { GroupLimits, LimitName } from '../../../shared/model/group.ts';
import { asUser, type Backend, enterFolders, filesV2, held, networkAbility, notHeld } from './backend.ts';
import type { Facts } from './facts.ts';
import { memberFolder, type Place } from './names.ts';
import type { Step } from './steps.ts';
import { pressureAbility } from './systemd.ts';

const controllers = ['memory', 'cpu', 'pids', 'io'];
const amount = (value: number | null) => (value === null ? 'max' : String(value));

/** Kernel files and what is written into them (Documentation/admin-guide/cgroup-v2.rst). */
export function limitFilesV2(
  facts: Facts,
  limits: GroupLimits,
): { limit: LimitName; file: string; text: string }[] {
  const quota = limits.cpus === null ? 'max' : Math.max(1000, Math.round(limits.cpus * 100_000));
  return [
    { limit: 'memoryMax', file: 'memory.max', text: amount(limits.memoryMax) },
    { limit: 'memoryHigh', file: 'memory.high', text: amount(limits.memoryHigh) },
    { limit: 'swapMax', file: 'memory.swap.max', text: amount(limits.swapMax) },
    { limit: 'cpus', file: 'cpu.max', text: `${quota} 100000` },
    { limit: 'cpuWeight', file: 'cpu.weight', text: String(limits.cpuWeight ?? 100) },
    { limit: 'tasksMax', file: 'pids.max', text: amount(limits.tasksMax) },
    ...facts.disks.map(({ path, device }) => {
      const one = limits.io.find((io) => io.device === path);
      const text = `${device} rbps=${amount(one?.readBytes ?? null)} wbps=${amount(one?.writeBytes ?? null)} riops=${amount(one?.readOps ?? null)} wiops=${amount(one?.writeOps ?? null)}`;
      return { limit: 'io' as const, file: 'io.max', text };
    }),
  ];
}

/** Groups in a part of the cgroup2 file system that was delegated to us, or the whole of it for root without systemd. */
export function v2Backend(facts: Facts, area: NonNullable<Facts['delegated']>, root: boolean): Backend {
  const base = `${area.folder}/guesthouse`;
  const mount = facts.v2?.mount ?? area.folder;
  const folderOf = (place: readonly string[]) => [base, ...place].join('/');
  const leaf = (place: Place, member: string) => `${folderOf(place)}/${memberFolder(member)}`;
  const open = (folder: string): Step[] =>
    controllers.map((name) => ({
      do: 'write',
      path: `${folder}/cgroup.subtree_control`,
      text: `+${name}`,
      optional: true,
    }));
  const down = (place: readonly string[]): Step[] => {
    const folders = [base, ...place.map((_, index) => folderOf(place.slice(0, index + 1)))];
    return folders.flatMap((folder) => [{ do: 'dir', path: folder } as const, ...open(folder)]);
  };
  const into = (folder: string, pids: readonly number[]): Step[] =>
    pids.map((pid) => ({ do: 'write', path: `${folder}/cgroup.procs`, text: String(pid) }));
  const by = (limit: LimitName, controller: string) =>
    area.controllers.includes(controller)
      ? held(limit)
      : notHeld(
          limit,
          `The ${controller} controller was not delegated.`,
          `Have root add +${controller} to cgroup.subtree_control above ${area.folder}.`,
        );
  return {
    kind: 'v2',
    root,
    summary: `Groups are control groups below ${area.folder}.`,
    abilities: [
      by('memoryMax', 'memory'),
      by('memoryHigh', 'memory'),
      by('swapMax', 'memory'),
      by('cpus', 'cpu'),
      by('cpuWeight', 'cpu'),
      by('tasksMax', 'pids'),
      by('io', 'io'),
      pressureAbility(facts),
      networkAbility,
    ],
    ends: null,
    ensure: (place, limits) => [
      // A control group that gives controllers to its children may hold no process itself, but for the very root.
      ...(area.inner ? aside(area.folder) : []),
      ...open(area.folder),
      ...down(place),
      ...limitFilesV2(facts, limits)
        .filter(({ limit, text }) => limit !== 'io' || !unlimited(text) || area.controllers.includes('io'))
        .map(
          ({ limit, file, text }): Step => ({ do: 'write', limit, path: `${folderOf(place)}/${file}`, text }),
        ),
    ],
    room: (place, member) => [...down(place), { do: 'dir', path: leaf(place, member) }],
    enter: (place, member, argv) => enterFolders([leaf(place, member)], asUser(facts, root, argv)),
    move: (place, member, pids) => into(leaf(place, member), pids),
    release: (_place, _member, pids) => [{ do: 'dir', path: `${base}/free` }, ...into(`${base}/free`, pids)],
    leave: (place, member) => [{ do: 'rmdir', path: leaf(place, member), optional: true }],
    remove: (place) => [{ do: 'prune', path: folderOf(place) }],
    group: (place) => filesV2(folderOf(place)),
    member: (place, member) => filesV2(leaf(place, member)),
    child: (place, folder) => filesV2(`${folderOf(place)}/${folder}`),
    pathOf: (place, member) => `/guesthouse/${place.join('/')}/${memberFolder(member)}`,
    container: (place) => ({
      cgroupParent: folderOf(place).slice(mount.length),
      manager: 'cgroupfs',
      root,
    }),
  };
}

const unlimited = (text: string) => !/=\d/.test(text);

/** Moves what is in a delegated control group itself into a child of it: all of it is ours, or it were not delegated. */
function aside(folder: string): Step[] {
  const script = 'for p in $(cat "$1/cgroup.procs"); do echo "$p" >"$1/guesthouse-self/cgroup.procs"; done';
  return [
    { do: 'dir', path: `${folder}/guesthouse-self` },
    { do: 'run', argv: ['sh', '-c', script, 'sh', folder], optional: true },
  ];
}
