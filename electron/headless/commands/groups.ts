import { type Command, InvalidArgumentError } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import {
  type Group,
  type GroupLimits,
  type GroupUse,
  hitWords,
  limitWords,
  noLimits,
} from '../../../shared/model/group.ts';
import { answering } from '../answers.ts';
import { facts, plain, table } from '../output.ts';
import type { Run, Runner } from '../run.ts';

async function groupOf(run: Run, ref: string): Promise<Group> {
  const groups = await run.core.call('groups.list', undefined);
  const named = groups.filter(({ name }) => name.toLowerCase() === ref.toLowerCase());
  const group = groups.find(({ id }) => id === ref) ?? (named.length === 1 ? named[0] : undefined);
  if (!group)
    throw new GuesthouseError(
      named.length > 1 ? 'invalid-input' : 'not-found',
      named.length > 1 ? `Several groups are named ${ref}.` : `There is no group named ${ref}.`,
      {
        subject: ref,
        todo: named.length > 1 ? `Use an id: ${named.map(({ id }) => id).join(', ')}.` : undefined,
      },
    );
  return group;
}

const factors: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
/** `512M`, `2G`; a bare number is in MiB, as for a guest's memory. `none` takes a limit away. */
const size = (text: string): number => {
  const parts = /^(\d+(?:\.\d+)?)([KMGT])?$/i.exec(text);
  if (!parts) throw new InvalidArgumentError('A size is a number with K, M, G or T, or none.');
  return Math.round(Number(parts[1]) * factors[(parts[2] ?? 'M').toUpperCase()]!);
};
const amount = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('A number, or none.');
  return value;
};
/** Commander takes null for nothing given, so the word stays. */
const orNone =
  (read: (text: string) => number) =>
  (text: string): number | 'none' =>
    text === 'none' ? 'none' : read(text);
/** `/dev/vda:wbps=2M,riops=100`; `/dev/vda:none` takes its limits away. */
const disk = (text: string, before: GroupLimits['io']): GroupLimits['io'] => {
  const [device = '', list = ''] = text.split(':');
  const one = { device, readBytes: null, writeBytes: null, readOps: null, writeOps: null } as {
    -readonly [K in keyof GroupLimits['io'][number]]: GroupLimits['io'][number][K];
  };
  for (const part of list === 'none' ? [] : list.split(',')) {
    const [name, value = ''] = part.split('=');
    if (name === 'rbps') one.readBytes = size(value);
    else if (name === 'wbps') one.writeBytes = size(value);
    else if (name === 'riops') one.readOps = amount(value);
    else if (name === 'wiops') one.writeOps = amount(value);
    else
      throw new InvalidArgumentError('A disk is DEVICE:rbps=SIZE,wbps=SIZE,riops=N,wiops=N, or DEVICE:none.');
  }
  return [...before.filter((each) => each.device !== device), one];
};

interface LimitOptions {
  memory?: number | 'none';
  memoryHigh?: number | 'none';
  swap?: number | 'none';
  cpus?: number | 'none';
  weight?: number | 'none';
  tasks?: number | 'none';
  disk?: GroupLimits['io'];
}

const withLimits = (command: Command): Command =>
  command
    .option('--memory <size>', 'of all members together', orNone(size))
    .option('--memory-high <size>', 'members are slowed down above it', orNone(size))
    .option('--swap <size>', 'swap beside the memory', orNone(size))
    .option('--cpus <cores>', 'cores’ worth of time, such as 0.5', orNone(amount))
    .option('--weight <n>', 'share when processors are busy; 100 is everyone’s', orNone(amount))
    .option('--tasks <n>', 'processes and threads', orNone(amount))
    .option(
      '--disk <limit>',
      'DEVICE:rbps=SIZE,wbps=SIZE,riops=N,wiops=N or DEVICE:none; again for more',
      (text: string, before: GroupLimits['io'] | undefined) => disk(text, before ?? []),
    );

