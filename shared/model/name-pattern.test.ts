import { describe, expect, it } from 'vitest';
import { expandNames } from './name-pattern.ts';

describe('expandNames', () => {
  it.each([
    ['web', ['web']],
    ['web-{01..03}', ['web-01', 'web-02', 'web-03']],
    ['web-{8..10}', ['web-8', 'web-9', 'web-10']],
    ['n{3..1}', ['n3', 'n2', 'n1']],
    ['{a,b}-{1..2}', ['a-1', 'a-2', 'b-1', 'b-2']],
    ['one, two\nthree', ['one', 'two', 'three']],
  ])('expands %s', (pattern, names) => {
    expect(expandNames(pattern)).toEqual({ names });
  });

  it.each([
    '',
    'web-{1..200}',
    'web-{',
    'web-}',
    '{{1..2}}',
    'a,A',
    '{1..9}{1..9}{1..9}',
    '-x',
    '{a}',
    'a/{1..2}',
  ])('refuses %s with a sentence', (pattern) => {
    expect(expandNames(pattern)).toHaveProperty('problem', expect.stringMatching(/\.$/));
  });
});
