import * as path from 'node:path';
import type { Domain } from './domain.ts';
import type { Offered } from './offered.ts';
import type { DomainProblem, Found } from './problems-finder.ts';
import { OutsideFinder } from './problems-outside.ts';
import { UnknownFinder } from './problems-unknown.ts';
import { ValueFinder } from './problems-values.ts';

/**
 * What of a domain would not run, and what reaches outside, in document order.
 * @param inside tells whether an absolute path, symbolic links aside, is in the library. Firmware that the
 *   distribution installs (below /usr/share) is never outside.
 * @param offered what this computer's QEMU has; null when that is not known, and then nothing is missed
 */
export function domainProblems(
  domain: Domain,
  inside: (file: string) => boolean,
  offered: Offered | null = null,
): DomainProblem[] {
  const found: Found[] = [];
  const unknown = new UnknownFinder(domain, found);
  unknown.unknown(domain.root, '');
  new ValueFinder(domain, found, offered).find();
  unknown.ignored(); // last: says nothing of a value that already has a reason
  new OutsideFinder(domain, found, inside).find();
  return capped(found.sort((a, b) => a.at - b.at).map(({ at: _, ...problem }) => problem));
}

/** As many as a person could read. What reaches outside is never left out: consent is asked for each. */
function capped(all: DomainProblem[]): DomainProblem[] {
  let kept = 0;
  const listed = all.filter(({ kind }) => kind === 'outside' || kept++ < mostListed);
  const more = all.length - listed.length;
  if (more > 0)
    listed.push({
      path: '',
      line: all.at(-1)!.line,
      reason: `and ${more} more places of this file have no effect`,
      kind: 'unsupported',
      reaches: null,
    });
  return listed;
}
const mostListed = 2000;

/** `inside` for a set of folders. Lexical: the caller resolves links before it opens anything. */
export function insideFolders(...folders: string[]): (file: string) => boolean {
  return (file) => {
    const full = path.normalize(file);
    return (
      path.isAbsolute(full) && folders.some((folder) => full.startsWith(path.normalize(folder) + path.sep))
    );
  };
}
