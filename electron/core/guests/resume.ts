import * as fs from 'node:fs/promises';
import { Domain } from '../domain/index.ts';
import type { Clock } from '../platform/clock.ts';
import { faultPoint } from '../platform/fault.ts';
import { exists, readTextIfAny, syncDir, writeAtomic } from '../platform/fs.ts';
import { namedHolders, type QemuProcess } from '../qemu/process.ts';
import { explainStartFailure } from '../qemu/start-errors.ts';
import { QmpCommandError } from '../qmp/client.ts';
import {
  giveUpSaving,
  readSaved,
  removeSaved,
  type SavedInfo,
  type SavingInfo,
  savedFiles,
} from './saved.ts';

/** A saved memory whose guest was let go on, at `resumedAt` (milliseconds since the epoch) or soon after. */
interface ResumingInfo extends SavedInfo {
  readonly resumedAt: number;
}

/** Files get the time of the last clock tick, at most this many milliseconds ago. */
const tickMs = 50;

/**
 * Lets a guest go on whose memory QEMU has read. The saved memory is put aside first, since from then on the disks
 * change under it, and removed when the guest runs; while QEMU refuses, it is as before.
 * @throws {GuesthouseError} `disk-in-use`, or what else QEMU says. The caller ends QEMU, then {@link settleMemory}
 */
export async function goOn(
  process: QemuProcess,
  folder: string,
  saved: SavedInfo,
  clock: Clock,
): Promise<void> {
  if (!saved.paused) {
    const files = savedFiles(folder);
    await writeAtomic(
      files.resuming,
      JSON.stringify({ ...saved, resumedAt: clock.now() } satisfies ResumingInfo),
    );
    await fs.rm(files.info);
    await syncDir(folder);
    faultPoint('resume:begun');
    try {
      await process.qmp.execute('cont');
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      await takeBack(folder, saved);
      throw await explainStartFailure(
        {
          stderr: error.desc,
          code: null,
          signal: null,
          holders: async (file) => (await namedHolders(file)).filter(({ pid }) => pid !== process.record.pid),
        },
        await disksOf(folder),
      );
    }
    faultPoint('resume:gone-on');
  }
  // It runs: that its file stays a while is no reason to end it. What is left is settled by the next owner.
  await removeSaved(folder).catch(() => {});
}

/**
 * What an owner left half done that was killed while it saved or resumed a guest, for one whose QEMU is gone: there is a
 * saved memory afterwards or there is not, and it is never older than the disks.
 */
export async function settleMemory(folder: string): Promise<void> {
  const files = savedFiles(folder);
  const saving = await exists(files.saving);
  const text = await readTextIfAny(files.resuming);
  if (!saving && text === null) return;
  if (await readSaved(folder)) {
    for (const file of [files.resuming, files.saving, files.temp]) await fs.rm(file, { force: true });
    return;
  }
  const resuming = parse<ResumingInfo>(text);
  if (resuming && !(await changedSince(folder, resuming.resumedAt))) await takeBack(folder, resuming);
  else await removeSaved(folder);
}

/**
 * The same for one whose QEMU runs: a save is given up and the guest does what it did before; a resumed guest goes on.
 * @throws what QEMU says; the guest then never ran
 */
export async function settleRunning(process: QemuProcess, folder: string, clock: Clock): Promise<void> {
  const files = savedFiles(folder);
  const { qmp } = process;
  const resuming = await exists(files.resuming);
  const saving = parse<SavingInfo>(await readTextIfAny(files.saving));
  if (!resuming && !saving) return;
  const { status } = await qmp.execute<{ status: string }>('query-status');
  if (saving) await giveUpSaving(qmp, clock, saving.wasRunning);
  else if (status === 'paused') await qmp.execute('cont');
  await removeSaved(folder);
}

async function takeBack(folder: string, saved: SavedInfo): Promise<void> {
  const files = savedFiles(folder);
  const { at, accelerator, paused, size } = saved;
  await writeAtomic(files.info, JSON.stringify({ at, accelerator, paused, size } satisfies SavedInfo));
  await fs.rm(files.resuming);
}

/** True when the system inside wrote to a disk since: its memory of before would ruin what is on it now. */
async function changedSince(folder: string, at: number): Promise<boolean> {
  const times = await Promise.all(
    (await disksOf(folder)).map(async (file) => (await fs.stat(file).catch(() => null))?.mtimeMs ?? 0),
  );
  return times.some((time) => time >= at - tickMs);
}

/** The disk files of the domain that the memory belongs to. */
async function disksOf(folder: string): Promise<string[]> {
  const text = await readTextIfAny(savedFiles(folder).xml);
  if (text === null) return [];
  return Domain.parse(text)
    .disks()
    .flatMap((disk) => (disk.file && disk.type === 'file' ? [disk.file] : []));
}

function parse<T>(text: string | null): T | null {
  try {
    return JSON.parse(text ?? 'null') as T | null;
  } catch {
    return null; // cut off by a crash of this computer
  }
}
