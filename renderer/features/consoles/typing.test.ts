import { describe, expect, it } from 'vitest';
import { isOwnAnswer, joinTyping, typeInto } from './typing.ts';

function consoles() {
  const got: string[] = [];
  for (const id of ['a', 'b', 'c']) joinTyping(id, (text) => got.push(`${id}:${text}`));
  return got;
}

describe('typing into several consoles', () => {
  it('reaches the group and nobody else', () => {
    const got = consoles();
    typeInto('a', 'ls\r', new Set(['a', 'b']));
    expect(got).toEqual(['a:ls\r', 'b:ls\r']);
  });

  it('stays in a console outside the group', () => {
    const got = consoles();
    typeInto('c', 'x', new Set(['a', 'b']));
    expect(got).toEqual(['c:x']);
  });

  it('keeps what a terminal answers by itself to itself', () => {
    const got = consoles();
    typeInto('a', '\u001b[?1;2c', new Set(['a', 'b']));
    expect(got).toEqual(['a:\u001b[?1;2c']);
  });

  it('goes past a console that has left', () => {
    const got: string[] = [];
    joinTyping('d', (text) => got.push(text))();
    typeInto('d', 'x', new Set());
    expect(got).toEqual([]);
  });

  it.each([
    '\u001b[A',
    '\u001bOP',
    '\u001b[3~',
    '\u001b[1;5C',
    '\u0003',
    '\u001b',
    '\u001b[200~a\u001b[201~',
  ])('takes %j for typing', (text) => expect(isOwnAnswer(text)).toBe(false));
  it.each([
    '\u001b[12;5R',
    '\u001b[0n',
    '\u001b[>0;276;0c',
    '\u001b[I',
    '\u001b[<0;3;4M',
    '\u001b]11;rgb:0/0/0\u001b\\',
  ])('takes %j for an answer', (text) => expect(isOwnAnswer(text)).toBe(true));
});
