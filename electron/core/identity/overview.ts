import * as path from 'node:path';
import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import { guestStateWords } from '../../../shared/model/guest.ts';
import type { IdentityFacts, IdentityReport, IdentityRow } from '../../../shared/model/identity.ts';
import type { LifecycleDeps } from '../guests/lifecycle.ts';
import { guestPolicy } from '../guests/loading.ts';
import { type GuestStore, nameOf, type StoredGuest } from '../guests/store.ts';
import { isLive } from '../guests/transitions.ts';
import { sourceDisks } from '../templates/sources.ts';
import { type AuditSubject, DiskAuditor } from './audit.ts';
import { findDuplicates } from './duplicates.ts';
import { readRecord } from './record.ts';
import { alsoInteresting, parseSnapshot, type RemoteSnapshot, snapshotScript } from './remote.ts';
import type { RemoteMachines } from './remote-machines.ts';

export interface OverviewDeps extends LifecycleDeps {
  readonly templates: GuestStore;
  readonly remote: RemoteMachines;
  /** Runs a script as root by the guest's agent; null where none answers, or it may not. */
  readonly agentScript: (id: string, script: string) => Promise<string | null>;
  /** Adds guests that were put into the library by hand since it was read. */
  readonly takeInNew: () => Promise<unknown>;
}

/** Failures of SSH that say nothing of who would have answered: then the agent may. */
const unanswered: readonly string[] = ['wrong-state', 'unreachable', 'timeout', 'auth-failed'];

interface Answer {
  readonly facts: IdentityFacts | null;
  readonly error: WireError | null;
}

/** All identities of the library: read from disks, and over SSH or by its agent from what runs; compared with each other. */
export class IdentityOverview {
  private readonly auditor: DiskAuditor;
  /** Last answers of what runs, by id. */
  private readonly live = new Map<string, Answer>();

  constructor(private readonly deps: OverviewDeps) {
    const { paths, clock } = deps;
    this.auditor = new DiskAuditor(path.join(paths.cache, 'identity-audit.json'), () => clock.now());
  }

  /** Where the record of a machine is kept. */
  recordFolder(row: { kind: IdentityRow['kind']; id: string }): string {
    const { paths, store } = this.deps;
    return row.kind === 'server' ? path.join(paths.data, 'server-identities', row.id) : store.folder(row.id);
  }

  /** Reads a running machine. @throws what ssh says */
  async read(
    ref: string,
    options: {
      ask: boolean;
      sudo: boolean;
      /** With what a repair may change beside the identity itself. */
      whole?: boolean;
      sudoPassword?: { text: string | null };
      signal?: AbortSignal;
    },
  ): Promise<RemoteSnapshot> {
    const script = snapshotScript(options.whole ? alsoInteresting : '');
    const output = await this.deps.remote.run(ref, ['sh', '-c', script], options);
    const snapshot = await parseSnapshot(output, this.deps.clock.now());
    this.live.set(ref, { facts: snapshot.facts, error: null });
    return snapshot;
  }

  /**
   * Reads what a running machine is: over SSH, which shows its host keys at work; by its agent where SSH does not get in.
   * @param uuid have the agent read its UUID, which only root may
   * @throws what ssh says
   */
  async readRunning(
    ref: string,
    { uuid, ...options }: { ask: boolean; uuid: boolean; signal?: AbortSignal },
  ): Promise<IdentityFacts> {
    let overSsh: IdentityFacts | null = null;
    let failure: unknown = null;
    try {
      overSsh = (await this.read(ref, { ...options, sudo: false })).facts;
      if (overSsh.seen?.uuid || !uuid) return overSsh;
    } catch (error) {
      if (!(error instanceof GuesthouseError) || !unanswered.includes(error.code)) throw error;
      failure = error;
    }
    const byAgent = await this.readByAgent(ref).catch(() => null);
    if (!overSsh && !byAgent) throw failure;
    const same = overSsh && byAgent && overSsh.bootId === byAgent.bootId;
    const facts = same ? { ...overSsh!, seen: byAgent!.seen } : (overSsh ?? byAgent!);
    this.live.set(ref, { facts, error: null });
    return facts;
  }

