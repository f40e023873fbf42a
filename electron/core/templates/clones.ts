import * as path from 'node:path';
import pLimit from 'p-limit';
import { GuesthouseError, isCancelled, toWire } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { ClonePlan, CloneResult } from '../../../shared/model/template.ts';
import { createOverlay, type DiskRef, ExportDaemon, type ImagePolicy, imageUse } from '../disks/index.ts';
import { type Domain, diskProps } from '../domain/index.ts';
import type { Lifecycle, LifecycleDeps } from '../guests/lifecycle.ts';
import { guestPolicy, loadOne, refresh } from '../guests/loading.ts';
import { hostPorts } from '../guests/ports.ts';
import { refuseSnapshots } from '../guests/snapshots/store.ts';
import { type GuestStore, nameKey, nameOf, type StoredGuest } from '../guests/store.ts';
import type { OperationContext } from '../operations/runner.ts';
import { rebaseOnHiddenBase } from './bases.ts';
import { domainOfBatch, type MakeDeps, makeClone } from './make-clone.ts';
import { type ClonePlanSecret, type CloneRequest, planClones } from './plan-clones.ts';
import { checkSealed } from './sealed.ts';
import { domainOf, templateOf } from './sources.ts';

export interface CloneDeps extends LifecycleDeps {
  /** Template folders. */
  readonly templates: GuestStore;
  /** Names of guests, templates and what is being made. */
  readonly names: () => Promise<readonly string[]>;
  readonly lifecycle: Lifecycle;
  /** While a base is adopted, nobody looks for bases that nothing stands on. */
  readonly aloneWithBases: <T>(job: () => Promise<T>) => Promise<T>;
}

/** Clones made at once: each waits for its daemon and its disk more than it computes. */
const atOnce = 4;
/** Plans kept until they are run: a wizard may go back and forth. They hold private keys, so not for ever. */
const keptPlans = 20;
const keptResults = 20;

/** Plans and makes clones. */
export class Clones {
  private readonly planning = pLimit(1);
  private readonly plans = new Map<string, ClonePlanSecret>();
  private readonly outcomes = new Map<string, readonly CloneResult[]>();
  private readonly pendingPorts = new Map<string, readonly number[]>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly pendingNames = new Map<string, readonly string[]>();
  /** Sources of the batches under way, by plan. */
  private readonly pendingSources = new Map<string, string>();
  /** Templates that are going. */
  private readonly closed = new Set<string>();

  constructor(private readonly deps: CloneDeps) {}

  /** One after the other, or two would choose the same ports. */
  plan(ref: string, request: CloneRequest): Promise<ClonePlan> {
    return this.planning(() => this.planNow(ref, request));
  }

  private async planNow(ref: string, request: CloneRequest): Promise<ClonePlan> {
    const source = await this.source(ref);
    if (request.linked && source.kind === 'guest') await keepSnapshots(source.stored.folder, source.name);
    const takenPorts = new Set<number>([...this.pendingPorts.values()].flat());
    // Plans that may still run keep their ports, but those that this one replaces: of one name, only one can run.
    const asked = new Set(request.names.map(nameKey));
    for (const { clones } of this.plans.values())
      if (!clones.some(({ name }) => asked.has(nameKey(name))))
        for (const clone of clones) for (const port of clone.ports.values()) takenPorts.add(port);
    for (const { stored } of this.deps.registry.all())
      if (stored.domain) for (const port of hostPorts(stored.domain)) takenPorts.add(port);
    const ids = new Set(this.deps.registry.all().map((entry) => entry.id));
    const secret = await planClones(source, request, {
      policy: guestPolicy(this.deps.paths, source.stored.folder),
      library: this.deps.paths.data,
      takenNames: [...(await this.deps.names()), ...[...this.pendingNames.values()].flat()],
      takenPorts,
      folderExists: (id) => ids.has(id),
    });
    this.plans.set(secret.plan.planId, secret);
    trim(this.plans, keptPlans);
    return secret.plan;
  }

