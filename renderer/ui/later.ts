import { type ComponentType, type LazyExoticComponent, lazy } from 'react';

const waiting: (() => Promise<unknown>)[] = [];

/**
 * A component whose code is fetched when it is first shown, or by {@link loadTheRest} before: so the list of guests does
 * not wait for consoles, wizards and pages nobody has opened yet. Show it within a Suspense.
 */
export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
): LazyExoticComponent<ComponentType<P>> {
  let there: { default: ComponentType<P> } | null = null;
  const fetch = async () => {
    there ??= { default: await load() };
    return there;
  };
  waiting.push(fetch);
  return lazy(() => (there ? atOnce(there) : fetch()));
}

/** A promise would make React show its fallback for a frame, also when the code is there already. */
function atOnce<T>(value: T): Promise<T> {
  // biome-ignore lint/suspicious/noThenProperty: React takes any thenable, and believes one that answers at once
  return { then: (done: (value: T) => void) => done(value) } as unknown as Promise<T>;
}

/** Fetches all that was left for later, one after the other, when the window has nothing else to do. */
export function loadTheRest(): void {
  const next = waiting.shift();
  if (!next) return;
  requestIdleCallback(
    () =>
      void next()
        .catch(() => {}) // fetched again where it is shown
        .then(loadTheRest),
    { timeout: 2000 },
  );
}
