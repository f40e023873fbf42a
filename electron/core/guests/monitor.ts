import { GuesthouseError } from '../../../shared/errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { isAlive } from '../platform/proc.ts';
import { adoptQemu, awaitEnd, type QemuProcess } from '../qemu/process.ts';
import type { QmpEvent } from '../qmp/codec.ts';
import { recordCrash } from './crash.ts';
import type { Registry } from './registry.ts';
import { uuidIn } from './store.ts';
import { follow, type RunState, runStates } from './transitions.ts';

/** Events after which QEMU's run state may be another. */
const stateEvents = new Set([
  'STOP',
  'RESUME',
  'SUSPEND',
  'SUSPEND_DISK',
  'WAKEUP',
  'RESET',
  'WATCHDOG',
  'GUEST_PANICKED',
  'GUEST_CRASHLOADED',
  'BLOCK_IO_ERROR',
]);

/** Follows running QEMUs: their events become states, their end becomes off, saved or crashed. */
export class Monitor {
  /** What an end will mean, when the owner itself causes it. */
  private readonly endings = new Map<string, 'saved' | 'forced'>();
  private readonly lastShutdown = new Map<string, string>();
  private readonly syncing = new Map<string, Promise<void>>();
  private closed = false;

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Begins to follow. The entry gets its process and `patch` at once; its state follows by {@link sync}. */
  attach(id: string, process: QemuProcess, patch: Parameters<Registry['update']>[1] = {}): void {
    this.endings.delete(id);
    this.lastShutdown.delete(id);
    this.registry.update(id, { ...patch, process });
    process.qmp.onEvent((event) => this.take(id, event));
    void process.qmp.closed.then(() => this.lost(id, process));
  }

  expectEnd(id: string, how: 'saved' | 'forced'): void {
    this.endings.set(id, how);
  }

  /** Asks QEMU for its run state and lets the entry follow. */
  sync(id: string): Promise<void> {
    const running = this.syncing.get(id);
    // A question asked before the latest event may bring an old answer: ask once more after it.
    const next = (running ?? Promise.resolve())
      .then(() => this.ask(id))
      .finally(() => {
        if (this.syncing.get(id) === next) this.syncing.delete(id);
      });
    this.syncing.set(id, next);
    return next;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Lets go of all; the QEMUs run on. */
  close(): void {
    this.closed = true;
    for (const entry of this.registry.all()) entry.process?.qmp.close();
  }

  private async ask(id: string): Promise<void> {
    const process = this.registry.find(id)?.process;
    if (!process?.qmp.open) return;
    try {
      const { status } = await process.qmp.execute<{ status: string }>('query-status');
      const entry = this.registry.find(id);
      if (entry?.process !== process) return;
      if (!(runStates as readonly string[]).includes(status)) return;
      const state = follow(entry.state, { type: 'run-state', status: status as RunState });
      const passing = entry.state === 'io-error' && state !== 'io-error';
      this.registry.update(id, { state, notes: passing ? process.record.notes : entry.notes });
    } catch (error) {
      if (!(error instanceof GuesthouseError) || error.code !== 'qmp-closed')
        this.log.warn(`${id}: query-status: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private take(id: string, event: QmpEvent) {
    if (event.event === 'SHUTDOWN') this.lastShutdown.set(id, String(event.data?.reason ?? ''));
    if (event.event === 'BLOCK_IO_ERROR' && event.data?.action === 'stop') {
      const entry = this.registry.find(id);
      const note =
        event.data.nospace === true
          ? 'The disk of this computer is full. Free some space, then resume the guest: nothing is lost.'
          : `A disk could not be ${event.data.operation === 'write' ? 'written' : 'read'}: ${String(event.data.reason ?? 'no reason given')}.`;
      if (entry && !entry.notes.includes(note)) this.registry.update(id, { notes: [...entry.notes, note] });
    }
    if (stateEvents.has(event.event)) void this.sync(id);
  }

  /** The QMP connection ended: mostly because QEMU did, else it is made anew. */
  private async lost(id: string, process: QemuProcess): Promise<void> {
    const current = () => !this.closed && this.registry.find(id)?.process === process;
    const { pid, startTime } = process.record;
    for (let waited = 0; current() && isAlive(pid, startTime); waited += 20) {
      if (waited >= 1000) {
        const entry = this.registry.find(id);
        const uuid = uuidIn(entry?.runningText ?? '') ?? uuidIn(entry?.stored.text ?? '');
        const again = uuid ? await adoptQemu(process.files, process.record, uuid).catch(() => null) : null;
        if (again && current()) {
          this.attach(id, again);
          return this.sync(id);
        }
        again?.qmp.close();
        waited = 0;
      }
      await this.clock.sleep(20);
    }
    if (current()) await this.ended(id, process, process);
  }

  /** A QEMU that never answered is gone. */
  lostUnmet(id: string, run: Pick<QemuProcess, 'files' | 'record'>): Promise<void> {
    return this.ended(id, run, null);
  }

  private async ended(
    id: string,
    run: Pick<QemuProcess, 'files' | 'record'>,
    process: QemuProcess | null,
  ): Promise<void> {
    const { clean } = await awaitEnd(run);
    const entry = this.registry.find(id);
    if (this.closed || !entry || entry.process !== process) return;
    const ending = this.endings.get(id);
    this.endings.delete(id);
    const shutdown = this.lastShutdown.get(id);
    this.lastShutdown.delete(id);
    const crashed = ending === undefined && (!clean || shutdown === 'host-error');
    const how = ending === 'saved' ? 'saved' : crashed ? 'crashed' : 'off';
    const next = follow(entry.state, { type: 'ended', how });
    const crash =
      next === 'crashed'
        ? await recordCrash(
            entry.stored.folder,
            this.clock.now(),
            shutdown === 'host-error'
              ? 'QEMU ended because of an error.'
              : 'QEMU was killed or crashed: it ended without being asked to.',
          )
        : entry.crash;
    this.registry.update(id, {
      state: next,
      process: null,
      unreachable: null,
      runningText: null,
      notes: [],
      addresses: [],
      leases: [],
      crash,
    });
  }
}
