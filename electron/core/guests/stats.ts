import type { GuestStats } from '../../../shared/model/guest.ts';
import type { Announce } from '../api.ts';
import type { Clock } from '../platform/clock.ts';
import { processIo, processStat } from '../platform/proc.ts';
import type { Registry } from './registry.ts';

const periodMs = 2000;
const ticksPerSecond = 100;
const pageSize = 4096;

interface Sample {
  readonly pid: number;
  readonly at: number;
  readonly cpuTicks: number;
  readonly io: { readonly read: number; readonly written: number } | null;
}

/**
 * Samples all running guests with one timer, from /proc alone: three small reads a guest, and no QMP command. Nothing is
 * read while nobody listens.
 */
export class Stats {
  private timer: NodeJS.Timeout | null = null;
  private readonly last = new Map<string, Sample>();

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    private readonly announce: Announce,
    private readonly watched: () => boolean,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => this.tick(), periodMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** One sample of every running guest; also called by the timer. */
  sample(): GuestStats[] {
    const stats: GuestStats[] = [];
    const seen = new Set<string>();
    for (const { id, process } of this.registry.all()) {
      if (!process) continue;
      const { pid } = process.record;
      const now = processStat(pid);
      if (!now) continue;
      seen.add(id);
      const at = this.clock.now();
      const sample: Sample = { pid, at, cpuTicks: now.cpuTicks, io: processIo(pid) };
      const before = this.last.get(id);
      this.last.set(id, sample);
      const seconds = before && before.pid === pid ? (at - before.at) / 1000 : 0;
      const rate = (a: number | undefined, b: number | undefined) =>
        seconds > 0 && a !== undefined && b !== undefined ? Math.max(0, Math.round((b - a) / seconds)) : null;
      stats.push({
        id,
        at,
        cpu: seconds > 0 ? Math.max(0, (now.cpuTicks - before!.cpuTicks) / ticksPerSecond / seconds) : 0,
        memory: now.rssPages * pageSize,
        diskRead: rate(before?.io?.read, sample.io?.read),
        diskWrite: rate(before?.io?.written, sample.io?.written),
      });
    }
    for (const id of this.last.keys()) if (!seen.has(id)) this.last.delete(id);
    return stats;
  }

  private tick() {
    if (!this.watched()) return;
    const stats = this.sample();
    if (stats.length > 0) this.announce({ type: 'stats', stats });
  }
}
