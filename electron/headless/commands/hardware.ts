import { type Command, Option } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import { hardwareChange } from '../../../shared/ipc/hardware.ts';
import type { GuestKindName } from '../../../shared/model/hardware.ts';
import { facts, plain, size, table } from '../output.ts';
import type { Runner } from '../run.ts';

const kinds = ['full', 'hybrid', 'paravirtual'] as const;

/** A guest's hardware: seen, changed, given another kind, compared. */
export function registerHardware(program: Command, runner: Runner): void {
  const group = program.command('hardware').description('See and change what a guest is made of');
  const one = (name: string, description: string) =>
    runner.define(group, name, description).argument('<name>', 'name, folder or UUID');

  const show = one('show', 'What it has, and what waits for its next start');
  runner.action<[string]>(show, async ({ core, guest }, ref) => {
    const view = await core.call('hardware.view', { id: (await guest(ref)).id });
    const { wanted, pending } = view;
    const text = [
      facts([
        ['kind', `${wanted.kind}, ${wanted.machine}`],
        [
          'processors',
          `${wanted.cpu.count}${wanted.cpu.max > wanted.cpu.count ? `, up to ${wanted.cpu.max}` : ''}`,
        ],
        ['memory', `${wanted.memory.current} of ${wanted.memory.max} MiB`],
        ...wanted.disks.map((disk): [string, string] => [
          disk.target,
          `${disk.device}, ${disk.bus}, ${disk.file ?? 'empty'}`,
        ]),
        ...wanted.nics.map((nic): [string, string] => [
          nic.mac ?? 'card',
          `${nic.type}, ${nic.model ?? 'rtl8139'}`,
        ]),
        ...wanted.forwards.map((forward): [string, string] => [
          `${forward.proto} ${forward.hostPort}`,
          `to port ${forward.guestPort}`,
        ]),
        ['boots from', wanted.bootOrder.join(', ') || null],
      ]),
      ...pending.map(({ what, from, to }) =>
        plain(`at next start: ${what}: ${from ?? 'not there'} -> ${to ?? 'gone'}`),
      ),
    ].join('\n');
    return { data: view, text };
  });

  const change = one('change', 'Change one thing, at once where QEMU can')
    .argument('<change>', 'as JSON, for example \'{"do":"memory","current":512}\'')
    .option('--next-start', 'leave what runs as it is');
  runner.action<[string, string]>(change, async ({ core, guest }, ref, json) => {
    const { id, name } = await guest(ref);
    const done = await core.call('hardware.change', {
      id,
      change: parse(json),
      when: change.opts<{ nextStart?: boolean }>().nextStart ? 'next-start' : 'best',
    });
    const when =
      done.when === 'now' ? 'done' : `takes effect at the next start${done.why ? `: ${done.why}` : ''}`;
    return { data: done, text: plain(`${name}: ${when}`) };
  });

  const revert = one('revert', 'Take back what waits for the next start').argument(
    '[part]',
    'all when absent',
  );
  runner.action<[string, string | undefined]>(revert, async ({ core, guest }, ref, part) => {
    const { id, name } = await guest(ref);
    const data = await core.call('hardware.revert', { id, part: part ?? null });
    return { data, text: plain(`${name}: taken back`) };
  });

  const kind = one('kind', 'Give it another kind of hardware')
    .argument('<kind>', kinds.join(', '))
    .option('--plan', 'only say what would change and what the system inside needs');
  runner.action<[string, string]>(kind, async ({ core, guest }, ref, wanted) => {
    if (!(kinds as readonly string[]).includes(wanted))
      throw new GuesthouseError('invalid-input', `${wanted} is no kind.`, {
        todo: `Choose ${kinds.join(', ')}.`,
      });
    const { id, name } = await guest(ref);
    const to = wanted as GuestKindName;
    if (!kind.opts<{ plan?: boolean }>().plan) {
      const data = await core.call('hardware.change', { id, change: { do: 'kind', kind: to } });
      return { data, text: plain(`${name}: ${to} from its next start on`) };
    }
    const plan = await core.call('hardware.planKind', { id, kind: to });
    const rows = plan.changes.map(({ what, from, to: after }) => [what, from ?? '-', after ?? '-']);
    const needs = plan.needs.map(
      ({ text, met }) => `${met === null ? '?' : met ? 'met' : 'not met'}: ${text}`,
    );
    return { data: plan, text: plan.blocked ?? [table(['WHAT', 'NOW', 'THEN'], rows), ...needs].join('\n') };
  });

  const compare = one('compare', 'Boot throw-away copies in each kind and measure them').addOption(
    new Option('--last', 'show the last result without measuring'),
  );
  runner.action<[string]>(compare, async ({ core, guest, follow }, ref) => {
    const { id } = await guest(ref);
    if (!compare.opts<{ last?: boolean }>().last) await follow(() => core.call('hardware.compare', { id }));
    const data = await core.call('hardware.comparison', { id });
    if (!data) return { data, text: 'It was not compared yet.' };
    const rate = (value: number | null) => (value === null ? '-' : `${size(value)}/s`);
    const rows = data.results.map((result) => [
      result.kind,
      result.boot === null ? '-' : `${result.boot.toFixed(1)} s`,
      rate(result.diskRead),
      rate(result.diskWrite),
      rate(result.netOut),
      rate(result.netIn),
      result.problem ?? '',
    ]);
    return { data, text: table(['KIND', 'BOOT', 'READ', 'WRITTEN', 'NET OUT', 'NET IN', ''], rows) };
  });
}

function parse(json: string) {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new GuesthouseError('invalid-input', 'The change is no JSON.', {
      why: (cause as Error).message,
      cause,
    });
  }
  const parsed = hardwareChange.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new GuesthouseError('invalid-input', 'There is no such change.', {
    why: parsed.error.issues
      .map((issue) => `${issue.path.join('.') || 'change'}: ${issue.message}`)
      .join('; '),
  });
}
