import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectGolden } from '../testing/golden.ts';
import {
  completeDomain,
  Domain,
  declared,
  domainProblems,
  type ListName,
  outlineOf,
  type Property,
} from './index.ts';
import { listSteps } from './properties/lists.ts';
import { foreignDocuments, goldenDir } from './testing.ts';
import type { XmlElement } from './xml/parse.ts';

/** Every property of the table with every item it can be set on. */
function* places(domain: Domain): Generator<[Property<unknown>, number]> {
  for (const property of declared.values()) {
    const count = property.list === null ? 1 : domain.count(property.list as ListName);
    for (let i = 0; i < count; i++) yield [property, i];
  }
}

/** The tags of a document in order, and with each element its text, as written. */
function parts(domain: Domain): { name: string; written: string }[] {
  const found: { name: string; written: string }[] = [];
  const visit = (element: XmlElement) => {
    const own = element.children.flatMap((child) =>
      child.kind === 'element' ? [] : [domain.text.slice(child.span.start, child.span.end).trim()],
    );
    const tag = domain.text.slice(element.span.start, element.openEnd).replace(/\s*\/?>$/, '');
    found.push({ name: element.local, written: `${tag}>${own.join('')}` });
    for (const child of element.children) if (child.kind === 'element') visit(child);
  };
  visit(domain.root);
  return found;
}

/** Names of the elements that two versions of a document do not have in common. */
function changedElements(before: Domain, after: Domain): string[] {
  const [a, b] = [parts(before), parts(after)];
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start]!.written === b[start]!.written) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end)!.written === b.at(-1 - end)!.written)
    end++;
  return [...a.slice(start, a.length - end), ...b.slice(start, b.length - end)].map(({ name }) => name);
}

/** Names on a property's way from the document's root. */
const wayOf = ({ list, steps }: Property<unknown>) => [
  ...(list === null ? ['domain'] : [listSteps[list as ListName].at(-1)!.local]),
  ...steps.map(({ local }) => local),
];

const speaking = new Set(
  [...declared.values()].flatMap(({ place, steps }) =>
    place.kind === 'presence' ? steps.at(-1)!.local : [],
  ),
);

describe.each(foreignDocuments())('$name', ({ name, text }) => {
  const domain = Domain.parse(text);

  it('keeps every byte that nobody edits, however it is read', () => {
    for (const [property, i] of places(domain)) {
      const value = domain.get(property, i);
      if (value !== null) expect(domain.set(property, value, i), property.key).toBe(domain);
    }
    expect(domain.text).toBe(text);
    const complete = completeDomain(domain);
    expect(complete.text.replace(/\s*<(address|controller)\b[^>]*\/>/g, '')).toContain('<name>');
    if (!/x86_64/.test(text) || /type='(xen|lxc)'/.test(text)) expect(complete).toBe(domain);
    expect(outlineOf(domain).length).toBeGreaterThan(5);
  });

  it('gets the same bytes back from any property set and set back, readable or not, and touches one element', () => {
    for (const [property, i] of places(domain)) {
      const before = domain.get(property, i);
      for (const value of property.type.samples) {
        const changed = domain.set(property, value, i);
        const what = `${property.key}#${i} ${String(value)}`;
        if (changed === domain) continue;
        expect(changed.get(property, i) ?? false, what).toEqual(value);
        const inside = value === false && property.place.kind === 'presence'; // it goes with all that is in it
        const touched = inside ? [] : changedElements(domain, changed);
        expect(
          touched.filter((element) => !wayOf(property).includes(element)),
          what,
        ).toEqual([]);
        expect(changed.set(property, before, i).text, what).toBe(text);
      }
      if (!domain.has(property, i) || property.place.kind === 'presence') continue;
      const gone = domain.set(property, null, i);
      if (before !== null) expect(gone.set(property, before, i).text, property.key).toBe(text);
    }
  });

  it('gets them back over a save too, where the spelling is the one that is written', () => {
    if (name.startsWith('spelling')) return;
    for (const [property, i] of places(domain)) {
      const before = domain.get(property, i);
      const raw = domain.raw(property, i);
      const plain = raw === null || (before !== null && property.type.write(before, raw) === raw);
      // A memory's unit goes with a value that is none of it; entities and CDATA are read as what they stand for.
      if (!plain || property.place.kind === 'memory' || property.place.kind === 'presence') continue;
      // So does one that was empty before: that it was is not seen any more.
      if (raw === null && /^<[\w:-]+\s*\/>/.test(text.slice(domain.offset(property, i)!))) continue;
      // An element that says something by being there stays when what it holds goes.
      if (raw === null && property.steps.some(({ local }) => speaking.has(local))) continue;
      for (const value of property.type.samples) {
        const saved = Domain.parse(domain.set(property, value, i).text);
        expect(saved.set(property, before, i).text, `${property.key}#${i} ${String(value)}`).toBe(text);
      }
    }
  });
});

it('of machines from elsewhere, what cannot be run or reaches outside is listed by element', () => {
  const lines = foreignDocuments().map(({ name, text }) => {
    const problems = domainProblems(Domain.parse(text), () => false);
    return `${name}\n${problems.map((p) => `  ${p.line}: ${p.path}: ${p.kind}${p.reaches === null ? '' : ` [${p.reaches}]`}: ${p.reason}\n`).join('')}`;
  });
  expectGolden(path.join(goldenDir, 'foreign/problems.txt'), lines.join('\n'));
});
