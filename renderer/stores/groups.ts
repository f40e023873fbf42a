import { create } from 'zustand';
import { isCancelled, toWire, type WireError } from '../../shared/errors.ts';
import type { Started } from '../../shared/ipc/guests.ts';
import type { Group, GroupHost, GroupUse } from '../../shared/model/group.ts';
import { call } from '../bridge/call.ts';
import { keyedStore } from './keyed.ts';
import { operationEnd } from './operations.ts';
import { historyLength } from './stats.ts';
import { tellError } from './toasts.ts';

export const useGroups = keyedStore<Group>();

/** The last samples of each group, oldest first. */
export const useGroupUse = create<{
  history: Readonly<Record<string, readonly GroupUse[]>>;
  add: (uses: readonly GroupUse[]) => void;
  keepOnly: (ids: ReadonlySet<string>) => void;
}>()((set) => ({
  history: {},
  add: (uses) =>
    set(({ history }) => {
      const next = { ...history };
      for (const use of uses) next[use.id] = [...(next[use.id] ?? []), use].slice(-historyLength);
      return { history: next };
    }),
  keepOnly: (ids) =>
    set(({ history }) => ({
      history: Object.fromEntries(Object.entries(history).filter(([id]) => ids.has(id))),
    })),
}));

const none: readonly GroupUse[] = [];
/** A group's samples, oldest first; empty when there are none. */
export function useGroupHistory(id: string): readonly GroupUse[] {
  return useGroupUse((state) => state.history[id] ?? none);
}

interface Looked {
  readonly host: GroupHost | null;
  readonly error: WireError | null;
  readonly loading: boolean;
}

/** What each machine can hold groups to; the key of this one is ''. */
export const useGroupHosts = create<{
  byHost: Readonly<Record<string, Looked>>;
  /** Asks for what is known; of this machine always. `log in`: looks at a far one, asking what must be asked. */
  fetch: (host: string | null, how?: 'known' | 'log in') => Promise<void>;
}>()((set, get) => ({
  byHost: {},
  fetch: async (host, how = 'known') => {
    const key = host ?? '';
    const put = (patch: Partial<Looked>) =>
      set(({ byHost }) => ({
        byHost: {
          ...byHost,
          [key]: { ...(byHost[key] ?? { host: null, error: null, loading: false }), ...patch },
        },
      }));
    if (get().byHost[key]?.loading) return;
    put({ loading: true, error: null });
    try {
      if (host !== null && how === 'log in') {
        const { operation } = await call('groups.connect', { host });
        await operationEnd(operation);
      }
      put({ host: await call('groups.host', { host }), loading: false });
    } catch (error) {
      put({ error: isCancelled(error) ? null : toWire(error), loading: false });
    }
  },
}));

/**
 * Begins one of the operations about groups; how it failed is told where every operation's end is.
 * @returns true when it went well
 */
export async function groupDone(begin: Promise<Started>): Promise<boolean> {
  let operation: string;
  try {
    ({ operation } = await begin);
  } catch (error) {
    tellError(error);
    return false;
  }
  return operationEnd(operation).then(
    () => true,
    () => false,
  );
}

/** Groups in the order of the list: each followed by those in it, in natural order. */
export function inTree(groups: readonly Group[]): readonly Group[] {
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const sorted = [...groups].sort((a, b) => order.compare(a.name, b.name));
  const top = sorted.filter(({ parent }) => parent === null || !groups.some(({ id }) => id === parent));
  return top.flatMap((group) => [group, ...sorted.filter(({ parent }) => parent === group.id)]);
}
