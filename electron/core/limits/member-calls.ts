import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Handlers } from '../api.ts';
import type { OperationContext } from '../operations/runner.ts';
import { type GroupEngine, isAway, memberKey } from './engine.ts';
import { release } from './let-go.ts';
import { listProcesses, oneProcess, parseProcesses } from './processes.ts';
import type { StoredGroup, StoredMember } from './store.ts';
import { asking, begin, type GroupWork, hostId } from './work.ts';

type MemberCall = `groups.${
  | 'addGuest'
  | 'startApplication'
  | 'startAgain'
  | 'processes'
  | 'moveProcess'
  | 'endMember'
  | 'removeMember'
  | 'log'}`;

/** By its id, or by the name people see. @throws {GuesthouseError} `not-found` */
function memberOf(engine: GroupEngine, group: StoredGroup, ref: string): StoredMember {
  const byId = group.members.find(({ id }) => id === ref);
  const rows = engine.row(group).members;
  const found = byId ?? group.members.find(({ id }) => rows.find((row) => row.id === id)?.name === ref);
  if (!found)
    throw new GuesthouseError('not-found', `There is no ${ref} in ${group.name}.`, { subject: group.id });
  return found;
}

const staysIn = (group: StoredGroup, container: string) =>
  new GuesthouseError('invalid-input', `The container ${container} stays in ${group.name}.`, {
    why: 'A container is in its group for life.',
    todo: 'Stop or remove the container itself.',
    subject: group.id,
  });

/** The calls about a group's members. */
export function memberCalls(work: GroupWork): Handlers<MemberCall> {
  const { deps, store, engine, watch, applications } = work;

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

  async function takeOut(group: StoredGroup, member: StoredMember, op: OperationContext): Promise<void> {
    const ends = engine.live(group.id).members.get(member.id)?.state === 'ended';
    // What an application wrote lies on its machine, and goes too.
    if (ends && !(member.kind === 'application' && group.host !== null)) {
      await applications.forget(null, group, member.id);
      return;
    }
    try {
      const ready = await engine.ready(group.host, asking(op));
      await release(work, ready, group, member);
      await applications.forget(ready, group, member.id);
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }

  return {
    'groups.addGuest': async ({ id, guest: ref }) => {
      const group = store.find(id);
      if (group.host !== null)
        throw new GuesthouseError('unsupported', 'A guest runs on this computer.', {
          why: `${group.name} is a group of another machine.`,
          todo: 'Choose a group of this computer.',
        });
      const guest = deps.guests.find(ref);
      return begin(work, group, 'add', `Putting a guest into ${group.name}`, async () => {
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
      const started = begin(work, group, 'start', `Starting ${app.name} in ${group.name}`, async (op) => {
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
      const app = memberOf(engine, group, ref);
      if (app.kind !== 'application')
        throw new GuesthouseError('invalid-input', 'Only an application can be started again.');
      return begin(work, group, 'start', `Starting ${app.name} in ${group.name}`, async (op) => {
        const ready = await engine.ready(group.host, asking(op));
        if ((await watch.pidsOf(ready, group, app.id)).length > 0)
          throw new GuesthouseError('wrong-state', `${app.name} runs already.`);
        await applications.start(group, app, op);
      });
    },
    'groups.processes': async ({ host: ref }) => {
      const ready = await engine.ready(await hostId(work, ref), null);
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
      const started = begin(work, group, 'move', `Moving process ${pid} into ${group.name}`, (op) =>
        moveProcess(group, member, pid, startTime, op),
      );
      return { member, ...started };
    },
    'groups.endMember': async ({ id, member: ref, force }) => {
      const group = store.find(id);
      const member = memberOf(engine, group, ref);
      if (member.kind === 'guest')
        throw new GuesthouseError('invalid-input', 'A guest is shut down, not ended here.', {
          todo: 'Use the guest’s own Shut down or Force off.',
        });
      if (member.kind === 'container') throw staysIn(group, member.name);
      return begin(work, group, 'end', `Ending ${member.name}`, async (op) => {
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
          await deps.clock.sleep(200, op.signal);
        }
      });
    },
    'groups.removeMember': async ({ id, member: ref }) => {
      const group = store.find(id);
      const member = memberOf(engine, group, ref);
      // One that was removed where nobody saw it may leave the list.
      if (member.kind === 'container' && (await deps.containers.exists(group.host, member.id)) !== false)
        throw staysIn(group, member.name);
      return begin(work, group, 'take-out', `Taking a member out of ${group.name}`, async (op) => {
        if (member.kind !== 'container') await takeOut(group, member, op);
        await store.changeMember(group.id, member.id, () => null);
        engine.live(group.id).members.delete(member.id);
      });
    },
    'groups.log': async ({ id, member: ref, lines }) => {
      const group = store.find(id);
      return applications.log(null, group, memberOf(engine, group, ref).id, lines);
    },
  };
}