/** What was given replaces; the rest stays. */
function limitsFrom(before: GroupLimits, given: LimitOptions): GroupLimits {
  const pick = (value: number | 'none' | undefined, old: number | null) =>
    value === undefined ? old : value === 'none' ? null : value;
  const others = before.io.filter(({ device }) => !given.disk?.some((one) => one.device === device));
  return {
    memoryMax: pick(given.memory, before.memoryMax),
    memoryHigh: pick(given.memoryHigh, before.memoryHigh),
    swapMax: pick(given.swap, before.swapMax),
    cpus: pick(given.cpus, before.cpus),
    cpuWeight: pick(given.weight, before.cpuWeight),
    tasksMax: pick(given.tasks, before.tasksMax),
    io: [
      ...others,
      ...(given.disk ?? []).filter(({ device: _, ...rates }) => Object.values(rates).some(Boolean)),
    ],
  };
}

const mega = (bytes: number | null | undefined) =>
  bytes == null ? '-' : `${Math.round(bytes / 2 ** 20)} MB`;
const share = (cores: number | null | undefined) => (cores == null ? '-' : `${Math.round(cores * 100)}%`);
const of = (use: string, limit: string | null) => (limit === null ? use : `${use} of ${limit}`);

/** Limits that are not held are told, whatever was asked for. */
const warnings = (group: Group): string[] => [
  ...group.notHeld.map(
    ({ limit, how, why, todo }) =>
      `${how === 'partly' ? 'Held in part' : 'Not held'}: ${limitWords[limit].toLowerCase()}. ${[why, todo].filter(Boolean).join(' ')}`,
  ),
  ...(group.state === 'failed' && group.problem
    ? [`Nothing is held: ${[group.problem.message, group.problem.why].filter(Boolean).join(' ')}`]
    : []),
];

async function sampled(run: Run): Promise<readonly GroupUse[]> {
  return run.core.call('groups.use', undefined);
}

async function told(run: Run, id: string, text: string) {
  const group = await groupOf(run, id);
  return { data: group, text: [text, ...warnings(group)].map(plain).join('\n') };
}

