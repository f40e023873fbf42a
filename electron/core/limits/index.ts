import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { groupCalls as GroupCalls } from '../../../shared/ipc/channels.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { Group } from '../../../shared/model/group.ts';
import type { Handlers } from '../api.ts';
import type { Entrance } from '../platform/detached.ts';
import { Applications } from './applications.ts';
import { GroupEngine, memberKey } from './engine.ts';
import { groupCalls } from './group-calls.ts';
import { Hosts } from './hosts.ts';
import { memberCalls } from './member-calls.ts';
import type { ContainerGroups } from './placement.ts';
import { Schedule } from './schedule.ts';
import { GroupStore } from './store.ts';
import { GroupWatch } from './watch.ts';
import type { GroupWork, LimitsDeps } from './work.ts';

/** How a guest's QEMU starts inside its group. */
export interface GuestEntrance {
  /** Null where the group cannot be made. */
  readonly enter: Entrance | null;
  /** For people, with the guest: why it runs outside. */
  readonly note: string | null;
}

export interface Limits {
  readonly handlers: Handlers<(typeof GroupCalls)[number]>;
  snapshot(): { groups: readonly Group[] };
  start(): void;
  hear(event: CoreEvent): void;
  close(): void;
  /** For the start of a guest: how its QEMU enters its group. Null when it is in none. */
  enterGuest(guest: string): Promise<GuestEntrance | null>;
  readonly containers: ContainerGroups;
}

/** Resource groups: control groups with limits that guests, containers and applications are in together. */
export async function createLimits(deps: LimitsDeps): Promise<Limits> {
  const { clock, log } = deps;
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
    containerName: (host, id) => deps.containers.name(host, id),
  });
  const watch = new GroupWatch(engine);
  const schedule = new Schedule({
    clock,
    log,
    hosts: () => store.list().map(({ host }) => host),
    known: (host) => hosts.peek(host) !== null,
    reachable: (host) => deps.guests.list().find(({ id }) => id === host)?.pid !== null,
    watched: deps.watched,
    look: (host) => engine.inTurn(host, () => watch.look(host)),
    announce: (uses) => deps.announce({ type: 'group-use', uses }),
  });
  const applications = new Applications(engine, watch, path.join(deps.paths.data, 'groups'));
  const work: GroupWork = { deps, store, hosts, engine, watch, schedule, applications };

  const pids = new Map<string, number | null>();

  return {
    handlers: { ...groupCalls(work), ...memberCalls(work) },
    snapshot: () => ({ groups: store.list().map((group) => engine.row(group)) }),

    start() {
      for (const { id, pid } of deps.guests.list()) pids.set(id, pid);
      schedule.start();
    },

    hear(event) {
      if (event.type === 'guest') {
        const { id, pid } = event.guest;
        const changed = pids.get(id) !== pid;
        pids.set(id, pid);
        if (!changed) return;
        if (store.list().some(({ members }) => members.some((one) => one.kind === 'guest' && one.id === id)))
          void schedule.look(null).catch(() => {});
        if (store.list().some(({ host }) => host === id)) engine.away(id, null);
      } else if (event.type === 'guest-gone') void forget(event.id);
      else if (event.type === 'server-gone') void forget(event.id);
      else if (event.type === 'container-gone' && deps.containers.removed(event.id))
        void forget(event.id.slice(event.id.lastIndexOf(':') + 1));
    },

    close() {
      schedule.close();
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

    containers: {
      async place(ref, host) {
        const group = store.find(ref);
        if (group.host !== host)
          throw new GuesthouseError('invalid-input', `${group.name} is a group of another machine.`);
        const { backend } = await engine.inTurn(host, () => engine.apply(group));
        return backend.container(engine.place(group));
      },
      async joined(ref, host, container, name) {
        await engine.inTurn(host, () => watch.addContainer(store.find(ref).id, container, name));
      },
      async again(host, container) {
        const group = store.list().find(({ members }) => members.some(({ id }) => id === container));
        if (group) await engine.inTurn(host, () => engine.apply(group));
      },
      left: forget,
    },
  };

  /** A guest, server or container was deleted: with its groups, and as a member. */
  async function forget(id: string): Promise<void> {
    for (const group of store.list()) {
      if (group.host === id) {
        await store.drop(group.id);
        engine.tell(group.id);
      } else if (group.members.some((one) => one.id === id)) {
        await store.changeMember(group.id, id, () => null);
        engine.tell(group.id);
      }
    }
  }
}
