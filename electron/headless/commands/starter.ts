import { Argument, type Command } from 'commander';
import { size, table } from '../output.ts';
import type { Runner } from '../run.ts';

export function registerStarter(program: Command, runner: Runner): void {
  const starter = program.command('starter').description('Systems Guesthouse builds itself');

  runner.action<[]>(runner.define(starter, 'list', 'List them'), async ({ core }) => {
    const all = await core.call('starters.list', undefined);
    const rows = all.map((one) => [one.id, one.status, one.size === null ? '-' : size(one.size), one.title]);
    return { data: all, text: table(['ID', 'STATE', 'SIZE', 'TITLE'], rows) };
  });

  const build = runner
    .define(
      starter,
      'build',
      "Build one from its distribution's packages, once; guests are then made in a moment",
    )
    .addArgument(new Argument('<id>', 'which').choices(['debian-12']));
  runner.action<['debian-12']>(build, async ({ core, follow }, id) => {
    await follow(() => core.call('starters.build', { id }));
    const built = (await core.call('starters.list', undefined)).find((one) => one.id === id);
    return { data: built, text: `Built ${built?.title ?? id}. ${built?.login ?? ''}`.trim() };
  });
}
