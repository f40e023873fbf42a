import { create, type StoreApi, type UseBoundStore } from 'zustand';

/** A store of things by id, in the order they came. Written by the bridge alone. */
export interface Keyed<T> {
  readonly byId: Readonly<Record<string, T>>;
  /** In order; a new array whenever anything changed. */
  readonly all: readonly T[];
  load: (items: readonly T[]) => void;
  put: (item: T) => void;
  drop: (id: string) => void;
}

export function keyedStore<T extends { readonly id: string }>(): UseBoundStore<StoreApi<Keyed<T>>> {
  return create<Keyed<T>>()((set) => ({
    byId: {},
    all: [],
    load: (items) => set({ byId: Object.fromEntries(items.map((item) => [item.id, item])), all: [...items] }),
    put: (item) =>
      set(({ byId, all }) => ({
        byId: { ...byId, [item.id]: item },
        all: item.id in byId ? all.map((old) => (old.id === item.id ? item : old)) : [...all, item],
      })),
    drop: (id) =>
      set(({ byId, all }) => {
        if (!(id in byId)) return {};
        const { [id]: _gone, ...rest } = byId;
        return { byId: rest, all: all.filter((item) => item.id !== id) };
      }),
  }));
}