export function registerGroups(program: Command, runner: Runner): void {
  const groups = program
    .command('group')
    .description('Resource groups: limits that guests, containers and programs share');

  const list = runner.define(groups, 'list', 'List the groups with their use').alias('ls');
  runner.action<[]>(list, async (run) => {
    const all = await run.core.call('groups.list', undefined);
    const uses = await sampled(run);
    const rows = all.map((one) => {
      const use = uses.find(({ id }) => id === one.id);
      return [
        one.name,
        one.host ?? '-',
        one.state,
        of(share(use?.cpu), one.limits.cpus === null ? null : share(one.limits.cpus)),
        of(mega(use?.memory), one.limits.memoryMax === null ? null : mega(one.limits.memoryMax)),
        one.members.map(({ name }) => name).join(', ') || '-',
      ];
    });
    return {
      data: all.map((one) => ({ ...one, use: uses.find(({ id }) => id === one.id) ?? null })),
      text: rows.length
        ? table(['NAME', 'ON', 'STATE', 'CPU', 'MEMORY', 'MEMBERS'], rows)
        : 'No groups. Make one: guesthouse group create NAME --memory 512M --cpus 0.5',
    };
  });

  const show = runner
    .define(groups, 'show', 'One group: limits, members, what was met')
    .argument('<name>', 'name or id');
  runner.action<[string]>(show, async (run, ref) => {
    const group = await groupOf(run, ref);
    const use = (await sampled(run)).find(({ id }) => id === group.id);
    const { limits } = group;
    const text = facts([
      ['Group', group.name],
      ['Id', group.id],
      ['State', group.state],
      ['CPU', of(share(use?.cpu), limits.cpus === null ? null : share(limits.cpus))],
      ['Memory', of(mega(use?.memory), limits.memoryMax === null ? null : mega(limits.memoryMax))],
      ['Tasks', of(String(use?.tasks ?? '-'), limits.tasksMax === null ? null : String(limits.tasksMax))],
      ...group.members.map((one): [string, string] => [one.kind, `${one.name} (${one.state}) ${one.id}`]),
      ...group.hits.map((hit): [string, string] => [
        new Date(hit.last).toISOString(),
        `${hitWords[hit.kind]}, ${hit.count} times`,
      ]),
    ]);
    return { data: { ...group, use: use ?? null }, text: [text, ...warnings(group).map(plain)].join('\n') };
  });

  const host = runner
    .define(groups, 'host', 'What this computer, or a guest or server, can hold groups to')
    .argument('[machine]', 'guest or server');
  runner.action<[string | undefined]>(host, async (run, machine) => {
    if (machine !== undefined)
      await answering(run, () => run.follow(() => run.core.call('groups.connect', { host: machine })));
    const found = await run.core.call('groups.host', { host: machine ?? null });
    if (!found) return { data: null, text: 'Not looked at.' };
    const rows = found.abilities.map((one) => [
      limitWords[one.limit],
      one.held,
      [one.why, one.todo].filter(Boolean).join(' '),
    ]);
    const { problem } = found;
    return {
      data: found,
      text: problem
        ? [problem.message, problem.why, problem.todo]
            .filter(Boolean)
            .map((line) => plain(line!))
            .join('\n')
        : [
            plain(found.summary),
            ...(found.ends ? [plain(`${found.ends.why} ${found.ends.todo} ${found.ends.command}`)] : []),
            table(['LIMIT', 'HELD', ''], rows),
          ].join('\n'),
      code: problem ? 1 : 0,
    };
  });

  const create = withLimits(
    runner
      .define(groups, 'create', 'Make a group')
      .argument('<name>', 'what it is called')
      .option('--in <group>', 'within this group')
      .option('--on <machine>', 'on this guest or server'),
  );
  runner.action<[string]>(create, async (run, name) => {
    const given = create.opts<LimitOptions & { in?: string; on?: string }>();
    let id = '';
    await answering(run, () =>
      run.follow(async () => {
        const made = await run.core.call('groups.create', {
          name,
          parent: given.in ?? null,
          host: given.on ?? null,
          limits: limitsFrom(noLimits, given),
        });
        id = made.id;
        return made;
      }),
    );
    return told(run, id, `Made the group ${name}.`);
  });

  const set = withLimits(
    runner
      .define(groups, 'set', 'Change limits, at once and for what runs; none takes one away')
      .argument('<name>', 'name or id')
      .option('--force', 'also below what runs, some of which is ended then'),
  );
  runner.action<[string]>(set, async (run, ref) => {
    const group = await groupOf(run, ref);
    const given = set.opts<LimitOptions & { force?: boolean }>();
    const limits = limitsFrom(group.limits, given);
    await answering(run, () =>
      run.follow(() =>
        run.core.call('groups.setLimits', { id: group.id, limits, force: given.force ?? false }),
      ),
    );
    return told(run, group.id, `The limits of ${group.name} are set.`);
  });

  const rename = runner.define(groups, 'rename', 'Another name').argument('<name>').argument('<new-name>');
  runner.action<[string, string]>(rename, async (run, ref, name) => {
    const { id } = await groupOf(run, ref);
    await run.core.call('groups.rename', { id, name });
    return told(run, id, `It is called ${name} now.`);
  });

  const remove = runner
    .define(groups, 'remove', 'Remove a group; what runs in it goes on without limits')
    .argument('<name>', 'name or id');
  runner.action<[string]>(remove, async (run, ref) => {
    const { id, name } = await groupOf(run, ref);
    await answering(run, () => run.follow(() => run.core.call('groups.remove', { id })));
    return { data: { id }, text: `Removed the group ${plain(name)}.` };
  });

  const add = runner.define(groups, 'add', 'Put a guest in').argument('<name>').argument('<guest>');
  runner.action<[string, string]>(add, async (run, ref, guestRef) => {
    const { id, name } = await groupOf(run, ref);
    const guest = await run.guest(guestRef);
    await run.follow(() => run.core.call('groups.addGuest', { id, guest: guest.id }));
    return told(run, id, `${guest.name} is in ${name}.`);
  });

  const start = runner
    .define(groups, 'start', 'Start a program in a group; give it behind --')
    .argument('<name>', 'name or id')
    .argument('<command...>', 'program and arguments')
    .option('--name <name>', 'what the application is called')
    .option('--folder <folder>', 'where it starts; default: the home folder');
  runner.action<[string, string[]]>(start, async (run, ref, command) => {
    const group = await groupOf(run, ref);
    const given = start.opts<{ name?: string; folder?: string }>();
    let member = '';
    await answering(run, () =>
      run.follow(async () => {
        const started = await run.core.call('groups.startApplication', { id: group.id, command, ...given });
        member = started.member;
        return started;
      }),
    );
    const now = await groupOf(run, group.id);
    return {
      data: now.members.find(({ id }) => id === member) ?? null,
      text: [`Started as ${member}.`, ...warnings(now)].map(plain).join('\n'),
    };
  });

  const move = runner
    .define(groups, 'move', 'Move a running process in')
    .argument('<name>', 'name or id')
    .argument('<pid>', 'its number', (text: string) => {
      const pid = Number(text);
      if (!Number.isInteger(pid) || pid < 2)
        throw new InvalidArgumentError('A process has a number above 1.');
      return pid;
    });
  runner.action<[string, number]>(move, async (run, ref, pid) => {
    const group = await groupOf(run, ref);
    const all = await run.core.call('groups.processes', { host: group.host });
    const found = all.find((one) => one.pid === pid);
    if (!found)
      throw new GuesthouseError('not-found', `There is no process ${pid} that could be moved.`, {
        why: 'It has ended, belongs to someone else, or is a part of the system.',
      });
    await answering(run, () =>
      run.follow(() =>
        run.core.call('groups.moveProcess', { id: group.id, pid, startTime: found.startTime }),
      ),
    );
    return told(run, group.id, `${found.name} is in ${group.name}.`);
  });

  const members = [
    ['out', 'Take a member out; it goes on without limits', 'is out of'],
    ['end', 'Ask a member to end', 'has ended in'],
    ['again', 'Start an ended application again', 'runs again in'],
  ] as const;
  for (const [name, description, words] of members) {
    const command = runner
      .define(groups, name, description)
      .argument('<name>', 'the group')
      .argument('<member>', 'its name or id');
    if (name === 'end') command.option('--force', 'do not ask (SIGKILL)');
    runner.action<[string, string]>(command, async (run, ref, member) => {
      const { id, name: group } = await groupOf(run, ref);
      const { force = false } = command.opts<{ force?: boolean }>();
      await answering(run, () =>
        run.follow(() => {
          if (name === 'out') return run.core.call('groups.removeMember', { id, member });
          if (name === 'end') return run.core.call('groups.endMember', { id, member, force });
          return run.core.call('groups.startAgain', { id, member });
        }),
      );
      return told(run, id, `${member} ${words} ${group}.`);
    });
  }

  const log = runner
    .define(groups, 'log', 'What an application wrote')
    .argument('<name>', 'the group')
    .argument('<member>', 'its name or id')
    .option('-n, --lines <n>', 'lines', amount, 200);
  runner.action<[string, string]>(log, async (run, ref, member) => {
    const { id } = await groupOf(run, ref);
    const text = await run.core.call('groups.log', {
      id,
      member,
      lines: log.opts<{ lines: number }>().lines,
    });
    return { data: { text }, text: text.split('\n').map(plain).join('\n') };
  });
}
