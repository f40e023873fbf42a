import { describe, expect, it } from 'vitest';
import { Domain } from '../domain.ts';
import { everyDomain } from '../testing.ts';
import '../index.ts';
import type { ListName } from './lists.ts';
import { declared, type Property } from './types.ts';

function uses(domain: Domain, property: Property<unknown>): boolean {
  const count = property.list === null ? 1 : domain.count(property.list as ListName);
  for (let i = 0; i < count; i++)
    if (domain.has(property, i) && domain.get(property, i) !== null) return true;
  return false;
}

describe('the property table', () => {
  it('has no property that no golden file uses', () => {
    const domains = everyDomain().map(({ text }) => Domain.parse(text));
    const unused = [...declared.values()]
      .filter((property) => !domains.some((domain) => uses(domain, property)))
      .map((property) => property.key);
    expect(unused).toEqual([]);
  });

  it('has types whose samples read back', () => {
    for (const { key, type, place } of declared.values()) {
      if (place.kind === 'presence') continue;
      expect(type.samples[0], key).not.toEqual(type.samples[1]);
      for (const sample of type.samples) expect(type.read(type.write(sample)), key).toEqual(sample);
    }
  });
});
