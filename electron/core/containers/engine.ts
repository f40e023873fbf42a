import { createHash } from 'node:crypto';
import * as path from 'node:path';
import type { Readable } from 'node:stream';
import { GuesthouseError } from '../../../shared/errors.ts';
import { localHost } from '../../../shared/model/container.ts';
import { type RunResult, run } from '../platform/exec.ts';
import { type SshTarget, sshArgv } from '../ssh/command.ts';
import { runRemote, type SshSurroundings } from '../ssh/remote.ts';
import type { Program } from '../terminals/manager.ts';
import { explainPodman } from './failures.ts';

export interface EngineOptions {
  readonly input?: string | Uint8Array | Readable;
  /** podman opens its stdin by name, which only a pipe allows, and what Node gives is a socket. */
  readonly stdinByName?: boolean;
  /** On a terminal of its own where the machine has util-linux' script(1): there podman tells how far it is, as stderr. */
  readonly onTerminal?: boolean;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly okCodes?: readonly number[];
  readonly onStdout?: (chunk: string) => void;
  readonly onStderr?: (chunk: string) => void;
  /** May ask for passwords. Looks in the background never do. */
  readonly ask?: boolean;
  /** Bytes kept of each stream; here only, over SSH the default holds. */
  readonly maxOutput?: number;
}

/** What a host's podman needs beside its defaults, found by trying (probe.ts). */
export interface PodmanNeeds {
  /** Before the subcommand: `--cgroup-manager=cgroupfs`, `--runtime=runc`. */
  readonly global: readonly string[];
  /** With `create`: `--ulimit=…`. */
  readonly create: readonly string[];
}
export const noNeeds: PodmanNeeds = { global: [], create: [] };

/** podman on one machine, as one user. */
export interface Engine {
  readonly id: string;
  readonly name: string;
  readonly kind: 'local' | 'guest' | 'server';
  readonly sudo: boolean;
  needs: PodmanNeeds;
  /** @throws {GuesthouseError} in words, see {@link explainPodman} */
  podman(args: readonly string[], options?: EngineOptions): Promise<RunResult>;
  /** A fixed sh(1) script; `args` are its positional parameters and never part of its text. */
  script(text: string, args?: readonly string[], options?: EngineOptions): Promise<RunResult>;
  /** For a console. */
  terminal(args: readonly string[]): Promise<Program>;
}

export function localEngine(program = 'podman'): Engine {
  const engine: Engine = {
    id: localHost,
    name: 'This computer',
    kind: 'local',
    sudo: false,
    needs: noNeeds,
    podman: async (args, options = {}) => {
      try {
        return await run(piped([program, ...engine.needs.global, ...args], options), options);
      } catch (error) {
        throw explainPodman(options.onTerminal ? readable(error) : error, engine);
      }
    },
    script: (text, args = [], options = {}) => run(['sh', '-c', text, 'sh', ...args], options),
    terminal: async (args) => ({ argv: [program, ...engine.needs.global, ...args] }),
  };
  return engine;
}

export interface RemoteDeps {
  readonly around: SshSurroundings;
  /** A private folder with a short path, for shared connections. */
  readonly runtime: string;
  resolve(ref: string): Promise<SshTarget>;
}

/** podman on a guest or server. Every word goes through ssh/quote.ts; looks share one connection. */
export function remoteEngine(
  target: Pick<SshTarget, 'id' | 'name' | 'kind'>,
  sudo: boolean,
  deps: RemoteDeps,
): Engine {
  const prefix = sudo ? ['sudo', '-n', '--'] : [];
  const hash = createHash('sha256').update(target.id).digest('hex').slice(0, 10);
  // ssh puts 17 characters behind it while it makes the socket, and a socket's path ends at 107.
  const socket = path.join(deps.runtime, `pod-${hash}`);
  const controlPath = socket.length < 88 ? socket : undefined;
  const remote = async (words: readonly string[], options: EngineOptions) =>
    runRemote(deps.around, await deps.resolve(target.id), [...prefix, ...words], {
      ...options,
      ask: options.ask ?? false,
      connectTimeout: 10,
      controlPath,
    });
  const engine: Engine = {
    id: sudo ? `${target.id}/root` : target.id,
    name: sudo ? `${target.name} (root)` : target.name,
    kind: target.kind,
    sudo,
    needs: noNeeds,
    podman: async (args, options = {}) => {
      try {
        return await remote(piped(['podman', ...engine.needs.global, ...args], options), options);
      } catch (error) {
        throw explainPodman(options.onTerminal ? readable(error) : error, engine);
      }
    },
    script: (text, args = [], options = {}) => remote(['sh', '-c', text, 'sh', ...args], options),
    terminal: async (args) => ({
      argv: sshArgv(
        await deps.resolve(target.id),
        { how: 'terminal' },
        [...prefix, 'podman', ...engine.needs.global, ...args],
        ['-t'],
      ),
    }),
  };
  return engine;
}

function piped(argv: [string, ...string[]], options: EngineOptions): [string, ...string[]] {
  if (options.onTerminal) return ['sh', '-c', terminalScript, 'sh', ...argv];
  return options.stdinByName ? ['sh', '-c', 'cat | "$@"', 'sh', ...argv] : argv;
}

/** script(1) takes one line of shell: the words are quoted for it. */
const terminalScript = `
if script --version 2>/dev/null | grep -q util-linux; then
  line=
  for word; do line="$line '$(printf %s "$word" | sed "s/'/'\\\\\\\\''/g")'"; done
  SHELL=/bin/sh exec script -qefc "stty cols 200; exec$line" /dev/null >&2
fi
exec "$@"
`;

/** What a terminal was sent as lines of text: a bar that was drawn over and over stands once, as it was last. */
export function plainLines(text: string): string {
  const lines = text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '').split(/\r*\n/);
  const bar = (line: string | undefined) => /^Copying \w+ \S+/.exec(line ?? '')?.[0];
  return lines
    .filter(
      (line, i) =>
        line !== '' && (!bar(line) || !lines.slice(i + 1).some((later) => bar(later) === bar(line))),
    )
    .join('\n');
}

function readable(error: unknown): unknown {
  if (!(error instanceof GuesthouseError) || !error.detail) return error;
  const { code, message, why, todo, subject, cause } = error;
  return new GuesthouseError(code, message, { why, todo, subject, cause, detail: plainLines(error.detail) });
}

/** The engine's machine, for texts: "this computer" or its name. */
export const placeOf = (engine: Pick<Engine, 'kind' | 'name'>) =>
  engine.kind === 'local' ? 'this computer' : engine.name;