  private async readByAgent(ref: string): Promise<IdentityFacts | null> {
    const output = await this.deps.agentScript(ref, snapshotScript());
    return output === null ? null : (await parseSnapshot(output, this.deps.clock.now(), 'agent')).facts;
  }

  async report(options: {
    refresh: boolean;
    overSsh: boolean;
    signal?: AbortSignal;
  }): Promise<IdentityReport> {
    const { registry, remote, clock } = this.deps;
    // A copy made by hand is what this is there to find: it is not to wait for the next start.
    await this.deps.takeInNew();
    const guests = registry.all();
    const templates = await this.deps.templates.list();
    const off = guests.filter((entry) => !isLive(entry.state));
    const live = guests.filter((entry) => isLive(entry.state));
    const subjects = [
      ...off.map((entry) => this.subject(entry.stored)),
      ...templates.map((t) => this.subject(t)),
    ];
    const machines = new Set([...guests, ...templates].map(({ id }) => id));
    const answers = await this.auditor.audit(subjects, { ...options, machines });
    const disk = new Map(answers.map((answer) => [answer.id, answer]));
    if (options.overSsh)
      await Promise.all([...live, ...remote.servers()].map(({ id }) => this.tryRead(id, options.signal)));
    const rows: IdentityRow[] = [];
    for (const { id, stored, state } of off) {
      this.live.delete(id);
      rows.push(await this.row('guest', stored, guestStateWords[state].word, disk.get(id)!));
    }
    for (const { id, stored, state } of live)
      rows.push(await this.row('guest', stored, guestStateWords[state].word, await this.liveAnswer(id)));
    for (const stored of templates)
      rows.push(await this.row('template', stored, 'Sealed', disk.get(stored.id)!));
    for (const server of remote.servers()) rows.push(await this.serverRow(server));
    // web-2 before web-10, as people count.
    rows.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    return {
      rows,
      groups: findDuplicates(rows),
      checkedAt: clock.now(),
      cached: [...disk.values()].filter((answer) => answer.cached).length,
    };
  }

  private async tryRead(ref: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.readRunning(ref, { ask: false, uuid: false, signal });
    } catch (error) {
      this.live.set(ref, { facts: this.live.get(ref)?.facts ?? null, error: toWire(error) });
    }
  }

  private subject(stored: StoredGuest): AuditSubject {
    let disks: AuditSubject['disks'] = [];
    try {
      disks = stored.domain ? sourceDisks(stored) : [];
    } catch {
      // A disk that is no file: the row says that there is none to read.
    }
    return { id: stored.id, disks, policy: guestPolicy(this.deps.paths, stored.folder) };
  }

  private async liveAnswer(id: string): Promise<Answer> {
    const known = this.live.get(id);
    const facts = known?.facts ?? (await this.auditor.lastKnown(id));
    if (facts) return { facts, error: null };
    return {
      facts: null,
      error: known?.error ?? {
        code: 'wrong-state',
        message: 'It is running, so its disk is left alone.',
        todo: 'Read it over SSH, or shut it down and look again.',
      },
    };
  }

  private async row(
    kind: 'guest' | 'template',
    stored: StoredGuest,
    state: string,
    answer: Answer,
  ): Promise<IdentityRow> {
    const record = kind === 'guest' ? await readRecord(stored.folder) : null;
    return {
      kind,
      id: stored.id,
      name: nameOf(stored),
      state,
      facts: answer.facts,
      error: answer.error,
      uuid: stored.domain?.uuid ?? null,
      macs: stored.domain?.interfaces().flatMap((nic) => nic.mac?.toLowerCase() ?? []) ?? [],
      verification: record?.verification ?? 'none',
      writtenAt: record?.writtenAt ?? null,
      restorable: record?.before != null,
    };
  }

  private async serverRow(server: { id: string; name: string }): Promise<IdentityRow> {
    const known = this.live.get(server.id);
    const record = await readRecord(this.recordFolder({ kind: 'server', id: server.id }));
    return {
      kind: 'server',
      id: server.id,
      name: server.name,
      state: known?.error ? 'Not reached' : known ? 'Read over SSH' : 'Not read yet',
      facts: known?.facts ?? null,
      error: known?.error ?? null,
      uuid: null,
      macs: [],
      verification: record?.verification ?? 'none',
      writtenAt: record?.writtenAt ?? null,
      restorable: record?.before != null,
    };
  }
}
