import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Command } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import { facts, size } from '../output.ts';
import type { Runner } from '../run.ts';
import { whole } from './create.ts';

/** Runs a program with this terminal. @returns its exit code; 128 and more when a signal ended it, as shells say */
function runHere([program, ...args]: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    // What it prints is no answer of ours: with --json, standard output is one JSON value.
    const child = spawn(program!, args, { stdio: ['inherit', 2, 2] });
    child.once('error', (cause) =>
      reject(
        new GuesthouseError('program-failed', `${program} could not be started.`, {
          why: cause.message,
          cause,
        }),
      ),
    );
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}

export function registerAgent(program: Command, runner: Runner): void {
  const agent = runner
    .define(program, 'agent', 'What the guest’s own agent says: addresses, system, file systems')
    .argument('<name>', 'name, folder or UUID');
  runner.action<[string]>(agent, async ({ core, guest: find }, ref) => {
    const { id } = await find(ref);
    const info = await core.call('guests.agent', { id });
    const text = facts([
      ['System', info.os.name],
      ['Kernel', info.os.kernel],
      ['Addresses', info.addresses.join(', ') || null],
      ...info.fileSystems.map(({ mountpoint, type, used, total }): [string, string] => [
        mountpoint,
        used === null || total === null ? type : `${type}, ${size(used)} of ${size(total)} used`,
      ]),
    ]);
    return { data: info, text };
  });

  const freeze = runner
    .define(program, 'freeze', 'Freeze its file systems while a command runs, such as a copy of its disk')
    .argument('<name>', 'name, folder or UUID')
    .argument('<command...>', 'after --')
    .option('--at-most <seconds>', 'thawed then, whatever the command does (60)', whole);
  runner.action<[string, string[]]>(freeze, async ({ core, guest: find }, ref, command) => {
    const { id, name } = await find(ref);
    const { atMost: seconds = 60 } = freeze.opts<{ atMost?: number }>();
    const { fileSystems: frozen } = await core.call('guests.freeze', { id, seconds });
    let code: number;
    try {
      code = await runHere(command);
    } catch (error) {
      await core.call('guests.thaw', { id }).catch(() => {});
      throw error;
    }
    const { fileSystems: thawed } = await core.call('guests.thaw', { id });
    if (code !== 0)
      throw new GuesthouseError('program-failed', `${command[0]} ended with ${code}.`, {
        why: `${name} was frozen meanwhile, and goes on.`,
      });
    if (thawed === 0 && frozen > 0)
      throw new GuesthouseError('timeout', `${command[0]} took longer than ${seconds} s.`, {
        why: `${name} was thawed before it ended: what it copied may not be whole.`,
        todo: 'Give it more time with --at-most.',
      });
    return {
      data: { id, fileSystems: frozen },
      text: `${name}: ${frozen} file systems were frozen meanwhile`,
    };
  });
}
