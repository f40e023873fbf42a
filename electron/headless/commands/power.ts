import { type Command, Option } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import { guestStateWords } from '../../../shared/model/guest.ts';
import type { Answer, Run, Runner } from '../run.ts';
import { whole } from './create.ts';
import { address } from './list.ts';

/** The state after a command, as its answer. */
async function state(run: Run, id: string): Promise<Answer> {
  const { guests } = await run.core.call('core.snapshot', undefined);
  const guest = guests.find((one) => one.id === id);
  if (!guest) throw new GuesthouseError('not-found', 'The guest is gone.');
  return { data: guest, text: `${guest.name}: ${guestStateWords[guest.state].word}` };
}

export function registerPower(program: Command, runner: Runner): void {
  const one = (usage: string, description: string) =>
    runner.define(program, usage, description).argument('<name>', 'name, folder or UUID');

  const start = one('start', 'Start a guest, or resume a saved one')
    .addOption(new Option('--wait <what>', 'wait until one can log in').choices(['ssh']))
    .option('--timeout <seconds>', 'how long to wait (300)', whole);
  runner.action<[string]>(start, async (run, ref) => {
    const { wait, timeout } = start.opts<{ wait?: 'ssh'; timeout?: number }>();
    const { id, state: before } = await run.guest(ref);
    // "Start and wait" is about the outcome: one that runs already is waited for.
    if (!(wait && before === 'running')) await run.follow(() => run.core.call('guests.start', { id }));
    if (!wait) return state(run, id);
    await run.follow(() =>
      run.core.call('guests.waitSsh', { id, ...(timeout === undefined ? {} : { timeout }) }),
    );
    const answer = await state(run, id);
    const { guests } = await run.core.call('core.snapshot', undefined);
    const guest = guests.find((other) => other.id === id);
    return guest ? { ...answer, text: `${answer.text}, SSH answers: ${address(guest)}` } : answer;
  });

  const stop = one('stop', 'Ask the system inside to shut down')
    .option('--force', 'pull the plug instead: what is not written is lost')
    .option('--timeout <seconds>', 'how long it may take, from the settings otherwise', whole);
  runner.action<[string]>(stop, async (run, ref) => {
    const { force, timeout } = stop.opts<{ force?: boolean; timeout?: number }>();
    const { id } = await run.guest(ref);
    if (force) await run.core.call('guests.forceOff', { id });
    else
      await run.follow(() =>
        run.core.call('guests.shutdown', { id, ...(timeout === undefined ? {} : { deadline: timeout }) }),
      );
    return state(run, id);
  });

  const followed = [
    ['reboot', 'Ask the system inside to restart', 'guests.reboot'],
    ['save', 'Write the memory to disk and stop; start resumes', 'guests.save'],
  ] as const;
  for (const [usage, description, call] of followed)
    runner.action<[string]>(one(usage, description), async (run, ref) => {
      const { id } = await run.guest(ref);
      await run.follow(() => run.core.call(call, { id }));
      return state(run, id);
    });

  const immediate = [
    ['pause', 'Freeze a guest; its memory stays in use', 'guests.pause'],
    ['resume', 'Let a paused guest go on', 'guests.resume'],
    ['reset', 'Press the reset button: what is not written is lost', 'guests.reset'],
    ['discard', 'Throw a saved memory away, as if the plug had been pulled', 'guests.discardSaved'],
  ] as const;
  for (const [usage, description, call] of immediate)
    runner.action<[string]>(one(usage, description), async (run, ref) => {
      const { id } = await run.guest(ref);
      await run.core.call(call, { id });
      return state(run, id);
    });
}
