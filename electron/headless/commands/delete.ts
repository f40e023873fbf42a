import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { deletedLines, plain } from '../output.ts';
import type { Runner } from '../run.ts';

export function registerDelete(program: Command, runner: Runner): void {
  const remove = runner
    .define(program, 'delete', 'Delete a guest and its disks; without --yes only say what would go')
    .argument('<name>', 'name, folder or UUID')
    .option('--yes', 'really delete');
  runner.action<[string]>(remove, async ({ core, guest: find }, ref) => {
    const guest = await find(ref);
    const plan = await core.call('guests.deletePlan', { id: guest.id });
    const yes = remove.opts().yes === true;
    const lines = [
      `${yes ? 'Deleted' : 'This would delete'} ${guest.name}:`,
      ...deletedLines(plan.removed),
      ...(plan.kept.length > 0 ? [yes ? 'Kept:' : 'And keep:'] : []),
      ...plan.kept.map((file) => `  ${file.path}: ${file.why}`),
    ];
    if (yes) await core.call('guests.delete', { id: guest.id });
    else lines.push('Nothing was deleted. Add --yes to do it.');
    return {
      data: { deleted: yes, id: guest.id, ...plan },
      text: lines.map(plain).join('\n'),
      code: yes ? exitCodes.ok : exitCodes.usage,
    };
  });
}
