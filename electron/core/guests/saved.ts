import { createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import * as path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import { faultPoint } from '../platform/fault.ts';
import { readTextIfAny, syncDir, writeAtomic } from '../platform/fs.ts';
import { processStat } from '../platform/proc.ts';
import type { QemuProcess } from '../qemu/process.ts';
import { type QmpClient, QmpCommandError } from '../qmp/client.ts';

/** What goes with a saved memory. It is written last and removed first: without it there is no saved memory. */
export interface SavedInfo {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** A memory image goes on only under the accelerator it was made under: the processor differs. */
  readonly accelerator: 'kvm' | 'tcg';
  /** True when it stood still before it was saved, and is to stand still after. */
  readonly paused: boolean;
  /** Bytes. */
  readonly size: number;
}

export function savedFiles(folder: string) {
  return {
    memory: path.join(folder, 'saved.mem'),
    temp: path.join(folder, 'saved.mem.tmp'),
    /** The XML the memory belongs to: devices must be the same to the last address. */
    xml: path.join(folder, 'saved.xml'),
    info: path.join(folder, 'saved.json'),
    /** Here while the memory is being written: {@link SavingInfo}. */
    saving: path.join(folder, 'saving.json'),
    /** In place of `info` while the guest is let go on from its memory: {@link SavedInfo} with `resumedAt`. */
    resuming: path.join(folder, 'resuming.json'),
  };
}

/** What a guest did before its memory began to be written, for the owner that finds it half done. */
export interface SavingInfo {
  readonly wasRunning: boolean;
}

export async function readSaved(folder: string): Promise<SavedInfo | null> {
  const files = savedFiles(folder);
  try {
    const info = JSON.parse((await readTextIfAny(files.info)) ?? 'null') as SavedInfo | null;
    return info && (await fs.stat(files.memory)).size === info.size ? info : null;
  } catch {
    return null;
  }
}

/** Removes a saved memory; what says that there is one goes first. */
export async function removeSaved(folder: string): Promise<void> {
  const files = savedFiles(folder);
  for (const file of [files.info, files.resuming, files.memory, files.temp, files.xml, files.saving])
    await fs.rm(file, { force: true });
  await syncDir(folder);
}

interface MigrationInfo {
  readonly status?: string;
  readonly ram?: { transferred: number; remaining: number; total: number };
  readonly 'error-desc'?: string;
}

const pageSize = 4096;

/** Fails early when the memory surely does not fit. Empty pages take next to nothing, so resident ones count. */
async function checkRoom(process: QemuProcess, folder: string): Promise<void> {
  const resident = (processStat(process.record.pid)?.rssPages ?? 0) * pageSize;
  const summary = await process.qmp.execute<{ 'base-memory': number }>('query-memory-size-summary');
  const need = Math.min(resident, summary['base-memory']);
  const { bavail, bsize } = await fs.statfs(folder);
  if (bavail * bsize < need)
    throw new GuesthouseError('no-space', 'There is not enough room to save this guest’s memory.', {
      why: `It needs about ${Math.ceil(need / 2 ** 20)} MiB; ${Math.floor((bavail * bsize) / 2 ** 20)} MiB are free.`,
      todo: 'Free some space, or shut the guest down instead.',
    });
}

/**
 * Writes the memory of a guest into its folder. QEMU 7.2 knows no `file:` migration and may not start programs in its
 * sandbox, so it sends to a unix socket that we write from. The guest stands still meanwhile and, when this resolves,
 * for good; on failure or cancel it goes on as before and nothing is left.
 */
export async function saveMemory(
  process: QemuProcess,
  folder: string,
  wasRunning: boolean,
  clock: Clock,
  op: OperationContext,
): Promise<SavedInfo> {
  const files = savedFiles(folder);
  const { qmp } = process;
  await checkRoom(process, folder);
  await removeSaved(folder);
  const socket = path.join(process.files.dir, 'save.sock');
  await fs.rm(socket, { force: true });
  await writeAtomic(files.saving, JSON.stringify({ wasRunning } satisfies SavingInfo));
  const handle = await fs.open(files.temp, 'wx', 0o600);
  const server = createServer();
  let size = 0;
  try {
    const written = new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.once('connection', (incoming) => {
        // The file handle's own stream would close it; it is synced first.
        (async () => {
          for await (const chunk of incoming) {
            await handle.writeFile(chunk as Buffer);
            size += (chunk as Buffer).length;
          }
        })().then(resolve, (error) => {
          incoming.destroy();
          reject(error);
        });
      });
    });
    let writeError: unknown = null;
    written.catch((error) => {
      writeError = error;
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, resolve);
    });
    try {
      if (wasRunning) await qmp.execute('stop');
      // 0 would mean no limit only for the down time; this is bytes a second, more than any disk takes.
      await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
      await qmp.execute('migrate', { uri: `unix:${socket}` }).catch((error) => {
        throw refusal(error);
      });
      faultPoint('save:begun');
      await followMigration(qmp, clock, op, () => writeError);
      await written;
      await handle.sync();
    } catch (error) {
      await giveUpSaving(qmp, clock, wasRunning);
      throw writeError ?? error;
    }
    await handle.close();
    await fs.rename(files.temp, files.memory);
    await writeAtomic(files.xml, await fs.readFile(process.files.xml, 'utf8'));
    const info: SavedInfo = {
      at: clock.now(),
      accelerator: process.record.accelerator,
      paused: !wasRunning,
      size,
    };
    await writeAtomic(files.info, JSON.stringify(info));
    await fs.rm(files.saving, { force: true });
    return info;
  } catch (error) {
    await handle.close().catch(() => {});
    // Renaming or describing may have failed after the memory was out: the guest stands in postmigrate.
    if (qmp.open) await giveUpSaving(qmp, clock, wasRunning).catch(() => {});
    await removeSaved(folder);
    throw error;
  } finally {
    server.close();
    await fs.rm(socket, { force: true });
  }
}

