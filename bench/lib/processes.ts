import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One process and what it costs. */
interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks of processor time, user and system, without its children's. */
  readonly ticks: number;
}

/** proc(5): `stat`. Null when it is gone. */
function statOf(pid: number): Stat | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}

/**
 * A program and all processes below it, but no guests: those are QEMU's, run in sessions of their own and outlive the
 * window.
 */
export function family(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat.pid]);
  }
  const below = (pid: number): number[] =>
    programOf(pid).startsWith('qemu-') ? [] : [pid, ...(children.get(pid) ?? []).flatMap(below)];
  return below(root);
}

/** The name of the program file, empty when it is gone. */
export function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`).split('/').at(-1)!;
  } catch {
    return '';
  }
}

/** Proportional set size in MiB: memory shared among processes is counted once (proc(5), `smaps_rollup`). */
export function pss(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {}
  }
  return kib / 1024;
}

/** Seconds of processor time used so far. Ticks are a hundredth of a second on every Linux there is. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0), 0) / 100;
}
