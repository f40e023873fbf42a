import { type Group, type GroupLimits, type GroupUse, noLimits } from '../../../shared/model/group.ts';
import type { TestCore } from './core.ts';

/** One process, whatever it does; Perl is a part of every Debian. */
export const perl = (text: string) => ['perl', '-e', `$| = 1; ${text}`];
/** Takes that much memory and keeps it. */
export const hog = (mega: number) =>
  perl(`my $b = ''; vec($b, (${mega} << 20) - 1, 8) = 1; print "has it\\n"; sleep 600;`);
export const busy = perl('1 while 1;');

export async function until<T>(what: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const found = await what();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Resource groups in a test. @param core the core at the moment: a test may open another */
export function groupTools(core: () => TestCore) {
  const groupOf = async (id: string): Promise<Group> =>
    (await core().core.call('groups.list', undefined)).find((one) => one.id === id)!;
  return {
    groupOf,
    /** The next sample of a group that is as wanted. */
    nextUse(id: string, accept: (use: GroupUse) => boolean): Promise<GroupUse> {
      const { events } = core();
      const from = events.length;
      return until(async () =>
        events
          .slice(from)
          .flatMap((event) => (event.type === 'group-use' ? event.uses : []))
          .find((use) => use.id === id && accept(use)),
      );
    },
    async make(
      name: string,
      limits: Partial<GroupLimits> = {},
      where: { host?: string; parent?: string } = {},
    ): Promise<string> {
      const { host = null, parent = null } = where;
      const all = { ...noLimits, ...limits };
      const made = await core().core.call('groups.create', { name, host, parent, limits: all });
      await core().done(made);
      return made.id;
    },
    async start(id: string, command: readonly string[], name?: string): Promise<string> {
      const started = await core().core.call('groups.startApplication', { id, command: [...command], name });
      await core().done(started);
      return started.member;
    },
    async pidOf(id: string, member: string): Promise<number | null> {
      const found = (await groupOf(id)).members.find((one) => one.id === member);
      return found?.kind === 'application' ? found.pid : null;
    },
    /** With what runs in it, but for guests. */
    async remove(id: string): Promise<void> {
      for (const member of (await groupOf(id)).members)
        if (member.kind !== 'guest' && member.state !== 'ended')
          await core().done(
            await core().core.call('groups.endMember', { id, member: member.id, force: true }),
          );
      await core().done(await core().core.call('groups.remove', { id }));
    },
  };
}
