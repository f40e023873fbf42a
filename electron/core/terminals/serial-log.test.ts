import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogCursor, maxLogBytes, missed, trimSerialLog } from './serial-log.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gh-log-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('missed', () => {
  const gap = (log: string, received: string) => missed(Buffer.from(log), Buffer.from(received)).toString();
  it('is nothing when all came', () => expect(gap('hello', 'hello')).toBe(''));
  it('is what came before', () => expect(gap('boot...\nlogin: ', 'login: ')).toBe('boot...\n'));
  it('is nothing when the log is behind', () => expect(gap('hel', 'hello')).toBe(''));
  it('holds with a gap and a log that is behind', () => expect(gap('lost hel', 'hello')).toBe('lost '));
  it('leaves to the socket what the log has ahead of it', () =>
    expect(gap('lost hello world and more', 'hello world')).toBe('lost '));
  it('is everything when nothing was received', () => expect(gap('prompt', '')).toBe('prompt'));
  it('is nothing with an empty log', () => expect(gap('', 'hello')).toBe(''));
});

describe('LogCursor', () => {
  it('gives the history from a line on, then what comes, also after the file was cut', async () => {
    const file = join(dir, 'serial.log');
    const lines = Array.from({ length: 120_000 }, (_, i) => `line number ${i}\n`).join('');
    await writeFile(file, lines);
    const cursor = new LogCursor(file);
    const history = cursor.history().toString();
    expect(history.length).toBeLessThanOrEqual(1 << 20);
    expect(history).toMatch(/^line number \d+\n/);
    expect(lines.endsWith(history)).toBe(true);
    expect(cursor.next().length).toBe(0);
    await writeFile(file, 'more\n', { flag: 'a' });
    expect(cursor.next().toString()).toBe('more\n');
    await writeFile(file, 'short\n');
    expect(cursor.next().toString()).toBe('');
    await writeFile(file, 'again\n', { flag: 'a' });
    expect(cursor.next().toString()).toBe('again\n');
    await rename(file, `${file}.1`);
    await writeFile(file, 'a new file, and longer than the one before\n');
    expect(cursor.next().toString()).toBe('a new file, and longer than the one before\n');
  });

  it('is empty for a guest that never ran', () => {
    const cursor = new LogCursor(join(dir, 'none'));
    expect(cursor.history().length).toBe(0);
  });
});

describe('trimSerialLog', () => {
  it('cuts the beginning under a writer that appends, and keeps every later byte in order', async () => {
    const file = join(dir, 'serial.log');
    const fd = openSync(file, 'a');
    try {
      const line = (i: number) => `${String(i).padStart(15, '0')}\n`;
      const count = Math.ceil((maxLogBytes + 500_000) / 16);
      let i = 0;
      for (; i < count; i++) writeSync(fd, line(i));
      expect(await trimSerialLog(file)).toBe(true);
      for (; i < count + 1000; i++) writeSync(fd, line(i));
      const size = (await stat(file)).size;
      expect(size).toBeLessThan(2 << 20);
      expect(size).toBeGreaterThan(1 << 20);
      const kept = (await readFile(file, 'latin1')).trimEnd().split('\n');
      const first = Number(kept[0]);
      expect(kept).toEqual(kept.map((_, at) => String(first + at).padStart(15, '0')));
      expect(Number(kept.at(-1))).toBe(i - 1);
      expect(await trimSerialLog(file)).toBe(false);
    } finally {
      closeSync(fd);
    }
  });
});
