import { randomUUID } from 'node:crypto';
import { CancelledError, fromWire, GuesthouseError, isCancelled, toWire } from '../../../shared/errors.ts';
import type { Operation } from '../../../shared/model/operation.ts';
import type { Clock } from '../platform/clock.ts';

/** What a running job is given. */
export interface OperationContext {
  readonly id: string;
  /** Fires when the person cancels or the owner ends. */
  readonly signal: AbortSignal;
  /** Names the phase for people and resets the fraction to unknown. */
  phase(text: string): void;
  /** Done part of the whole operation, 0 to 1, or null for unknown. */
  progress(fraction: number | null): void;
  /** Throws {@link CancelledError} when cancelled: call between steps. */
  check(): void;
  /** Registers how to put things back after success; offered as undo until the owner ends. */
  undo(how: () => Promise<void>): void;
}

export interface OperationSpec {
  kind: string;
  title: string;
  subject?: string | null;
  /** Two operations with the same lock do not run at once: the second fails with `busy`. */
  lock?: string;
  cancellable?: boolean;
}

/** A context for callers without a runner (tests, scripts). */
export function detachedContext(signal: AbortSignal = new AbortController().signal): OperationContext {
  return {
    id: 'detached',
    signal,
    phase() {},
    progress() {},
    check() {
      if (signal.aborted) throw new CancelledError();
    },
    undo() {},
  };
}

/** The part of an operation from `from` to `to`, as an operation of its own. */
export function partOf(op: OperationContext, from: number, to: number): OperationContext {
  return {
    id: op.id,
    signal: op.signal,
    phase: (text) => op.phase(text),
    progress: (fraction) => op.progress(fraction === null ? null : from + (to - from) * fraction),
    check: () => op.check(),
    undo: (how) => op.undo(how),
  };
}

const keepEnded = 50;

/** Runs long jobs: ids, phases, fractions, cancel, undo. Announces each change through `onChange`. */
export class OperationRunner {
  private readonly operations = new Map<string, Operation>();
  private readonly controllers = new Map<string, AbortController>();
  private readonly undos = new Map<string, () => Promise<void>>();
  /** Titles of what holds them. */
  private readonly locks = new Map<string, string>();
  private readonly settled = new Map<string, Promise<unknown>>();

  constructor(
    private readonly clock: Clock,
    private readonly onChange: (operation: Operation) => void,
  ) {}

  list(): Operation[] {
    return [...this.operations.values()];
  }

  get(id: string): Operation | undefined {
    return this.operations.get(id);
  }

  /** Starts a job and returns at once with its id and a promise of its result. */
  start<T>(
    spec: OperationSpec,
    job: (op: OperationContext) => Promise<T>,
  ): { operation: Operation; result: Promise<T> } {
    if (spec.lock !== undefined) this.take(spec.lock, spec.title, spec.subject);
    const id = randomUUID();
    const controller = new AbortController();
    const operation: Operation = {
      id,
      kind: spec.kind,
      title: spec.title,
      subject: spec.subject ?? null,
      phase: '',
      fraction: null,
      status: 'running',
      cancellable: spec.cancellable ?? true,
      startedAt: this.clock.now(),
      endedAt: null,
      error: null,
      undoable: false,
    };
    this.operations.set(id, operation);
    this.controllers.set(id, controller);
    this.onChange(operation);
    const context: OperationContext = {
      id,
      signal: controller.signal,
      phase: (text) => this.change(id, { phase: text, fraction: null }),
      progress: (fraction) =>
        this.change(id, { fraction: fraction === null ? null : Math.min(1, Math.max(0, fraction)) }),
      check: () => {
        if (controller.signal.aborted) throw new CancelledError();
      },
      undo: (how) => void this.undos.set(id, how),
    };
    const result = this.finish(id, spec, job, context);
    this.settled.set(
      id,
      result.then(
        () => undefined,
        () => undefined,
      ),
    );
    return { operation, result };
  }

