import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processStat } from '../platform/proc.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { logSince, rotateLog, tailLog } from './log-file.ts';
import { findRun } from './process.ts';
import { clearRun, readRecord, runFiles, writeRecord } from './run-files.ts';

let home: TempHome;
beforeEach(() => {
  home = tempHome();
});
afterEach(() => home.remove());

describe('run files', () => {
  it('have short paths of their own for every id', () => {
    const long = runFiles('/run/user/1000/guesthouse', 'x'.repeat(200));
    expect(long.serial.length).toBeLessThan(108);
    expect(runFiles('/run', 'a').dir).not.toBe(runFiles('/run', 'b').dir);
    expect(() => runFiles(`/${'x'.repeat(90)}`, 'a')).toThrow(/too long/);
  });

  it('tell a running QEMU from a crashed and from none', async () => {
    const files = runFiles(home.paths.runtime, 'a');
    mkdirSync(files.dir, { recursive: true });
    expect((await findRun(files)).kind).toBe('none');
    const record = {
      pid: process.pid,
      startTime: processStat(process.pid)!.startTime,
      accelerator: 'tcg' as const,
      startedAt: 1,
      notes: ['n'],
    };
    await writeRecord(files, record);
    writeFileSync(files.pidfile, `${process.pid}\n`);
    expect(await findRun(files)).toEqual({ kind: 'running', record });
    // The same number, another process.
    await writeRecord(files, { ...record, startTime: record.startTime - 1 });
    expect((await findRun(files)).kind).toBe('crashed');
    // No record: a pid that is no QEMU is somebody else.
    writeFileSync(files.record, '{"pid":');
    expect(await readRecord(files)).toBeNull();
    expect((await findRun(files)).kind).toBe('crashed');
    await clearRun(files);
    expect(existsSync(files.pidfile)).toBe(false);
    expect((await findRun(files)).kind).toBe('none');
  });
});

describe('the log', () => {
  it('is read from its end, whole lines only, and set aside when grown', async () => {
    const log = path.join(home.home, 'qemu.log');
    expect(await tailLog(log, 5)).toBe('');
    writeFileSync(log, 'one\ntwo\nthree\n');
    expect(await tailLog(log, 2)).toBe('two\nthree');
    expect(await tailLog(log, 9, 11)).toBe('two\nthree');
    expect(await logSince(log, 8)).toBe('three\n');
    await rotateLog(log, 100);
    expect(existsSync(`${log}.1`)).toBe(false);
    await rotateLog(log, 10);
    expect(existsSync(log)).toBe(false);
    expect(await tailLog(`${log}.1`, 1)).toBe('three');
  });
});
