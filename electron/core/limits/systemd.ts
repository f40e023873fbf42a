import type { Ability, GroupLimits } from '../../../shared/model/group.ts';
import { type Backend, filesV1, filesV2, held, type NodeFiles, networkAbility, notHeld } from './backend.ts';
import type { Facts } from './facts.ts';
import { scopeName, sliceName, slicePath } from './names.ts';
import type { Step } from './steps.ts';

const amount = (value: number | null) => (value === null ? 'infinity' : String(value));

/** A slice's properties for `systemctl set-property` (systemd.resource-control(5)). An empty value takes a limit away. */
export function sliceProperties(limits: GroupLimits): string[] {
  const io = (name: string, field: 'readBytes' | 'writeBytes' | 'readOps' | 'writeOps') => [
    `${name}=`,
    ...limits.io.flatMap((one) => (one[field] === null ? [] : [`${name}=${one.device} ${one[field]}`])),
  ];
  return [
    `MemoryMax=${amount(limits.memoryMax)}`,
    `MemoryHigh=${amount(limits.memoryHigh)}`,
    `MemorySwapMax=${amount(limits.swapMax)}`,
    `TasksMax=${amount(limits.tasksMax)}`,
    `CPUQuota=${limits.cpus === null ? '' : `${Math.max(1, Math.round(limits.cpus * 100))}%`}`,
    `CPUWeight=${limits.cpuWeight ?? ''}`,
    ...io('IOReadBandwidthMax', 'readBytes'),
    ...io('IOWriteBandwidthMax', 'writeBytes'),
    ...io('IOReadIOPSMax', 'readOps'),
    ...io('IOWriteIOPSMax', 'writeOps'),
  ];
}

/**
 * Groups as slices of a systemd manager, members as scopes in them. Processes are moved by StartTransientUnit with
 * their PIDs, limits set by SetUnitProperties: the control group files are systemd's own and are only read.
 */
export function systemdBackend(facts: Facts, manager: 'system' | 'user'): Backend {
  const root = manager === 'system';
  const user = facts.userManager;
  const within = root || !user ? '' : user.group;
  const env = root || !user ? [] : ['env', `XDG_RUNTIME_DIR=${user.runtime}`];
  const flag = root ? '--system' : '--user';
  const tool = (...argv: string[]): [string, ...string[]] => {
    const [first = '', ...rest] = [...env, ...argv];
    return [first, ...rest];
  };
  const unified = facts.v2?.controllers.includes('memory') === true;
  const node = (rest: string): NodeFiles => {
    if (unified && facts.v2) return filesV2(`${facts.v2.mount}${within}/${rest}`);
    const folders = new Map([...facts.v1].map(([name, { mount }]) => [name, `${mount}${within}/${rest}`]));
    if (facts.v2) folders.set('unified', `${facts.v2.mount}${within}/${rest}`);
    return filesV1(folders);
  };
  const transient = (scope: string, slice: string | null, pids: readonly number[]): Step => ({
    do: 'run',
    argv: tool(
      'busctl',
      flag,
      'call',
      'org.freedesktop.systemd1',
      '/org/freedesktop/systemd1',
      'org.freedesktop.systemd1.Manager',
      'StartTransientUnit',
      'ssa(sv)a(sa(sv))',
      scope,
      'fail',
      slice === null ? '3' : '4',
      ...['Description', 's', 'Guesthouse'],
      ...(slice === null ? [] : ['Slice', 's', slice]),
      ...['CollectMode', 's', 'inactive-or-failed'],
      ...['PIDs', 'au', String(pids.length), ...pids.map(String)],
      '0',
    ),
  });
  const run = (argv: [string, ...string[]], optional = false): Step => ({ do: 'run', argv, optional });
  return {
    kind: 'systemd',
    root,
    summary: root
      ? 'Groups are slices of this system’s systemd.'
      : `Groups are slices of ${facts.user}’s own systemd manager.`,
    abilities: abilities(facts, manager),
    ends:
      !root && facts.far && user?.lingers !== true
        ? {
            why: `What runs in a group ends with ${facts.user}’s last login there, also when Guesthouse is closed.`,
            todo: 'Have root keep that manager running.',
            command: `sudo loginctl enable-linger ${facts.user}`,
          }
        : null,
    ensure: (place, limits) => [
      run(tool('systemctl', flag, 'start', sliceName(place))),
      run(tool('systemctl', flag, 'set-property', '--runtime', sliceName(place), ...sliceProperties(limits))),
    ],
    room: () => [],
    enter: (place, member, argv) =>
      tool(
        'systemd-run',
        flag,
        '--scope',
        '--quiet',
        '--collect',
        `--unit=${scopeName(place.at(-1)!, member)}`,
        `--slice=${sliceName(place)}`,
        ...(root && facts.uid !== 0 ? [`--uid=${facts.uid}`, `--gid=${facts.gid}`] : []),
        '--',
        ...argv,
      ),
    move: (place, member, pids) => [transient(scopeName(place.at(-1)!, member), sliceName(place), pids)],
    release: (place, member, pids) => [
      transient(
        scopeName(`free-${place.at(-1)!}`, `${member}-${pids[0] ?? 0}`),
        root ? 'system.slice' : 'app.slice',
        pids,
      ),
    ],
    leave: () => [],
    remove: (place) => [
      run(tool('systemctl', flag, 'stop', sliceName(place)), true),
      run(tool('systemctl', flag, 'revert', sliceName(place)), true),
    ],
    group: (place) => node(slicePath(place)),
    member: (place, member) => node(`${slicePath(place)}/${scopeName(place.at(-1)!, member)}`),
    child: (place, folder) => node(`${slicePath(place)}/${folder}`),
    pathOf: (place, member) => `/${sliceName(place)}/${scopeName(place.at(-1)!, member)}`,
    container: (place) => ({ cgroupParent: sliceName(place), manager: 'systemd', root }),
  };
}

