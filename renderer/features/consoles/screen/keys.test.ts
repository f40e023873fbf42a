import { expect, it } from 'vitest';
import { chords, type Key, keysFor, press } from './keys.ts';

const log = (keys: readonly Key[]) => {
  const done: string[] = [];
  press({ sendKey: (_keysym, code, down) => void done.push(`${down ? '+' : '-'}${code}`) }, keys);
  return done;
};

it('presses in order and releases in the other', () => {
  const { keys } = chords.find(({ label }) => label === 'Ctrl+Alt+Del')!;
  expect(log(keys)).toEqual(['+ControlLeft', '+AltLeft', '+Delete', '-Delete', '-AltLeft', '-ControlLeft']);
  expect(chords.find(({ label }) => label === 'Ctrl+Alt+F6')!.keys.at(-1)).toEqual({
    keysym: 0xffc3,
    code: 'F6',
  });
});

it('types every printable ASCII character, with Shift where a US keyboard needs it', () => {
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
  const { strokes, missing } = keysFor(printable);
  expect(missing).toEqual([]);
  expect(strokes.map((keys) => String.fromCharCode(keys.at(-1)!.keysym)).join('')).toBe(printable);
  const shifted = strokes.filter((keys) => keys[0]!.code === 'ShiftLeft').length;
  expect(shifted).toBe(26 + 21);
  expect(log(strokes[printable.indexOf('A')]!)).toEqual(['+ShiftLeft', '+KeyA', '-KeyA', '-ShiftLeft']);
});

it('makes one Enter of each line end, and names what is on no key', () => {
  const { strokes, missing } = keysFor('a\r\nb\rc\nüü€😀');
  expect(strokes.map((keys) => keys.at(-1)!.code)).toEqual([
    'KeyA',
    'Enter',
    'KeyB',
    'Enter',
    'KeyC',
    'Enter',
  ]);
  expect(missing).toEqual(['ü', '€', '😀']);
});
