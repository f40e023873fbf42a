import { readFileSync, readlinkSync } from 'node:fs';
import * as fs from 'node:fs/promises';

/** What proc(5) tells about a process, all in the kernel's units. */
export interface ProcessStat {
  /** `R`, `S`, `Z`… */
  readonly state: string;
  /** Clock ticks in user and kernel mode together; 100 a second on every Linux Node runs on. */
  readonly cpuTicks: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
  /** Resident pages. */
  readonly rssPages: number;
}

/** Parses /proc/PID/stat. The command name may hold blanks and parentheses: fields count from the last `)`. */
export function parseStat(text: string): ProcessStat | null {
  const end = text.lastIndexOf(')');
  if (end < 0) return null;
  const fields = text.slice(end + 2).split(' ');
  const state = fields[0] ?? '';
  const [utime, stime, startTime, rss] = [11, 12, 19, 21].map((i) => Number(fields[i]));
  if (![utime, stime, startTime, rss].every(Number.isFinite)) return null;
  return { state, cpuTicks: utime! + stime!, startTime: startTime!, rssPages: rss! };
}

/** Null when there is no such process, or it is a zombie. Reading /proc is no disk access: it is synchronous. */
export function processStat(pid: number): ProcessStat | null {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat : null;
  } catch {
    return null;
  }
}

/** True when the very process that began at `startTime` still runs. */
export function isAlive(pid: number, startTime: number): boolean {
  return processStat(pid)?.startTime === startTime;
}

/** The executable, or null when it may not be seen. */
export function executableOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return null;
  }
}

/** Bytes read from and written to storage by a process (proc(5), io), or null when it may not be seen. */
export function processIo(pid: number): { readonly read: number; readonly written: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/io`, 'latin1');
    const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]);
    const [read, written] = [field('rchar'), field('wchar')];
    return Number.isFinite(read) && Number.isFinite(written) ? { read: read!, written: written! } : null;
  } catch {
    return null;
  }
}

/** Processes that have `file` open and may be seen, other than this one. */
export async function holdersOf(file: string): Promise<number[]> {
  let wanted: { dev: bigint; ino: bigint };
  try {
    wanted = await fs.stat(file, { bigint: true });
  } catch {
    return [];
  }
  const holders: number[] = [];
  for (const name of await fs.readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    let fds: string[];
    try {
      fds = await fs.readdir(`/proc/${pid}/fd`);
    } catch {
      continue; // ended, or someone else's
    }
    for (const fd of fds) {
      try {
        const stat = await fs.stat(`/proc/${pid}/fd/${fd}`, { bigint: true });
        if (stat.dev === wanted.dev && stat.ino === wanted.ino) {
          holders.push(pid);
          break;
        }
      } catch {}
    }
  }
  return holders;
}

/** A process's name for people: its comm, or null. */
export async function processName(pid: number): Promise<string | null> {
  try {
    return (await fs.readFile(`/proc/${pid}/comm`, 'utf8')).trim();
  } catch {
    return null;
  }
}
