import { type Command, InvalidArgumentError } from 'commander';
import {
  type Container,
  type ContainerHost,
  type ContainerSpec,
  type LimitsInput,
  limitWords,
} from '../../../shared/model/container.ts';
import { answering } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import { facts, plain, size, table } from '../output.ts';
import type { Run, Runner } from '../run.ts';
import { attach } from './console.ts';

const collect = (value: string, before: string[]): string[] => [...before, value];

/** `64m`, `1.5G`, `4096`: bytes, 1024 to the step. */
function bytesOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('A size is given like 64m or 1.5g.');
  const power = ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ');
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** `8mbit`, `500kbit`: bits a second, 1000 to the step, as tc(8) reads them. */
function bitsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:bit)?$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('A rate is given like 8mbit.');
  const power = ' kmg'.indexOf(match[2]!.toLowerCase() || ' ');
  return Math.round(Number(match[1]) * 1000 ** power);
}

const numberOf = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('That is no number.');
  return value;
};

interface LimitOptions {
  memory?: number;
  swap?: number;
  cpus?: number;
  cpuWeight?: number;
  cpuset?: string;
  pids?: number;
  diskRead?: string[];
  diskWrite?: string[];
  netUp?: number;
  netDown?: number;
}

function limitOptions(command: Command): Command {
  return command
    .option('--memory <size>', 'at most this much memory, and no swap: 64m', bytesOf)
    .option('--swap <size>', 'this much swap beside it', bytesOf)
    .option('--cpus <number>', 'at most this many cores: 0.5', numberOf)
    .option('--cpu-weight <number>', 'share when CPU is short; 100 is usual', numberOf)
    .option('--cpuset <list>', 'on these CPUs alone: 0-1,3')
    .option('--pids <number>', 'at most this many processes', numberOf)
    .option(
      '--disk-read <device=size>',
      'bytes a second: /dev/vda=10m; may be given several times',
      collect,
      [],
    )
    .option('--disk-write <device=size>', 'bytes a second; may be given several times', collect, [])
    .option('--net-up <rate>', 'what it sends: 8mbit', bitsOf)
    .option('--net-down <rate>', 'what it receives: 8mbit', bitsOf);
}

function limitsOf(o: LimitOptions, host: ContainerHost | undefined): LimitsInput {
  const disks = new Map<string, { readBps?: number; writeBps?: number }>();
  const fill = (key: 'readBps' | 'writeBps', list: string[]) => {
    for (const one of list) {
      const at = one.indexOf('=');
      if (at < 0) throw new InvalidArgumentError('A disk’s rate is given like /dev/vda=10m.');
      const device = one.slice(0, at);
      disks.set(device, { ...disks.get(device), [key]: bytesOf(one.slice(at + 1)) });
    }
  };
  fill('readBps', o.diskRead ?? []);
  fill('writeBps', o.diskWrite ?? []);
  const countsSwap = host?.facts?.limits.some(({ kind, ok }) => kind === 'swap' && ok) ?? true;
  return {
    memory: o.memory ?? null,
    swap: o.swap ?? (o.memory !== undefined && countsSwap ? 0 : null),
    cpus: o.cpus ?? null,
    cpuWeight: o.cpuWeight ?? null,
    cpuSet: o.cpuset ?? null,
    pids: o.pids ?? null,
    disk: [...disks].map(([device, rates]) => ({ device, ...rates })),
    netUp: o.netUp ?? null,
    netDown: o.netDown ?? null,
  };
}

async function hostOf(run: Run, ref: string): Promise<ContainerHost | undefined> {
  const { containerHosts = [] } = await run.core.call('core.snapshot', undefined);
  return containerHosts.find(({ id, name }) => id === ref || name === ref);
}

/** Looks at a host before anything is asked of it; secrets may be asked for. Its id. */
async function ready(run: Run, ref: string): Promise<ContainerHost | undefined> {
  const host = await hostOf(run, ref);
  if (host?.facts) return host;
  await answering(run, () => run.follow(() => run.core.call('containers.lookAtHost', { host: ref })));
  return hostOf(run, ref);
}

const address = ({ ports }: Container) =>
  ports.map((port) => `${port.address || '*'}:${port.hostPort}->${port.port}`).join(', ') || '-';

export function registerContainers(program: Command, runner: Runner): void {
  const group = program
    .command('container')
    .alias('containers')
    .description('Containers, by the podman of this computer or of guests and servers');
  registerLooks(group, runner);
  registerRun(group, runner);
  registerActs(group, runner);
  registerHosts(group, runner);
}

