import { describe, expect, it } from 'vitest';
import { joinWords, splitWords } from './command-line.ts';

describe('a typed command', () => {
  it('is split as a shell would', () => {
    expect(splitWords(`sh -c 'a  b' "c\\"d \\x" e\\ f ''`).words).toEqual([
      'sh',
      '-c',
      'a  b',
      'c"d \\x',
      'e f',
      '',
    ]);
    expect(splitWords('  ')).toEqual({ words: [], problem: null });
    expect(splitWords('$HOME `id` *').words).toEqual(['$HOME', '`id`', '*']);
  });

  it('says that a quote is open', () => {
    expect(splitWords(`sh -c 'echo`).problem).toContain("(')");
    expect(splitWords('"').problem).toContain('"');
  });

  it('comes back the same', () => {
    const words = ['a b', "it's", '"', '-x', '', '$(id)', 'line\nbreak'];
    expect(splitWords(joinWords(words)).words).toEqual(words);
  });
});
