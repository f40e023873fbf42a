import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Crash } from '../../../shared/model/guest.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import { tailLog } from '../qemu/log-file.ts';

/** Lines of the log a crash is shown with. */
const tailLines = 30;

export const logFile = (folder: string) => path.join(folder, 'qemu.log');
const crashFile = (folder: string) => path.join(folder, 'crash.json');

/** Notes a crash in the guest's folder, so that it is known after the next start of the app too. */
export async function recordCrash(folder: string, at: number, reason: string): Promise<Crash> {
  const crash: Crash = {
    at,
    reason,
    logTail: await tailLog(logFile(folder), tailLines).catch(() => ''),
  };
  // With a full disk it is at least shown until the app ends.
  await writeAtomic(crashFile(folder), JSON.stringify(crash)).catch(() => {});
  return crash;
}

export async function readCrash(folder: string): Promise<Crash | null> {
  try {
    const value = JSON.parse((await readTextIfAny(crashFile(folder))) ?? 'null') as Crash | null;
    return value && typeof value.reason === 'string' && typeof value.at === 'number' ? value : null;
  } catch {
    return null;
  }
}

export async function forgetCrash(folder: string): Promise<void> {
  await fs.rm(crashFile(folder), { force: true });
}