function registerLooks(group: Command, runner: Runner): void {
  const list = runner
    .define(group, 'list', 'List containers')
    .alias('ls')
    .option('--host <host>', 'of this host alone: local, or a guest or server that was added');
  runner.action<[]>(list, async (run) => {
    const { host } = list.opts<{ host?: string }>();
    if (host !== undefined) await ready(run, host);
    const all = await run.core.call('containers.list', host === undefined ? {} : { host });
    const rows = all.map((one) => [one.name, one.statusText, one.image, address(one), one.host]);
    const empty = 'No containers. Run one: guesthouse container run NAME --busybox -- sleep 60';
    return {
      data: all,
      text: rows.length ? table(['NAME', 'STATE', 'IMAGE', 'PORTS', 'HOST'], rows) : empty,
    };
  });

  const show = runner
    .define(group, 'show', 'Show one: its limits, ports, folders')
    .argument('<name>', 'name or id');
  runner.action<[string]>(show, async ({ core }, ref) => {
    const detail = await core.call('containers.detail', { id: ref });
    const { container, inForce, wanted } = detail;
    const limits = inForce ?? wanted;
    return {
      data: detail,
      text: facts([
        ['Container', `${container.name} (${container.podmanId.slice(0, 12)})`],
        ['State', container.statusText],
        ['Image', container.image],
        ['Command', container.command.join(' ') || null],
        ['Ports', container.ports.length ? address(container) : null],
        ['Folders', detail.mounts.map((one) => `${one.source} at ${one.target}`).join(', ') || null],
        ['Memory', limits.memory === null ? 'no limit' : size(limits.memory)],
        ['CPU', limits.cpus === null ? 'no limit' : `${limits.cpus} cores`],
        ['Processes', limits.pids === null ? 'no limit' : String(limits.pids)],
        ['Starts again', detail.restart],
      ]),
    };
  });

  const logs = runner
    .define(group, 'logs', 'Print what it said')
    .argument('<name>', 'name or id')
    .option('--lines <number>', 'at most this many', numberOf, 200)
    .option('--follow', 'go on as it is written; Ctrl-] leaves');
  runner.action<[string]>(logs, async (run, ref) => {
    const o = logs.opts<{ lines: number; follow?: boolean }>();
    if (o.follow) {
      const terminal = await run.core.call('containers.console', { id: ref, what: 'logs' });
      await attach(run, terminal.id, false);
      return { data: { terminal: terminal.id }, text: null, code: exitCodes.ok };
    }
    const text = await run.core.call('containers.logs', { id: ref, lines: o.lines });
    return { data: { text }, text: text.trimEnd() || null };
  });

  const images = runner
    .define(group, 'images', 'List the images of a host')
    .option('--host <host>', 'whose', 'local');
  runner.action<[]>(images, async (run) => {
    const { host } = images.opts<{ host: string }>();
    await ready(run, host);
    const all = await run.core.call('containers.images', { host });
    const rows = all.map((one) => [one.name, size(one.size)]);
    return { data: all, text: rows.length ? table(['IMAGE', 'SIZE'], rows) : 'No images.' };
  });
}

