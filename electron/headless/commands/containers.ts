import { type Command, InvalidArgumentError } from 'commander';
import type { Container } from '../../../shared/model/container.ts';
import type { ContainerSpec } from '../../../shared/model/container-spec.ts';
import { answering } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import { facts, plain, size, table } from '../output.ts';
import type { Runner } from '../run.ts';
import { attach } from './console.ts';
import { hostOf, ready, registerCompare, registerHosts } from './container-hosts.ts';
import {
  collect,
  type LimitOptions,
  limitOptions,
  limitsOf,
  numberOf,
  portOf,
  sourceOf,
  volumeOf,
} from './container-options.ts';

const address = ({ ports }: Container) =>
  ports.map((port) => `${port.address || '*'}:${port.hostPort}->${port.port}`).join(', ') || '-';

export function registerContainers(program: Command, runner: Runner): void {
  const group = program
    .command('container')
    .alias('containers')
    .description('Containers, by the podman of this computer or of guests and servers');
  registerLooks(group, runner);
  registerImages(group, runner);
  registerRun(group, runner);
  registerActs(group, runner);
  registerCompare(group, runner);
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
}

function registerImages(group: Command, runner: Runner): void {
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

  const remove = runner
    .define(group, 'remove-image', 'Remove an image that no container uses')
    .argument('<image>', 'its name')
    .option('--host <host>', 'whose', 'local');
  runner.action<[string]>(remove, async (run, image) => {
    const { host } = remove.opts<{ host: string }>();
    await ready(run, host);
    await run.core.call('containers.removeImage', { host, image });
    return { data: { image }, text: `Removed ${plain(image)}.` };
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
      .option(
        '--volume <source:target[:ro]>',
        'give it a folder of the host, or a volume by its name',
        collect,
        [],
      )
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
    .option('--force', 'also when it runs')
    .option('--volumes', 'its nameless volumes with it');
  runner.action<[string]>(remove, async ({ core }, ref) => {
    const { force = false, volumes = false } = remove.opts<{ force?: boolean; volumes?: boolean }>();
    await core.call('containers.remove', { id: ref, force, volumes });
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
}
