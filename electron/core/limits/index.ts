import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { groupCalls } from '../../../shared/ipc/channels.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { Group } from '../../../shared/model/group.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Announce, Handlers } from '../api.ts';
import type { OperationContext, OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Entrance } from '../platform/detached.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { SshSurroundings } from '../ssh/remote.ts';
import type { Targets } from '../ssh/targets.ts';
import { Applications } from './applications.ts';
import { GroupEngine, isAway, memberKey, type ReadyHost } from './engine.ts';
import { type Asking, describeHost, Hosts } from './hosts.ts';
import { groupId, memberFolder } from './names.ts';
import type { PlaceContainer } from './placement.ts';
import { listProcesses, oneProcess, parseProcesses } from './processes.ts';
import { GroupStore, type StoredGroup } from './store.ts';
import { GroupWatch } from './watch.ts';

export interface LimitsDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly clock: Clock;
  readonly runner: OperationRunner;
  readonly announce: Announce;
  readonly around: SshSurroundings;
  readonly targets: Pick<Targets, 'resolve'>;
  readonly guests: { list(): readonly Guest[]; find(ref: string): { readonly id: string } };
  /** True while somebody listens to events. */
  readonly watched: () => boolean;
  /** A container's name by podman's id; null: not known. */
  readonly containerName?: (host: string | null, id: string) => string | null;
}

/** How a guest's QEMU starts inside its group. */
export interface GuestEntrance {
  /** Null where the group cannot be made. */
  readonly enter: Entrance | null;
  /** For people, with the guest: why it runs outside. */
  readonly note: string | null;
}

/** Milliseconds between two looks. A far machine is looked at over its connection. */
const period = { here: 2000, far: 5000, again: 30_000 };

export interface Limits {
  readonly handlers: Handlers<(typeof groupCalls)[number]>;
  snapshot(): { groups: readonly Group[] };
  start(): void;
  hear(event: CoreEvent): void;
  close(): void;
  /** For the start of a guest: how its QEMU enters its group. Null when it is in none. */
  enterGuest(guest: string): Promise<GuestEntrance | null>;
  readonly placeContainer: PlaceContainer;
}