function registerRun(group: Command, runner: Runner): void {
  const command = limitOptions(
    runner
      .define(group, 'run', 'Run an application in a container made on the spot')
      .argument('<name>', 'what it is called')
      .argument('[command...]', 'program and arguments, after --; default: what the image says, or a shell')
      .option('--host <host>', 'where', 'local')
      .option('--busybox', 'file system: busybox of this computer (default)')
      .option('--debian [packages]', 'file system: a minimal Debian with these packages, parted by commas')
      .option('--tar <file>', 'file system: this tar')
      .option('--image <name>', 'file system: an image that is there')
      .option('--pull <name>', 'file system: an image from a registry')
      .option(
        '--port <[address:]host:container>',
        'open a port, on 127.0.0.1 unless said otherwise',
        collect,
        [],
      )
      .option('--volume <folder:target[:ro]>', 'give it a folder of the host', collect, [])
      .option(
        '--env <name=value>',
        'a variable; a value from a file descriptor is safer, see --env-stdin',
        collect,
        [],
      )
      .option('--env-stdin', 'read further variables from standard input, one a line')
      .option('--restart <policy>', 'no, on-failure, unless-stopped or always', 'no')
      .option('--group <group>', 'in this resource group of the same host, whose limits hold for it too')
      .option('--no-network', 'cut off from every network'),
  );
  runner.action<[string, string[]]>(command, async (run, name, words) => {
    const o = command.opts<
      LimitOptions & {
        host: string;
        debian?: string | true;
        tar?: string;
        image?: string;
        pull?: string;
        port: string[];
        volume: string[];
        env: string[];
        envStdin?: boolean;
        restart: NonNullable<ContainerSpec['restart']>;
        group?: string;
        network: boolean;
      }
    >();
    const host = await ready(run, o.host);
    const env = [...o.env, ...(o.envStdin ? await stdinLines() : [])].map((line) => {
      const at = line.indexOf('=');
      if (at < 0) throw new InvalidArgumentError('A variable is given as NAME=value.');
      return { name: line.slice(0, at), value: line.slice(at + 1) };
    });
    const spec: ContainerSpec = {
      host: host?.id ?? o.host,
      name,
      source: sourceOf(o),
      command: words,
      env,
      ports: o.port.map(portOf),
      volumes: o.volume.map(volumeOf),
      restart: o.restart,
      group: o.group ?? null,
      network: o.network,
      interactive: words.length === 0,
      limits: limitsOf(o, host),
    };
    await answering(run, () => run.follow(() => run.core.call('containers.create', spec)));
    const made = (await run.core.call('containers.list', { host: spec.host })).find(
      (one) => one.name === name,
    );
    return {
      data: made ?? { name },
      text: `${plain(name)}: ${made?.statusText ?? 'made'}. A shell in it: guesthouse container exec ${plain(name)}`,
    };
  });
}

async function stdinLines(): Promise<string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean);
}

function sourceOf(o: {
  debian?: string | true;
  tar?: string;
  image?: string;
  pull?: string;
}): ContainerSpec['source'] {
  if (o.debian !== undefined)
    return { kind: 'debian', packages: o.debian === true ? [] : o.debian.split(/[\s,]+/).filter(Boolean) };
  if (o.image !== undefined) return { kind: 'local', image: o.image };
  if (o.pull !== undefined) return { kind: 'pull', image: o.pull };
  if (o.tar !== undefined) {
    const base = (o.tar.split('/').at(-1) ?? '').replace(/\..*$/, '').toLowerCase();
    const path = o.tar.startsWith('/') ? o.tar : `${process.cwd()}/${o.tar}`;
    return { kind: 'tar', path, image: `localhost/${base.replace(/[^a-z0-9]+/g, '') || 'root'}:1` };
  }
  return { kind: 'busybox' };
}

