import { useSyncExternalStore } from 'react';

/** Below this many pixels the details are a page of their own. */
export const narrowQuery = '(max-width: 999px)';

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const list = window.matchMedia(query);
      list.addEventListener('change', changed);
      return () => list.removeEventListener('change', changed);
    },
    () => window.matchMedia(query).matches,
  );
}
