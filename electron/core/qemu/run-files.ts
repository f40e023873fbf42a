import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';

/** sun_path of sockaddr_un holds 108 bytes with the closing zero (unix(7)). */
const maxSocketPath = 107;

/** What one run of a guest has in the runtime folder: sockets, pidfile, and what it was started with. */
export interface RunFiles {
  readonly dir: string;
  /** QMP for the owner. One client a socket: whoever needs another connection has the second. */
  readonly qmp: string;
  readonly serial: string;
  readonly vnc: string;
  /** QEMU guest agent. */
  readonly agent: string;
  /** The TPM emulator's, when the guest has a TPM. */
  readonly tpm: string;
  readonly tpmPid: string;
  /** Written and locked by QEMU, removed by it when it ends well, left behind by a crash. */
  readonly pidfile: string;
  /** {@link RunRecord} as JSON. */
  readonly record: string;
  /** The domain XML this QEMU was started with. */
  readonly xml: string;
}

/**
 * Paths below `runtime` for a guest. A short hash stands for the id, since socket paths are short.
 * @throws {GuesthouseError} `unsupported` when the runtime folder's own path is too long for sockets
 */
export function runFiles(runtime: string, id: string): RunFiles {
  const dir = path.join(runtime, 'g', createHash('sha256').update(id).digest('hex').slice(0, 12));
  const files = {
    dir,
    qmp: path.join(dir, 'qmp.sock'),
    serial: path.join(dir, 'serial.sock'),
    vnc: path.join(dir, 'vnc.sock'),
    agent: path.join(dir, 'agent.sock'),
    tpm: path.join(dir, 'tpm.sock'),
    tpmPid: path.join(dir, 'tpm.pid'),
    pidfile: path.join(dir, 'qemu.pid'),
    record: path.join(dir, 'run.json'),
    xml: path.join(dir, 'domain.xml'),
  };
  if (Buffer.byteLength(files.serial) > maxSocketPath)
    throw new GuesthouseError('unsupported', 'The runtime folder’s path is too long.', {
      why: `A socket’s path can have ${maxSocketPath} bytes, and ${files.serial} is longer.`,
      todo: 'Set XDG_RUNTIME_DIR to a folder with a short path.',
    });
  return files;
}

/** What is known about a QEMU beside its sockets. */
export interface RunRecord {
  readonly pid: number;
  /** Clock ticks after boot at which the process began (proc(5), stat field 22): a pid alone can be another's. */
  readonly startTime: number;
  readonly accelerator: 'kvm' | 'tcg';
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** For people. */
  readonly notes: readonly string[];
}

export async function writeRecord(files: RunFiles, record: RunRecord): Promise<void> {
  await writeAtomic(files.record, JSON.stringify(record));
}

export async function readRecord(files: RunFiles): Promise<RunRecord | null> {
  try {
    const value = JSON.parse((await readTextIfAny(files.record)) ?? 'null') as RunRecord | null;
    return value && Number.isInteger(value.pid) && Number.isInteger(value.startTime) ? value : null;
  } catch {
    return null; // half a file after a crash of the host
  }
}

/** Removes what an ended run left: sockets and the pidfile. The folder stays. */
export async function clearRun(files: RunFiles): Promise<void> {
  for (const file of [
    files.qmp,
    files.serial,
    files.vnc,
    files.agent,
    files.tpm,
    files.pidfile,
    files.record,
    files.xml,
  ])
    await fs.rm(file, { force: true });
  // QEMU listens there for the shared networks its cards are on.
  for (const name of await fs.readdir(files.dir).catch(() => []))
    if (/^net\d+\.sock$/.test(name)) await fs.rm(path.join(files.dir, name), { force: true });
}
