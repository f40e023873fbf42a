import { create } from 'zustand';
import { toWire, type WireError } from '../../shared/errors.ts';
import type { Key, KeyCopy, KeyList, PermissionProblem } from '../../shared/model/key.ts';
import { call } from '../bridge/call.ts';
import { tell, tellError } from './toasts.ts';

interface KeysState {
  readonly list: KeyList | null;
  readonly error: WireError | null;
  readonly loading: boolean;
  fetch: () => Promise<void>;
}

let again = false;

/** The keys as core last listed them. Writes to files come in bursts: one look at a time, and one more after. */
export const useKeys = create<KeysState>()((set, get) => ({
  list: null,
  error: null,
  loading: false,
  fetch: async () => {
    if (get().loading) {
      again = true;
      return;
    }
    set({ loading: true });
    do {
      again = false;
      try {
        set({ list: await call('keys.list'), error: null });
      } catch (error) {
        set({ error: toWire(error) });
      }
    } while (again);
    set({ loading: false });
  },
}));

/** The key files, the agent or the permissions changed. */
export const keysChanged = (): void => void useKeys.getState().fetch();

export function useKey(id: string | null): Key | undefined {
  return useKeys((state) => state.list?.keys.find((key) => key.id === id));
}

/** Everything wrong, of keys and of what is around them; each path once. */
export function allProblems(list: KeyList | null): readonly PermissionProblem[] {
  if (!list) return [];
  const all = [...list.problems, ...list.keys.flatMap((key) => key.problems)];
  return all.filter(
    (one, index) => all.findIndex((other) => other.path === one.path && other.kind === one.kind) === index,
  );
}

interface CopiesState {
  /** Keyed by operation. */
  readonly byOperation: Readonly<Record<string, KeyCopy>>;
  load: (copies: readonly KeyCopy[]) => void;
  put: (copy: KeyCopy) => void;
}

/** Copies of keys to hosts, as they go on and how they ended. */
export const useKeyCopies = create<CopiesState>()((set) => ({
  byOperation: {},
  load: (copies) => set({ byOperation: Object.fromEntries(copies.map((copy) => [copy.operation, copy])) }),
  put: (copy) => set(({ byOperation }) => ({ byOperation: { ...byOperation, [copy.operation]: copy } })),
}));

/** True while a host of the copy has no result yet. */
export const copyGoesOn = (copy: KeyCopy): boolean =>
  copy.hosts.some(({ status }) => status === 'waiting' || status === 'connecting' || status === 'checking');

/** Repairs the named files, or every one. Says what is left. */
export async function fixPermissions(paths?: readonly string[]): Promise<void> {
  try {
    const left = await call('keys.fix', paths ? { paths: [...paths] } : {});
    if (left.length === 0) tell('Permissions are as OpenSSH wants them');
    else if (paths) tell('Repaired');
    else tell(`Repaired what could be; ${left.length} left`);
  } catch (error) {
    tellError(error);
  }
}

/** ssh would not use it as it lies there. */
export const refused = (key: Key) => key.problems.some(({ severity }) => severity === 'refused');

/** The choices for "which key": those that can be offered to a host, Ed25519 and usable ones first. */
export function offerableKeys(list: KeyList | null): readonly Key[] {
  const rank = (key: Key) => (key.type === 'ED25519' ? 0 : 1) + (refused(key) ? 2 : 0);
  return (list?.keys ?? [])
    .filter((key) => key.publicPath !== null || key.fingerprint !== null)
    .sort((a, b) => rank(a) - rank(b));
}
