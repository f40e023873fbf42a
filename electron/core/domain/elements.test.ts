import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectGolden } from '../testing/golden.ts';
import { Domain, declared, domainProblems, type ListName, outlineOf, type Property } from './index.ts';
import { elementDocuments, goldenDir } from './testing.ts';
import { spliceBetween } from './xml/edit.ts';

// After libvirt's formatdomain page, chapter by chapter; every one is valid by its schema (elements.int.test.ts).
const documents = elementDocuments();

/** The properties that a document sets, with their items, and for each list a few that it does not. */
function* present(domain: Domain, text: string): Generator<[Property<unknown>, number]> {
  let absent = text.length; // another choice of the absent ones for each document
  for (const property of declared.values()) {
    const count = property.list === null ? 1 : domain.count(property.list as ListName);
    for (let i = 0; i < count; i++) {
      if (domain.has(property, i) ? domain.get(property, i) !== null : absent++ % 7 === 0)
        yield [property, i];
    }
  }
}

describe.each(documents)('of $name', ({ text }) => {
  const domain = Domain.parse(text);

  it('unedited bytes stay', () => {
    expect(domain.text).toBe(text);
    for (const [property, i] of present(domain, text))
      expect(domain.set(property, domain.get(property, i), i)).toBe(domain);
  });

  it('any property set and set back, or taken out and put back, gives the same bytes', () => {
    for (const [property, i] of present(domain, text)) {
      const before = domain.get(property, i);
      for (const value of [...property.type.samples, null]) {
        const changed = domain.set(property, value, i);
        if (value === null) expect(changed.has(property, i), property.key).toBe(false);
        else expect(changed.get(property, i), property.key).toEqual(value);
        expect(Domain.parse(changed.text).text).toBe(changed.text);
        expect(changed.set(property, before, i).text, `${property.key} ${value}`).toBe(text);
      }
    }
  });

  it('an edit of an attribute touches nothing but its value', () => {
    for (const [property, i] of present(domain, text)) {
      const before = domain.raw(property, i);
      if (before === null || property.place.kind !== 'attribute') continue;
      for (const value of property.type.samples) {
        const changed = domain.set(property, value, i);
        if (changed === domain) continue;
        const { removed, inserted } = spliceBetween(text, changed.text)!;
        // As written: a quote in the value is longer there, as &quot;.
        const written = (value: string) => value.length + 5 * (value.match(/["'&<>]/g)?.length ?? 0);
        expect(removed.length, property.key).toBeLessThanOrEqual(written(before));
        expect(inserted.length, property.key).toBeLessThanOrEqual(written(changed.raw(property, i)!));
        expect(removed + inserted, property.key).not.toMatch(/[<>]/);
      }
    }
  });

  it('every element is named in the outline', () => {
    const names = outlineOf(domain).map(({ name }) => name);
    const bare = text.replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>/g, '');
    expect(names).toEqual([...bare.matchAll(/<([A-Za-z][\w:.-]*)/g)].map((match) => match[1]));
  });
});

describe('what of it cannot be run, or reaches outside', () => {
  it('is listed by element, with its reason', () => {
    const inside = () => false;
    const lines = documents.map(({ name, text }) => {
      const problems = domainProblems(Domain.parse(text), inside);
      return `${name}\n${problems
        .map(
          ({ line, path: at, kind, reaches, reason }) =>
            `  ${line}: ${at}: ${kind}${reaches === null ? '' : ` [${reaches}]`}: ${reason}\n`,
        )
        .join('')}`;
    });
    expectGolden(path.join(goldenDir, 'elements/problems.txt'), lines.join('\n'));
  });

  it('covers the page', () => {
    expect(documents.length).toBeGreaterThan(40);
  });
});
