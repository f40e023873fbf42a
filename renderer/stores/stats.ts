import { create } from 'zustand';
import type { GuestStats } from '../../shared/model/guest.ts';

/** Samples kept a guest: two minutes at one every two seconds. */
export const historyLength = 60;

/** The last samples of each running guest, oldest first. */
export const useStats = create<{
  history: Readonly<Record<string, readonly GuestStats[]>>;
  add: (samples: readonly GuestStats[]) => void;
  drop: (id: string) => void;
  keepOnly: (ids: ReadonlySet<string>) => void;
}>()((set) => ({
  history: {},
  add: (samples) =>
    set(({ history }) => {
      const next = { ...history };
      for (const sample of samples)
        next[sample.id] = [...(next[sample.id] ?? []), sample].slice(-historyLength);
      return { history: next };
    }),
  drop: (id) =>
    set(({ history }) => {
      const { [id]: _gone, ...rest } = history;
      return { history: rest };
    }),
  keepOnly: (ids) =>
    set(({ history }) => ({
      history: Object.fromEntries(Object.entries(history).filter(([id]) => ids.has(id))),
    })),
}));

const none: readonly GuestStats[] = [];
/** A guest's samples, oldest first; empty when there are none. */
export function useHistory(id: string): readonly GuestStats[] {
  return useStats((state) => state.history[id] ?? none);
}
