import type { Command } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import { plain, size, table } from '../output.ts';
import type { Runner } from '../run.ts';

/** `2026-11-27 01:20`, in the time of where one is. */
const localTime = (ms: number) => {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
};

/** Moments of a guest to go back to. */
export function registerSnapshots(program: Command, runner: Runner): void {
  const group = program.command('snapshot').description('Keep moments of a guest, and go back to them');
  const one = (name: string, description: string) =>
    runner.define(group, name, description).argument('<name>', 'name, folder or UUID');

  const list = one('list', 'Its snapshots, newest first');
  runner.action<[string]>(list, async ({ core, guest }, ref) => {
    const view = await core.call('snapshots.list', { id: (await guest(ref)).id });
    const rows = view.snapshots.map((snapshot) => [
      snapshot.id === view.current ? '*' : '',
      snapshot.id,
      plain(snapshot.name),
      localTime(snapshot.at),
      snapshot.memory === null ? 'disks' : `disks and ${size(snapshot.memory)} of memory`,
    ]);
    return {
      data: view,
      text: rows.length > 0 ? table(['', 'ID', 'NAME', 'TAKEN', 'HOLDS'], rows) : 'There are no snapshots.',
    };
  });

  const take = one('take', 'Keep this moment: disks and, of a guest that runs, memory').argument(
    '[snapshot]',
    'what to call it',
    'Snapshot',
  );
  runner.action<[string, string]>(take, async ({ core, guest, follow }, ref, name) => {
    const { id, name: whose } = await guest(ref);
    await follow(() => core.call('snapshots.take', { id, name }));
    const { snapshots } = await core.call('snapshots.list', { id });
    return { data: snapshots[0] ?? null, text: plain(`${whose}: ${name} (${snapshots[0]?.id}) is kept.`) };
  });

  const revert = one('revert', 'Go back to one; a guest that runs is forced off')
    .argument('<snapshot>', 'its name or id')
    .option('--drop-now', 'do not keep what came since as a snapshot of its own')
    .option('--start', 'let it go on at once');
  runner.action<[string, string]>(revert, async ({ core, guest, follow }, ref, snapshot) => {
    const { dropNow, start } = revert.opts<{ dropNow?: boolean; start?: boolean }>();
    const { id, name } = await guest(ref);
    await follow(() => core.call('snapshots.revert', { id, snapshot, keepNow: !dropNow }));
    // Not left to the owner: this command may be it, and would end before the start does.
    if (start) await follow(() => core.call('guests.start', { id }));
    return { data: { id, snapshot }, text: plain(`${name} is what it was at ${snapshot}.`) };
  });

  const remove = one('delete', 'Delete one; the guest stays as it is')
    .argument('<snapshot>', 'its name or id')
    .option('--yes', 'do it');
  runner.action<[string, string]>(remove, async ({ core, guest, follow }, ref, snapshot) => {
    const { id, name } = await guest(ref);
    const { snapshots } = await core.call('snapshots.list', { id });
    const known = snapshots.some((one) => one.id === snapshot || one.name === snapshot);
    // One that is not there is told as such by the core.
    if (known && !remove.opts<{ yes?: boolean }>().yes)
      throw new GuesthouseError('invalid-input', `One could not go back to ${snapshot} any more.`, {
        todo: 'Say --yes to delete it.',
      });
    await follow(() => core.call('snapshots.delete', { id, snapshot }));
    return { data: { id, snapshot }, text: plain(`${name}: ${snapshot} is deleted.`) };
  });
}
