import { expect, it } from 'vitest';
import { plainLines } from './engine.ts';
import { pullReader } from './pull.ts';

// Written by podman 4.3.1.
it('reads how far a pull is from the bars podman draws, however they are cut', () => {
  const read = pullReader();
  expect(read('Trying to pull 127.0.0.1:43393/some/app:1...\r\nGetting image source signatures\r\n')).toEqual(
    {
      layers: 0,
      fraction: null,
      at: 'layers',
    },
  );
  expect(read('Copying blob 013d9d018d36 [====>-----] 312.5KiB / 62').fraction).toBeNull();
  expect(read('5.0KiB\r\n')).toMatchObject({ layers: 1, fraction: 0.5 });
  const second =
    '\x1b[2A\x1b[JCopying blob 013d9d018d36 done  \r\nCopying blob 7a1b2c3d4e5f [>--] 0.0b / 1.8MiB\r\n';
  // More is to come than was known: it does not fall back.
  expect(read(second)).toMatchObject({ layers: 2, fraction: 0.5 });
  expect(read('\x1b[1A\x1b[JCopying blob 7a1b2c3d4e5f [==>-] 1.8MiB / 1.8MiB\r\n').fraction).toBeCloseTo(1);
  expect(read('Copying config e5b6917368 [======] 178.0b / 178.0b\r\n').at).toBe('config');
  expect(read('Writing manifest to image destination\r\nStoring signatures\r\n').at).toBe('storing');
});

it('knows the layers alone where podman has no terminal', () => {
  const read = pullReader();
  const id = '013d9d018d36'.padEnd(64, '0');
  expect(read(`Copying blob sha256:${id}\nCopying blob sha256:${'a'.repeat(64)}\n`)).toEqual({
    layers: 2,
    fraction: null,
    at: 'layers',
  });
});

it('leaves of what was drawn over and over the last, and no control codes', () => {
  const bar = (size: string) => `\x1b[1A\x1b[JCopying blob 013d9d018d36 [==>-] ${size} / 625.5KiB\r\n`;
  expect(
    plainLines(
      `Trying to pull x...\r\n${bar('1.0KiB')}${bar('2.0KiB')}Error: writing blob: unexpected EOF\r\n`,
    ),
  ).toBe(
    'Trying to pull x...\nCopying blob 013d9d018d36 [==>-] 2.0KiB / 625.5KiB\nError: writing blob: unexpected EOF',
  );
});