  /** A plan runs once: run twice it would make two machines of one identity. */
  async run(planId: string): Promise<Started> {
    const batch = this.plans.get(planId);
    if (!batch)
      throw new GuesthouseError('not-found', 'That plan is gone.', {
        why: 'It was run already, or Guesthouse was started anew.',
        todo: 'Plan the clones again.',
      });
    const names = new Set(
      [...(await this.deps.names()), ...[...this.pendingNames.values()].flat()].map(nameKey),
    );
    for (const { name } of batch.clones)
      if (names.has(nameKey(name)))
        throw new GuesthouseError('name-taken', `There is a guest or template named “${name}” by now.`, {
          todo: 'Plan the clones again with other names.',
        });
    if (this.closed.has(batch.source.id)) throw gone(batch.plan.source.name);
    this.plans.delete(planId);
    this.pendingSources.set(planId, batch.source.id);
    this.pendingNames.set(
      planId,
      batch.clones.map((clone) => clone.name),
    );
    this.pendingPorts.set(
      planId,
      batch.clones.flatMap((clone) => [...clone.ports.values()]),
    );
    const { length } = batch.clones;
    try {
      const { operation, result } = this.deps.runner.start(
        {
          kind: 'clones.run',
          title:
            length === 1
              ? `Cloning ${batch.plan.source.name}`
              : `Making ${length} clones of ${batch.plan.source.name}`,
          subject: batch.source.id,
          // A guest must not be started or changed under a batch; a template may serve several at once.
          ...(batch.plan.source.kind === 'guest' ? { lock: `guest:${batch.source.id}` } : {}),
        },
        (op) => this.make(batch, op),
      );
      this.running.set(
        planId,
        result.catch(() => {}).finally(() => this.settle(planId)),
      );
      return { operation: operation.id };
    } catch (error) {
      this.settle(planId);
      throw error;
    }
  }

  results(planId: string): readonly CloneResult[] {
    const found = this.outcomes.get(planId);
    if (!found) throw new GuesthouseError('not-found', 'There are no results of that batch any more.');
    return found;
  }

  /** Resolves when a batch has ended, however it did. */
  async settled(planId: string): Promise<void> {
    await this.running.get(planId);
  }

  /**
   * Does what ends a template while no batch is made from it, and lets none begin.
   * @throws {GuesthouseError} `busy` while one is under way
   */
  async without(template: string, job: () => Promise<void>): Promise<void> {
    if ([...this.pendingSources.values()].includes(template))
      throw new GuesthouseError('busy', 'Clones are being made from this template.', {
        todo: 'Wait for them, or cancel that.',
        subject: template,
      });
    this.closed.add(template);
    try {
      await job();
    } finally {
      this.closed.delete(template);
    }
  }

  private settle(planId: string): void {
    this.running.delete(planId);
    this.pendingSources.delete(planId);
    this.pendingNames.delete(planId);
    this.pendingPorts.delete(planId);
  }

  private async source(
    ref: string,
  ): Promise<{ kind: 'template' | 'guest'; stored: StoredGuest; name: string }> {
    const templates = await this.deps.templates.list();
    const template = templateOf(templates, ref) ?? templates.find(({ domain }) => domain?.uuid === ref);
    if (template) {
      await checkSealed(template);
      return { kind: 'template', stored: template, name: nameOf(template) };
    }
    const known = this.deps.registry
      .all()
      .some(({ id, stored }) => id === ref || nameKey(nameOf(stored)) === nameKey(ref));
    if (!known)
      throw new GuesthouseError('not-found', `There is no template or guest named “${ref}”.`, {
        todo: 'See `guesthouse template list` and `guesthouse list`.',
      });
    const { id } = this.deps.registry.get(ref);
    const entry = await refresh(this.deps, id);
    const name = nameOf(entry.stored);
    if (entry.state !== 'off' && entry.state !== 'crashed')
      throw new GuesthouseError('wrong-state', `${name} cannot be cloned now.`, {
        why:
          entry.state === 'saved'
            ? 'Its memory is saved, and belongs to its disk as it is.'
            : 'Its disk is in use.',
        todo: entry.state === 'saved' ? 'Start it and shut it down first.' : 'Shut it down first.',
        subject: id,
      });
    return { kind: 'guest', stored: entry.stored, name };
  }

