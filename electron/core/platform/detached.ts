import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { withoutInherited } from './descriptors.ts';
import { baseEnv } from './exec.ts';
import { executableOf } from './proc.ts';

export interface DetachedOptions {
  readonly cwd: string;
  /** Descriptor both output streams go to; stays the caller's. */
  readonly log: number;
  /** Name of the systemd scope; new each time. */
  readonly unit: string;
}

/**
 * Starts a program that outlives this process: in a systemd scope of its own where there is a user manager (a log-out
 * would end a mere session process), else in a session of its own (setsid(2)). Resolves when it runs.
 * @throws the error of spawn: `ENOENT` when the program is not there
 */
export async function spawnDetached(
  argv: readonly [string, ...string[]],
  options: DetachedOptions,
): Promise<ChildProcess> {
  if (await hasUserManager()) {
    const child = await attempt(argv, options, true);
    if (child) return child;
  }
  return (await attempt(argv, options, false))!;
}

/** True where `systemd-run --user` has a manager to talk to. */
async function hasUserManager(): Promise<boolean> {
  const runtime = process.env.XDG_RUNTIME_DIR;
  if (!runtime) return false;
  const stat = await fs.stat(path.join(runtime, 'systemd/private')).catch(() => null);
  return stat?.isSocket() ?? false;
}

/** Null when it was to have a scope and cannot. */
async function attempt(
  argv: readonly [string, ...string[]],
  { cwd, log, unit }: DetachedOptions,
  scoped: boolean,
): Promise<ChildProcess | null> {
  const env = baseEnv();
  const own = withoutInherited(argv, env);
  const scope = ['systemd-run', '--user', '--scope', '--quiet', '--collect', `--unit=${unit}`, '--'];
  const [program, ...rest] = scoped ? [...scope, ...own] : own;
  const child = spawn(program!, rest, { cwd, env, stdio: ['ignore', log, log], detached: true });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } catch (error) {
    if (scoped && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return scoped && (await scopeFailed(child)) ? null : child;
}

/** systemd-run becomes the program by exec(2), with the same pid; until then it can fail for want of a working manager. */
async function scopeFailed(child: ChildProcess): Promise<boolean> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) return true;
    const exe = executableOf(child.pid!);
    if (exe !== null && !exe.endsWith('/systemd-run')) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
