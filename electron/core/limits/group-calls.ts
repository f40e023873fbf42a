import { GuesthouseError } from '../../../shared/errors.ts';
import { type GroupLimits, noLimits } from '../../../shared/model/group.ts';
import type { Handlers } from '../api.ts';
import type { OperationContext } from '../operations/runner.ts';
import { type GroupEngine, isAway, type ReadyHost } from './engine.ts';
import { describeHost, type HostContext } from './hosts.ts';
import { containerIn, dissolve } from './let-go.ts';
import { groupId } from './names.ts';
import type { GroupStore, StoredGroup } from './store.ts';
import { diskWords, unknownDisks } from './unheld.ts';
import { asking, begin, type GroupWork, hostId } from './work.ts';

type GroupCall =
  `groups.${'list' | 'use' | 'host' | 'connect' | 'create' | 'rename' | 'setLimits' | 'remove'}`;

function refuseTaken(store: GroupStore, name: string, host: string | null, self: string | null): void {
  const other = store
    .list()
    .find((one) => one.id !== self && one.host === host && one.name.toLowerCase() === name.toLowerCase());
  if (other) throw new GuesthouseError('name-taken', `There is a group named ${other.name} already.`);
}

/** @throws `needs-consent` when some of what runs would be ended by the new limit */
async function refuseBelowUse(
  engine: GroupEngine,
  ready: ReadyHost,
  group: StoredGroup,
  max: number | null,
): Promise<void> {
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

/** A disk that is not there is a slip of the person who names it now; one that went later is the group's state. */
function refuseUnknownDisks(known: HostContext | null, limits: GroupLimits, before: GroupLimits): void {
  if (!known) return;
  const named = unknownDisks(known.facts, limits).filter(
    (device) => !before.io.some((one) => one.device === device),
  );
  if (named.length > 0)
    throw new GuesthouseError('invalid-input', 'That disk cannot be limited.', diskWords(known.facts, named));
}

async function remove(work: GroupWork, id: string, op: OperationContext): Promise<void> {
  const { deps, store, engine, applications } = work;
  const group = store.find(id);
  for (const member of group.members)
    if (member.kind === 'container' && (await deps.containers.exists(group.host, member.id)))
      throw containerIn(group, deps.containers.name(group.host, member.id) ?? member.name);
  try {
    const ready = await engine.ready(group.host, asking(op));
    await dissolve(work, ready, group);
    await applications.forget(ready, group, null);
  } catch (error) {
    // A machine that is gone for good must not keep its groups on the list.
    if (group.host === null || !isAway(error)) throw error;
  }
  await store.drop(group.id);
  engine.tell(group.id);
}

/** The calls about groups as a whole. */
export function groupCalls(work: GroupWork): Handlers<GroupCall> {
  const { deps, store, hosts, engine, schedule } = work;
  const { runner } = deps;
  return {
    'groups.list': async () => {
      await schedule.first;
      return store.list().map((group) => engine.row(group));
    },
    'groups.use': async () => {
      await schedule.first;
      return store.list().flatMap(({ id }) => engine.live(id).use ?? []);
    },
    'groups.host': async ({ host: ref, refresh }) => {
      const host = await hostId(work, ref);
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
          await schedule.look(target.id);
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
      const host = parent ? parent.host : await hostId(work, hostRef);
      refuseTaken(store, name, host, null);
      // Refused before anything is kept, where it is known that nothing can come of it.
      if (host === null) await engine.ready(null, null);
      refuseUnknownDisks(hosts.peek(host), limits, noLimits);
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
      const started = begin(work, group, 'create', `Making the group ${name}`, async (op) => {
        await engine.apply(group, asking(op));
      });
      return { id: group.id, ...started };
    },
    'groups.rename': async ({ id, name }) => {
      const group = store.find(id);
      refuseTaken(store, name, group.host, group.id);
      await store.change(group.id, (one) => ({ ...one, name }));
      engine.tell(group.id);
    },
    'groups.setLimits': async ({ id, limits, force }) => {
      const group = store.find(id);
      refuseUnknownDisks(hosts.peek(group.host), limits, group.limits);
      if (!force && hosts.peek(group.host)?.backend)
        await refuseBelowUse(engine, await engine.ready(group.host, null), group, limits.memoryMax);
      return begin(work, group, 'limits', `Setting the limits of ${group.name}`, async (op) => {
        const ready = await engine.ready(group.host, asking(op));
        if (!force) await refuseBelowUse(engine, ready, group, limits.memoryMax);
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
      return begin(work, group, 'remove', `Removing the group ${group.name}`, (op) =>
        remove(work, group.id, op),
      );
    },
  };
}
