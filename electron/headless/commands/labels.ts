import { Argument, type Command } from 'commander';
import type { Runner } from '../run.ts';

export function registerLabels(program: Command, runner: Runner): void {
  const rename = runner
    .define(program, 'rename', 'Give a guest another name; no file moves')
    .argument('<name>', 'name, folder or UUID')
    .argument('<new-name>', 'the new name');
  runner.action<[string, string]>(rename, async ({ core, guest }, ref, name) => {
    const { id, name: before } = await guest(ref);
    await core.call('guests.rename', { id, name });
    return { data: { id, name }, text: `${before} is ${name} now.` };
  });

  const login = runner
    .define(program, 'login', 'Say whom to log in as by SSH, or nobody in particular')
    .argument('<name>', 'name, folder or UUID')
    .argument('[user]', 'a user of its system');
  runner.action<[string, string | undefined]>(login, async ({ core, guest }, ref, user) => {
    const { id, name } = await guest(ref);
    await core.call('guests.setLabels', { id, user: user ?? null });
    return {
      data: { id, user: user ?? null },
      text: user ? `ssh logs in to ${name} as ${user}.` : `Nobody in particular logs in to ${name}.`,
    };
  });

  const autostart = runner
    .define(program, 'autostart', 'Start a guest with the app, or not')
    .argument('<name>', 'name, folder or UUID')
    .addArgument(new Argument('<when>', 'whether').choices(['on', 'off']));
  runner.action<[string, 'on' | 'off']>(autostart, async ({ core, guest }, ref, when) => {
    const { id, name } = await guest(ref);
    await core.call('guests.setAutostart', { id, autostart: when === 'on' });
    return {
      data: { id, autostart: when === 'on' },
      text: `${name} ${when === 'on' ? 'starts' : 'does not start'} with the app.`,
    };
  });
}
