import type { Command } from 'commander';
import { guestStateWords } from '../../../shared/model/guest.ts';
import { errorText, facts, plain, size } from '../output.ts';
import type { Runner } from '../run.ts';
import { whole } from './create.ts';
import { address } from './list.ts';

export function registerShow(program: Command, runner: Runner): void {
  const show = runner.define(program, 'show', 'Show one guest').argument('<name>', 'name, folder or UUID');
  runner.action<[string]>(show, async ({ core, guest: find }, ref) => {
    const { id } = await find(ref);
    const detail = await core.call('guests.detail', { id });
    const { guest } = detail;
    const words = guestStateWords[guest.state];
    const lines = facts([
      ['Name', guest.name],
      ['State', `${words.word}. ${words.meaning}`],
      ['Kind', guest.kind],
      ['Processors', String(guest.vcpus)],
      ['Memory', `${guest.memory} MiB`],
      ...guest.disks.map((disk): [string, string] => [
        `Disk ${disk.target}`,
        `${disk.file ?? 'empty'}${disk.virtualSize === null ? '' : `, ${size(disk.virtualSize)}`}` +
          `${disk.allocatedSize === null ? '' : ` (${size(disk.allocatedSize)} used)`}`,
      ]),
      ['SSH', guest.ssh ? address(guest) : null],
      ['Addresses', guest.addresses.length > 0 ? guest.addresses.join(', ') : null],
      [
        'Ports',
        guest.forwards.length > 0
          ? guest.forwards
              .map((one) => `127.0.0.1:${one.hostPort} to ${one.guestPort}/${one.proto}`)
              .join(', ')
          : null,
      ],
      ['Made from', guest.origin ? `${guest.origin.name}${guest.origin.linked ? ' (linked)' : ''}` : null],
      ['Tags', guest.tags.length > 0 ? guest.tags.join(', ') : null],
      ['Description', guest.description || null],
      ['Starts with the app', guest.autostart ? 'yes' : null],
      ['Runs under', guest.accelerator ? `${guest.accelerator.toUpperCase()}, process ${guest.pid}` : null],
      ['UUID', guest.uuid],
      ['Folder', guest.folder],
      ['Changed', guest.pendingRestart ? 'takes effect at the next start' : null],
    ]);
    const more = [
      ...guest.notes.map((note) => `Note: ${plain(note)}`),
      ...(guest.problem ? [errorText(guest.problem)] : []),
      ...(guest.crash ? [plain(`Crashed: ${guest.crash.reason}\n${guest.crash.logTail}`)] : []),
    ];
    return { data: detail, text: [lines, ...more].join('\n') };
  });

  const log = runner
    .define(program, 'log', "Show the end of QEMU's log of a guest")
    .argument('<name>', 'name, folder or UUID')
    .option('-n, --lines <n>', 'how many lines (200)', whole);
  runner.action<[string]>(log, async ({ core, guest: find }, ref) => {
    const { id } = await find(ref);
    const lines = log.opts<{ lines?: number }>().lines;
    const text = await core.call('guests.log', { id, ...(lines === undefined ? {} : { lines }) });
    return { data: { log: text }, text: plain(text.replace(/\n$/, '')) };
  });
}
