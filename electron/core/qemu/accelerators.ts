import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { AcceleratorReport } from '../../../shared/model/host.ts';
import type { Clock } from '../platform/clock.ts';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv } from '../platform/exec.ts';
import { exists, makePrivateDir, readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import { processStat } from '../platform/proc.ts';
import { QmpDecoder } from '../qmp/codec.ts';
import { kvmProbe, probeExitCode } from './kvm-probe.ts';

/**
 * What a usable accelerator may take over the probe: milliseconds of processor time, since a busy computer gives little
 * of it, and of the clock, for one that waits for nothing. TCG needs 200.
 */
const probeLimits = { cpuMs: 1500, ms: 20_000 };

type DeviceState = 'absent' | 'no-permission' | 'present';

export type ProbeOutcome =
  | { readonly result: 'works' }
  | { readonly result: 'hangs' }
  /** There is no QEMU to try it with. */
  | { readonly result: 'no-qemu' }
  | { readonly result: 'internal-error' }
  | { readonly result: 'refused'; readonly stderr: string };

/**
 * Runs the probe under an accelerator. Good is exit code 85 and nothing else; a KVM that cannot run kernels ends in
 * `internal-error` with QEMU still there, or hangs.
 */
export async function probeAccelerator(
  accel: 'kvm' | 'tcg',
  floppy: string,
  options: { qemu?: string; limitMs?: number } = {},
): Promise<ProbeOutcome> {
  const program = options.qemu ?? 'qemu-system-x86_64';
  const found = await findProgram(program);
  if (found === null || !(await exists(found))) return { result: 'no-qemu' };
  // One that hangs under KVM does not notice that its parent is gone: it goes with an owner that is killed, too
  // (PR_SET_PDEATHSIG, by setpriv(1)).
  const guard = (await findProgram('setpriv')) === null ? [] : ['setpriv', '--pdeathsig', 'KILL', '--'];
  const argv = [
    '-no-user-config', '-nodefaults', '-machine', `pc,accel=${accel}`, '-m', '16', '-display', 'none',
    '-serial', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4',
    '-blockdev', JSON.stringify({ driver: 'file', filename: floppy, 'node-name': 'f', 'read-only': true }),
    '-blockdev', JSON.stringify({ driver: 'raw', file: 'f', 'node-name': 'r', 'read-only': true }),
    '-device', 'floppy,drive=r', '-no-reboot', '-qmp', 'stdio',
  ]; // biome-ignore format: a command line
  return new Promise((resolve) => {
    const env = baseEnv();
    const [first, ...rest] = withoutInherited([...guard, program, ...argv] as [string, ...string[]], env);
    const child = spawn(first, rest, { env, stdio: 'pipe' });
    const orphaned = () => void child.kill('SIGKILL');
    process.once('exit', orphaned);
    let stderr = '';
    let outcome: ProbeOutcome | null = null;
    const stop = (as: ProbeOutcome) => {
      outcome ??= as;
      child.kill('SIGKILL');
    };
    const until = Date.now() + (options.limitMs ?? probeLimits.ms);
    const timer = setInterval(() => {
      // 100 ticks a second.
      const used = (processStat(child.pid ?? 0)?.cpuTicks ?? 0) * 10;
      if (used > probeLimits.cpuMs || Date.now() > until) stop({ result: 'hangs' });
    }, 100);
    const decoder = new QmpDecoder();
    child.stdin.on('error', () => {});
    child.stdin.write('{"execute":"qmp_capabilities"}\n');
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-4000);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      try {
        for (const message of decoder.push(chunk)) {
          if ('event' in message && message.event === 'STOP')
            child.stdin.write('{"execute":"query-status"}\n');
          const status =
            'return' in message ? (message.return as { status?: string } | null)?.status : undefined;
          if (status === 'internal-error') stop({ result: 'internal-error' });
        }
      } catch {
        // What QEMU says beside QMP decides nothing: the exit code does.
      }
    });
    child.on('error', (error) => {
      clearInterval(timer);
      resolve({ result: 'refused', stderr: error.message });
    });
    child.on('close', (code) => {
      clearInterval(timer);
      process.off('exit', orphaned);
      resolve(outcome ?? (code === probeExitCode ? { result: 'works' } : { result: 'refused', stderr }));
    });
  });
}