/** Resource groups: control groups with limits that guests, containers and applications are in together. */
export async function createLimits(deps: LimitsDeps): Promise<Limits> {
  const { runner, clock, log } = deps;
  const store = new GroupStore(deps.paths.data, log);
  await store.load();
  const hosts = new Hosts({ around: deps.around, targets: deps.targets, runtime: deps.paths.runtime });
  const engine = new GroupEngine({
    store,
    hosts,
    guests: () => deps.guests.list(),
    clock,
    log,
    announce: deps.announce,
    containerName: deps.containerName ?? (() => null),
  });
  const watch = new GroupWatch(engine);
  const logs = path.join(deps.paths.data, 'groups');
  const applications = new Applications(engine, watch, logs);
  const lastLook = new Map<string | null, number>();
  let timer: NodeJS.Timeout | null = null;
  let looking = false;
  /** The first look at this machine, after the start. */
  let first: Promise<void> = Promise.resolve();

  const asking = (op: OperationContext): Asking => ({ operation: op.id, signal: op.signal });

  async function look(host: string | null): Promise<void> {
    lastLook.set(host, clock.now());
    const uses = await engine.inTurn(host, () => watch.look(host));
    if (uses.length > 0) deps.announce({ type: 'group-use', uses });
  }

  async function tick(): Promise<void> {
    if (looking || !deps.watched()) return;
    looking = true;
    try {
      const due = [...new Set(store.list().map(({ host }) => host))].filter((host) => {
        const known = hosts.peek(host) !== null;
        const every = host === null ? period.here : known ? period.far : period.again;
        return reachable(host) && clock.now() - (lastLook.get(host) ?? 0) >= every - 50;
      });
      await Promise.all(due.map((host) => look(host)));
    } catch (error) {
      log.error('groups', error);
    } finally {
      looking = false;
    }
  }

  /** A guest that is off needs no connection to know it. */
  function reachable(host: string | null): boolean {
    const guest = deps.guests.list().find(({ id }) => id === host);
    return guest === undefined || guest.pid !== null;
  }

  /** Runs a job about a group in turn on its machine, and looks at it afterwards. */
  function begin(
    group: StoredGroup,
    kind: string,
    title: string,
    job: (op: OperationContext) => Promise<void>,
  ): Started {
    const { operation, result } = runner.start(
      { kind: `group.${kind}`, title, subject: group.id },
      async (op) => {
        try {
          await engine.inTurn(group.host, () => job(op));
        } finally {
          if (store.list().some(({ host }) => host === group.host)) await look(group.host).catch(() => {});
        }
      },
    );
    result.catch((error) => {
      if (!isCancelled(error)) log.warn(`${group.id}: ${String(error)}`);
    });
    return { operation: operation.id };
  }

  function refuseTaken(name: string, host: string | null, self: string | null): void {
    const other = store
      .list()
      .find((one) => one.id !== self && one.host === host && one.name.toLowerCase() === name.toLowerCase());
    if (other) throw new GuesthouseError('name-taken', `There is a group named ${other.name} already.`);
  }

  /** Guest or server as its id; the person may have named it. */
  async function hostId(ref: string | null): Promise<string | null> {
    return ref === null ? null : (await deps.targets.resolve(ref)).id;
  }

  /** Takes what runs of a member out of every group. */
  async function release(ready: ReadyHost, group: StoredGroup, member: string): Promise<void> {
    const place = engine.place(group);
    const pids = await watch.pidsOf(ready, group, member);
    if (pids.length > 0) await engine.run(ready, ready.backend.release(place, memberKey(member), pids));
    await engine.run(ready, ready.backend.leave(place, memberKey(member))).catch(() => {});
    engine.live(group.id).members.delete(member);
  }

  function memberOf(group: StoredGroup, ref: string) {
    const byId = group.members.find(({ id }) => id === ref);
    const rows = engine.row(group).members;
    const found = byId ?? group.members.find(({ id }) => rows.find((row) => row.id === id)?.name === ref);
    if (!found)
      throw new GuesthouseError('not-found', `There is no ${ref} in ${group.name}.`, {
        why: rows.some(({ id, kind }) => kind === 'container' && id.startsWith(ref))
          ? 'A container is in its group for life: stop or remove the container.'
          : undefined,
        subject: group.id,
      });
    return found;
  }

  /** @throws `needs-consent` when some of what runs would be ended by the new limit */
  async function refuseBelowUse(ready: ReadyHost, group: StoredGroup, max: number | null): Promise<void> {
    const { memoryStat, layout } = ready.backend.group(engine.place(group));
    if (max === null || memoryStat === undefined) return;
    const text = (await ready.machine.survey([], [memoryStat])).files.get(memoryStat) ?? '';
    const names = layout === 'v1' ? ['total_rss'] : ['anon'];
    const used = names.reduce(
      (sum, name) => sum + Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0),
      0,
    );
    if (used <= max) return;
    const mega = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MB`;
    throw new GuesthouseError('needs-consent', `What runs in ${group.name} has more memory than that.`, {
      why: `It uses ${mega(used)}; with a limit of ${mega(max)} the kernel would end some of it.`,
      todo: `Choose at least ${mega(used)}, end something first, or set it nevertheless.`,
      subject: group.id,
    });
  }

  const handlers: Handlers<(typeof groupCalls)[number]> = {
    'groups.list': async () => {
      await first;
      return store.list().map((group) => engine.row(group));
    },
    'groups.use': async () => {
      await first;
      return store.list().flatMap(({ id }) => engine.live(id).use ?? []);
    },
    'groups.host': async ({ host: ref, refresh }) => {
      const host = await hostId(ref);
      if (refresh) hosts.forget(host);
      if (host !== null && !refresh) {
        const known = hosts.peek(host);
        return known && describeHost(host, known);
      }
      return describeHost(host, await hosts.look(host, null));
    },
    'groups.connect': async ({ host: ref }) => {
      const target = await deps.targets.resolve(ref);
      const { operation, result } = runner.start(
        { kind: 'group.connect', title: `Looking at ${target.name}`, subject: target.id },
        async (op) => {
          op.phase('Logging in');
          hosts.forget(target.id);
          await hosts.backend(target.id, asking(op));
          await look(target.id);
        },
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
    'groups.create': async ({ name, parent: parentRef, host: hostRef, limits }) => {
      const parent = parentRef === null ? null : store.find(parentRef);
      if (parent && parent.parent !== null)
        throw new GuesthouseError('invalid-input', 'Groups nest one level.', {
          why: `${parent.name} is in a group itself.`,
        });
      const host = parent ? parent.host : await hostId(hostRef);
      refuseTaken(name, host, null);
      // Refused before anything is kept, where it is known that nothing can come of it.
      if (host === null) await engine.ready(null, null);
      const group: StoredGroup = {
        id: groupId(name),
        name,
        parent: parent?.id ?? null,
        host,
        limits,
        members: [],
      };
      await store.put(group);
      engine.live(group.id).fresh = true;
      engine.tell(group.id);
      const started = begin(group, 'create', `Making the group ${name}`, async (op) => {
        await engine.apply(group, asking(op));
      });
      return { id: group.id, ...started };
    },
    'groups.rename': async ({ id, name }) => {
      const group = store.find(id);
      refuseTaken(name, group.host, group.id);
      await store.change(group.id, (one) => ({ ...one, name }));
      engine.tell(group.id);
    },
    'groups.setLimits': async ({ id, limits, force }) => {
      const group = store.find(id);
      if (!force && hosts.peek(group.host)?.backend)
        await refuseBelowUse(await engine.ready(group.host, null), group, limits.memoryMax);
      return begin(group, 'limits', `Setting the limits of ${group.name}`, async (op) => {
        const ready = await engine.ready(group.host, asking(op));
        if (!force) await refuseBelowUse(ready, group, limits.memoryMax);
        await store.change(group.id, (one) => ({ ...one, limits }));
        await engine.apply(store.find(group.id), asking(op));
      });
    },
    'groups.remove': async ({ id }) => {
      const group = store.find(id);
      const inner = engine.inner(group);
      if (inner.length > 0)
        throw new GuesthouseError('wrong-state', `There are groups in ${group.name}.`, {
          why: inner.map(({ name }) => name).join(', '),
          todo: 'Remove those first.',
          subject: group.id,
        });
      return begin(group, 'remove', `Removing the group ${group.name}`, (op) => remove(group, op));
    },
    'groups.addGuest': async ({ id, guest: ref }) => {
      const group = store.find(id);
      if (group.host !== null)
        throw new GuesthouseError('unsupported', 'A guest runs on this computer.', {
          why: `${group.name} is a group of another machine.`,
          todo: 'Choose a group of this computer.',
        });
      const guest = deps.guests.find(ref);
      return begin(group, 'add', `Putting a guest into ${group.name}`, async () => {
        const before = store
          .list()
          .find((one) => one.members.some(({ kind, id: m }) => kind === 'guest' && m === guest.id));
        if (before?.id === group.id) return;
        await store.change(group.id, (one) => ({
          ...one,
          members: [...one.members, { kind: 'guest', id: guest.id }],
        }));
        if (before) {
          await store.changeMember(before.id, guest.id, () => null);
          engine.live(before.id).members.delete(guest.id);
        }
        const ready = await engine.apply(store.find(group.id));
        const pid = deps.guests.list().find((one) => one.id === guest.id)?.pid;
        if (pid != null) await watch.putInto(ready, group, guest, [pid]);
        if (before) {
          await engine
            .run(ready, ready.backend.leave(engine.place(before), memberKey(guest.id)))
            .catch(() => {});
          engine.tell(before.id);
        }
      });
    },
    'groups.startApplication': async ({ id, command, name, folder }) => {
      const group = store.find(id);
      const member = `app-${randomBytes(4).toString('hex')}`;
      const app = {
        kind: 'application' as const,
        id: member,
        name: name ?? (path.basename(command[0]!) || 'application'),
        command,
        folder: folder ?? null,
        running: null,
        startedAt: null,
      };
      const started = begin(group, 'start', `Starting ${app.name} in ${group.name}`, async (op) => {
        // Written down first: killed from here on, the next owner finds it in its control group.
        await store.change(group.id, (one) => ({ ...one, members: [...one.members, app] }));
        try {
          await applications.start(group, app, op);
        } catch (error) {
          // What it met is counted in its own control group on some kernels: looked at before that goes.
          await watch.look(group.host);
          await store.changeMember(group.id, member, () => null);
          const ready = await engine.ready(group.host, null).catch(() => null);
          if (ready)
            await engine.run(ready, ready.backend.leave(engine.place(group), member)).catch(() => {});
          throw error;
        }
      });
      return { member, ...started };
    },
    'groups.startAgain': async ({ id, member: ref }) => {
      const group = store.find(id);
      const app = memberOf(group, ref);
      if (app.kind !== 'application')
        throw new GuesthouseError('invalid-input', 'Only an application can be started again.');
      return begin(group, 'start', `Starting ${app.name} in ${group.name}`, async (op) => {
        const ready = await engine.ready(group.host, asking(op));
        if ((await watch.pidsOf(ready, group, app.id)).length > 0)
          throw new GuesthouseError('wrong-state', `${app.name} runs already.`);
        await applications.start(group, app, op);
      });
    },
    'groups.processes': async ({ host: ref }) => {
      const ready = await engine.ready(await hostId(ref), null);
      const { uid } = ready.facts;
      const guests = new Set(ready.machine.host === null ? deps.guests.list().map(({ pid }) => pid) : []);
      const taken = new Set(
        store
          .list()
          .flatMap((group) => [...engine.live(group.id).members.values()].flatMap(({ pids }) => pids)),
      );
      const { stdout } = await ready.machine.exec(listProcesses);
      return parseProcesses(stdout)
        .filter((one) => !one.kernel && (uid === 0 || one.uid === uid) && one.pid > 1)
        .filter(({ pid }) => pid !== process.pid && !guests.has(pid) && !taken.has(pid))
        .filter(({ command }) => !command.startsWith('grep -s') && !command.includes("echo '=T'"))
        .map(({ uid: _uid, kernel: _kernel, ...rest }) => rest);
    },
    'groups.moveProcess': async ({ id, pid, startTime }) => {
      const group = store.find(id);
      const member = `proc-${randomBytes(4).toString('hex')}`;
      const started = begin(group, 'move', `Moving process ${pid} into ${group.name}`, (op) =>
        moveProcess(group, member, pid, startTime, op),
      );
      return { member, ...started };
    },
    'groups.endMember': async ({ id, member: ref, force }) => {
      const group = store.find(id);
      const member = memberOf(group, ref);
      if (member.kind === 'guest')
        throw new GuesthouseError('invalid-input', 'A guest is shut down, not ended here.', {
          todo: 'Use the guest’s own Shut down or Force off.',
        });
      return begin(group, 'end', `Ending ${member.name}`, async (op) => {
        const ready = await engine.ready(group.host, asking(op));
        const signal = force ? 'KILL' : 'TERM';
        for (let waited = 0; ; waited += 200) {
          const pids = await watch.pidsOf(ready, group, member.id);
          if (pids.length === 0) return;
          if (waited === 0 || force)
            await engine.run(
              ready,
              pids.map((pid) => ({ do: 'kill', signal, pids: [pid], optional: true })),
            );
          if (waited >= 5000)
            throw new GuesthouseError('timeout', `${member.name} does not end.`, {
              why: `It was sent SIG${signal} 5 s ago.`,
              todo: force ? 'It is stuck, mostly in disk access.' : 'Wait, or end it by force.',
              subject: group.id,
            });
          await clock.sleep(200, op.signal);
        }
      });
    },
    'groups.removeMember': async ({ id, member: ref }) => {
      const group = store.find(id);
      const member = memberOf(group, ref);
      return begin(group, 'take-out', `Taking a member out of ${group.name}`, async (op) => {
        const runs =
          member.kind === 'guest' || engine.live(group.id).members.get(member.id)?.state !== 'ended';
        if (runs) {
          try {
            await release(await engine.ready(group.host, asking(op)), group, member.id);
          } catch (error) {
            if (!isAway(error)) throw error;
          }
        }
        await store.changeMember(group.id, member.id, () => null);
        await fs.rm(applications.logFile(group.id, member.id), { force: true });
      });
    },
    'groups.log': async ({ id, member: ref, lines }) => {
      const group = store.find(id);
      return applications.log(null, group, memberOf(group, ref).id, lines);
    },
  };

  async function moveProcess(
    group: StoredGroup,
    member: string,
    pid: number,
    startTime: number,
    op: OperationContext,
  ): Promise<void> {
    const ready = await engine.apply(group, asking(op));
    const find = async () => {
      const { stdout } = await ready.machine.exec(oneProcess(pid));
      return parseProcesses(stdout).find((one) => one.pid === pid && one.startTime === startTime);
    };
    const found = await find();
    if (!found)
      throw new GuesthouseError('not-found', 'That process has ended.', {
        why: `Process ${pid} is not there any more, or is another one now.`,
        subject: group.id,
      });
    if (found.kernel || (ready.machine.host === null && pid === process.pid))
      throw new GuesthouseError('invalid-input', 'That process cannot be in a group.', {
        why: found.kernel ? 'It is a part of the kernel, or over.' : 'It is Guesthouse itself.',
      });
    if (ready.facts.uid !== 0 && found.uid !== ready.facts.uid)
      throw new GuesthouseError('no-permission', 'That process belongs to someone else.', {
        why: `${found.name} is ${found.user}’s.`,
        todo: `Choose one of ${ready.facts.user}’s, or work as root.`,
      });
    if (ready.machine.host === null && deps.guests.list().some((guest) => guest.pid === pid))
      throw new GuesthouseError('invalid-input', 'That process is a guest.', {
        todo: 'Add the guest instead: it is put back after each start.',
      });
    const running = { pid, startTime, bootId: ready.facts.bootId };
    await store.change(group.id, (one) => ({
      ...one,
      members: [
        ...one.members,
        { kind: 'process', id: member, name: found.name.slice(0, 80) || 'process', running },
      ],
    }));
    try {
      await watch.putInto(ready, group, { id: member }, [pid]);
    } catch (error) {
      await store.changeMember(group.id, member, () => null);
      await engine.run(ready, ready.backend.leave(engine.place(group), member)).catch(() => {});
      throw error;
    }
  }

  async function remove(group: StoredGroup, op: OperationContext): Promise<void> {
    const { containers } = engine.live(group.id);
    if (containers.length > 0)
      throw new GuesthouseError('wrong-state', `A container is in ${group.name}.`, {
        why: 'A container is in its group for life.',
        todo: 'Stop the container first.',
        subject: group.id,
      });
    try {
      const ready = await engine.ready(group.host, asking(op));
      for (const { id } of group.members) await release(ready, group, id);
      await clear(ready, group);
    } catch (error) {
      // A machine that is gone for good must not keep its groups on the list.
      if (group.host === null || !isAway(error)) throw error;
    }
    await store.drop(group.id);
    await fs.rm(path.join(logs, group.id), { recursive: true, force: true });
    engine.tell(group.id);
  }

  /** What just ended may stay in its control group for a moment. */
  async function clear(ready: ReadyHost, group: StoredGroup): Promise<void> {
    const { folder } = ready.backend.group(engine.place(group));
    const left = (await ready.machine.survey([folder], [])).folders.get(folder) ?? [];
    for (const name of left.filter((one) => one.startsWith(memberFolder(''))))
      await engine.run(ready, ready.backend.leave(engine.place(group), name.slice(memberFolder('').length)));
    for (let tries = 0; ; tries++) {
      try {
        await engine.run(ready, ready.backend.remove(engine.place(group)));
        return;
      } catch (error) {
        if (tries >= 10) throw error;
        await clock.sleep(100);
      }
    }
  }

  const pids = new Map<string, number | null>();

  return {
    handlers,
    snapshot: () => ({ groups: store.list().map((group) => engine.row(group)) }),

    start() {
      for (const { id, pid } of deps.guests.list()) pids.set(id, pid);
      // Put back as they were: after a start of this computer, and for guests that ran on without us.
      if (store.list().some(({ host }) => host === null))
        first = look(null).catch((error) => log.error('groups', error));
      timer = setInterval(() => void tick(), 1000);
      timer.unref();
    },

    hear(event) {
      if (event.type === 'guest') {
        const { id, pid } = event.guest;
        const changed = pids.get(id) !== pid;
        pids.set(id, pid);
        if (!changed) return;
        if (store.list().some(({ members }) => members.some((one) => one.kind === 'guest' && one.id === id)))
          void look(null).catch(() => {});
        if (store.list().some(({ host }) => host === id)) engine.away(id, null);
      } else if (event.type === 'guest-gone') void forget(event.id);
      else if (event.type === 'server-gone') void forget(event.id);
    },

    close() {
      if (timer) clearInterval(timer);
      timer = null;
    },

    async enterGuest(guest) {
      const group = store
        .list()
        .find(
          (one) => one.host === null && one.members.some(({ kind, id }) => kind === 'guest' && id === guest),
        );
      if (!group) return null;
      try {
        return await engine.inTurn(null, async () => {
          const { backend, ...ready } = await engine.apply(group);
          const key = memberKey(guest);
          const place = engine.place(group);
          await engine.run({ ...ready, backend }, backend.room(place, key));
          const enter: Entrance = {
            wrap: (argv) => backend.enter(place, key, argv),
            path: backend.pathOf(place, key),
          };
          return { enter, note: null };
        });
      } catch (error) {
        const why = error instanceof GuesthouseError ? (error.why ?? error.message) : String(error);
        return { enter: null, note: `It runs outside its group ${group.name}, without its limits: ${why}` };
      }
    },

    placeContainer: async (ref, host) => {
      const group = store.find(ref);
      if (group.host !== host)
        throw new GuesthouseError('invalid-input', `${group.name} is a group of another machine.`);
      const { backend } = await engine.inTurn(host, () => engine.apply(group));
      return backend.container(engine.place(group));
    },
  };

  /** A guest or server was deleted: with its groups, and as a member. */
  async function forget(id: string): Promise<void> {
    for (const group of store.list()) {
      if (group.host === id) {
        await store.drop(group.id);
        engine.tell(group.id);
      } else if (group.members.some((one) => one.kind === 'guest' && one.id === id)) {
        await store.changeMember(group.id, id, () => null);
        engine.tell(group.id);
      }
    }
  }
}
