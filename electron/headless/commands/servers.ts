import { type Command, InvalidArgumentError } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Server } from '../../../shared/model/server.ts';
import { answering } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import { byName, facts, plain, table } from '../output.ts';
import type { Run, Runner } from '../run.ts';

async function serverOf(run: Run, ref: string): Promise<Server> {
  const servers = await run.core.call('servers.list', undefined);
  const server =
    servers.find(({ id }) => id === ref) ??
    servers.find(({ name }) => name.toLowerCase() === ref.toLowerCase());
  if (!server) throw new GuesthouseError('not-found', `There is no server named ${ref}.`, { subject: ref });
  return server;
}

const destination = (server: Server) =>
  `${server.user ? `${server.user}@` : ''}${server.address}:${server.port}`;
const portOf = (text: string): number => {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new InvalidArgumentError('A port is 1 to 65535.');
  return port;
};
const collect = (value: string, before: string[]): string[] => [...before, value];

export function registerServers(program: Command, runner: Runner): void {
  const servers = program
    .command('servers')
    .description('Machines reached by SSH that Guesthouse does not run');

  const list = runner.define(servers, 'list', 'List the servers').alias('ls');
  runner.action<[]>(list, async ({ core }) => {
    const all = byName(await core.call('servers.list', undefined));
    const rows = all.map((one) => [one.name, destination(one), one.jump ?? '-', one.tags.join(', ') || '-']);
    const empty = 'No servers. Add one: guesthouse servers add NAME ADDRESS --user USER';
    return { data: all, text: rows.length ? table(['NAME', 'SSH', 'THROUGH', 'TAGS'], rows) : empty };
  });

  const add = runner
    .define(servers, 'add', 'Add a server')
    .argument('<name>', 'what it is called; also its ssh alias')
    .argument('<address>', 'host name or IP address')
    .option('--port <port>', 'port of its sshd', portOf, 22)
    .option('--user <user>', 'login name')
    .option('--key <key>', 'offer this key')
    .option('--jump <server>', 'through this server, or user@host:port')
    .option('--tag <tag>', 'may be given several times', collect, []);
  runner.action<[string, string]>(add, async (run, name, address) => {
    const o = add.opts<{ port: number; user?: string; key?: string; jump?: string; tag: string[] }>();
    let keyId: string | null = null;
    if (o.key !== undefined) {
      const { keys } = await run.core.call('keys.list', undefined);
      keyId = keys.find((key) => key.id === o.key || key.name === o.key)?.id ?? null;
      if (keyId === null) throw new GuesthouseError('not-found', `There is no key named ${o.key}.`);
    }
    const { id } = await run.core.call('servers.add', {
      name,
      address,
      port: o.port,
      user: o.user ?? null,
      keyId,
      jump: o.jump ?? null,
      tags: o.tag,
    });
    return {
      data: await serverOf(run, id),
      text: `Added ${plain(name)}. Try it: guesthouse servers test ${plain(name)}`,
    };
  });

  const remove = runner
    .define(servers, 'remove', 'Forget a server; nothing changes on it')
    .argument('<name>', 'name or id');
  runner.action<[string]>(remove, async (run, ref) => {
    const { id, name } = await serverOf(run, ref);
    await run.core.call('servers.remove', { id });
    return { data: { id }, text: `Forgot ${plain(name)}.` };
  });

  const test = runner.define(servers, 'test', 'Connect and log in').argument('<name>', 'name or id');
  runner.action<[string]>(test, async (run, ref) => {
    const { id, name } = await serverOf(run, ref);
    await answering(run, () => run.follow(() => run.core.call('servers.test', { id })));
    return { data: await serverOf(run, id), text: `${plain(name)} lets you in.` };
  });

  const info = runner
    .define(servers, 'info', 'Show OS, uptime and machine-id')
    .argument('<name>', 'name or id');
  runner.action<[string]>(info, async (run, ref) => {
    const { id } = await serverOf(run, ref);
    await answering(run, () => run.follow(() => run.core.call('servers.refresh', { id })));
    const server = await serverOf(run, id);
    const found = server.info;
    return {
      data: server,
      text: facts([
        ['Server', `${server.name} (${destination(server)})`],
        ['System', found?.os ?? null],
        ['Kernel', found?.kernel ?? null],
        ['Host name', found?.hostname ?? null],
        ['machine-id', found?.machineId ?? null],
        ['Up', found?.uptime == null ? null : `${Math.floor(found.uptime / 3600)} h`],
        ['User', found?.user ?? null],
      ]),
    };
  });

  const importing = runner
    .define(servers, 'import', 'Add hosts of ~/.ssh/config; without a name: list them')
    .argument('[aliases...]', 'hosts to add');
  runner.action<[string[]]>(importing, async (run, aliases) => {
    if (aliases.length === 0) {
      const found = await run.core.call('servers.importCandidates', undefined);
      const rows = found.map((one) => [
        one.alias,
        one.problem ? '-' : `${one.user}@${one.address}:${one.port}`,
        one.problem ?? (one.known ? 'there already' : ''),
      ]);
      return { data: found, text: rows.length ? table(['HOST', 'SSH', ''], rows) : 'None in ~/.ssh/config.' };
    }
    const candidates = await run.core.call('servers.importCandidates', undefined);
    const left = aliases.flatMap((alias) => {
      const found = candidates.find((one) => one.alias === alias);
      const why = found
        ? (found.problem ?? (found.known ? 'It is there already.' : null))
        : 'It is not in ~/.ssh/config.';
      return why ? [`${alias}: ${why}`] : [];
    });
    const ids = await run.core.call('servers.import', { aliases });
    const unknown = aliases.every((alias) => !candidates.some((one) => one.alias === alias));
    return {
      data: ids,
      text: [`Added ${ids.length} of ${aliases.length}.`, ...left].map(plain).join('\n'),
      code: ids.length === aliases.length ? exitCodes.ok : unknown ? exitCodes.notFound : exitCodes.failed,
    };
  });
}
