import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectGolden } from '../testing/golden.ts';
import { Domain, domainProblems, insideFolders } from './index.ts';
import { everyDomain, goldenDir } from './testing.ts';

describe('domainProblems', () => {
  for (const { name, text } of everyDomain())
    it(`of ${name} are the golden ones`, () => {
      const problems = domainProblems(Domain.parse(text), insideFolders('/lib'));
      const lines = problems.map(
        (p) => `${p.line}: ${p.path}: ${p.kind}${p.reaches === null ? '' : ` [${p.reaches}]`}: ${p.reason}\n`,
      );
      expectGolden(path.join(goldenDir, `${name}.problems`), lines.join(''));
    });

  it('are none for new guests in the library', () => {
    for (const { name, text } of everyDomain())
      if (name.startsWith('new-') && name !== 'new-uefi')
        expect(domainProblems(Domain.parse(text), insideFolders('/lib')), name).toEqual([]);
  });
});

describe('insideFolders', () => {
  it('is not deceived by dots and name prefixes', () => {
    const inside = insideFolders('/data/guests');
    expect(inside('/data/guests/a/d.qcow2')).toBe(true);
    expect(inside('/data/guests/../x')).toBe(false);
    expect(inside('/data/guests-evil/x')).toBe(false);
    expect(inside('/data/guests')).toBe(false);
    expect(inside('data/guests/x')).toBe(false);
  });
});
