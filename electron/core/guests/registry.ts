import { CancelledError, GuesthouseError, type WireError } from '../../../shared/errors.ts';
import type { Crash, DiskSummary, Guest, GuestState } from '../../../shared/model/guest.ts';
import type { Announce } from '../api.ts';
import { type DomainMetadata, domainProps } from '../domain/index.ts';
import type { Clock } from '../platform/clock.ts';
import type { QemuProcess } from '../qemu/process.ts';
import { nameKey, nameOf, type StoredGuest } from './store.ts';

/** All that is known of one guest now. Changed through the registry alone. */
export interface Entry {
  readonly id: string;
  readonly stored: StoredGuest;
  readonly state: GuestState;
  readonly stateSince: number;
  readonly disks: readonly DiskSummary[];
  /** Of a disk; the XML's own is in `stored`. */
  readonly diskProblem: WireError | null;
  readonly process: QemuProcess | null;
  /** Why a QEMU that runs cannot be asked; null otherwise. */
  readonly unreachable: WireError | null;
  /** XML the running QEMU was started with. */
  readonly runningText: string | null;
  readonly crash: Crash | null;
  readonly notes: readonly string[];
  /** As the agent inside says. */
  readonly addresses: readonly string[];
  /** Given by shared networks. */
  readonly leases: readonly string[];
}

/** The single source of truth about guests: every row the window sees is made here, and announced when it changed. */
export class Registry {
  private readonly entries = new Map<string, Entry>();
  private readonly announced = new Map<string, { row: Guest; json: string }>();
  private readonly watchers = new Set<(id: string) => void>();

  constructor(
    private readonly clock: Clock,
    private readonly announce: Announce,
  ) {}

  rows(): Guest[] {
    return [...this.announced.values()].map(({ row }) => row);
  }

  all(): Entry[] {
    return [...this.entries.values()];
  }

  find(id: string): Entry | undefined {
    return this.entries.get(id);
  }

  /** Calls back whenever anything of a guest may have changed, seen or not. Returns how to stop. */
  onChange(listener: (id: string) => void): () => void {
    this.watchers.add(listener);
    return () => void this.watchers.delete(listener);
  }

  /** By id, or else by name. @throws {GuesthouseError} `not-found`; `invalid-input` when several are meant */
  get(ref: string): Entry {
    const byId = this.entries.get(ref);
    if (byId) return byId;
    const key = nameKey(ref);
    const named = this.all().filter((entry) => nameKey(nameOf(entry.stored)) === key);
    if (named.length === 1) return named[0]!;
    if (named.length === 0) throw new GuesthouseError('not-found', `There is no guest named “${ref}”.`);
    throw new GuesthouseError('invalid-input', `Several guests are named “${ref}”.`, {
      todo: `Use one of their ids: ${named.map((e) => e.id).join(', ')}.`,
    });
  }

  row(id: string): Guest {
    const known = this.announced.get(id);
    if (!known) throw new GuesthouseError('not-found', 'There is no such guest.');
    return known.row;
  }

  add(stored: StoredGuest, state: GuestState, rest: Partial<Entry> = {}): Entry {
    const entry: Entry = {
      disks: [],
      diskProblem: null,
      process: null,
      unreachable: null,
      runningText: null,
      crash: null,
      notes: [],
      addresses: [],
      leases: [],
      ...rest,
      id: stored.id,
      stored,
      state,
      stateSince: this.clock.now(),
    };
    this.entries.set(stored.id, entry);
    this.publish(entry);
    return entry;
  }

  /** Changes a guest. Nothing is announced when nothing a person sees changed. */
  update(id: string, patch: Partial<Omit<Entry, 'id' | 'stateSince'>>): Entry {
    const before = this.entries.get(id);
    if (!before) throw new GuesthouseError('not-found', 'The guest is gone.');
    const changed = patch.state !== undefined && patch.state !== before.state;
    const after: Entry = { ...before, ...patch, stateSince: changed ? this.clock.now() : before.stateSince };
    this.entries.set(id, after);
    this.publish(after);
    return after;
  }

  remove(id: string): void {
    this.entries.delete(id);
    if (this.announced.delete(id)) this.announce({ type: 'guest-gone', id });
    for (const watcher of [...this.watchers]) watcher(id);
  }

  /** Resolves once `accept` holds (a removed guest is undefined). @throws `timeout`, {@link CancelledError} */
  waitFor(
    id: string,
    accept: (entry: Entry | undefined) => boolean,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (how: () => void) => {
        clearTimeout(timer);
        this.watchers.delete(watcher);
        options.signal?.removeEventListener('abort', onAbort);
        how();
      };
      const watcher = (changed: string) => {
        if (changed === id && accept(this.entries.get(id))) done(resolve);
      };
      const onAbort = () => done(() => reject(new CancelledError()));
      const timer =
        options.timeoutMs === undefined
          ? undefined
          : setTimeout(
              () => done(() => reject(new GuesthouseError('timeout', 'It took too long.'))),
              options.timeoutMs,
            );
      this.watchers.add(watcher);
      options.signal?.addEventListener('abort', onAbort, { once: true });
      if (options.signal?.aborted) onAbort();
      else watcher(id);
    });
  }

  private publish(entry: Entry) {
    const row = rowOf(entry);
    const json = JSON.stringify(row);
    if (this.announced.get(entry.id)?.json !== json) {
      this.announced.set(entry.id, { row, json });
      this.announce({ type: 'guest', guest: row });
    }
    for (const watcher of [...this.watchers]) watcher(entry.id);
  }
}

/** What the window sees of an entry. */
export function rowOf(entry: Entry): Guest {
  const { stored, process } = entry;
  const { domain } = stored;
  const meta = domain?.metadata ?? null;
  const ssh = meta?.ssh;
  const forwards = (meta?.forwards ?? []).map(({ proto, hostPort, guestPort }) => ({
    proto,
    hostPort,
    guestPort,
  }));
  if (ssh?.hostPort) forwards.unshift({ proto: 'tcp', hostPort: ssh.hostPort, guestPort: 22 });
  const sshPort =
    ssh?.hostPort ?? forwards.find((f) => f.proto === 'tcp' && f.guestPort === 22)?.hostPort ?? null;
  return {
    id: entry.id,
    name: nameOf(stored),
    uuid: domain?.uuid ?? null,
    folder: stored.folder,
    state: entry.state,
    stateSince: entry.stateSince,
    kind: domain?.kind ?? 'unknown',
    vcpus: domain?.vcpus ?? 0,
    memory: domain?.memoryMiB ?? 0,
    disks: entry.disks,
    forwards,
    ssh: sshPort !== null ? { user: ssh?.user || null, address: '127.0.0.1', port: sshPort } : null,
    addresses: [...new Set([...entry.leases, ...entry.addresses])],
    tags: meta?.tags ?? [],
    description: domain?.get(domainProps.description) ?? '',
    autostart: meta?.autostart ?? false,
    origin: originOf(meta),
    accelerator: process?.record.accelerator ?? null,
    pid: process?.record.pid ?? null,
    pendingRestart: entry.runningText !== null && entry.runningText !== stored.text,
    problem: entry.unreachable ?? stored.problem ?? entry.diskProblem,
    crash: entry.crash,
    notes: entry.notes,
  };
}

function originOf(meta: DomainMetadata | null): Guest['origin'] {
  if (meta?.origin)
    return { id: meta.origin.uuid ?? '', name: meta.origin.name ?? '', linked: meta.origin.linked };
  if (meta?.starter) return { id: meta.starter, name: meta.starter, linked: false };
  return null;
}
