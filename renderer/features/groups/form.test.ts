import { describe, expect, it } from 'vitest';
import { noLimits } from '../../../shared/model/group.ts';
import { checkLimits, emptyForm, formOf, parseSize, sizeText, splitWords } from './form.ts';

describe('sizes', () => {
  it.each([
    ['512', 512 * 2 ** 20],
    ['512 MB', 512 * 2 ** 20],
    ['1.5g', 1.5 * 2 ** 30],
    ['1,5 GiB', 1.5 * 2 ** 30],
    ['100 B', 100],
    ['64K', 65536],
    ['lots', null],
    ['-1', null],
  ])('%s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it('come back as they were typed', () => {
    for (const bytes of [1, 1000, 65536, 512 * 2 ** 20, 1.5 * 2 ** 30, 123_456_789])
      expect(parseSize(sizeText(bytes))).toBe(bytes);
  });
});

describe('limits', () => {
  it('are none when nothing is typed, and come back from a group', () => {
    expect(checkLimits(emptyForm, 2).limits).toEqual(noLimits);
    const limits = {
      ...noLimits,
      memoryMax: 64 << 20,
      cpus: 0.5,
      io: [{ device: '/dev/vda', readBytes: null, writeBytes: 1 << 20, readOps: 10, writeOps: null }],
    };
    expect(checkLimits(formOf(limits), 2).limits).toEqual(limits);
  });

  it('say what is wrong, by field', () => {
    const { limits, problems } = checkLimits(
      { ...emptyForm, memoryMax: '64 MB', memoryHigh: '64 MB', cpus: '3', tasksMax: '0', cpuWeight: 'x' },
      2,
    );
    expect(limits).toBeNull();
    expect(Object.keys(problems).sort()).toEqual(['cpuWeight', 'cpus', 'memoryHigh', 'tasksMax']);
    expect(problems.cpus).toContain('2');
  });
});

describe('a command line', () => {
  it.each([
    ['sleep 60', ['sleep', '60']],
    ['  a   b ', ['a', 'b']],
    [`sh -c 'echo "$HOME"; x'`, ['sh', '-c', 'echo "$HOME"; x']],
    [`a "b c" d\\ e ''`, ['a', 'b c', 'd e', '']],
    [`"a\\"b"`, ['a"b']],
    [`'open`, null],
    ['', []],
  ])('%s', (text, words) => expect(splitWords(text)).toEqual(words));
});
