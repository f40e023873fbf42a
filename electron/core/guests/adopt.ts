import type { WireError } from '../../../shared/errors.ts';
import { toWire } from '../../../shared/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { readTextIfAny } from '../platform/fs.ts';
import { adoptQemu, awaitEnd, endQemu, type QemuProcess } from '../qemu/process.ts';
import type { RunFiles, RunRecord } from '../qemu/run-files.ts';
import { settleRunning } from './resume.ts';
import { readSaved } from './saved.ts';
import { type StoredGuest, uuidIn } from './store.ts';

/** A QEMU of an earlier owner, and the XML it was started with. */
export interface Adopted {
  readonly process: QemuProcess;
  readonly runningText: string | null;
}

/**
 * Connects to the QEMU of a guest that an earlier owner started, and finishes what that one left half done. Null when
 * nothing was left to run: its memory is in the folder, and QEMU has ended.
 * @throws {GuesthouseError} as adoptQemu; it runs and cannot be asked
 */
export async function adopt(
  files: RunFiles,
  { folder, text }: StoredGuest,
  record: RunRecord,
  clock: Clock,
  timeoutMs?: number,
): Promise<Adopted | null> {
  const runningText = await readTextIfAny(files.xml);
  // The machine has the UUID it was started with; its definition may have been given another since.
  const uuid = uuidIn(runningText ?? '') ?? uuidIn(text);
  const process = await adoptQemu(files, record, uuid ?? '', timeoutMs);
  try {
    // Saved, and its owner was killed before QEMU had ended (or before it had read all): the file holds all.
    if (await readSaved(folder)) return await end(process);
    await settleRunning(process, folder, clock).catch(async (error: unknown) => {
      if (!process.qmp.open) throw error;
      await end(process);
    });
    return process.qmp.open ? { process, runningText } : null;
  } catch (error) {
    process.qmp.close();
    throw error;
  }
}

async function end(process: QemuProcess): Promise<null> {
  await endQemu(process);
  process.qmp.close();
  await awaitEnd(process);
  return null;
}

/** Why a guest whose QEMU runs cannot be worked with. */
export function unreachable(record: RunRecord, error: unknown): WireError {
  const { message, why } = toWire(error);
  return {
    code: 'qemu-failed',
    message: 'This guest runs, but its QEMU does not answer.',
    why: `Process ${record.pid}: ${[message, why].filter(Boolean).join(' ')}`,
    todo: 'This computer may be very busy: Guesthouse keeps asking. Or force the guest off.',
  };
}