/** QEMU's refusals that the person can do something about, in their words. */
function refusal(error: unknown): unknown {
  if (!(error instanceof QmpCommandError)) return error;
  const tag = /VirtFS export path .* mounted in the guest using mount_tag '(.*)'/s.exec(error.desc)?.[1];
  if (tag === undefined) return error;
  return new GuesthouseError(
    'wrong-state',
    'The memory cannot be written while a shared folder is mounted.',
    {
      why: `The system inside has the folder “${tag}” mounted, and QEMU does not keep what it has open there.`,
      todo: 'Unmount it inside, or shut the guest down instead.',
    },
  );
}

async function followMigration(
  qmp: QmpClient,
  clock: Clock,
  op: OperationContext,
  writeError: () => unknown,
): Promise<void> {
  for (;;) {
    op.check();
    const failed = writeError();
    if (failed) throw failed;
    const info = await qmp.execute<MigrationInfo>('query-migrate', undefined, { timeoutMs: 60_000 });
    switch (info.status) {
      case 'completed':
        return;
      case 'failed':
        throw new GuesthouseError('qemu-failed', 'The memory could not be saved.', {
          why: info['error-desc'] ?? 'QEMU gives no reason.',
        });
      case 'cancelled':
        throw new CancelledError();
    }
    if (info.ram && info.ram.total > 0) op.progress((info.ram.total - info.ram.remaining) / info.ram.total);
    await clock.sleep(100, op.signal).catch(() => {});
  }
}

/** Ends the migration and lets the guest go on as before. */
export async function giveUpSaving(qmp: QmpClient, clock: Clock, wasRunning: boolean): Promise<void> {
  await qmp.execute('migrate_cancel');
  for (let i = 0; i < 200; i++) {
    const { status } = await qmp.execute<MigrationInfo>('query-migrate');
    if (status === undefined || ['none', 'cancelled', 'failed', 'completed'].includes(status)) break;
    await clock.sleep(50);
  }
  if (wasRunning) await qmp.execute('cont');
}

/** Reads a saved memory into a QEMU that was started with `-incoming defer`. It stands still afterwards. */
export async function restoreMemory(
  process: QemuProcess,
  folder: string,
  info: SavedInfo,
  clock: Clock,
  op: OperationContext,
): Promise<void> {
  const { qmp } = process;
  const socket = path.join(process.files.dir, 'restore.sock');
  await fs.rm(socket, { force: true });
  try {
    await qmp.execute('migrate-incoming', { uri: `unix:${socket}` });
    const out = connectSocket(socket);
    const source = createReadStream(savedFiles(folder).memory, { highWaterMark: 1 << 20 });
    let sent = 0;
    source.on('data', (chunk) => {
      sent += chunk.length;
      op.progress(sent / info.size);
    });
    await pipeline(source, out, { signal: op.signal });
    for (;;) {
      op.check();
      const { status } = await qmp.execute<{ status: string }>('query-status', undefined, {
        timeoutMs: 60_000,
      });
      if (status !== 'inmigrate') return;
      await clock.sleep(20, op.signal);
    }
  } finally {
    await fs.rm(socket, { force: true });
  }
}
