import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { withoutInherited } from './descriptors.ts';
import { baseEnv } from './exec.ts';
import { exists } from './fs.ts';
import { executableOf } from './proc.ts';

export interface DetachedOptions {
  readonly cwd: string;
  /** Descriptor both output streams go to; stays the caller's. */
  readonly log: number;
  /** Name of the systemd scope; new each time. */
  readonly unit: string;
  /** A control group to be in instead of that scope. */
  readonly enter?: Entrance;
}

/** How a program enters a control group. */
export interface Entrance {
  /** The command that goes there and becomes `argv`, with the same pid. */
  readonly wrap: (argv: readonly string[]) => readonly [string, ...string[]];
  /** End of the group's path in /proc/PID/cgroup. */
  readonly path: string;
  /** Rather not at all than outside: what could not enter has ended, and the log says why. */
  readonly orFail?: boolean;
}

/**
 * Starts a program that outlives this process: in a systemd scope of its own where there is a user manager (so
 * that it ends with no session; with the last one the manager ends too, unless the user lingers), else in a session of
 * its own (setsid(2)). Resolves when it runs; with `enter`, when
 * it is there, and where that fails it starts as without.
 * @throws the error of spawn: `ENOENT` when the program is not there
 */
export async function spawnDetached(
  argv: readonly [string, ...string[]],
  options: DetachedOptions,
): Promise<ChildProcess> {
  if (options.enter) {
    const child = await attempt(argv, options, 'group');
    if (child) return child;
    if (options.enter.orFail) throw new Error('The program that enters a control group is not there.');
  }
  if (await hasUserManager()) {
    const child = await attempt(argv, options, 'scope');
    if (child) return child;
  }
  return (await attempt(argv, options, 'none'))!;
}

/** True where `systemd-run --user` has a manager to talk to. It ends with the last session unless the user lingers. */
export async function hasUserManager(): Promise<boolean> {
  const runtime = process.env.XDG_RUNTIME_DIR;
  if (!runtime) return false;
  const stat = await fs.stat(path.join(runtime, 'systemd/private')).catch(() => null);
  return stat?.isSocket() ?? false;
}

/** True when the user manager stays without a session: logind notes for whom (loginctl(1), `enable-linger`). */
export function lingers(): Promise<boolean> {
  return exists(`/var/lib/systemd/linger/${os.userInfo().username}`);
}

/** True when what runs detached ends as the person logs out. */
export async function endsAtLogout(): Promise<boolean> {
  return (await hasUserManager()) && !(await lingers());
}

/** Null when it was to be in a scope or group and cannot. */
async function attempt(
  argv: readonly [string, ...string[]],
  { cwd, log, unit, enter }: DetachedOptions,
  where: 'group' | 'scope' | 'none',
): Promise<ChildProcess | null> {
  const env = baseEnv();
  const own = withoutInherited(argv, env);
  const scope = ['systemd-run', '--user', '--scope', '--quiet', '--collect', `--unit=${unit}`, '--'];
  const whole: Readonly<Record<typeof where, readonly string[]>> = {
    group: enter ? enter.wrap(own) : own,
    scope: [...scope, ...own],
    none: own,
  };
  const [program, ...rest] = whole[where];
  const child = spawn(program!, rest, { cwd, env, stdio: ['ignore', log, log], detached: true });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } catch (error) {
    if (where !== 'none' && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (where === 'group') {
    const entered = await isIn(child, enter?.path ?? '');
    return entered || enter?.orFail ? child : null;
  }
  return where === 'scope' && (await scopeFailed(child)) ? null : child;
}

/** How long a user manager may take over a scope, milliseconds; a hung one is done without. */
const managerLimitMs = 10_000;

/** systemd-run becomes the program by exec(2), with the same pid; until then it can fail for want of a working manager. */
async function scopeFailed(child: ChildProcess): Promise<boolean> {
  for (const until = Date.now() + managerLimitMs; ; ) {
    if (Date.now() > until) {
      child.kill('SIGKILL');
      return true;
    }
    if (child.exitCode !== null || child.signalCode !== null) return true;
    const exe = executableOf(child.pid!);
    if (exe !== null && !exe.endsWith('/systemd-run')) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The command that enters a group goes there before it becomes the program; until then it can fail. */
async function isIn(child: ChildProcess, path: string): Promise<boolean> {
  for (;;) {
    const groups = await fs.readFile(`/proc/${child.pid}/cgroup`, 'utf8').catch(() => '');
    if (groups.split('\n').some((line) => line.endsWith(path))) return true;
    // 126: see enterFolders; what ended otherwise was there, and over before it was seen.
    if (child.exitCode !== null || child.signalCode !== null)
      return child.exitCode !== 126 && child.exitCode !== 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
