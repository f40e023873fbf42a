import { readFileSync } from 'node:fs';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type Comparison, type ComparisonSide, comparisonProblem } from '../../../shared/model/comparison.ts';
import type { Container } from '../../../shared/model/container.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Host } from './hosts.ts';

/** What a comparison needs of guests; the room of guests is another. */
export interface CompareGuests {
  find(ref: string): Guest;
  /** Resolves when QEMU runs it. */
  start(id: string, signal: AbortSignal): Promise<void>;
  /** Resolves when its SSH server answers. */
  waitSsh(id: string, op: OperationContext): Promise<void>;
  shutdown(id: string): Promise<void>;
  /** Bytes on the disk of its images, backing files with them. */
  diskBytes(guest: Guest): Promise<number | null>;
}

/** Milliseconds after a start until memory is read: an application needs a moment to take what it takes. */
const settleMs = 2000;

/**
 * Starts a guest and a container where they are off, measures both and leaves them as they were found. What runs already
 * is not restarted: its start is then not measured, and the page says so.
 */
export async function compare(
  guestRef: string,
  host: Host,
  container: Container,
  guests: CompareGuests,
  clock: Clock,
  op: OperationContext,
): Promise<Comparison> {
  checkMeasurable(guests.find(guestRef));
  const containerSide = await measureContainer(host, container, clock, op);
  op.check();
  const guest = await measureGuest(guestRef, guests, clock, op);
  return { guest, container: containerSide, at: clock.now() };
}

async function measureContainer(
  host: Host,
  before: Container,
  clock: Clock,
  op: OperationContext,
): Promise<ComparisonSide> {
  const { engine } = host;
  const notes: string[] = [];
  op.phase(`Measuring ${before.name}`);
  let start: number | null = null;
  const ran = before.state === 'running' || before.state === 'paused';
  try {
    if (ran) notes.push('It ran already: its start was not measured.');
    else {
      const begin = performance.now();
      await engine.podman(['start', '--', before.podmanId], { signal: op.signal });
      start = performance.now() - begin;
      notes.push('Start: the time of "podman start", after which its command runs.');
      await clock.sleep(settleMs, op.signal);
    }
    const now = (await host.refreshAfter()).find(({ id }) => id === before.id) ?? before;
    const counted = now.pid === null ? undefined : (await host.counters([now])).get(now.pid);
    if (!counted) notes.push('Its command ended before its memory could be read.');
    else
      notes.push(
        counted.mode === 'none'
          ? 'Memory: resident, of its processes together.'
          : 'Memory: what the kernel charges to it, without file cache it would give back.',
      );
    notes.push('Disk: its image, shared by all containers made from it, and what it wrote itself.');
    return {
      id: before.id,
      name: before.name,
      memory: counted?.memory ?? null,
      start,
      disk: await containerDisk(host, before),
      notes,
    };
  } finally {
    if (!ran) {
      await engine.podman(['stop', '--time=2', '--', before.podmanId]).catch(() => {});
      await host.refreshAfter().catch(() => {});
    }
  }
}

async function containerDisk(host: Host, container: Container): Promise<number | null> {
  const { stdout } = await host.engine.podman([
    'ps',
    '--all',
    '--size',
    '--no-trunc',
    `--filter=id=${container.podmanId}`,
    '--format',
    'json',
  ]);
  const [one] = JSON.parse(stdout || '[]') as { Size?: { rootFsSize?: number; rwSize?: number } }[];
  const size = one?.Size;
  if (!size) return null;
  return (size.rootFsSize ?? 0) + (size.rwSize ?? 0);
}

/** @throws {GuesthouseError} `wrong-state` for a guest that could not be put back as it was found */
function checkMeasurable({ id, name, state }: Guest): void {
  const problem = comparisonProblem(state);
  if (problem)
    throw new GuesthouseError('wrong-state', `${name} cannot be measured now.`, { ...problem, subject: id });
}

async function measureGuest(
  ref: string,
  guests: CompareGuests,
  clock: Clock,
  op: OperationContext,
): Promise<ComparisonSide> {
  const before = guests.find(ref);
  const notes: string[] = [];
  checkMeasurable(before);
  const ran = before.state !== 'off' && before.state !== 'crashed';
  let start: number | null = null;
  try {
    if (ran) notes.push('It ran already: its start was not measured.');
    else {
      op.phase(`Starting ${before.name}`);
      const begin = performance.now();
      await guests.start(before.id, op.signal);
      await guests.waitSsh(before.id, op);
      start = performance.now() - begin;
      notes.push('Start: until its SSH server answers.');
      await clock.sleep(settleMs, op.signal);
    }
    op.phase(`Measuring ${before.name}`);
    const { pid } = guests.find(before.id);
    notes.push('Memory: what QEMU holds of this computer’s, shared parts counted in proportion (PSS).');
    notes.push('Disk: its images and the files they stand on.');
    return {
      id: before.id,
      name: before.name,
      memory: pid === null ? null : proportional(pid),
      start,
      disk: await guests.diskBytes(before),
      notes,
    };
  } finally {
    if (!ran) {
      op.phase(`Shutting ${before.name} down again`);
      await guests.shutdown(before.id).catch(() => {});
    }
  }
}

/** PSS of a process in bytes (proc(5), smaps_rollup), or null when it may not be read. */
function proportional(pid: number): number | null {
  try {
    const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
    return match ? Number(match[1]) * 1024 : null;
  } catch {
    return null;
  }
}