function portOf(text: string): { address: string; hostPort: number; port: number } {
  const match = /^(?:(.+):)?(\d*):(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('A port is given like 8080:80 or 0.0.0.0:8080:80.');
  const bind = (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, '');
  return { address: bind, hostPort: Number(match[2] || 0), port: Number(match[3]) };
}

function volumeOf(text: string): { source: string; target: string; readOnly: boolean } {
  const [source = '', target = '', mode] = text.split(':');
  if (!source || !target || (mode !== undefined && mode !== 'ro' && mode !== 'rw'))
    throw new InvalidArgumentError('A folder is given like /data:/srv or /data:/srv:ro.');
  return { source, target, readOnly: mode === 'ro' };
}

function registerActs(group: Command, runner: Runner): void {
  for (const [verb, words, done] of [
    ['start', 'Start it', 'runs'],
    ['pause', 'Freeze it', 'is paused'],
    ['unpause', 'Let it go on', 'runs'],
  ] as const) {
    const command = runner.define(group, verb, words).argument('<name>', 'name or id');
    runner.action<[string]>(command, async ({ core }, ref) => {
      await core.call(`containers.${verb}`, { id: ref });
      return { data: { name: ref }, text: `${plain(ref)} ${done}.` };
    });
  }
  for (const [verb, words, done] of [
    ['stop', 'Ask it to end; killed after a while', 'has ended'],
    ['restart', 'End it and start it again', 'runs again'],
  ] as const) {
    const command = runner
      .define(group, verb, words)
      .argument('<name>', 'name or id')
      .option('--timeout <seconds>', 'until it is killed', numberOf, 10);
    runner.action<[string]>(command, async (run, ref) => {
      const { timeout } = command.opts<{ timeout: number }>();
      await run.follow(() => run.core.call(`containers.${verb}`, { id: ref, timeout }));
      return { data: { name: ref }, text: `${plain(ref)} ${done}.` };
    });
  }
  const remove = runner
    .define(group, 'remove', 'Remove it, and what it wrote in itself')
    .alias('rm')
    .argument('<name>', 'name or id')
    .option('--force', 'also when it runs');
  runner.action<[string]>(remove, async ({ core }, ref) => {
    await core.call('containers.remove', {
      id: ref,
      force: remove.opts<{ force?: boolean }>().force === true,
    });
    return { data: { name: ref }, text: `Removed ${plain(ref)}.` };
  });

  const exec = runner
    .define(group, 'exec', 'A shell in it, or a program; Ctrl-] leaves')
    .argument('<name>', 'name or id')
    .argument('[command...]', 'program and arguments, after --');
  runner.action<[string, string[]]>(exec, async (run, ref, words) => {
    const command = words.length ? { command: words } : {};
    const terminal = await run.core.call('containers.console', { id: ref, what: 'shell', ...command });
    await attach(run, terminal.id, false);
    return { data: { terminal: terminal.id }, text: null, code: exitCodes.ok };
  });

  const limits = limitOptions(
    runner
      .define(group, 'limits', 'Replace its limits, also while it runs; what is not given is lifted')
      .argument('<name>', 'name or id'),
  );
  runner.action<[string]>(limits, async (run, ref) => {
    const { container } = await run.core.call('containers.detail', { id: ref });
    const host = await hostOf(run, container.host);
    await run.core.call('containers.setLimits', { id: container.id, limits: limitsOf(limits.opts(), host) });
    const { inForce, wanted } = await run.core.call('containers.detail', { id: container.id });
    return { data: inForce ?? wanted, text: `The limits of ${plain(container.name)} are changed.` };
  });

  const compare = runner
    .define(group, 'compare', 'Measure it beside a guest of the same application')
    .argument('<name>', 'container')
    .argument('<guest>', 'guest');
  runner.action<[string, string]>(compare, async (run, ref, guestRef) => {
    const guest = await run.guest(guestRef);
    await run.follow(() => run.core.call('containers.compare', { guest: guest.id, container: ref }));
    const found = await run.core.call('containers.comparison', undefined);
    const ms = (value: number | null | undefined) =>
      value == null ? 'not measured' : `${Math.round(value)} ms`;
    const room = (value: number | null | undefined) => (value == null ? 'not measured' : size(value));
    const rows = [found?.guest, found?.container].map((side) => [
      side?.name ?? '',
      room(side?.memory),
      ms(side?.start),
      room(side?.disk),
    ]);
    return { data: found, text: table(['', 'MEMORY', 'START', 'DISK'], rows) };
  });
}

function registerHosts(group: Command, runner: Runner): void {
  const hosts = runner.define(group, 'hosts', 'Where containers run, and what each can hold them to');
  runner.action<[]>(hosts, async (run) => {
    await ready(run, 'local').catch(() => {}); // its row says what is wrong
    const { containerHosts = [] } = await run.core.call('core.snapshot', undefined);
    const rows = containerHosts.map((host) => [
      host.name,
      host.error?.message ?? host.status,
      host.facts ? `${host.facts.version}${host.facts.rootless ? ', rootless' : ', root'}` : '-',
      host.facts?.limits
        .filter(({ ok }) => !ok)
        .map(({ kind }) => limitWords[kind])
        .join(', ') || (host.facts ? 'all limits' : '-'),
    ]);
    return { data: containerHosts, text: table(['HOST', 'STATE', 'PODMAN', 'CANNOT HOLD'], rows) };
  });
  const add = runner
    .define(group, 'add-host', 'Use the podman of a guest or server')
    .argument('<name>', 'guest or server')
    .option('--sudo', 'as root there, by sudo without a password');
  runner.action<[string]>(add, async (run, target) => {
    const { id } = await run.core.call('containers.addHost', {
      target,
      sudo: add.opts<{ sudo?: boolean }>().sudo === true,
    });
    await answering(run, () => run.follow(() => run.core.call('containers.lookAtHost', { host: id })));
    return { data: await hostOf(run, id), text: `${plain(target)} is a host of containers.` };
  });
  const remove = runner
    .define(group, 'remove-host', 'Use it no more; its containers stay')
    .argument('<host>', 'name or id');
  runner.action<[string]>(remove, async ({ core }, host) => {
    await core.call('containers.removeHost', { host });
    return { data: { host }, text: `${plain(host)} is no host of containers any more.` };
  });
}