  private async make(batch: ClonePlanSecret, op: OperationContext): Promise<void> {
    const { plan } = batch;
    const results: CloneResult[] = [];
    this.outcomes.set(plan.planId, results);
    trim(this.outcomes, keptResults);
    op.phase('Preparing the disk');
    const exports = path.join(this.deps.paths.runtime, 'exports');
    // For a single one, a daemon of its own that starts while its edit is planned is as fast (measured in pairs).
    const shared = batch.onDisk && batch.clones.length > 1;
    const daemon = shared ? ExportDaemon.start(exports, op.signal) : Promise.resolve(null);
    try {
      await this.makeAll(batch, op, daemon, results);
    } finally {
      await (await daemon)?.close();
    }
  }

  private async makeAll(
    batch: ClonePlanSecret,
    op: OperationContext,
    daemon: Promise<ExportDaemon | null>,
    results: CloneResult[],
  ): Promise<void> {
    const { clones } = batch;
    const { paths, store, clock } = this.deps;
    // The plan may be old: a wizard was left open over lunch.
    if (batch.plan.source.kind === 'template') await checkSealed(batch.source);
    else await this.checkUnchanged(batch);
    const disks = await this.disksFor(batch);
    const deps: MakeDeps = { paths, store, now: () => clock.now(), daemon, domain: domainOfBatch(batch) };
    const limit = pLimit(atOnce);
    let done = 0;
    const say = () => {
      op.phase(clones.length === 1 ? 'Making the clone' : `${done} of ${clones.length} made`);
      op.progress(done / clones.length);
    };
    say();
    const made: StoredGuest[] = [];
    await Promise.all(
      clones.map((clone) =>
        limit(async () => {
          const base = { name: clone.name, identity: clone.item.identity };
          if (op.signal.aborted)
            return void results.push({ ...base, id: null, status: 'cancelled', error: null });
          try {
            const stored = await makeClone(deps, batch, clone, disks, op.signal);
            await loadOne(this.deps, stored);
            made.push(stored);
            results.push({ ...base, id: stored.id, status: 'made', error: null });
          } catch (error) {
            const cancelled = isCancelled(error) || op.signal.aborted;
            results.push({
              ...base,
              id: null,
              status: cancelled ? 'cancelled' : 'failed',
              error: cancelled ? null : toWire(error),
            });
          }
          done++;
          say();
        }),
      ),
    );
    // As they were asked for: they end in any order.
    const order = new Map(clones.map((clone, index) => [clone.name, index]));
    results.sort((a, b) => order.get(a.name)! - order.get(b.name)!);
    op.undo(() => this.takeBack(made));
    const unstarted = batch.request.start ? await this.startAll(made, op) : null;
    op.check();
    const failed = results.filter((result) => result.status === 'failed');
    if (failed.length > 0) {
      const { code, message, why, todo, detail } = failed[0]!.error!;
      throw new GuesthouseError(
        code,
        clones.length === 1 ? message : `${failed.length} of ${clones.length} clones were not made.`,
        { why: clones.length === 1 ? why : `${failed[0]!.name}: ${message}`, todo, detail },
      );
    }
    if (unstarted) throw unstarted;
  }

  /** Starts what was made, until a cancel. @returns what to say when one did not start: it is made all the same */
  private async startAll(
    made: readonly StoredGuest[],
    op: OperationContext,
  ): Promise<GuesthouseError | null> {
    const { lifecycle, runner, log } = this.deps;
    const failed: { name: string; error: unknown }[] = [];
    op.phase('Starting them');
    for (const stored of made) {
      op.check();
      try {
        await runner.ended((await lifecycle.start(stored.id)).operation);
      } catch (error) {
        log.error(`${stored.id} was not started`, error);
        failed.push({ name: nameOf(stored), error });
      }
    }
    if (failed.length === 0) return null;
    const { code, message, why, todo, detail } = toWire(failed[0]!.error);
    return new GuesthouseError(code, `${failed.length} of ${made.length} clones were made but not started.`, {
      why: [`${failed[0]!.name}: ${message}`, why].filter(Boolean).join(' '),
      todo,
      detail,
    });
  }