/** A manager of a user has the controllers it was given; systemd takes limits of others without a word. */
function abilities(facts: Facts, manager: 'system' | 'user'): Ability[] {
  const given = new Set(
    manager === 'user' ? facts.userManager?.controllers : (facts.v2?.controllers ?? [...facts.v1.keys()]),
  );
  if (manager === 'system') for (const name of facts.v1.keys()) given.add(name === 'blkio' ? 'io' : name);
  const unified = facts.v2?.controllers.includes('memory') === true;
  const missing = (limit: Ability['limit'], controller: string) =>
    manager === 'user'
      ? notHeld(
          limit,
          `${facts.user}’s manager was not given the ${controller} controller.`,
          'Have root delegate it, then log in anew.',
          'printf "[Service]\\nDelegate=cpu cpuset io memory pids\\n" | sudo install -D /dev/stdin /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload',
        )
      : notHeld(limit, `The kernel has no ${controller} controller here.`);
  const by = (limit: Ability['limit'], controller: string) =>
    given.has(controller) ? held(limit) : missing(limit, controller);
  return [
    by('memoryMax', 'memory'),
    unified ? by('memoryHigh', 'memory') : notHeld('memoryHigh', ...onlyV2),
    unified ? by('swapMax', 'memory') : notHeld('swapMax', ...onlyV2),
    by('cpus', 'cpu'),
    by('cpuWeight', 'cpu'),
    by('tasksMax', 'pids'),
    by('io', 'io'),
    pressureAbility(facts),
    networkAbility,
  ];
}

export const onlyV2 = [
  'Control groups of version 1 have no such limit.',
  'Boot with systemd.unified_cgroup_hierarchy=1, which every systemd since 2020 can.',
] as const;

export const pressureAbility = (facts: Facts): Ability => {
  if (!facts.pressure)
    return notHeld(
      'pressure',
      'The kernel does not measure pressure (PSI).',
      'Boot with psi=1 on the kernel’s command line.',
    );
  return facts.v2
    ? held('pressure')
    : notHeld('pressure', 'Only control groups of version 2 tell their pressure.');
};
