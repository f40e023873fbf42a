import { GuesthouseError } from '../../../shared/errors.ts';
import { memberKey, type ReadyHost } from './engine.ts';
import { containerOf, memberFolder } from './names.ts';
import type { StoredGroup, StoredMember } from './store.ts';
import type { GroupWork } from './work.ts';

/** Far more than a program that forks all the time needs. */
const rounds = 50;

/** Processes in a control group and in those within it. */
async function pidsBelow({ machine, backend }: ReadyHost, folder: string): Promise<number[]> {
  const { stdout } = await machine.exec(
    ['sh', '-c', 'find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null; exit 0', 'sh', folder],
    { root: backend.root },
  );
  return stdout.split('\n').flatMap((line) => (/^[1-9]\d*$/.test(line) ? [Number(line)] : []));
}

/**
 * Moves all that runs below a control group's folder out of every group, and what it starts meanwhile too: afterwards it
 * is empty, and stays so.
 * @param key names what is let go, with the group
 * @throws {GuesthouseError} `timeout` when new processes come faster than they can be moved
 */
async function letGo(
  { engine }: GroupWork,
  ready: ReadyHost,
  group: StoredGroup,
  folder: string,
  key: string,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const pids = await pidsBelow(ready, folder);
    if (pids.length === 0) return;
    await engine.run(ready, ready.backend.release(engine.place(group), key, pids)).catch((error) => {
      // One of them ended meanwhile: the others are moved in the next round.
      if (!(error instanceof GuesthouseError && error.code === 'not-found')) throw error;
    });
  }
  throw new GuesthouseError('timeout', `What runs in ${group.name} could not be let go.`, {
    why: 'It starts processes faster than they can be moved.',
    todo: 'End it first.',
    subject: group.id,
  });
}

/** Takes what runs of a member out of every group. */
export async function release(
  work: GroupWork,
  ready: ReadyHost,
  group: StoredGroup,
  member: StoredMember,
): Promise<void> {
  const { engine, watch } = work;
  const key = memberKey(member.id);
  await letGo(work, ready, group, watch.node(ready, group, member).folder, key);
  await engine.run(ready, ready.backend.leave(engine.place(group), key)).catch(() => {});
}

/**
 * Takes all that runs out of a group and removes its control group. Stopping a slice ends what is in it, so it is looked
 * at here, in the group's turn, and not where it was seen last.
 * @throws {GuesthouseError} `wrong-state` with a container in it
 */
export async function dissolve(work: GroupWork, ready: ReadyHost, group: StoredGroup): Promise<void> {
  const { engine, deps } = work;
  const { backend, machine } = ready;
  const place = engine.place(group);
  const { folder } = backend.group(place);
  const children = async () => (await machine.survey([folder], [])).folders.get(folder) ?? [];
  const [container] = (await children()).flatMap((name) => containerOf(name) ?? []);
  if (container !== undefined) {
    const name = deps.containers.name(group.host, container) ?? container.slice(0, 12);
    throw containerIn(group, name);
  }
  for (const member of group.members)
    if (member.kind !== 'container') await release(work, ready, group, member);
  await letGo(work, ready, group, folder, 'rest');
  for (const name of (await children()).filter((one) => one.startsWith(memberFolder(''))))
    await engine.run(ready, backend.leave(place, name.slice(memberFolder('').length)));
  for (let tries = 0; ; tries++) {
    try {
      await engine.run(ready, backend.remove(place));
      return;
    } catch (error) {
      // What just ended may stay in its control group for a moment.
      if (tries >= 10) throw error;
      await deps.clock.sleep(100);
    }
  }
}

/** A group with a container in it stays: started again, that would be in a control group without limits. */
export const containerIn = (group: StoredGroup, container: string) =>
  new GuesthouseError('wrong-state', `A container is in ${group.name}.`, {
    why: `${container} is in its group for life, also while it is stopped.`,
    todo: 'Remove the container first.',
    subject: group.id,
  });
