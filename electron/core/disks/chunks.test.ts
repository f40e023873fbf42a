import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chunkSize } from './chunks.ts';
import { FileReader, readBytes } from './reader.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'gh-chunks-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const bytes = (length: number, seed: number) =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff));

describe('a file that is remembered', () => {
  for (const reading of ['own', 'shared', 'at-once'] as const)
    it(`reads the same bytes across chunks and at its end (${reading})`, async () => {
      const whole = bytes(2 * chunkSize + 777, 1);
      const file = path.join(dir, reading);
      writeFileSync(file, whole);
      const reader = await FileReader.open(file, reading);
      for (const [offset, length] of [
        [0, 1],
        [chunkSize - 3, 9],
        [chunkSize - 1, chunkSize - 1],
        [5, 2 * chunkSize],
        [whole.length - 10, 10],
      ] as const)
        expect(
          (await readBytes(reader, offset, length)).equals(whole.subarray(offset, offset + length)),
        ).toBe(true);
      const padded = Buffer.alloc(20, 0xee);
      await reader.readPadded(padded, whole.length - 10);
      expect(padded).toEqual(Buffer.concat([whole.subarray(-10), Buffer.alloc(10)]));
      await expect(readBytes(reader, whole.length - 1, 2)).rejects.toThrow('ends too early');
      await reader.close();
    });

  it('is shared by readers of the very file, and never by one that changed', async () => {
    const file = path.join(dir, 'changing');
    writeFileSync(file, bytes(5000, 1));
    const old = await FileReader.open(file, 'shared');
    const before = await readBytes(old, 0, 100);
    await old.close();
    const time = new Date(Date.now() - 60_000);
    writeFileSync(file, bytes(5000, 2));
    utimesSync(file, time, time);
    const touched = await FileReader.open(file, 'shared');
    expect(await readBytes(touched, 0, 100)).toEqual(bytes(100, 2));
    expect(await readBytes(touched, 0, 100)).not.toEqual(before);
    appendFileSync(file, bytes(10, 3));
    utimesSync(file, time, time);
    const longer = await FileReader.open(file, 'shared');
    expect(await readBytes(longer, 5000, 10)).toEqual(bytes(10, 3));
    // Of the same time and size: taken for the same, and so out of memory.
    writeFileSync(file, bytes(5010, 4));
    utimesSync(file, time, time);
    const same = await FileReader.open(file, 'shared');
    expect(await readBytes(same, 5000, 10)).toEqual(bytes(10, 3));
    for (const reader of [touched, longer, same]) await reader.close();
  });
});
