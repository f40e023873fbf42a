import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectGolden } from '../testing/golden.ts';
import { Domain, domainProblems, insideFolders, outlineOf } from './index.ts';
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

it('reads a file of sixty thousand elements, lists what a person can read of it, and all that reaches outside', () => {
  const disk = "<disk type='file'><source file='/outside'/><target dev='vda' bus='virtio'/></disk>\n";
  const text = `<domain type='kvm'><devices>\n${disk.repeat(3000)}${'<x/>\n'.repeat(60_000)}</devices></domain>`;
  const domain = Domain.parse(text);
  const problems = domainProblems(domain, () => false);
  expect(problems.filter(({ kind }) => kind === 'outside')).toHaveLength(3000);
  expect(problems.filter(({ kind }) => kind === 'unsupported').length).toBeLessThan(2100);
  expect(problems.at(-1)).toMatchObject({
    line: 63_001,
    reason: 'and 58000 more places of this file have no effect',
  });
  const rows = outlineOf(domain);
  expect(rows.length).toBeLessThan(20_100);
  expect(rows.at(-1)).toMatchObject({ name: '…' });
});
