import { expect, it } from 'vitest';
import { lineEndOf, replacement } from './text.ts';

it('tells CRLF texts from all others, mixed ones among them', () => {
  expect(lineEndOf('a\r\nb\r\n')).toBe('\r\n');
  for (const text of ['', 'a', 'a\nb', 'a\r\nb\nc', 'a\rb', 'a\r\nb\rc']) expect(lineEndOf(text)).toBe('\n');
});

it('finds the one span in which two texts differ', () => {
  for (const [before, after] of [
    ['', ''],
    ['', 'abc'],
    ['abc', ''],
    ['aaa', 'aa'],
    ['aa', 'aaa'],
    ['<a b="1"/>', '<a b="22"/>'],
    ['x1y', 'x2y'],
    ['same', 'same'],
  ] as const) {
    const { from, to, insert } = replacement(before, after);
    expect(before.slice(0, from) + insert + before.slice(to)).toBe(after);
  }
  expect(replacement('<a b="1"/>', '<a b="2"/>')).toEqual({ from: 6, to: 7, insert: '2' });
});
