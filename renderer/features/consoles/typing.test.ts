import { describe, expect, it } from 'vitest';
import { asksFirst, isOwnAnswer, joinTyping, pasteInto, typeInto } from './typing.ts';

function consoles() {
  const got: string[] = [];
  for (const id of ['a', 'b', 'c'])
    joinTyping(id, {
      type: (text) => void got.push(`${id}:${text}`),
      // As one of them wants it.
      paste: (text) => void got.push(id === 'a' ? `a:[${text}]` : `${id}:${text}`),
    });
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

  it('takes a key for a key, also one that looks like an answer', () => {
    const got = consoles();
    typeInto('a', '\u001b[1;2R', new Set(['a', 'b']), true);
    expect(got).toEqual(['a:\u001b[1;2R', 'b:\u001b[1;2R']);
  });

  it('pastes into each as its own program wants it', () => {
    const got = consoles();
    pasteInto('a', 'ls', new Set(['a', 'b']));
    pasteInto('c', 'ls', new Set(['a', 'b']));
    expect(got).toEqual(['a:[ls]', 'b:ls', 'c:ls']);
  });

  it('asks before pasted lines would run: always in a group, else where no program waits for their end', () => {
    expect(asksFirst('a b', false, true)).toBe(false);
    expect(asksFirst('a\n', false, false)).toBe(true);
    expect(asksFirst('a\rb', true, false)).toBe(false);
    expect(asksFirst('a\nb', true, true)).toBe(true);
  });

  it('goes past a console that has left', () => {
    const got: string[] = [];
    joinTyping('d', { type: (text) => void got.push(text), paste: () => {} })();
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
    '\u001b[?2026;2$y',
    '\u001b[4;1$y',
    '\u001b[>0;276;0c',
    '\u001b[I',
    '\u001b[<0;3;4M',
    '\u001b]11;rgb:0/0/0\u001b\\',
  ])('takes %j for an answer', (text) => expect(isOwnAnswer(text)).toBe(true));
});
