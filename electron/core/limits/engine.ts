import { createHash } from 'node:crypto';
import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type {
  Group,
  GroupHit,
  GroupLimits,
  GroupMember,
  GroupUse,
  MemberState,
  NotHeld,
} from '../../../shared/model/group.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Backend } from './backend.ts';
import type { Asking, HostContext, Hosts } from './hosts.ts';
import type { Place } from './names.ts';
import { mayFail, type Step } from './steps.ts';
import type { GroupStore, StoredGroup, StoredMember } from './store.ts';
import { refused, unheld, unknownDisks } from './unheld.ts';
import type { Counters } from './usage.ts';

export interface EngineDeps {
  readonly store: GroupStore;
  readonly hosts: Hosts;
  readonly guests: () => readonly Guest[];
  readonly clock: Clock;
  readonly log: Log;
  readonly announce: (event: CoreEvent) => void;
  /** A container's name, where someone knows it. */
  readonly containerName: (host: string | null, id: string) => string | null;
}

/** What is known of a group beside what is stored. */
export interface LiveGroup {
  state: Group['state'];
  problem: WireError | null;
  notHeld: readonly NotHeld[];
  hits: readonly GroupHit[];
  /** By member's id. */
  members: Map<string, { state: MemberState; pids: readonly number[] }>;
  /** Last look at the group (key '') and its members. */
  before: Map<string, Counters>;
  use: GroupUse | null;
  /** Its control group was made by us just now: its counters begin at nothing. */
  fresh: boolean;
}

export type ReadyHost = HostContext & { readonly backend: Backend };

/** A member's id as part of a path or unit name. A guest's folder may have any name. */
export function memberKey(id: string): string {
  return /^[A-Za-z0-9-]{1,80}$/.test(id)
    ? id
    : `g-${createHash('sha256').update(id).digest('hex').slice(0, 16)}`;
}

/** Puts groups onto machines as they are stored, and tells how that went. */
export class GroupEngine {
  private readonly lives = new Map<string, LiveGroup>();
  private readonly told = new Map<string, string>();
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(readonly deps: EngineDeps) {}

  /** One after the other on each machine: two that move processes would get in each other's way. */
  inTurn<T>(host: string | null, job: () => Promise<T>): Promise<T> {
    const key = host ?? '';
    const next = (this.turns.get(key) ?? Promise.resolve()).then(job, job);
    this.turns.set(
      key,
      next.catch(() => {}),
    );
    return next;
  }

  live(id: string): LiveGroup {
    let live = this.lives.get(id);
    if (!live) {
      live = {
        state: 'unknown',
        problem: null,
        notHeld: [],
        hits: [],
        members: new Map(),
        before: new Map(),
        use: null,
        fresh: false,
      };
      this.lives.set(id, live);
    }
    return live;
  }

  place(group: StoredGroup): Place {
    return group.parent === null ? [group.id] : [group.parent, group.id];
  }

  inner(group: StoredGroup): StoredGroup[] {
    return this.deps.store.list().filter(({ parent }) => parent === group.id);
  }

  ready(host: string | null, asking: Asking | null): Promise<ReadyHost> {
    return this.deps.hosts.backend(host, asking);
  }

  /**
   * Makes a group's control group, and those it is in, and sets its limits. May be done at any time.
   * @throws {GuesthouseError} when that is not possible; the group's state tells so afterwards
   */
  async apply(group: StoredGroup, asking: Asking | null = null): Promise<ReadyHost> {
    const live = this.live(group.id);
    try {
      const ready = await this.ready(group.host, asking);
      if (group.parent !== null && this.live(group.parent).state !== 'applied')
        await this.set(ready, this.deps.store.find(group.parent));
      await this.set(ready, group);
      return ready;
    } catch (error) {
      live.state = group.host !== null && isAway(error) ? 'unknown' : 'failed';
      live.problem = toWire(error);
      this.tell(group.id);
      throw error;
    }
  }

  private async set(ready: ReadyHost, group: StoredGroup): Promise<void> {
    const inner = this.inner(group);
    const live = this.live(group.id);
    const limits = this.effective(group);
    const { backend, facts } = ready;
    const unknown = unknownDisks(facts, limits);
    const steps = backend.ensure(
      this.place(group),
      { ...limits, io: limits.io.filter(({ device }) => !unknown.includes(device)) },
      inner.map((one) => this.place(one)),
    );
    const failed = await this.run(ready, steps);
    live.notHeld = [...unheld(backend, facts, limits), ...refused(failed)];
    live.state = 'applied';
    live.problem = null;
    for (const one of inner) if (this.live(one.id).state === 'applied') await this.set(ready, one);
    this.tell(group.id);
  }

