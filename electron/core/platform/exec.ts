import { type ChildProcess, spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { withoutInherited } from './descriptors.ts';

export interface RunOptions {
  cwd?: string;
  /** Added to a clean base environment (PATH, HOME, LANG=C.UTF-8, XDG_*); secrets never go here. */
  env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed. Secrets go here; a stream for what is large. */
  input?: string | Uint8Array | Readable;
  signal?: AbortSignal;
  /** Milliseconds; the process group is killed with SIGKILL after it. */
  timeoutMs?: number;
  /** Bytes kept of each stream (the last ones); default 4 MiB. */
  maxOutput?: number;
  /** Exit codes that count as success; default [0]. */
  okCodes?: readonly number[];
  /** Called with each chunk of stdout as it arrives, as text. */
  onStdout?: (chunk: string) => void;
  onStderr?: (chunk: string) => void;
}

export interface RunResult {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
}

const inherited = [
  'PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME',
  'XDG_CACHE_HOME', 'DBUS_SESSION_BUS_ADDRESS', 'SSH_AUTH_SOCK', 'DISPLAY', 'XAUTHORITY', 'WAYLAND_DISPLAY',
]; // biome-ignore format: a list

/** The environment programs are started with: what they need and no more, in a locale whose output can be parsed. */
export function baseEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // sbin holds debugfs, e2fsck, mkfs and sfdisk on Debian, and is not on an ordinary user's PATH.
  env.PATH = `${env.PATH ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`;
  return { ...env, ...extra };
}

class Tail {
  private chunks: Buffer[] = [];
  private size = 0;
  constructor(private readonly max: number) {}
  push(chunk: Buffer) {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.chunks.length > 1 && this.size - this.chunks[0]!.length >= this.max)
      this.size -= this.chunks.shift()!.length;
  }
  bytes(): Buffer {
    const all = Buffer.concat(this.chunks);
    return all.length > this.max ? all.subarray(all.length - this.max) : all;
  }
}

/**
 * Runs a program to its end, without a shell.
 *
 * @param argv program and arguments; the program is looked up on PATH with the sbin folders added
 * @throws {GuesthouseError} `program-missing` when it does not exist, `program-failed` on an unexpected exit code
 *   (with the end of stderr as detail), `timeout`; {@link CancelledError} when `signal` fired
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const [program] = argv;
  const { signal, timeoutMs, okCodes = [0], maxOutput = 4 << 20 } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new CancelledError());
    let child: ChildProcess;
    try {
      const env = baseEnv(options.env);
      const [first, ...rest] = withoutInherited(argv, env);
      child = spawn(first, rest, {
        cwd: options.cwd,
        env,
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true, // a process group of its own, so that cancel reaches grandchildren too
      });
    } catch (cause) {
      return reject(new GuesthouseError('program-failed', `${program} could not be started.`, { cause }));
    }
    const out = new Tail(maxOutput);
    const err = new Tail(maxOutput);
    let ended: 'cancelled' | 'timeout' | null = null;
    let killTimer: NodeJS.Timeout | undefined;
    const killGroup = (sig: NodeJS.Signals) => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, sig);
      } catch {}
    };
    const stop = (why: 'cancelled' | 'timeout') => {
      ended ??= why;
      killGroup('SIGTERM');
      killTimer ??= setTimeout(() => killGroup('SIGKILL'), why === 'timeout' ? 500 : 2000);
    };
    const onAbort = () => stop('cancelled');
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), timeoutMs);
    child.stdout!.on('data', (chunk: Buffer) => {
      out.push(chunk);
      options.onStdout?.(chunk.toString('utf8'));
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      err.push(chunk);
      options.onStderr?.(chunk.toString('utf8'));
    });
    child.stdin!.on('error', () => {}); // EPIPE: the program did not want its input
    if (options.input instanceof Readable) {
      options.input.on('error', () => child.stdin!.destroy()); // the program sees the end, and says what it misses
      options.input.pipe(child.stdin!);
    } else child.stdin!.end(options.input ?? '');
    const done = () => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.on('error', (cause: NodeJS.ErrnoException) => {
      done();
      reject(
        cause.code === 'ENOENT'
          ? new GuesthouseError('program-missing', `${program} is not installed.`, {
              why: `No program named ${program} is on the search path.`,
              todo: 'See the Host page for the package to install.',
              subject: program,
              cause,
            })
          : new GuesthouseError('program-failed', `${program} could not be started.`, {
              why: cause.message,
              cause,
            }),
      );
    });
    child.on('close', (code, sig) => {
      done();
      const stdoutBytes = out.bytes();
      const result: RunResult = {
        code,
        signal: sig,
        stdoutBytes,
        get stdout() {
          return stdoutBytes.toString('utf8');
        },
        stderr: err.bytes().toString('utf8'),
      };
      if (ended === 'cancelled') return reject(new CancelledError());
      if (ended === 'timeout')
        return reject(
          new GuesthouseError('timeout', `${program} did not finish in ${Math.round(timeoutMs! / 1000)} s.`, {
            detail: result.stderr.slice(-4000),
          }),
        );
      if (code === null || !okCodes.includes(code)) {
        const how = code === null ? `was ended by ${sig}` : `ended with exit code ${code}`;
        const text = result.stderr.trim();
        return reject(
          new GuesthouseError('program-failed', `${program} ${how}.`, {
            why: text.split('\n').at(-1) || undefined,
            detail: text.slice(-4000),
            subject: program,
          }),
        );
      }
      resolve(result);
    });
  });
}
