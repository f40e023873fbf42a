import { toWire, type WireError } from '../../../shared/errors.ts';
import type { Container, ContainerHost, HostFacts } from '../../../shared/model/container.ts';
import type { Announce } from '../api.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { applyLimits } from './apply.ts';
import { kindsOf } from './create-args.ts';
import type { Engine } from './engine.ts';
import { holdsNet } from './net.ts';
import { probeHost } from './probe.ts';
import { readPs } from './read.ts';
import { type Counters, readSample, sampleScript, statsOf } from './sample.ts';
import type { ContainerStore } from './store.ts';

/** Milliseconds between looks, while somebody looks on. */
const every = { local: 2000, remote: 4000 };
/** Milliseconds between looks while nobody does, where limits have to be set again after a restart by podman. */
const slowly = { local: 30_000, remote: 60_000 };
/** Milliseconds a call of `containers.watch` holds. */
const leaseMs = 30_000;
/** Milliseconds until a host that did not answer is tried again. */
const retryMs = 15_000;

export interface HostDeps {
  readonly announce: Announce;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: ContainerStore;
}

/** One podman: what it is, its containers, and looking at both while somebody watches. */
export class Host {
  private state: ContainerHost;
  private readonly containers = new Map<string, Container>();
  private before = new Map<number, Counters>();
  private probing: Promise<HostFacts> | null = null;
  private listing: Promise<void> | null = null;
  private watchedUntil = 0;
  private wantStats = false;
  private timer: NodeJS.Timeout | null = null;
  private ticking = false;
  private failedAt = 0;
  /** Containers whose present run got its limits, by id: the process they were set for, or why they could not be. */
  private readonly limited = new Map<string, { pid: number; error: WireError | null; at: number }>();
  private closed = false;

  constructor(
    readonly engine: Engine,
    private readonly deps: HostDeps,
  ) {
    const { id, name, kind, sudo } = engine;
    this.state = { id, name, kind, sudo, status: 'unknown', error: null, facts: null };
  }

  get view(): ContainerHost {
    return this.state;
  }

  list(): readonly Container[] {
    return [...this.containers.values()];
  }

  /** What the host can do; looked at once and kept. @throws {GuesthouseError} why it runs no containers */
  facts(options: { signal?: AbortSignal; ask?: boolean; anew?: boolean } = {}): Promise<HostFacts> {
    if (this.state.facts && !options.anew) return Promise.resolve(this.state.facts);
    this.probing ??= this.probe(options).finally(() => {
      this.probing = null;
    });
    return this.probing;
  }