  /** A group within can have no more processor time than the one it is in. */
  private effective(group: StoredGroup): GroupLimits {
    const outer = group.parent === null ? null : this.deps.store.find(group.parent).limits.cpus;
    const { cpus } = group.limits;
    return outer === null || cpus === null ? group.limits : { ...group.limits, cpus: Math.min(cpus, outer) };
  }

  /** @returns the steps that failed and may. @throws {GuesthouseError} for one that may not */
  async run(ready: ReadyHost, steps: readonly Step[]): Promise<{ step: Step; why: string }[]> {
    const results = await ready.machine.apply(steps, { root: ready.backend.root });
    const failed = results.flatMap((why, index) => (why === null ? [] : [{ step: steps[index]!, why }]));
    const fatal = failed.find(({ step }) => !mayFail(step));
    if (fatal) {
      const gone = /No such process|Process with ID \d+ does not exist/.test(fatal.why);
      throw new GuesthouseError(
        gone ? 'not-found' : 'program-failed',
        `${ready.machine.name}: the control group was refused.`,
        {
          why: gone ? 'The process had ended.' : fatal.why,
          detail: fatal.step.do === 'run' ? fatal.step.argv.join(' ') : undefined,
          subject: ready.machine.host ?? undefined,
        },
      );
    }
    if (results.length < steps.length)
      throw new GuesthouseError('program-failed', `${ready.machine.name} did not do it all.`, {
        why: 'The connection ended in the middle.',
      });
    return failed;
  }

  row(group: StoredGroup): Group {
    const live = this.live(group.id);
    const { id, name, parent, host, limits } = group;
    return {
      id,
      name,
      parent,
      host,
      limits,
      members: group.members.map((member) => this.memberRow(live, host, member)),
      state: live.state,
      problem: live.problem,
      notHeld: live.notHeld,
      hits: live.hits,
    };
  }

  private memberRow(live: LiveGroup, host: string | null, member: StoredMember): GroupMember {
    const seen = live.members.get(member.id);
    switch (member.kind) {
      case 'guest': {
        const guest = this.deps.guests().find(({ id }) => id === member.id);
        const off = guest?.pid == null;
        return {
          kind: 'guest',
          id: member.id,
          name: guest?.name ?? member.id,
          state: off ? 'off' : (seen?.state ?? 'unknown'),
        };
      }
      case 'application': {
        const { id, name, command, startedAt } = member;
        const state = member.running === null ? 'ended' : (seen?.state ?? 'unknown');
        return { kind: 'application', id, name, state, command, startedAt, pid: member.running?.pid ?? null };
      }
      case 'container': {
        const name = this.deps.containerName(host, member.id) ?? member.name;
        return { kind: 'container', id: member.id, name, state: seen?.state ?? 'unknown' };
      }
      case 'process':
        return {
          kind: 'process',
          id: member.id,
          name: member.name,
          state: seen?.state ?? 'unknown',
          pid: member.running.pid,
        };
    }
  }

  /** Announces a group when a person would see a difference. */
  tell(id: string): void {
    const group = this.deps.store.list().find((one) => one.id === id);
    if (!group) {
      this.lives.delete(id);
      if (this.told.delete(id)) this.deps.announce({ type: 'group-gone', id });
      return;
    }
    const row = this.row(group);
    const json = JSON.stringify(row);
    if (this.told.get(id) === json) return;
    this.told.set(id, json);
    this.deps.announce({ type: 'group', group: row });
  }

  /** Its machine is out of reach: nothing is known any more. */
  away(host: string, error: unknown): void {
    this.deps.hosts.forget(host);
    for (const group of this.deps.store.list().filter((one) => one.host === host)) {
      const live = this.live(group.id);
      live.state = 'unknown';
      live.problem = error === null ? null : toWire(error);
      live.members.clear();
      live.before.clear();
      this.tell(group.id);
    }
  }
}

const away = new Set(['unreachable', 'timeout', 'auth-failed', 'host-key-unknown', 'host-key-changed']);
/** True for errors about reaching a machine ({@link Hosts} makes no others of them), not about its groups. */
export const isAway = (error: unknown): boolean => error instanceof GuesthouseError && away.has(error.code);
