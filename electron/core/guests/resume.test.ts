import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDomain } from '../domain/index.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { settleMemory } from './resume.ts';
import { readSaved, type SavedInfo, savedFiles } from './saved.ts';

let home: TempHome;
let folder: string;
let disk: string;
const saved: SavedInfo = { at: 1_000_000, accelerator: 'tcg', paused: false, size: 6 };
/** Milliseconds since the epoch at which the guest was let go on. */
const resumedAt = 2_000_000;
const left = () => readdirSync(folder).filter((name) => /^(saved|saving|resuming)/.test(name));

beforeEach(() => {
  home = tempHome();
  folder = home.home;
  disk = path.join(folder, 'disk.qcow2');
  writeFileSync(disk, 'disk');
  const { memory, xml } = savedFiles(folder);
  writeFileSync(memory, 'memory');
  const disks = [{ file: disk, format: 'qcow2' as const, backing: [] }];
  writeFileSync(
    xml,
    newDomain({ name: 'x', kind: 'hybrid', machine: 'pc-q35-7.2', memoryMiB: 64, vcpus: 1, disks }).text,
  );
});
afterEach(() => home.remove());

/** The disk was last written then, milliseconds since the epoch. */
const diskFrom = (at: number) => utimesSync(disk, at / 1000, at / 1000);

describe('a saved memory that was being resumed when its owner and its QEMU were killed', () => {
  beforeEach(() => writeFileSync(savedFiles(folder).resuming, JSON.stringify({ ...saved, resumedAt })));

  it('is there as before when the guest had not gone on', async () => {
    diskFrom(saved.at);
    await settleMemory(folder);
    expect(await readSaved(folder)).toEqual(saved);
    expect(existsSync(savedFiles(folder).resuming)).toBe(false);
  });

  it('is gone when the disk is newer, since it would ruin that', async () => {
    diskFrom(resumedAt + 10);
    await settleMemory(folder);
    expect(left()).toEqual([]);
    expect(readFileSync(disk, 'utf8')).toBe('disk');
  });

  it('is there when it had not even been put aside', async () => {
    diskFrom(resumedAt + 10);
    writeFileSync(savedFiles(folder).info, JSON.stringify(saved));
    await settleMemory(folder);
    expect(await readSaved(folder)).toEqual(saved);
    expect(existsSync(savedFiles(folder).resuming)).toBe(false);
  });
});

describe('a memory that was being saved when its owner and its QEMU were killed', () => {
  const begun = () => writeFileSync(savedFiles(folder).saving, JSON.stringify({ wasRunning: true }));

  it('leaves nothing when it was not whole', async () => {
    begun();
    writeFileSync(savedFiles(folder).temp, 'mem');
    await settleMemory(folder);
    expect(left()).toEqual([]);
  });

  it('is there when it was', async () => {
    begun();
    writeFileSync(savedFiles(folder).info, JSON.stringify(saved));
    await settleMemory(folder);
    expect(await readSaved(folder)).toEqual(saved);
    expect(existsSync(savedFiles(folder).saving)).toBe(false);
  });
});

it('a saved memory nobody was at is left alone', async () => {
  writeFileSync(savedFiles(folder).info, JSON.stringify(saved));
  const before = left();
  await settleMemory(folder);
  expect(left()).toEqual(before);
});
