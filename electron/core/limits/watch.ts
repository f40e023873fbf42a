import { isCancelled } from '../../../shared/errors.ts';
import type { GroupUse, MemberState } from '../../../shared/model/group.ts';
import { parseStat } from '../platform/proc.ts';
import type { NodeFiles } from './backend.ts';
import { type GroupEngine, isAway, type LiveGroup, memberKey, type ReadyHost } from './engine.ts';
import type { Survey } from './machine.ts';
import { containerOf } from './names.ts';
import type { StoredGroup, StoredMember } from './store.ts';
import { addHits, type Counters, filesOf, type MemberCounters, readCounters, sampleOf } from './usage.ts';

const pidsIn = (text: string | undefined) =>
  (text ?? '').split('\n').flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : []));

interface Member {
  readonly stored: StoredMember;
  readonly node: NodeFiles;
  /** Its first process as it is recorded; null when none should run. */
  readonly expected: { readonly pid: number; readonly startTime: number | null } | null;
}

/**
 * Looks at all groups of a machine at once: their use, what met a limit, who is in them. What is not as it should be is
 * put right: a control group that was removed behind our back is made again, a member that is outside is put back.
 */
export class GroupWatch {
  /** Who was put back lately: with someone else who moves them away again, we do not fight. */
  private readonly putBack = new Map<string, number>();

  constructor(private readonly engine: GroupEngine) {}

  /** @returns the samples, to be announced. Never throws: what goes wrong is the groups' state. */
  async look(host: string | null): Promise<GroupUse[]> {
    const { store, hosts } = this.engine.deps;
    const groups = store.list().filter((group) => group.host === host);
    if (groups.length === 0) return [];
    try {
      const ready = await this.engine.ready(host, null);
      for (const group of groups)
        if (this.engine.live(group.id).state !== 'applied') await this.engine.apply(group).catch(() => {});
      const applied = groups.filter((group) => this.engine.live(group.id).state === 'applied');
      const uses = await this.sample(ready, applied);
      for (const group of groups) this.engine.tell(group.id);
      return uses;
    } catch (error) {
      if (isCancelled(error)) return [];
      if (host !== null && isAway(error)) this.engine.away(host, error);
      else
        for (const group of groups) {
          await this.engine.apply(group).catch(() => {});
          this.engine.tell(group.id);
        }
      if (host === null && !hosts.peek(null))
        this.engine.deps.log.error('groups could not be looked at', error);
      return [];
    }
  }

  private members(ready: ReadyHost, group: StoredGroup): Member[] {
    const { facts } = ready;
    return group.members.map((stored) => {
      const node = this.node(ready, group, stored);
      if (stored.kind === 'container') return { stored, node, expected: null };
      if (stored.kind === 'guest') {
        const pid = this.engine.deps.guests().find(({ id }) => id === stored.id)?.pid ?? null;
        return { stored, node, expected: pid === null ? null : { pid, startTime: null } };
      }
      const { running } = stored;
      return { stored, node, expected: running && running.bootId === facts.bootId ? running : null };
    });
  }

  private async sample(ready: ReadyHost, groups: readonly StoredGroup[]): Promise<GroupUse[]> {
    const { backend, machine } = ready;
    const all = groups.map((group) => ({
      group,
      live: this.engine.live(group.id),
      node: backend.group(this.engine.place(group)),
      members: this.members(ready, group),
    }));
    const nodes = all.flatMap(({ node, members }) => [node, ...members.map((member) => member.node)]);
    const files = [
      ...new Set([
        ...nodes.flatMap(filesOf),
        ...all.flatMap(({ members }) =>
          members.flatMap(({ expected }) => (expected ? [`/proc/${expected.pid}/stat`] : [])),
        ),
      ]),
    ];
    const survey = await machine.survey(
      all.map(({ node }) => node.folder),
      files,
    );
    const at = this.engine.deps.clock.now();
    const uses: GroupUse[] = [];
    for (const { group, live, node, members } of all) {
      const children = survey.folders.get(node.folder) ?? null;
      if (children === null) {
        // Removed behind our back, or the machine was started anew.
        live.before.clear();
        await this.engine.apply(group).catch(() => {});
        live.fresh = true;
      } else await this.note(group, children);
      for (const member of members) await this.follow(ready, group, live, member, survey, children ?? []);
      if (children === null) continue;
      const found = members.map(({ stored, node: own }) => this.counted(live, stored.id, own, survey, at));
      const now = readCounters(node, survey, at);
      const before = live.before.get('') ?? null;
      if (before ?? live.fresh) live.hits = addHits(live.hits, now, before ?? { ...nothing, at }, found);
      live.use = sampleOf(group.id, now, before, found);
      live.fresh = false;
      live.before = new Map([['', now], ...found.map(({ id, counters }) => [id, counters] as const)]);
      uses.push(live.use);
    }
    return uses;
  }

  /** A member's own control group. */
  node({ backend }: ReadyHost, group: StoredGroup, { kind, id }: StoredMember): NodeFiles {
    const place = this.engine.place(group);
    if (kind !== 'container') return backend.member(place, memberKey(id));
    return backend.child(place, backend.kind === 'systemd' ? `libpod-${id}.scope` : `libpod-${id}`);
  }

