import type { Command } from 'commander';
import { type Guest, guestStateWords } from '../../../shared/model/guest.ts';
import { byName, table, told } from '../output.ts';
import type { Runner } from '../run.ts';

export function address(guest: Guest): string {
  if (guest.ssh) return `${guest.ssh.user ? `${guest.ssh.user}@` : ''}${guest.ssh.address}:${guest.ssh.port}`;
  return guest.addresses[0] ?? '-';
}

export function registerList(program: Command, runner: Runner): void {
  const list = runner
    .define(program, 'list', 'List the guests')
    .alias('ls')
    .option('--running', 'only those that run')
    .option('--tag <tag>', 'only those with this tag');
  runner.action<[]>(list, async ({ core }) => {
    const { running, tag } = list.opts<{ running?: boolean; tag?: string }>();
    const { guests } = await core.call('core.snapshot', undefined);
    const shown = byName(guests)
      .filter((guest) => !running || guest.pid !== null)
      .filter((guest) => tag === undefined || guest.tags.includes(tag));
    const nameOf = told(guests);
    const rows = shown.map((guest) => [
      nameOf(guest.id),
      guestStateWords[guest.state].word,
      String(guest.vcpus),
      `${guest.memory} MiB`,
      guest.kind,
      address(guest),
    ]);
    const empty = 'No guests. Make one: guesthouse create my-first --from debian-12';
    return {
      data: shown,
      text: rows.length === 0 ? empty : table(['NAME', 'STATE', 'CPUS', 'MEMORY', 'KIND', 'SSH'], rows),
    };
  });
}
