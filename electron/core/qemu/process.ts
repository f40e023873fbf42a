import type { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { type Entrance, spawnDetached } from '../platform/detached.ts';
import { makePrivateDir, readTextIfAny, writeAtomic } from '../platform/fs.ts';
import { executableOf, holdersOf, isAlive, processName, processStat } from '../platform/proc.ts';
import { QmpClient } from '../qmp/client.ts';
import { logSince, rotateLog } from './log-file.ts';
import { clearRun, type RunFiles, type RunRecord, readRecord, writeRecord } from './run-files.ts';
import { explainStartFailure } from './start-errors.ts';

/** A QEMU that runs, ours or adopted. */
export interface QemuProcess {
  readonly files: RunFiles;
  readonly record: RunRecord;
  readonly qmp: QmpClient;
}

/** How a QEMU ended. `clean`: it removed its pidfile, as it does on quit and SIGTERM but not when killed. */
export interface QemuEnd {
  readonly clean: boolean;
}

export interface LaunchSpec {
  readonly files: RunFiles;
  /** Program and arguments; must name `files.qmp`, `files.pidfile`. */
  readonly argv: readonly string[];
  readonly xml: string;
  /** `qemu.log` in the guest's folder. */
  readonly logFile: string;
  /** Image files, to name in errors. */
  readonly images: readonly string[];
  readonly accelerator: 'kvm' | 'tcg';
  readonly notes: readonly string[];
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Milliseconds until QMP must answer; default 30 000. */
  readonly timeoutMs?: number;
  /** The resource group it is in. */
  readonly enter?: Entrance;
  /** Starts what QEMU will connect to, once the runtime folder is ready; returns how to end it when QEMU fails. */
  readonly prepare?: () => Promise<() => Promise<void>>;
}

/**
 * Starts QEMU detached from this process and waits until its QMP answers. It is in a systemd scope of its own where
 * there is a user manager (see {@link spawnDetached}), else in a session of its own (setsid(2)).
 *
 * @throws {GuesthouseError} what QEMU said, for people ({@link explainStartFailure}); {@link CancelledError}. Nothing
 *   runs afterwards and no runtime file is left.
 */
export async function launchQemu(spec: LaunchSpec): Promise<QemuProcess> {
  const { files } = spec;
  await makePrivateDir(files.dir);
  const left = await findRun(files);
  if (left.kind === 'running')
    throw new GuesthouseError('busy', 'This guest runs already.', {
      why: `QEMU runs as process ${left.record.pid}.`,
      todo: 'Restart Guesthouse to find it again.',
    });
  await clearRun(files);
  await writeAtomic(files.xml, spec.xml);
  await rotateLog(spec.logFile);
  const unprepare = await spec.prepare?.();
  try {
    return await launchPrepared(spec);
  } catch (error) {
    await unprepare?.();
    throw error;
  }
}

async function launchPrepared(spec: LaunchSpec): Promise<QemuProcess> {
  const { files, clock } = spec;
  const { child, logStart } = await open(spec);
  let exited: { code: number | null; signal: NodeJS.Signals | null } | null = null;
  child.on('exit', (code, signal) => {
    exited = { code, signal };
  });
  const pid = child.pid!;
  try {
    const startTime = processStat(pid)?.startTime ?? 0;
    const record: RunRecord = {
      pid,
      startTime,
      accelerator: spec.accelerator,
      startedAt: clock.now(),
      notes: spec.notes,
    };
    await writeRecord(files, record);
    const qmp = await waitForQmp(spec, () => exited !== null || child.exitCode !== null);
    child.unref();
    return { files, record, qmp };
  } catch (error) {
    if (exited === null && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
    const stderr = await logSince(spec.logFile, logStart);
    await clearRun(files);
    if (error instanceof GuesthouseError && error.code !== 'qmp-closed') throw error;
    throw await explainStartFailure(
      { stderr, code: child.exitCode, signal: child.signalCode, holders: namedHolders },
      spec.images,
    );
  }
}

/** Processes that have a file open, with their names. */
export async function namedHolders(file: string) {
  const pids = await holdersOf(file);
  return Promise.all(pids.map(async (pid) => ({ pid, name: await processName(pid) })));
}

async function open(spec: LaunchSpec): Promise<{ child: ChildProcess; logStart: number }> {
  const log = await fs.open(spec.logFile, 'a', 0o600);
  try {
    await log.write(
      `--- ${new Date(spec.clock.now()).toISOString()} ${spec.accelerator}\n${spec.argv.join(' ')}\n`,
    );
    const logStart = (await log.stat()).size;
    const unit = `guesthouse-${path.basename(spec.files.dir)}-${process.pid}-${spec.clock.now()}`;
    const [qemu, ...rest] = spec.argv;
    const child = await spawnDetached([qemu!, ...rest], {
      cwd: spec.files.dir,
      log: log.fd,
      unit,
      enter: spec.enter,
    }).catch((cause: NodeJS.ErrnoException) => {
      throw new GuesthouseError(
        cause.code === 'ENOENT' ? 'program-missing' : 'qemu-failed',
        cause.code === 'ENOENT' ? 'QEMU is not installed.' : 'QEMU could not be started.',
        {
          why: cause.code === 'ENOENT' ? `No program named ${spec.argv[0]} is there.` : cause.message,
          todo: cause.code === 'ENOENT' ? 'See the Host page for the package to install.' : undefined,
          cause,
        },
      );
    });
    return { child, logStart };
  } finally {
    await log.close();
  }
}

async function waitForQmp(spec: LaunchSpec, ended: () => boolean): Promise<QmpClient> {
  const deadline = spec.clock.now() + (spec.timeoutMs ?? 30_000);
  for (let wait = 4; ; wait = Math.min(wait * 1.5, 50)) {
    if (spec.signal?.aborted) throw new CancelledError();
    if (ended()) throw new GuesthouseError('qmp-closed', 'QEMU ended.');
    try {
      return await QmpClient.connect(spec.files.qmp, {
        timeoutMs: Math.max(1000, deadline - spec.clock.now()),
        signal: spec.signal,
      });
    } catch (error) {
      if (!(error instanceof GuesthouseError) || error.code !== 'qmp-closed') throw error;
      if (spec.clock.now() > deadline)
        throw new GuesthouseError('timeout', 'QEMU did not come up.', {
          why: 'Its control socket is silent.',
        });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

export type FoundRun =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly record: RunRecord }
  /** A pidfile without its QEMU: it crashed or was killed. */
  | { readonly kind: 'crashed' };

/** What the runtime folder says about a guest, without connecting. */
export async function findRun(files: RunFiles): Promise<FoundRun> {
  const record = await readRecord(files);
  if (record && isAlive(record.pid, record.startTime)) return { kind: 'running', record };
  const text = await readTextIfAny(files.pidfile);
  if (text === null) return { kind: 'none' };
  const pid = Number(text.trim());
  // The record is written right after the pid is known, but the owner may have been killed in between.
  const stat = Number.isInteger(pid) && pid > 1 && record === null ? processStat(pid) : null;
  if (stat && path.basename(executableOf(pid) ?? '').startsWith('qemu-system'))
    return {
      kind: 'running',
      record: { pid, startTime: stat.startTime, accelerator: 'tcg', startedAt: 0, notes: [] },
    };
  return { kind: 'crashed' };
}

/**
 * Connects to a QEMU that an earlier owner started.
 * @param uuid of the domain it was started with; another machine behind the socket is not adopted
 * @param timeoutMs for its greeting
 * @throws {GuesthouseError} `qmp-closed`, `timeout`, or `qemu-failed` when it is another machine
 */
export async function adoptQemu(
  files: RunFiles,
  record: RunRecord,
  uuid: string,
  timeoutMs = 5000,
): Promise<QemuProcess> {
  const qmp = await QmpClient.connect(files.qmp, { timeoutMs });
  try {
    const found = await qmp.execute<{ UUID: string }>('query-uuid');
    if (found.UUID.toLowerCase() !== uuid.toLowerCase())
      throw new GuesthouseError('qemu-failed', 'Another machine answers on this guest’s control socket.', {
        why: `It has UUID ${found.UUID}.`,
      });
    const kvm = await qmp.execute<{ enabled: boolean }>('query-kvm');
    return { files, record: { ...record, accelerator: kvm.enabled ? 'kvm' : 'tcg' }, qmp };
  } catch (error) {
    qmp.close();
    throw error;
  }
}

/** Waits until the process is gone (its QMP closes a little earlier) and tells how it ended. Runtime files are cleared. */
export async function awaitEnd(process: Pick<QemuProcess, 'files' | 'record'>): Promise<QemuEnd> {
  const { pid, startTime } = process.record;
  for (let wait = 2; isAlive(pid, startTime); wait = Math.min(wait * 1.5, 100))
    await new Promise((resolve) => setTimeout(resolve, wait));
  const clean = (await readTextIfAny(process.files.pidfile)) === null;
  await clearRun(process.files);
  return { clean };
}

/**
 * Ends a QEMU for good: `quit` (without `qmp` it cannot be told), then SIGTERM, then SIGKILL, each after a moment. Only a process that is still the one we
 * know is signalled.
 */
export async function endQemu(
  target: { readonly record: RunRecord; readonly qmp: QmpClient | null },
  graceMs = 3000,
): Promise<void> {
  const { pid, startTime } = target.record;
  const gone = async (ms: number) => {
    for (let waited = 0; waited < ms; waited += 10) {
      if (!isAlive(pid, startTime)) return true;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return !isAlive(pid, startTime);
  };
  if (target.qmp) {
    await target.qmp.execute('quit', undefined, { timeoutMs: 1000 }).catch(() => {});
    if (await gone(graceMs)) return;
  }
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      if (isAlive(pid, startTime)) process.kill(pid, signal);
    } catch {}
    if (await gone(graceMs)) return;
  }
  throw new GuesthouseError('qemu-failed', 'QEMU does not end.', {
    why: `Process ${pid} is stuck, mostly in disk access.`,
  });
}
