import * as fs from 'node:fs/promises';
import { fromWire, GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { Operation } from '../../../shared/model/operation.ts';
import type { Settings } from '../../../shared/model/settings.ts';
import { Domain } from '../domain/index.ts';
import { recoverTransaction } from '../identity/disk-transaction.ts';
import type { OperationContext, OperationRunner } from '../operations/runner.ts';
import { writeAtomic } from '../platform/fs.ts';
import { endQemu, findRun, type QemuProcess } from '../qemu/process.ts';
import { runFiles } from '../qemu/run-files.ts';
import { unplugVdagent, withoutVdagent } from './clipboard.ts';
import { problemsIn, requireConsent } from './consent.ts';
import { forgetCrash } from './crash.ts';
import { type LaunchDeps, launchGuest } from './launch.ts';
import { refresh } from './loading.ts';
import type { Entry } from './registry.ts';
import { goOn, settleMemory } from './resume.ts';
import { readSaved, removeSaved, restoreMemory, saveMemory } from './saved.ts';
import { recoverRevert } from './snapshots/revert.ts';
import { nameOf } from './store.ts';
import { decide, follow, isLive, type Request } from './transitions.ts';

export interface LifecycleDeps extends LaunchDeps {
  readonly runner: OperationRunner;
  readonly settings: () => Settings;
  /** Called, and not waited for, when a guest goes on from its saved memory. */
  readonly restored?: (id: string) => Promise<void>;
  /** Has the guest's agent shut it down; false when there is none to ask. */
  readonly askAgent?: (id: string) => Promise<boolean>;
}

/** A powerdown is a button: pressed before the guest listens it is lost, so it is pressed again. Milliseconds. */
const pressAgainAfter = 10_000;

/** Operations in which a guest is started. */
const startKinds = ['guest.start', 'guest.restore', 'guest.reboot'];

/** What a person does with a guest, driven through QEMU. Every method checks the state first and says why not. */
export class Lifecycle {
  constructor(private readonly deps: LifecycleDeps) {}

  async start(ref: string): Promise<Started> {
    const { id } = this.deps.registry.get(ref);
    const entry = await refresh(this.deps, id);
    if (entry.state === 'broken') throw broken(entry);
    const { job } = this.allow(entry, 'start');
    await this.askConsent(entry);
    const name = nameOf(entry.stored);
    const { operation, result } = this.deps.runner.start(
      {
        kind: job === 'restore' ? 'guest.restore' : 'guest.start',
        title: `${job === 'restore' ? 'Resuming' : 'Starting'} ${name}`,
        subject: id,
        lock: lockOf(id),
      },
      (op) => this.runStart(id, op),
    );
    result.catch(() => {});
    return { operation: operation.id };
  }

  /**
   * Starts the guests that are to start with the app. Asked for by the window when it opens and by nobody else: whoever
   * lists guests, or takes the library over, starts none. A crash is left for a person to look at.
   */
  async startWithApp(): Promise<void> {
    const { registry, log } = this.deps;
    for (const { id, stored, state } of registry.all())
      if (stored.domain?.metadata.autostart && (state === 'off' || state === 'saved'))
        await this.start(id).catch((error) => log.error(`${id} was not started with the app`, error));
  }

  async shutdown(ref: string, deadline?: number): Promise<Started> {
    const entry = this.deps.registry.get(ref);
    this.allow(entry, 'shutdown');
    return this.background('guest.shutdown', 'Shutting down', entry, (op) =>
      this.runShutdown(entry.id, op, deadline),
    );
  }

  /** ACPI knows no reboot: the system is shut down and started again, which also takes up changes of the XML. */
  async reboot(ref: string): Promise<Started> {
    const entry = this.deps.registry.get(ref);
    this.allow(entry, 'reboot');
    return this.background('guest.reboot', 'Rebooting', entry, async (op) => {
      await this.runShutdown(entry.id, op);
      await this.askConsent(await refresh(this.deps, entry.id));
      await this.runStart(entry.id, op);
    });
  }

  async save(ref: string): Promise<Started> {
    const entry = this.deps.registry.get(ref);
    this.allow(entry, 'save');
    return this.background('guest.save', 'Saving', entry, (op) => this.runSave(entry.id, op));
  }

  /** Where the guest's SSH server is reached. @throws `unsupported` when no port leads there */
  sshTarget(id: string): { address: string; port: number } {
    const { ssh, name } = this.deps.registry.row(id);
    if (ssh) return ssh;
    throw new GuesthouseError('unsupported', `No port of this computer leads to ${name}’s SSH server.`, {
      todo: 'Add a forward to its port 22.',
      subject: id,
    });
  }

  /** Saves everything that runs, all at once: this computer is going down. What cannot be saved is logged. */
  async saveAll(): Promise<void> {
    const { registry, runner, log } = this.deps;
    const live = registry.all().filter((entry) => decide(entry.state, 'save').ok);
    await Promise.all(
      live.map(async (entry) => {
        const spec = { kind: 'guest.save', title: `Saving ${nameOf(entry.stored)}`, subject: entry.id };
        await runner
          .run(spec, (op) => this.runSave(entry.id, op))
          .catch((error) => log.error(`${entry.id} was not saved`, error));
      }),
    );
  }

  reset(ref: string): Promise<void> {
    return this.command(ref, 'reset');
  }

  pause(ref: string): Promise<void> {
    return this.command(ref, 'pause');
  }

  resume(ref: string): Promise<void> {
    return this.command(ref, 'resume');
  }

  /** Pulls the plug, also on a start under way and on a QEMU that does not answer. Resolves when QEMU is gone. */
  async forceOff(ref: string): Promise<void> {
    const { runner, monitor, paths } = this.deps;
    const entry = this.deps.registry.get(ref);
    const { job } = this.allow(entry, 'force-off');
    if (job === 'cancel') {
      const starts = (op: Operation) =>
        op.subject === entry.id && op.endedAt === null && startKinds.includes(op.kind);
      const start = runner.list().find(starts);
      if (start) await runner.cancel(start.id);
      // It had come up by then.
      const now = this.deps.registry.find(entry.id);
      if (start && now && isLive(now.state)) await this.forceOff(now.id);
      return;
    }
    monitor.expectEnd(entry.id, 'forced');
    const found = entry.process ? null : await findRun(runFiles(paths.runtime, entry.id));
    if (entry.process) await endQemu(entry.process);
    else if (found?.kind === 'running') await endQemu({ record: found.record, qmp: null });
    await this.deps.registry.waitFor(entry.id, (now) => !now || !isLive(now.state));
  }

  async discardSaved(ref: string): Promise<void> {
    const entry = this.deps.registry.get(ref);
    this.allow(entry, 'discard-saved');
    await removeSaved(entry.stored.folder);
    await refresh(this.deps, entry.id);
  }

  /** Throws what a person can read when the state does not allow it. */
  allow(entry: Entry, request: Request) {
    const decision = decide(entry.state, request);
    if (decision.ok) return decision;
    throw new GuesthouseError(
      'wrong-state',
      `${nameOf(entry.stored)}: ${wish[request]} is not possible now.`,
      {
        why: decision.why,
        todo: decision.todo ?? undefined,
        subject: entry.id,
      },
    );
  }

  private background(
    kind: string,
    verb: string,
    entry: Entry,
    job: (op: OperationContext) => Promise<void>,
  ): Started {
    const spec = {
      kind,
      title: `${verb} ${nameOf(entry.stored)}`,
      subject: entry.id,
      lock: lockOf(entry.id),
    };
    const { operation, result } = this.deps.runner.start(spec, job);
    result.catch(() => {});
    return { operation: operation.id };
  }

  private processOf(entry: Entry): QemuProcess {
    if (!entry.process) throw new GuesthouseError('wrong-state', 'The guest does not run.');
    return entry.process;
  }

  private async command(ref: string, request: 'reset' | 'pause' | 'resume'): Promise<void> {
    const entry = this.deps.registry.get(ref);
    const { effects } = this.allow(entry, request);
    const { qmp } = this.processOf(entry);
    for (const effect of effects) await qmp.execute(effect);
    await this.deps.monitor.sync(entry.id);
  }

  private async runStart(id: string, op: OperationContext): Promise<void> {
    const { registry, monitor } = this.deps;
    const { job } = this.allow(registry.get(id), 'start');
    // An edit of its disk that failed half-way; one that is under way holds the lock that this job has.
    const before = registry.get(id).stored.folder;
    const recovered = await recoverTransaction(before);
    const reverted = await recoverRevert(before);
    if (recovered !== 'none' || reverted) await this.askConsent(await refresh(this.deps, id));
    const entry = registry.get(id);
    const { folder } = entry.stored;
    const saved = job === 'restore' ? await readSaved(folder) : null;
    registry.update(id, {
      state: follow(entry.state, { type: 'began', job: saved ? 'restore' : 'start' }),
      notes: [],
    });
    let process: QemuProcess | null = null;
    try {
      process = await launchGuest(this.deps, entry, saved, op);
      if (saved) {
        op.phase('Reading the memory');
        await restoreMemory(process, folder, saved, this.deps.clock, op).catch((error) =>
          this.explainRestore(error, process!),
        );
        await goOn(process, folder, saved, this.deps.clock);
      }
      await forgetCrash(folder);
      const runningText = await fs.readFile(process.files.xml, 'utf8');
      monitor.attach(id, process, {
        state: saved?.paused ? 'paused' : 'running',
        crash: null,
        runningText,
        notes: process.record.notes,
      });
      await monitor.sync(id);
      if (saved && !saved.paused) void this.deps.restored?.(id);
    } catch (error) {
      if (process) {
        await endQemu(process).catch(() => {});
        process.qmp.close();
      }
      await settleMemory(folder);
      const still = (await readSaved(folder)) !== null;
      const now = registry.find(id);
      if (now)
        registry.update(id, {
          state: follow(now.state, { type: 'start-failed', saved: still }),
          process: null,
        });
      await refresh(this.deps, id).catch(() => {});
      throw error;
    }
  }

  private explainRestore(error: unknown, process: QemuProcess): never {
    if (isCancelled(error) || process.qmp.open) throw error;
    throw new GuesthouseError('qemu-failed', 'The saved memory could not be resumed.', {
      why: 'QEMU refused it: mostly because QEMU or the guest’s hardware is another than when it was saved.',
      todo: 'Discard the saved memory and start the guest afresh; its disk is whole.',
      cause: error,
    });
  }

  private async askConsent({ id, stored }: Entry): Promise<void> {
    if (stored.domain)
      await requireConsent(problemsIn(this.deps.paths.data, stored.domain), stored.folder, id);
  }

  private async runShutdown(id: string, op: OperationContext, deadline?: number): Promise<void> {
    const { registry, clock, settings } = this.deps;
    const entry = registry.get(id);
    this.allow(entry, 'shutdown');
    const { qmp } = this.processOf(entry);
    const seconds = deadline ?? settings().shutdownDeadline;
    const until = clock.now() + seconds * 1000;
    registry.update(id, { state: follow(entry.state, { type: 'began', job: 'shutdown' }) });
    op.phase('Waiting for the system inside');
    const back = () => {
      const now = registry.find(id);
      if (now) registry.update(id, { state: follow(now.state, { type: 'deadline' }) });
    };
    try {
      // The agent is surer than a button, which a system may not listen to; what it does not do, the button may.
      let asked = (await this.deps.askAgent?.(id)) ?? false;
      if (asked) op.phase('Waiting for the system inside, as its agent was asked');
      for (;;) {
        if (!asked)
          await qmp.execute('system_powerdown').catch((error) => {
            if (!(error instanceof GuesthouseError) || error.code !== 'qmp-closed') throw error;
          });
        asked = false;
        const left = until - clock.now();
        const over = await registry
          .waitFor(id, (now) => !now || !isLive(now.state), {
            timeoutMs: Math.max(0, Math.min(left, pressAgainAfter)),
            signal: op.signal,
          })
          .then(() => true)
          .catch((error: GuesthouseError) => {
            if (error.code === 'timeout') return false;
            throw error;
          });
        if (over) break;
        if (clock.now() >= until)
          throw new GuesthouseError('timeout', `${nameOf(entry.stored)} did not shut down in ${seconds} s.`, {
            why: 'The system inside was asked and is still running: it may be busy, or not listen.',
            todo: 'Wait a little longer, or force it off.',
            subject: id,
          });
      }
    } catch (error) {
      back();
      throw error;
    }
    const end = registry.find(id);
    if (end?.state === 'crashed')
      throw new GuesthouseError('qemu-failed', 'QEMU ended before the system inside had shut down.', {
        detail: end.crash?.logTail,
        subject: id,
      });
  }

  /** A clipboard's channel cannot be saved: it goes, and comes back at the next start proper. */
  private async dropVdagent(id: string, process: QemuProcess): Promise<void> {
    const { runningText } = this.deps.registry.get(id);
    const domain = Domain.parse(runningText ?? (await fs.readFile(process.files.xml, 'utf8')));
    const without = withoutVdagent(domain);
    if (without.text === domain.text) return;
    await unplugVdagent(process.qmp);
    await writeAtomic(process.files.xml, without.text);
    this.deps.registry.update(id, { runningText: without.text });
  }

  private async runSave(id: string, op: OperationContext): Promise<void> {
    const { registry, monitor } = this.deps;
    const entry = registry.get(id);
    this.allow(entry, 'save');
    const process = this.processOf(entry);
    const { status } = await process.qmp.execute<{ status: string }>('query-status');
    registry.update(id, { state: follow(entry.state, { type: 'began', job: 'save' }) });
    op.phase('Writing the memory');
    try {
      await this.dropVdagent(id, process);
      await saveMemory(process, entry.stored.folder, status === 'running', this.deps.clock, op);
    } catch (error) {
      const now = registry.find(id);
      if (now?.state === 'saving') {
        registry.update(id, { state: 'running' });
        await monitor.sync(id);
      }
      throw error;
    }
    monitor.expectEnd(id, 'saved');
    await endQemu(process);
    await registry.waitFor(id, (now) => !now || !isLive(now.state));
  }
}

const wish: Record<Request, string> = {
  start: 'starting',
  shutdown: 'shutting down',
  reboot: 'rebooting',
  reset: 'resetting',
  pause: 'pausing',
  resume: 'resuming',
  'force-off': 'forcing it off',
  save: 'saving',
  'discard-saved': 'discarding saved memory',
  delete: 'deleting',
};

export const lockOf = (id: string) => `guest:${id}`;

function broken(entry: Entry): GuesthouseError {
  const problem = entry.stored.problem ?? entry.diskProblem;
  return problem
    ? fromWire({ ...problem, subject: entry.id })
    : new GuesthouseError('wrong-state', 'Its files cannot be read.', { subject: entry.id });
}