/** What the probe's outcome means, for people. */
export function judgeKvm(
  device: DeviceState,
  outcome: ProbeOutcome | null,
): Pick<AcceleratorReport, 'chosen' | 'kvm' | 'why'> {
  if (device === 'absent')
    return {
      chosen: 'tcg',
      kvm: 'absent',
      why: 'This computer offers no /dev/kvm, so guests run under TCG, QEMU’s own emulation, which is slower.',
    };
  const forbidden = outcome?.result === 'refused' && /Permission denied/i.test(outcome.stderr);
  if (device === 'no-permission' || forbidden)
    return {
      chosen: 'tcg',
      kvm: 'no-permission',
      why: '/dev/kvm is there, but you may not use it, so guests run under TCG, which is slower.',
    };
  if (outcome?.result === 'no-qemu')
    return { chosen: 'tcg', kvm: 'untried', why: 'KVM is tried with QEMU, and QEMU is not installed.' };
  if (outcome?.result === 'works')
    return { chosen: 'kvm', kvm: 'works', why: 'KVM ran a 64-bit test guest: guests run at full speed.' };
  const how =
    outcome?.result === 'internal-error'
      ? 'a 64-bit test guest stopped with an internal error'
      : outcome?.result === 'hangs'
        ? 'a 64-bit test guest hung'
        : 'QEMU refused it';
  return {
    chosen: 'tcg',
    kvm: 'unusable',
    why: `/dev/kvm opens, but runs nothing: ${how}. Guests run under TCG, which is slower.`,
  };
}

interface Cached extends AcceleratorReport {
  readonly key: string;
}

export interface Accelerators {
  /** What guests run under; tried once per boot of the host, QEMU and permissions of /dev/kvm. */
  report(refresh?: boolean): Promise<AcceleratorReport>;
}

export interface AcceleratorDeps {
  /** Folder for the verdict; it outlives the app but not a reboot. */
  readonly cache: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly device?: string;
  readonly qemu?: string;
}

export function createAccelerators(deps: AcceleratorDeps): Accelerators {
  const device = deps.device ?? '/dev/kvm';
  const file = path.join(deps.cache, 'accelerator.json');
  let current: { readonly key: string; readonly report: Promise<Cached> } | null = null;

  async function deviceState(): Promise<DeviceState> {
    try {
      const handle = await fs.open(device, 'r+');
      await handle.close();
      return 'present';
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      return code === 'EACCES' || code === 'EPERM' ? 'no-permission' : 'absent';
    }
  }

  async function key(state: string): Promise<string> {
    const boot = (await readTextIfAny('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';
    const binary = await findProgram(deps.qemu ?? 'qemu-system-x86_64');
    const stat = binary ? await fs.stat(binary).catch(() => null) : null;
    const dev = await fs.stat(device).catch(() => null);
    return JSON.stringify([
      boot,
      state,
      binary,
      stat?.mtimeMs ?? null,
      stat?.size ?? null,
      dev && [dev.mode, dev.uid, dev.gid, dev.ino],
      process.getuid?.() ?? null,
    ]);
  }

  async function attempt(state: DeviceState, now: string, refresh: boolean): Promise<Cached> {
    if (!refresh) {
      const cached = await readCached();
      if (cached?.key === now) return cached;
    }
    let outcome: ProbeOutcome | null = null;
    if (state === 'present') {
      await makePrivateDir(deps.cache);
      const floppy = path.join(deps.cache, 'kvm-probe.img');
      await writeAtomic(floppy, kvmProbe);
      outcome = await probeAccelerator('kvm', floppy, { qemu: deps.qemu });
      deps.log.info(`KVM probe: ${outcome.result}`);
    }
    const report: Cached = { ...judgeKvm(state, outcome), triedAt: deps.clock.now(), key: now };
    if (outcome?.result === 'no-qemu') return report; // no verdict on KVM
    await makePrivateDir(deps.cache);
    // A full disk must not keep guests from starting.
    await writeAtomic(file, JSON.stringify(report)).catch((error) =>
      deps.log.warn(`The accelerator's verdict was not kept: ${error}`),
    );
    return report;
  }

  async function readCached(): Promise<Cached | null> {
    try {
      const value = JSON.parse((await readTextIfAny(file)) ?? 'null') as Cached | null;
      return value && typeof value.key === 'string' && (value.chosen === 'kvm' || value.chosen === 'tcg')
        ? value
        : null;
    } catch {
      return null;
    }
  }

  return {
    async report(refresh = false) {
      // What it depends on may have changed since: QEMU installed, a group joined, a module loaded.
      const state = await deviceState();
      const now = await key(state);
      if (refresh || current?.key !== now) {
        const mine = { key: now, report: attempt(state, now, refresh) };
        current = mine;
        mine.report.catch(() => {
          if (current === mine) current = null;
        });
      }
      const { key: _key, ...report } = await current.report;
      return report;
    },
  };
}

/** Absolute path of a program on the search path that {@link baseEnv} gives, or null. */
export async function findProgram(name: string): Promise<string | null> {
  if (path.isAbsolute(name)) return name;
  for (const dir of baseEnv().PATH!.split(':')) {
    if (!path.isAbsolute(dir)) continue;
    const candidate = path.join(dir, name);
    try {
      await fs.access(candidate, fs.constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}