  /** Starts a job and waits for it. */
  run<T>(spec: OperationSpec, job: (op: OperationContext) => Promise<T>): Promise<T> {
    return this.start(spec, job).result;
  }

  /** Waits for a job's end. @throws its error when it did not end well */
  async ended(id: string): Promise<void> {
    await this.settled.get(id);
    const operation = this.operations.get(id);
    if (operation?.status === 'cancelled') throw new CancelledError();
    if (operation?.error) throw fromWire(operation.error);
  }

  /**
   * Does a part of a job under a lock that other operations respect: one machine of many.
   * @throws {GuesthouseError} `busy` when an operation or another part holds it
   */
  async hold<T>(lock: string, title: string, part: () => Promise<T>): Promise<T> {
    this.take(lock, title);
    try {
      return await part();
    } finally {
      this.locks.delete(lock);
    }
  }

  /** Asks a job to stop. Resolves when it has cleaned up, whatever its outcome. */
  async cancel(id: string): Promise<void> {
    const operation = this.operations.get(id);
    if (!operation) throw new GuesthouseError('not-found', 'That operation is not known any more.');
    if (operation.endedAt !== null) return;
    if (operation.status === 'cancelling') return void (await this.settled.get(id));
    if (!operation.cancellable)
      throw new GuesthouseError('wrong-state', `${operation.title} cannot be cancelled.`);
    this.change(id, { status: 'cancelling' });
    this.controllers.get(id)?.abort(new CancelledError());
    await this.settled.get(id);
  }

  async undo(id: string): Promise<void> {
    const how = this.undos.get(id);
    const operation = this.operations.get(id);
    if (!how || !operation) throw new GuesthouseError('not-found', 'There is nothing to undo any more.');
    this.undos.delete(id);
    this.change(id, { undoable: false });
    await how();
  }

  /** Cancels everything and waits: the owner ends. */
  async close(): Promise<void> {
    await Promise.all(
      this.list()
        .filter((op) => op.endedAt === null)
        .map((op) => {
          this.controllers.get(op.id)?.abort(new CancelledError());
          return this.settled.get(op.id);
        }),
    );
  }

  private async finish<T>(
    id: string,
    spec: OperationSpec,
    job: (op: OperationContext) => Promise<T>,
    context: OperationContext,
  ): Promise<T> {
    try {
      const value = await job(context);
      this.change(id, {
        status: 'done',
        fraction: 1,
        endedAt: this.clock.now(),
        undoable: this.undos.has(id),
      });
      return value;
    } catch (error) {
      this.undos.delete(id);
      const cancelled = isCancelled(error) || context.signal.aborted;
      this.change(id, {
        status: cancelled ? 'cancelled' : 'failed',
        endedAt: this.clock.now(),
        error: cancelled ? null : toWire(error),
      });
      throw cancelled && !isCancelled(error) ? new CancelledError() : error;
    } finally {
      this.controllers.delete(id);
      if (spec.lock !== undefined) this.locks.delete(spec.lock);
      this.forgetOld();
    }
  }

  private take(lock: string, title: string, subject?: string | null): void {
    const holder = this.locks.get(lock);
    if (holder !== undefined)
      throw new GuesthouseError('busy', `${holder} is still under way.`, {
        todo: 'Wait for it to end, or cancel it.',
        subject: subject ?? undefined,
      });
    this.locks.set(lock, title);
  }

  private change(id: string, patch: Partial<Operation>) {
    const before = this.operations.get(id);
    if (!before) return;
    const after = { ...before, ...patch };
    this.operations.set(id, after);
    this.onChange(after);
  }

  private forgetOld() {
    const ended = this.list().filter((op) => op.endedAt !== null);
    for (const op of ended.slice(0, Math.max(0, ended.length - keepEnded))) {
      this.operations.delete(op.id);
      this.undos.delete(op.id);
      this.settled.delete(op.id);
    }
  }
}
