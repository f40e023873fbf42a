import { access, constants } from 'node:fs/promises';
import * as path from 'node:path';
import { baseEnv, run } from '../platform/exec.ts';

export interface ToolLimits {
  /** Bytes of address space; default 4 GiB. */
  memory?: number;
  /** Seconds of processor time; default 600. */
  cpuSeconds?: number;
  /** Bytes a file it writes may have. */
  fileSize?: number;
}

const found = new Map<string, Promise<string | null>>();

/** The absolute path of a program on the search path, or null. Looked up once. */
export function findProgram(name: string): Promise<string | null> {
  let answer = found.get(name);
  if (!answer) {
    answer = lookUp(name);
    found.set(name, answer);
  }
  return answer;
}

async function lookUp(name: string): Promise<string | null> {
  for (const dir of (baseEnv().PATH ?? '').split(':')) {
    if (!path.isAbsolute(dir)) continue;
    const candidate = path.join(dir, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}

/**
 * Puts a program that reads a hostile image under resource limits: prlimit(1) for memory and processor time, so that
 * an image made to exhaust them ends the program and not the host.
 */
export async function limited(
  argv: readonly [string, ...string[]],
  limits: ToolLimits = {},
): Promise<[string, ...string[]]> {
  const { memory = 4 * 2 ** 30, cpuSeconds = 600 } = limits;
  const wrapped: string[] = [];
  const prlimit = await findProgram('prlimit');
  if (prlimit) {
    wrapped.push(prlimit, `--as=${memory}`, `--cpu=${cpuSeconds}`, '--core=0');
    if (limits.fileSize !== undefined) wrapped.push(`--fsize=${Math.floor(limits.fileSize)}`);
  }
  return [...wrapped, ...argv] as [string, ...string[]];
}

/** What a confined program may touch besides the system's own programs and libraries. */
export interface Reach {
  /** Folders it may write in. */
  readonly write: readonly string[];
  /** Files or folders it may read. */
  readonly read?: readonly string[];
}

let bubblewrap: Promise<string | null> | null = null;

/** bwrap(1) when it is installed and the kernel lets this user make namespaces; tried once. */
function usableBubblewrap(): Promise<string | null> {
  bubblewrap ??= (async () => {
    const bwrap = await findProgram('bwrap');
    if (!bwrap) return null;
    try {
      await run([bwrap, '--unshare-all', ...systemMounts, '--', 'true'], { timeoutMs: 5000 });
      return bwrap;
    } catch {
      return null;
    }
  })();
  return bubblewrap;
}

const systemMounts = [
  '--ro-bind', '/usr', '/usr', '--ro-bind-try', '/bin', '/bin', '--ro-bind-try', '/sbin', '/sbin',
  '--ro-bind-try', '/lib', '/lib', '--ro-bind-try', '/lib64', '/lib64', '--ro-bind-try', '/etc/ld.so.cache',
  '/etc/ld.so.cache', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp',
]; // biome-ignore format: an argument list

/**
 * As {@link limited}, and where bubblewrap works also without network and without sight of any file but those named.
 * Without it the limits alone hold, and the caller's own inspection of the headers.
 */
export async function confined(
  argv: readonly [string, ...string[]],
  reach: Reach,
  limits: ToolLimits = {},
): Promise<[string, ...string[]]> {
  const bwrap = await usableBubblewrap();
  if (!bwrap) return limited(argv, limits);
  const binds = [
    ...(reach.read ?? []).flatMap((file) => ['--ro-bind', file, file]),
    ...reach.write.flatMap((folder) => ['--bind', folder, folder]),
  ];
  return limited(
    [bwrap, '--unshare-all', '--die-with-parent', ...systemMounts, ...binds, '--', ...argv],
    limits,
  );
}
