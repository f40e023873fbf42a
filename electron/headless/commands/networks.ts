import type { Command } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { SharedNetwork } from '../../../shared/model/network.ts';
import { facts, plain, table } from '../output.ts';
import type { Run, Runner } from '../run.ts';

async function networkOf(run: Run, name: string): Promise<SharedNetwork> {
  const found = (await run.core.call('networks.list', undefined)).find((one) => one.name === name);
  if (!found)
    throw new GuesthouseError('not-found', `There is no network named ${name}.`, {
      subject: name,
      todo: 'See: guesthouse network list',
    });
  return found;
}

interface Wishes {
  subnet?: string;
  domain?: string;
  wayOut?: boolean;
  reachHost?: boolean;
  keepOn?: boolean;
}

const withWishes = (command: Command): Command =>
  command
    .option('--subnet <subnet>', 'addresses, such as 10.77.5.0/24')
    .option('--domain <domain>', 'what names are completed with')
    .option('--way-out', 'guests reach the world beyond (the usual)')
    .option('--no-way-out', 'guests reach each other alone')
    .option('--reach-host', 'guests reach what listens on this computer’s loopback, at the gateway')
    .option('--no-reach-host', 'they do not (the usual)')
    .option('--keep-on', 'stays on without guests')
    .option('--no-keep-on', 'is off while no guest on it runs (the usual)');

/** Commander gives `true` for the positive of a pair nobody named: only what was written counts. */
function wishesOf(command: Command): Wishes {
  const given = command.opts<Wishes>();
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => command.getOptionValueSource(name) === 'cli'),
  );
}

const problemOf = ({ problem }: SharedNetwork) =>
  problem ? `\n${plain([problem.message, problem.why, problem.todo].filter(Boolean).join(' '))}` : '';

export function registerNetworks(program: Command, runner: Runner): void {
  const networks = program
    .command('network')
    .description('Shared networks: guests on one reach each other by name');

  const list = runner.define(networks, 'list', 'List the networks').alias('ls');
  runner.action<[]>(list, async (run) => {
    const all = await run.core.call('networks.list', undefined);
    const rows = all.map((one) => [
      one.name,
      one.state,
      one.subnet,
      one.wayOut ? 'out' : 'nowhere',
      [...new Set(one.members.map(({ guestName }) => guestName))].join(', ') || '-',
    ]);
    return {
      data: all,
      text: rows.length
        ? table(['NAME', 'STATE', 'ADDRESSES', 'LEADS', 'GUESTS'], rows)
        : 'No networks. Make one: guesthouse network create NAME',
    };
  });

  const show = runner.define(networks, 'show', 'One network with its guests').argument('<name>');
  runner.action<[string]>(show, async (run, name) => {
    const one = await networkOf(run, name);
    const rows = one.members.map((member) => [
      member.guestName,
      member.link,
      member.address || '-',
      `${member.name}.${one.domain}`,
      member.mac,
    ]);
    const about = facts([
      ['Network', one.name],
      ['State', one.pid === null ? one.state : `${one.state}, process ${one.pid}`],
      ['Addresses', one.subnet],
      ['Domain', one.domain],
      ['Way out', one.wayOut ? 'yes' : 'no'],
      ['This computer', one.reachHost ? `its loopback is at ${one.gateway}` : 'out of reach'],
    ]);
    const guests = rows.length ? `\n${table(['GUEST', 'LINK', 'ADDRESS', 'NAME', 'MAC'], rows)}` : '';
    return { data: one, text: `${about}${guests}${problemOf(one)}` };
  });

  const create = withWishes(runner.define(networks, 'create', 'Make a network').argument('<name>'));
  runner.action<[string]>(create, async (run, name) => {
    const made = await run.core.call('networks.create', { name, ...wishesOf(create) });
    return { data: made, text: `Made the network ${name} with ${made.subnet}.${problemOf(made)}` };
  });

  const set = withWishes(runner.define(networks, 'set', 'Change a network').argument('<name>'));
  runner.action<[string]>(set, async (run, name) => {
    const made = await run.core.call('networks.edit', { name, ...wishesOf(set) });
    return { data: made, text: `Changed.${problemOf(made)}` };
  });

  const remove = runner
    .define(networks, 'delete', 'Delete a network no guest has a card on')
    .argument('<name>');
  runner.action<[string]>(remove, async (run, name) => {
    await run.core.call('networks.delete', { name });
    return { data: null, text: `Deleted the network ${name}.` };
  });

  const plug = runner
    .define(networks, 'plug', 'Plug a guest’s card into a network, from its next start')
    .argument('<guest>')
    .argument('[network]', 'left out: one of its own again')
    .option('--card <n>', 'which card, from 1', '1')
    .option('--bridge <bridge>', 'into a bridge of this computer')
    .option('--restrict', 'its own, without a way out');
  runner.action<[string, string | undefined]>(plug, async (run, guest, network) => {
    const { card, bridge, restrict } = plug.opts<{ card: string; bridge?: string; restrict?: boolean }>();
    await run.core.call('networks.plug', {
      id: guest,
      card: Number(card) - 1,
      place: bridge
        ? { kind: 'bridge', bridge }
        : network
          ? { kind: 'shared', network }
          : { kind: 'user', restrict: restrict ?? false },
    });
    return { data: null, text: `Card ${card} of ${plain(guest)} changes at its next start.` };
  });
}
