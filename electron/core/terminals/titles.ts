type Named = { readonly kind: 'ssh' | 'exec'; readonly title: string; readonly subject: string | null };

/** "web", "web 2" */
export const numbered = (title: string, number: number) => (number === 1 ? title : `${title} ${number}`);

/** The least number, from 1, that no other console of this kind to the same machine has. */
export function freeNumber(
  { kind, title, subject }: Named,
  others: Iterable<{ readonly console: Named | null; readonly number: number }>,
): number {
  const taken = new Set<number>();
  // A container has a shell and a log; a guest may have been renamed meanwhile.
  for (const { console, number } of others)
    if (console?.kind === kind && console.subject === subject && (kind === 'ssh' || console.title === title))
      taken.add(number);
  let number = 1;
  while (taken.has(number)) number++;
  return number;
}
