import { expect, it } from 'vitest';
import { ReplayBuffer } from './replay.ts';

const text = (buffer: ReplayBuffer) => Buffer.from(buffer.bytes()).toString('latin1');

it('keeps all of what fits, byte for byte, however it came', () => {
  const buffer = new ReplayBuffer(1 << 20);
  const all = Buffer.alloc(100_000, 'abcdefghij\n');
  for (let at = 0; at < all.length; at += 777) buffer.push(all.subarray(at, at + 777));
  expect(text(buffer)).toBe(all.toString('latin1'));
});

it('is empty before the first byte', () => expect(text(new ReplayBuffer())).toBe(''));

it('keeps the end and begins it at a line', () => {
  const buffer = new ReplayBuffer(64 << 10);
  for (let line = 0; line < 20_000; line++) buffer.push(Buffer.from(`line ${line}\n`));
  const kept = text(buffer);
  expect(kept.length).toBeGreaterThanOrEqual(48 << 10);
  expect(kept.length).toBeLessThanOrEqual((64 << 10) + (16 << 10));
  expect(kept).toMatch(/^line \d+\nline \d+\n/);
  expect(kept.endsWith('line 19999\n')).toBe(true);
});

it('sets again the private modes whose sequences dropped out, also one cut between blocks', () => {
  const buffer = new ReplayBuffer(64 << 10);
  buffer.push(Buffer.from('\x1b[?1049h\x1b[?1;2004h\x1b[?25l\x1b[?25h'));
  // So that the sequence lies across the border of two blocks of 16 KiB.
  const at = Buffer.from(buffer.bytes()).length;
  buffer.push(Buffer.alloc((16 << 10) - at - 4, 'x'));
  buffer.push(Buffer.from('\x1b[?1006h'));
  for (let i = 0; i < 3000; i++) buffer.push(Buffer.from('some output, some more output\n'));
  const prefix = text(buffer).split('some')[0]!;
  for (const mode of ['1049', '1', '2004', '25', '1006']) expect(prefix).toContain(`\x1b[?${mode}h`);
  expect(prefix).not.toContain('\x1b[?25l');
});
