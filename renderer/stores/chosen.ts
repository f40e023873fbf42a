import { create } from 'zustand';

type List = 'keys' | 'servers' | 'networks' | 'groups';

/** The id of what is chosen in each list: kept while one looks at another page, and set by what makes a new one. */
export const useChosen = create<Readonly<Record<List, string | null>>>()(() => ({
  keys: null,
  servers: null,
  networks: null,
  groups: null,
}));

export const choose = (list: List, id: string): void => useChosen.setState({ [list]: id });
