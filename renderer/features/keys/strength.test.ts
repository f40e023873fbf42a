import { describe, expect, it } from 'vitest';
import { passphraseBits, strengthOf } from './strength.ts';

describe('passphrase strength', () => {
  it.each([
    ['', 'None'],
    ['aaaaaaaaaaaaaaaaaaaa', 'Weak'],
    ['123456789012', 'Weak'],
    ['password1', 'Weak'],
    ['Password123', 'Weak'],
    ['abcabcabcabcabc', 'Weak'],
    ['xK9#mQ2$v', 'Good'],
    ['correct horse battery staple', 'Good'],
    ['7fGq-29xM-bbT4-Wz8p', 'Strong'],
  ])('judges %j as %s', (text, word) => expect(strengthOf(text).word).toBe(word));

  it('gives more to a longer passphrase', () => {
    expect(passphraseBits('tulip river')).toBeLessThan(passphraseBits('tulip river anvil moss'));
  });
});
