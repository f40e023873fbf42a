import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { spawnDetached } from '../platform/detached.ts';
import { exists, makePrivateDir, readTextIfAny } from '../platform/fs.ts';
import { executableOf, isAlive, processStat } from '../platform/proc.ts';
import type { RunFiles } from './run-files.ts';

export interface TpmSpec {
  readonly files: RunFiles;
  /** What the TPM holds, kept from run to run. Made when it is not there: a new, empty TPM. */
  readonly state: string;
  /** Appended to. */
  readonly log: string;
  readonly signal?: AbortSignal;
}

/** How long swtpm may take to listen. Milliseconds. */
const patience = 10_000;

/**
 * Starts the TPM 2.0 emulator swtpm(8) for one run of a guest, detached as the guest's QEMU is. It serves one
 * connection and ends with it, however the QEMU ends, so there is nothing to adopt.
 * @returns how to end it when no QEMU came to connect
 * @throws {GuesthouseError} `program-missing`, `program-failed` with what it said
 */
export async function startTpm(spec: TpmSpec): Promise<() => Promise<void>> {
  const { files, state, log, signal } = spec;
  await makePrivateDir(state);
  await endLeftOver(files);
  await fs.rm(files.tpm, { force: true });
  const child = await spawned(spec);
  let over = child.exitCode !== null || child.signalCode !== null;
  child.once('exit', () => {
    over = true;
  });
  const startTime = processStat(child.pid!)?.startTime ?? 0;
  const end = () => endProcess(child.pid!, startTime);
  try {
    for (let waited = 0; !over && !(await exists(files.tpm)); waited += 10) {
      if (signal?.aborted) throw new CancelledError();
      if (waited > patience)
        throw new GuesthouseError('timeout', 'The TPM emulator did not come up.', {
          why: 'Its socket is silent.',
        });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } catch (error) {
    await end();
    throw error;
  }
  if (!over) {
    child.unref();
    return end;
  }
  const said = ((await readTextIfAny(log)) ?? '').trim().split('\n').slice(-5).join('\n');
  throw new GuesthouseError('program-failed', 'The guest’s TPM could not be started.', {
    why: said.split('\n').at(-1) || 'swtpm ended without a word.',
    todo: 'See its log, or take the TPM out of the guest’s hardware. Without it, what was sealed in it cannot be opened.',
    detail: said,
  });
}

async function spawned({ files, state, log }: TpmSpec): Promise<ChildProcess> {
  const output = await fs.open(log, 'a', 0o600);
  try {
    return await spawnDetached(
      [
        'swtpm', 'socket', '--tpm2', '--tpmstate', `dir=${plain(state)},mode=0600`, '--ctrl',
        `type=unixio,path=${plain(files.tpm)},mode=0600`, '--pid', `file=${plain(files.tpmPid)}`, '--terminate',
      ], // biome-ignore format: a command
      { cwd: files.dir, log: output.fd, unit: `guesthouse-tpm-${path.basename(files.dir)}-${randomUUID()}` },
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new GuesthouseError('program-missing', 'The guest has a TPM, and swtpm is not installed.', {
      why: 'swtpm is the program that plays the TPM.',
      todo: 'Install swtpm (Debian: the package swtpm), or take the TPM out of the guest’s hardware.',
      cause,
    });
  } finally {
    await output.close();
  }
}

/** swtpm splits its options at commas and cannot quote one. */
function plain(file: string): string {
  if (!file.includes(',')) return file;
  throw new GuesthouseError('unsupported', 'The library’s path holds a comma, which swtpm cannot take.', {
    why: file,
    todo: 'Move the library, or take the TPM out of the guest’s hardware.',
  });
}

/** One that an owner started and then was killed before QEMU came: it holds the state's lock for ever. */
async function endLeftOver(files: RunFiles): Promise<void> {
  const pid = Number((await readTextIfAny(files.tpmPid))?.trim());
  const stat = Number.isInteger(pid) && pid > 1 ? processStat(pid) : null;
  if (stat && path.basename(executableOf(pid) ?? '') === 'swtpm') await endProcess(pid, stat.startTime);
  await fs.rm(files.tpmPid, { force: true });
}

async function endProcess(pid: number, startTime: number): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isAlive(pid, startTime)) return;
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; isAlive(pid, startTime) && waited < 2000; waited += 10)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