  private async probe({ signal, ask }: { signal?: AbortSignal; ask?: boolean }): Promise<HostFacts> {
    this.tell({ status: 'looking', error: null });
    try {
      const { facts, needs } = await probeHost(this.engine, signal, ask);
      this.engine.needs = needs;
      this.tell({ status: 'ready', error: null, facts });
      return facts;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  private fail(error: unknown): void {
    const wire = toWire(error);
    this.failedAt = this.deps.clock.now();
    if (wire.code === 'cancelled') {
      this.tell({ status: 'unknown', error: null });
      return;
    }
    const away = [
      'unreachable',
      'timeout',
      'auth-failed',
      'host-key-unknown',
      'host-key-changed',
      'wrong-state',
    ];
    const status =
      wire.code === 'program-missing' ? 'missing' : away.includes(wire.code) ? 'away' : 'unusable';
    this.tell({ status, error: wire });
    if (status === 'missing') this.replace([]);
  }

  /** Reads the list anew; several callers share one look. @throws {GuesthouseError} */
  async refresh(): Promise<readonly Container[]> {
    await this.facts();
    this.listing ??= this.readList().finally(() => {
      this.listing = null;
    });
    await this.listing;
    return this.list();
  }

  /** As {@link refresh}, but begun after now: what a call of ours changed is in it. */
  async refreshAfter(): Promise<readonly Container[]> {
    await this.listing?.catch(() => {});
    return this.refresh();
  }

  private async readList(): Promise<void> {
    // Noted before: a container that is made meanwhile is not in the list yet.
    const kept = this.deps.store.idsOf(this.engine.id);
    const { stdout } = await this.engine.podman(['ps', '--all', '--no-trunc', '--format', 'json'], {
      timeoutMs: 30_000,
    });
    const found = readPs(this.engine.id, stdout);
    const ids = new Set(found.map(({ id }) => id));
    await this.deps.store.drop(kept.filter((id) => !ids.has(id)));
    await this.restoreLimits(found);
    this.replace(found.map((one) => ({ ...one, notHeld: this.troubleOf(one) })));
    if (this.state.status !== 'ready') this.tell({ status: 'ready', error: null });
  }

  private replace(now: readonly Container[]): void {
    const ids = new Set(now.map(({ id }) => id));
    for (const id of [...this.containers.keys()])
      if (!ids.has(id)) {
        this.containers.delete(id);
        this.limited.delete(id);
        this.deps.announce({ type: 'container-gone', id });
      }
    for (const container of now) {
      const before = this.containers.get(container.id);
      this.containers.set(container.id, container);
      if (JSON.stringify(before) !== JSON.stringify(container))
        this.deps.announce({ type: 'container', container });
    }
  }

  /** Changed limits and network limits do not outlive a restart by themselves, also one that was not ours. */
  private async restoreLimits(found: readonly Container[]): Promise<void> {
    for (const { id, podmanId, pid } of found) {
      const wanted = this.deps.store.wanted(id);
      if (pid === null || wanted === null) continue;
      const last = this.limited.get(id);
      const at = this.deps.clock.now();
      if (last?.pid === pid && (last.error === null || at - last.at < retryMs)) continue;
      const { limits, exact } = wanted;
      try {
        await applyLimits(this.engine, { podmanId, pid }, limits, await this.facts(), {
          exact,
          netBefore: false,
        });
        this.limited.set(id, { pid, error: null, at });
      } catch (error) {
        this.deps.log.error(`the limits of ${id} could not be set again`, error);
        this.limited.set(id, { pid, error: toWire(error), at });
      }
    }
  }

  private troubleOf({ id, pid }: Container): WireError | null {
    const last = this.limited.get(id);
    return last !== undefined && last.pid === pid ? last.error : null;
  }

  /** Notes that this run has its limits. */
  hasLimits(id: string, pid: number): void {
    this.limited.set(id, { pid, error: null, at: this.deps.clock.now() });
    const container = this.containers.get(id);
    if (!container?.notHeld) return;
    this.containers.set(id, { ...container, notHeld: null });
    this.deps.announce({ type: 'container', container: { ...container, notHeld: null } });
  }

  /** Limits podman does not set by itself when it starts a container again. */
  private keepsLimits(): boolean {
    return this.deps.store.idsOf(this.engine.id).some((id) => {
      const wanted = this.deps.store.wanted(id);
      return (
        wanted !== null && (holdsNet(wanted.limits) || (wanted.exact && kindsOf(wanted.limits).length > 0))
      );
    });
  }

  /** Goes on looking, slowly, where limits have to be kept. */
  keepLimits(): void {
    if (this.timer === null && !this.closed && this.keepsLimits()) this.later(0);
  }

  watch(stats: boolean): void {
    const idle = this.deps.clock.now() > this.watchedUntil;
    this.watchedUntil = this.deps.clock.now() + leaseMs;
    this.wantStats = stats;
    if (this.closed || this.ticking || (this.timer !== null && !idle)) return;
    if (this.timer) clearTimeout(this.timer);
    void this.tick();
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.watchedUntil = 0;
  }

  private later(ms: number): void {
    this.timer = setTimeout(() => void this.tick(), ms);
    this.timer.unref();
  }

  private async tick(): Promise<void> {
    const { clock } = this.deps;
    this.ticking = true;
    this.timer = null;
    try {
      const trouble = this.state.error !== null && clock.now() - this.failedAt < retryMs;
      if (!trouble) {
        await this.refresh();
        if (this.wantStats && clock.now() <= this.watchedUntil) await this.sample();
      }
    } catch (error) {
      if (this.state.status !== 'missing') this.fail(error);
    }
    this.ticking = false;
    if (this.closed) return;
    const pace = this.engine.kind === 'local' ? 'local' : 'remote';
    if (clock.now() <= this.watchedUntil) return this.later(every[pace]);
    this.before.clear();
    // A machine that does not answer is asked again when somebody looks.
    if (this.state.status === 'ready' && this.keepsLimits()) this.later(slowly[pace]);
  }

  private async sample(): Promise<void> {
    const running = this.list().filter(({ pid }) => pid !== null);
    if (running.length === 0) return;
    const found = await this.counters(running);
    const at = this.deps.clock.now();
    const stats = running.flatMap(({ id, pid }) => {
      const now = found.get(pid!);
      const wanted = this.deps.store.wanted(id)?.limits;
      const net = { netUp: wanted?.netUp ?? null, netDown: wanted?.netDown ?? null };
      return now ? [statsOf(id, at, now, this.before.get(pid!), net)] : [];
    });
    this.before = found;
    if (stats.length) this.deps.announce({ type: 'container-stats', stats });
  }

  /** The kernel's counters now, by process id. */
  async counters(containers: readonly Container[]): Promise<Map<number, Counters>> {
    const pids = containers.flatMap(({ pid }) => (pid === null ? [] : [String(pid)]));
    return readSample((await this.engine.script(sampleScript, pids, { timeoutMs: 30_000 })).stdout);
  }

  private tell(patch: Partial<ContainerHost>): void {
    const next = { ...this.state, ...patch };
    if (JSON.stringify(next) === JSON.stringify(this.state)) return;
    this.state = next;
    this.deps.announce({ type: 'container-host', host: next });
  }
}
