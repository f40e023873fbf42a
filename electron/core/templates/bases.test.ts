import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rebaseOnHiddenBase, sweepBases } from './bases.ts';

let root = '';
let bases = '';
let disk = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gh-bases-'));
  bases = join(root, 'bases');
  mkdirSync(bases);
  mkdirSync(join(root, 'guest'));
  disk = join(root, 'guest', 'vda.qcow2');
  writeFileSync(disk, 'the data');
});
afterEach(() => rmSync(root, { recursive: true }));

const never = async () => {
  throw new Error('not asked for');
};

describe('a hidden base', () => {
  it('is as deep in the library as a guest, so that a relative backing file is found from it too', async () => {
    const guests = join(root, 'guests', 'web-01');
    mkdirSync(guests, { recursive: true });
    const overlay = join(guests, 'vda.qcow2');
    writeFileSync(overlay, 'an overlay');
    const base = await rebaseOnHiddenBase(
      bases,
      { path: overlay, format: 'qcow2' },
      async (made) => writeFileSync(made, 'x'),
      never,
    );
    const backing = '../../templates/debian/vda.qcow2';
    expect(resolve(dirname(base), backing)).toBe(resolve(guests, backing));
  });

  it('of a raw disk has the overlay adopted under a new name, or nothing changes', async () => {
    const raw = { path: disk, format: 'raw' as const };
    const overlayOn = async (overlay: string, on: string) => writeFileSync(overlay, `on ${on}`);
    await expect(rebaseOnHiddenBase(bases, raw, overlayOn, never)).rejects.toThrow('not asked for');
    expect([readdirSync(bases), readdirSync(join(root, 'guest'))]).toEqual([[], ['vda.qcow2']]);
    let adopted = '';
    const base = await rebaseOnHiddenBase(bases, raw, overlayOn, async (overlay) => {
      adopted = overlay;
    });
    expect(readFileSync(base, 'utf8')).toBe('the data');
    expect(readFileSync(adopted, 'utf8')).toBe(`on ${base}`);
    expect(readdirSync(join(root, 'guest'))).toHaveLength(1);
  });

  it('keeps the data read-only and puts an overlay in its place', async () => {
    const base = await rebaseOnHiddenBase(
      bases,
      { path: disk, format: 'qcow2' },
      async (overlay, on) => writeFileSync(overlay, `on ${on}`),
      never,
    );
    expect(readFileSync(base, 'utf8')).toBe('the data');
    expect(statSync(base).mode & 0o777).toBe(0o444);
    expect(readFileSync(disk, 'utf8')).toBe(`on ${base}`);
    expect(readdirSync(join(root, 'guest'))).toEqual(['vda.qcow2']);
  });

  it('leaves everything as it was when the overlay cannot be made', async () => {
    await expect(
      rebaseOnHiddenBase(
        bases,
        { path: disk, format: 'qcow2' },
        async (overlay) => {
          writeFileSync(overlay, 'half');
          throw new Error('full');
        },
        never,
      ),
    ).rejects.toThrow('full');
    expect(readFileSync(disk, 'utf8')).toBe('the data');
    expect([readdirSync(bases), readdirSync(join(root, 'guest'))]).toEqual([[], ['vda.qcow2']]);
  });

  it('is swept when nothing stands on it, and kept when that cannot be known', async () => {
    const base = await rebaseOnHiddenBase(
      bases,
      { path: disk, format: 'qcow2' },
      async (overlay) => writeFileSync(overlay, 'x'),
      never,
    );
    writeFileSync(join(bases, 'left.qcow2'), 'left');
    expect(await sweepBases(bases, async () => null)).toEqual([]);
    expect(await sweepBases(bases, async () => new Set([base]))).toEqual([join(bases, 'left.qcow2')]);
    expect(readdirSync(bases)).toHaveLength(1);
  });

  it('that comes while a sweep looks what is in use is not taken for a leftover', async () => {
    writeFileSync(join(bases, 'left.qcow2'), 'left');
    let base = '';
    const removed = await sweepBases(bases, async () => {
      const overlay = async (made: string) => writeFileSync(made, 'x');
      base = await rebaseOnHiddenBase(bases, { path: disk, format: 'qcow2' }, overlay, never);
      return new Set();
    });
    expect(removed).toEqual([join(bases, 'left.qcow2')]);
    expect(readFileSync(base, 'utf8')).toBe('the data');
  });
});
