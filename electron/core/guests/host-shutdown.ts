import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv } from '../platform/exec.ts';
import type { Log } from '../platform/log.ts';
import { findProgram } from '../qemu/accelerators.ts';

/**
 * What holds a shutdown of this computer back for a moment: a delay lock of logind (systemd-inhibit(1)), held as long as
 * its child runs, which prints logind's PrepareForShutdown signal (org.freedesktop.login1(5)).
 */
export const watchCommand: readonly [string, ...string[]] = [
  'systemd-inhibit', '--what=shutdown', '--mode=delay', '--who=Guesthouse', '--why=Guests are being saved', '--',
  'dbus-monitor', '--system',
  "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown'",
]; // biome-ignore format: a command line

/** Reads dbus-monitor's text: true once the signal said that the shutdown begins (false: that it was called off). */
export class ShutdownReader {
  private rest = '';
  private inSignal = false;

  push(text: string): boolean {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(-4096);
    let begins = false;
    for (const line of lines) {
      if (/^signal .*member=PrepareForShutdown\s*$/.test(line)) this.inSignal = true;
      else if (/^\S/.test(line)) this.inSignal = false;
      else if (this.inSignal && line.trim() === 'boolean true') begins = true;
    }
    return begins;
  }
}

export interface HostShutdownDeps {
  readonly log: Log;
  /** Brings the guests into safety; the shutdown waits for it, by default five seconds (logind.conf(5)). */
  readonly prepare: () => Promise<void>;
  readonly command?: readonly [string, ...string[]];
  /** logind's bus; without it there is nobody to ask. */
  readonly bus?: string;
}

/** Watches for a shutdown of this computer, where logind lets us. The returned function ends it. */
export async function watchHostShutdown(deps: HostShutdownDeps): Promise<() => void> {
  const [program, ...args] = deps.command ?? watchCommand;
  const bus = await stat(deps.bus ?? '/run/dbus/system_bus_socket').catch(() => null);
  const found = bus ? await findProgram(program) : null;
  if (!found) return () => {};
  const env = baseEnv();
  const [first, ...rest] = withoutInherited([found, ...args], env);
  const child: ChildProcess = spawn(first, rest, {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const reader = new ShutdownReader();
  let ended = false;
  const stop = () => {
    if (ended || child.pid === undefined) return;
    ended = true;
    try {
      process.kill(-child.pid, 'SIGTERM'); // the group: the lock's holder and the listener in it
    } catch {}
  };
  child.on('error', () => {});
  child.on('exit', () => {
    if (!ended)
      deps.log.warn('A shutdown of this computer will not wait for the guests: logind gave no lock.');
    ended = true;
  });
  child.stdout!.on('data', (chunk: Buffer) => {
    if (!reader.push(chunk.toString('utf8')) || ended) return;
    deps.log.info('this computer shuts down: saving the guests');
    // Letting go of the lock is what lets the shutdown go on.
    deps.prepare().then(stop, (error) => {
      deps.log.error('not all guests were saved', error);
      stop();
    });
  });
  child.unref();
  return stop;
}
