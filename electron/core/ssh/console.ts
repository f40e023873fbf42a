import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { type ErrorCode, toWire } from '../../../shared/errors.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import { guestStateWords } from '../../../shared/model/guest.ts';
import type { Clock } from '../platform/clock.ts';
import { makePrivateDir } from '../platform/fs.ts';
import { type SshTarget, sshArgv } from './command.ts';
import { connectionProblem, ensurePinned } from './hostkeys.ts';
import { quote } from './quote.ts';
import { keepsAnswering, waitForSshd } from './ready.ts';
import { anyCode, askpassFor, runRemote, type SshSurroundings } from './remote.ts';

/** Why a console ended, and whether to try again by itself. */
interface Why {
  readonly reason: string;
  readonly again: boolean;
  readonly error: ErrorCode | null;
}

/** What a terminal manager runs; the shape of its own type, which stands above this folder. */
export interface ConsoleSpec {
  readonly kind: 'ssh';
  readonly title: string;
  readonly subject: string;
  readonly launch: (
    waiting: (reason: string) => void,
    signal: AbortSignal,
  ) => Promise<{ argv: readonly [string, ...string[]]; env?: Readonly<Record<string, string>> }>;
  readonly explain: (end: {
    exitCode: number | null;
    signal: number | null;
    error: string | null;
  }) => Why | Promise<Why>;
}

export interface ConsoleDeps {
  readonly around: SshSurroundings;
  readonly clock: Clock;
  resolve(id: string): Promise<SshTarget>;
  /** The guest as it is now; undefined when it is gone or the target is a server. */
  guest(id: string): Guest | undefined;
}

const isRunning = (guest: Guest | undefined) =>
  guest?.state === 'running' || guest?.state === 'shutting-down';

/**
 * An SSH console. It waits for a guest's sshd instead of failing, asks for an unknown host key before anything is
 * shown, says why it ended, and comes back by itself after a guest's reboot: only when it had been logged in before
 * (ssh runs LocalCommand after the log-in, which leaves a mark here), so that a refused key is not tried for ever.
 */
export function sshConsole(target: SshTarget, command: readonly string[], deps: ConsoleDeps): ConsoleSpec {
  const { around, clock } = deps;
  const folder = path.join(around.runtime, 'consoles');
  const mark = path.join(folder, randomBytes(8).toString('hex'));
  const isGuest = target.kind === 'guest';
  /** Times in a row that the line was cut before the log-in. */
  let cut = 0;
  return {
    kind: 'ssh',
    title: target.name,
    subject: target.id,
    launch: async (waiting, signal) => {
      await fs.rm(mark, { force: true });
      if (isGuest)
        await waitForSshd(
          () => {
            const guest = deps.guest(target.id);
            return guest && isRunning(guest) ? guest.ssh : null;
          },
          (seconds) => {
            const guest = deps.guest(target.id);
            if (guest && isRunning(guest)) waiting(waitingFor(guest, seconds));
            else
              waiting(
                guest
                  ? `${guestStateWords[guest.state].word}: the console opens when the guest runs.`
                  : 'The guest is gone.',
              );
          },
          clock,
          signal,
        );
      else waiting(`Connecting to ${target.address}`);
      const now = await deps.resolve(target.id);
      const session = await askpassFor(around, now, { title: `Opening a console on ${now.name}`, signal });
      try {
        await ensurePinned(now, session);
      } finally {
        await session.close();
      }
      await makePrivateDir(folder);
      const options = isGuest
        ? [
            'PermitLocalCommand=yes',
            `LocalCommand=: >${quote(mark).replaceAll('%', '%%')}`,
            'RemoteCommand=none',
          ]
        : [];
      const argv = sshArgv(now, { how: 'terminal', options }, command, command.length ? ['-t'] : []);
      // ssh runs LocalCommand in $SHELL.
      return isGuest ? { argv, env: { SHELL: '/bin/sh' } } : { argv };
    },
    explain: ({ exitCode, error }) => {
      const wasIn = existsSync(mark);
      rmSync(mark, { force: true });
      const ended = (reason: string): Why => ({ reason, again: false, error: null });
      if (error) return ended(error);
      if (exitCode === null) return ended('The console was closed.');
      if (exitCode !== 255)
        return ended(exitCode === 0 ? 'You logged out.' : `It ended with exit code ${exitCode}.`);
      // The guest went away under a console that was in: it reboots, or its network does.
      if (isGuest && wasIn) {
        cut = 0;
        return lostOrLeft(target, deps);
      }
      return lookWhy(target, deps, isGuest && cut++ < mostCut);
    },
  };
}