  /** The guest is locked by now; what happened to it since the plan was made must not be lost. */
  private async checkUnchanged({ source, plan }: ClonePlanSecret): Promise<void> {
    const { state, stored } = await refresh(this.deps, source.id);
    if ((state === 'off' || state === 'crashed') && stored.text === source.text) return;
    throw new GuesthouseError('wrong-state', `${plan.source.name} was changed or started meanwhile.`, {
      todo: 'Plan the clones again.',
      subject: source.id,
    });
  }

  /** What the clones stand on. A guest's own disks become hidden bases first, and it goes on in overlays of them. */
  private async disksFor(batch: ClonePlanSecret): Promise<ReadonlyMap<string, DiskRef>> {
    const policy = guestPolicy(this.deps.paths, batch.source.folder);
    const disks = new Map<string, DiskRef>();
    for (const disk of batch.disks) {
      if ((await imageUse(disk)) === 'written')
        throw new GuesthouseError('disk-in-use', `The disk of ${batch.plan.source.name} is in use.`, {
          why: 'A running QEMU writes to it.',
          todo: 'Shut the guest down first.',
        });
      disks.set(disk.target, { path: disk.path, format: disk.format });
    }
    if (!batch.request.linked || batch.plan.source.kind === 'template') return disks;
    await keepSnapshots(batch.source.folder, batch.plan.source.name);
    const { aloneWithBases, store } = this.deps;
    await aloneWithBases(() => store.inTurn(batch.source.id, () => this.moveOntoBases(batch, policy, disks)));
    await refresh(this.deps, batch.source.id);
    return disks;
  }

  /** @param disks gets the bases, by target */
  private async moveOntoBases(
    batch: ClonePlanSecret,
    policy: ImagePolicy,
    disks: Map<string, DiskRef>,
  ): Promise<void> {
    let domain = domainOf(await this.deps.store.read(batch.source.id));
    const write = (next: Domain) => {
      domain = next;
      return this.deps.store.write(batch.source.id, next);
    };
    const place = (target: string) => domain.disks().find((one) => one.target === target)!.index;
    // First the definition stops saying what is below the disks: then the header does, before and after the switch.
    await write(
      batch.disks.reduce((d, disk) => d.set(diskProps.backingEnd, null, place(disk.target)), domain),
    );
    for (const disk of batch.disks) {
      const base = await rebaseOnHiddenBase(
        this.deps.paths.bases,
        disk,
        (overlay, on) =>
          createOverlay(overlay, { path: on, format: disk.format }, policy, { relative: true }),
        async (overlay) => {
          const index = place(disk.target);
          await write(domain.set(diskProps.file, overlay, index).set(diskProps.format, 'qcow2', index));
        },
      );
      disks.set(disk.target, { path: base, format: disk.format });
    }
  }

  /** Undo of a batch: clones that were not started since go again. */
  private async takeBack(made: readonly StoredGuest[]): Promise<void> {
    for (const { id } of made) {
      const entry = this.deps.registry.find(id);
      if (entry?.state !== 'off') continue;
      await this.deps.store.remove(id);
      this.deps.registry.remove(id);
    }
  }
}

/** A linked clone makes the guest's disk a base that never changes, and the guest goes on in another. */
const keepSnapshots = (folder: string, name: string) => refuseSnapshots(folder, name, 'Make full clones');

const gone = (template: string) =>
  new GuesthouseError('not-found', `The template ${template} is being deleted.`, {
    todo: 'Choose another one.',
  });

function trim<T>(map: Map<string, T>, keep: number): void {
  for (const key of [...map.keys()].slice(0, Math.max(0, map.size - keep))) map.delete(key);
}
