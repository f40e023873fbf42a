import { Readable } from 'node:stream';
import { CancelledError, GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import { type RunResult, run } from '../platform/exec.ts';
import { type AskpassSession, openAskpass } from './askpass.ts';
import { type SshTarget, sshArgv } from './command.ts';
import { sshFailure } from './failures.ts';
import type { Prompts } from './prompts.ts';

/** What connections need from the app. */
export interface SshSurroundings {
  readonly prompts: Prompts;
  /** Private folder for FIFOs and shared connections. */
  readonly runtime: string;
  /** Private folder the askpass script may be run from. */
  readonly scriptFolder: string;
}

export interface RemoteOptions {
  /** Given to the remote program's stdin, which is then closed. */
  readonly input?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal;
  /** Ask for passwords, passphrases and codes by prompts. False: fail instead. Default true. */
  readonly ask?: boolean;
  /** For people, shown with prompts; default: "Connecting to NAME". */
  readonly title?: string;
  readonly operation?: string | null;
  /** Run as root by sudo; its password is asked for once and goes through stdin. */
  readonly sudo?: boolean;
  /** Keeps that password between the steps of one job, in memory alone. */
  readonly sudoPassword?: { text: string | null };
  /** Milliseconds for the whole; default none. */
  readonly timeoutMs?: number;
  /** Seconds for the connection; default 15. */
  readonly connectTimeout?: number;
  /** Exit codes of the remote program that count as success; default [0]. */
  readonly okCodes?: readonly number[];
  /** Further ssh options, `Keyword=value`. */
  readonly options?: readonly string[];
  readonly onStdout?: (chunk: string) => void;
  readonly onStderr?: (chunk: string) => void;
  readonly controlPath?: string;
  /** Use this session's questions instead of opening one. */
  readonly askpass?: AskpassSession;
}

export const anyCode: readonly number[] = Array.from({ length: 256 }, (_, code) => code);

function callsOf({ address, hostKeyAlias, name }: SshTarget): string[] {
  return hostKeyAlias === null ? [address, name] : [hostKeyAlias, address, name];
}

function jumpsOf({ jump }: SshTarget): string[] {
  return jump === null ? [] : [jump.name, ...jumpsOf(jump)];
}

/** Opens questions for one or more connections to `target`. */
export function askpassFor(
  around: SshSurroundings,
  target: SshTarget,
  options: Pick<RemoteOptions, 'title' | 'operation' | 'signal'>,
): Promise<AskpassSession> {
  return openAskpass({
    prompts: around.prompts,
    runtime: around.runtime,
    scriptFolder: around.scriptFolder,
    title: options.title ?? `Connecting to ${target.name}`,
    host: target.name,
    calls: callsOf(target),
    jumps: jumpsOf(target),
    subject: target.id,
    operation: options.operation ?? null,
    signal: options.signal,
  });
}

/**
 * Runs a program on a guest or server and waits for its end. The words of `command` are quoted for the far shell here.
 * For a script: `['sh', '-c', script, 'sh', ...arguments]`, so that values are arguments and never part of the text.
 *
 * @throws {GuesthouseError} `host-key-changed`, `host-key-unknown`, `auth-failed`, `unreachable`, `timeout`;
 *   `program-failed` when the remote program ended with an unexpected code; {@link CancelledError}
 */
export async function runRemote(
  around: SshSurroundings,
  target: SshTarget,
  command: readonly string[],
  options: RemoteOptions = {},
): Promise<RunResult> {
  if (options.sudo) return runSudo(around, target, command, { ...options, sudo: false });
  const ask = options.ask ?? true;
  const own = ask && !options.askpass ? await askpassFor(around, target, options) : null;
  const session = options.askpass ?? own;
  try {
    const argv = sshArgv(
      target,
      {
        how: ask ? 'ask' : 'batch',
        connectTimeout: options.connectTimeout,
        options: options.options,
        controlPath: options.controlPath,
      },
      command,
    );
    const result = await run(argv, {
      env: session?.env ?? { SHELL: '/bin/sh' },
      input: options.input,
      signal: session?.signal ?? options.signal,
      timeoutMs: options.timeoutMs,
      okCodes: anyCode,
      onStdout: options.onStdout,
      onStderr: options.onStderr,
    });
    return accept(target, result, options.okCodes ?? [0]);
  } catch (error) {
    if (isCancelled(error)) throw new CancelledError();
    throw error;
  } finally {
    await own?.close();
  }
}

/** Turns an exit of ssh into a result or an error. ssh itself ends with 255 on its own failures (ssh(1), EXIT STATUS). */
export function accept(target: SshTarget, result: RunResult, okCodes: readonly number[]): RunResult {
  if (result.code === 255) {
    const failure = sshFailure(target, result.stderr);
    if (failure) throw failure;
  }
  if (result.code !== null && okCodes.includes(result.code)) return result;
  const text = result.stderr.trim();
  throw new GuesthouseError(
    'program-failed',
    `The command on ${target.name} ended with exit code ${result.code}.`,
    {
      why: text.split('\n').at(-1) || undefined,
      detail: text.slice(-4000),
      subject: target.id,
    },
  );
}

/**
 * sudo over SSH. Without a password when the host allows that; else the password is asked for and given as the first
 * line of stdin. `-k` makes sudo ask in any case, so that the line can never end up as the program's input.
 */
async function runSudo(
  around: SshSurroundings,
  target: SshTarget,
  command: readonly string[],
  options: RemoteOptions,
): Promise<RunResult> {
  const session =
    options.ask === false ? undefined : (options.askpass ?? (await askpassFor(around, target, options)));
  const inner = { ...options, askpass: session };
  try {
    const probe = await runRemote(
      around,
      target,
      ['sh', '-c', 'if [ "$(id -u)" = 0 ]; then exit 10; fi; sudo -n true'],
      {
        ...inner,
        input: undefined,
        okCodes: anyCode,
        onStdout: undefined,
        onStderr: undefined,
      },
    );
    if (probe.code === 10) return await runRemote(around, target, command, inner);
    if (probe.code === 127)
      throw new GuesthouseError('program-missing', `${target.name} has no sudo.`, {
        why: 'This needs the rights of root there.',
        todo: 'Log in as root, or install sudo on it.',
        subject: target.id,
      });
    if (probe.code === 0) return await runRemote(around, target, ['sudo', '-n', '--', ...command], inner);
    if (!session)
      throw new GuesthouseError('auth-failed', `sudo on ${target.name} wants a password.`, {
        subject: target.id,
      });
    for (let attempt = 1; ; attempt++) {
      const known = attempt === 1 ? (options.sudoPassword?.text ?? null) : null;
      const password =
        known ??
        (await around.prompts.ask(
          {
            kind: 'password',
            text: `sudo password for ${target.user ?? 'the login user'} on ${target.name}`,
            title: options.title ?? `Working on ${target.name}`,
            host: target.name,
            subject: target.id,
            operation: options.operation ?? null,
            hostKey: null,
            attempt,
          },
          session.signal,
        ));
      if (options.input instanceof Readable) throw new RangeError('sudo with a password takes no stream.');
      const input = Buffer.concat([Buffer.from(`${password}\n`), Buffer.from(options.input ?? '')]);
      // The marker tells a refused password from a program that failed.
      const script = 'echo GUESTHOUSE-SUDO-IN >&2; exec "$@"';
      let passed = false;
      let seen = '';
      try {
        const result = await runRemote(
          around,
          target,
          ['sudo', '-k', '-S', '-p', '', '--', 'sh', '-c', script, 'sh', ...command],
          {
            ...inner,
            input,
            okCodes: anyCode,
            onStderr: (chunk) => {
              seen = (seen + chunk).slice(-8192);
              passed ||= seen.includes('GUESTHOUSE-SUDO-IN');
              inner.onStderr?.(chunk);
            },
          },
        );
        const clean = {
          ...result,
          stdout: result.stdout,
          stderr: result.stderr.replace('GUESTHOUSE-SUDO-IN\n', ''),
        };
        if (passed) {
          if (options.sudoPassword) options.sudoPassword.text = password;
          return accept(target, clean, options.okCodes ?? [0]);
        }
        if (!/try again|incorrect|no password was provided|Sorry/i.test(result.stderr) || attempt >= 3)
          throw new GuesthouseError('auth-failed', `sudo on ${target.name} refused.`, {
            why: result.stderr.trim().split('\n').at(-1),
            detail: result.stderr,
            todo: 'Check the password, and that the user may use sudo there.',
            subject: target.id,
          });
      } finally {
        input.fill(0);
      }
    }
  } finally {
    if (!options.askpass) await session?.close();
  }
}