/** How often a guest is tried again whose line is cut before the log-in: a system that starts, and no refusal in disguise. */
const mostCut = 5;

/** Seconds after which a boot that shows nothing is worth a look at what it says. */
const longBoot = 90;

function waitingFor(guest: Guest, seconds: number): string {
  if (!guest.ssh)
    return 'No port of this computer leads to its SSH server: give it a forward to port 22, in Hardware.';
  // The count stays at the end, where the tab finds it.
  return seconds < longBoot
    ? `Waiting for sshd, ${seconds} s`
    : `Waiting for sshd; the serial console shows what the system does, or that it has none, ${seconds} s`;
}

/**
 * ssh ends with 255 for a lost connection, and for a log-out when the last command had ended so. A guest that rebooted
 * does not go on answering.
 */
async function lostOrLeft(target: SshTarget, deps: ConsoleDeps): Promise<Why> {
  const run = deps.guest(target.id);
  if (!run) return { reason: 'The guest is gone.', again: false, error: null };
  const same = () => {
    const now = deps.guest(target.id);
    return now?.state === 'running' && now.pid === run.pid;
  };
  const there = run.ssh && same() && (await keepsAnswering(run.ssh, same, deps.clock));
  return there
    ? { reason: 'You logged out with exit code 255, or the line was cut.', again: false, error: null }
    : { reason: 'The connection was lost.', again: true, error: null };
}

/**
 * ssh says why in the terminal, where only people read it: one more connection, without a log-in, tells us.
 * @param waits it is a guest that nobody was ever logged in to, which is waited for unless it refuses
 */
async function lookWhy(target: SshTarget, deps: ConsoleDeps, waits: boolean): Promise<Why> {
  const unknown = 'The connection was lost, or could not be made: its last words are above.';
  try {
    const now = await deps.resolve(target.id);
    const problem = await connectionProblem(now);
    // The log-in was refused, or the line was cut before it, as by an sshd that a starting system starts anew.
    if (waits && (!problem || isSilent(problem)) && isRunning(deps.guest(target.id)))
      return !problem && (await isRefused(now, deps))
        ? {
            reason: `${now.name} did not let ${now.user ?? 'you'} in: it accepts none of the keys offered, or there is no such user.`,
            again: false,
            error: 'auth-failed',
          }
        : { reason: 'The connection was lost before the log-in.', again: true, error: null };
    if (!problem) return { reason: unknown, again: false, error: null };
    const { code, message, why, todo } = toWire(problem);
    return { reason: [message, why, todo].filter(Boolean).join(' '), again: false, error: code };
  } catch {
    return { reason: unknown, again: false, error: null };
  }
}

const isSilent = (problem: unknown) => ['unreachable', 'timeout'].includes(toWire(problem).code);

/** Logs in once more, asking nobody. What needs a question is as good as refused: one was just asked. */
function isRefused(target: SshTarget, deps: ConsoleDeps): Promise<boolean> {
  return runRemote(deps.around, target, ['true'], { ask: false, okCodes: anyCode, timeoutMs: 60_000 }).then(
    () => false,
    (error) => toWire(error).code === 'auth-failed',
  );
}
