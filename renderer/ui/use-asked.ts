import { useCallback, useEffect, useState } from 'react';
import { toWire, type WireError } from '../../shared/errors.ts';

export type Loaded<T> =
  | { readonly status: 'loading'; readonly value: T | null }
  | { readonly status: 'ready'; readonly value: T }
  | { readonly status: 'failed'; readonly error: WireError; readonly value: T | null };

/**
 * Asks for something and again whenever `key` changes; the last value stays while a new one is asked for, and an
 * answer that comes late is dropped.
 */
export function useAsked<T>(key: string, ask: () => Promise<T>): [Loaded<T>, () => void] {
  const [state, setState] = useState<Loaded<T>>({ status: 'loading', value: null });
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for everything `ask` closes over
  useEffect(() => {
    let current = true;
    setState((old) => ({ status: 'loading', value: old.value }));
    ask().then(
      (value) => current && setState({ status: 'ready', value }),
      (error) => current && setState((old) => ({ status: 'failed', error: toWire(error), value: old.value })),
    );
    return () => {
      current = false;
    };
  }, [key, turn]);
  return [state, useCallback(() => setTurn((count) => count + 1), [])];
}
