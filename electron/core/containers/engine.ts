import { createHash } from 'node:crypto';
import * as path from 'node:path';
import type { Readable } from 'node:stream';
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
        throw explainPodman(error, engine);
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
        throw explainPodman(error, engine);
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
  return options.stdinByName ? ['sh', '-c', 'cat | "$@"', 'sh', ...argv] : argv;
}

/** The engine's machine, for texts: "this computer" or its name. */
export const placeOf = (engine: Pick<Engine, 'kind' | 'name'>) =>
  engine.kind === 'local' ? 'this computer' : engine.name;