  /** Containers are there by what podman was told, maybe by someone else. */
  private async note(group: StoredGroup, children: readonly string[]): Promise<void> {
    for (const id of children.flatMap((name) => containerOf(name) ?? []))
      if (!group.members.some((one) => one.id === id)) await this.addContainer(group.id, id, id.slice(0, 12));
  }

  async addContainer(group: string, id: string, name: string): Promise<void> {
    const { store } = this.engine.deps;
    if (!store.has(group) || store.find(group).members.some((one) => one.id === id)) return;
    await store.change(group, (one) => ({
      ...one,
      members: [...one.members, { kind: 'container', id, name }],
    }));
    this.engine.tell(group);
  }

  private counted(live: LiveGroup, id: string, node: NodeFiles, survey: Survey, at: number): MemberCounters {
    const counters = readCounters(node, survey, at);
    // Who is new since the last look began with counters at nothing.
    const last = live.before.get('');
    const before = live.before.get(id) ?? (last ? { ...nothing, at: last.at } : null);
    // A member that was started anew counts from nothing again.
    const again = before?.cpu != null && counters.cpu !== null && counters.cpu < before.cpu;
    return { id, counters, before: again ? { ...nothing, at: before.at } : before };
  }

  /** Finds out what a member does, and puts it back where it belongs. */
  private async follow(
    ready: ReadyHost,
    group: StoredGroup,
    live: LiveGroup,
    member: Member,
    survey: Survey,
    children: readonly string[],
  ) {
    const { store, log } = this.engine.deps;
    const { stored, node, expected } = member;
    const pids = pidsIn(survey.files.get(node.procs));
    const stat = expected ? parseStat(survey.files.get(`/proc/${expected.pid}/stat`) ?? '') : null;
    const alive =
      stat !== null &&
      stat.state !== 'Z' &&
      (expected?.startTime == null || stat.startTime === expected.startTime);
    const set = (state: MemberState) => live.members.set(stored.id, { state, pids });
    if (expected && alive && !pids.includes(expected.pid)) {
      const key = `${group.id} ${stored.id}`;
      const last = this.putBack.get(key) ?? 0;
      const now = this.engine.deps.clock.now();
      if (now - last < 20_000) return void set(last === 0 ? 'unknown' : 'outside');
      this.putBack.set(key, now);
      try {
        await this.putInto(ready, group, stored, [expected.pid]);
        live.problem = null;
        live.members.set(stored.id, { state: 'running', pids: [expected.pid] });
      } catch (error) {
        set('outside');
        log.warn(`${stored.id} could not be put into ${group.id}: ${String(error)}`);
      }
      return;
    }
    if (stored.kind === 'guest') return void set(pids.length > 0 ? 'running' : 'off');
    if (stored.kind === 'container')
      return void set(children.some((name) => containerOf(name) === stored.id) ? 'running' : 'off');
    if (pids.length > 0) {
      set('running');
      if (stored.kind === 'application' && (stored.running === null || !alive))
        await this.adopt(ready, group, stored.id, pids[0]!);
      return;
    }
    const news = live.members.get(stored.id)?.state !== 'ended';
    set('ended');
    if (stored.kind === 'application' && stored.running !== null)
      await store.changeMember(group.id, stored.id, (one) =>
        one.kind === 'application' ? { ...one, running: null } : one,
      );
    if (news)
      await this.engine
        .run(ready, ready.backend.leave(this.engine.place(group), memberKey(stored.id)))
        .catch(() => {});
  }

  /** Moves processes into a member's own control group. @throws when they are gone or it is refused */
  async putInto(ready: ReadyHost, group: StoredGroup, member: { id: string }, pids: readonly number[]) {
    const place = this.engine.place(group);
    const key = memberKey(member.id);
    await this.engine.run(ready, [
      ...ready.backend.room(place, key),
      ...ready.backend.move(place, key, pids),
    ]);
  }

  /** An application whose owner was killed before it wrote down which process it is. */
  private async adopt(ready: ReadyHost, group: StoredGroup, member: string, pid: number) {
    const survey = await ready.machine.survey([], [`/proc/${pid}/stat`]);
    const stat = parseStat(survey.files.get(`/proc/${pid}/stat`) ?? '');
    if (!stat) return;
    const running = { pid, startTime: stat.startTime, bootId: ready.facts.bootId };
    await this.engine.deps.store.changeMember(group.id, member, (one) =>
      one.kind === 'application'
        ? { ...one, running, startedAt: one.startedAt ?? this.engine.deps.clock.now() }
        : one,
    );
  }

  /** Processes that are in a member's control group now. */
  async pidsOf(ready: ReadyHost, group: StoredGroup, member: string): Promise<number[]> {
    const { procs } = ready.backend.member(this.engine.place(group), memberKey(member));
    return pidsIn((await ready.machine.survey([], [procs])).files.get(procs));
  }
}

const nothing: Counters = {
  at: 0,
  memory: 0,
  swap: 0,
  tasks: 0,
  cpu: 0,
  periods: 0,
  throttledPeriods: 0,
  readBytes: 0,
  writeBytes: 0,
  readOps: 0,
  writeOps: 0,
  oomKills: 0,
  memoryMax: 0,
  memoryHigh: 0,
  tasksMax: 0,
  pressure: { cpu: null, memory: null, io: null },
};
