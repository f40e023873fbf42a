import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyImage } from './copy.ts';
import { type DiskRef, inspectImage, openImage, withinFolders } from './image.ts';
import { imageUse, isInUse } from './in-use.ts';
import { createOverlay } from './overlay.ts';
import { probeFormat } from './probe.ts';
import { convertImage, createDisk, growDisk } from './qemu-img.ts';
import { readBytes } from './reader.ts';
import { tempDir, tool } from './testing/make-disk.ts';

const dir = tempDir('disks');
const at = (name: string) => path.join(dir, name);
const policy = withinFolders(dir);
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

/** Content with data, runs of zeros and holes. */
const content = Buffer.alloc(24 << 20);
beforeAll(() => {
  for (const offset of [0, 70_000, 1 << 20, 5_000_000, 9 << 20, (24 << 20) - 100_000])
    randomBytes(90_000).copy(content, offset);
  for (let i = 10 << 20; i < 12 << 20; i += 16) content.write('compressible    ', i);
  fs.writeFileSync(at('content.raw'), content);
});

async function same(ref: DiskRef, wanted: Buffer) {
  const reader = await openImage(ref, policy);
  try {
    expect(reader.size).toBe(wanted.length);
    expect((await readBytes(reader, 0, wanted.length)).equals(wanted)).toBe(true);
    for (let i = 0; i < 60; i++) {
      const from = Math.floor(Math.random() * (wanted.length - 300_000));
      const length = 1 + Math.floor(Math.random() * 300_000);
      expect((await readBytes(reader, from, length)).equals(wanted.subarray(from, from + length))).toBe(true);
    }
    await expect(readBytes(reader, wanted.length - 10, 11)).rejects.toMatchObject({ code: 'disk-damaged' });
  } finally {
    await reader.close();
  }
}

describe('qcow2 reads as qemu-img wrote it', () => {
  const variants: readonly (readonly [string, readonly string[]])[] = [
    ['as usual', []],
    ['version 2', ['-o', 'compat=0.10']],
    ['clusters of 512 bytes', ['-o', 'cluster_size=512']],
    ['clusters of 2 MiB', ['-o', 'cluster_size=2M']],
    ['compressed', ['-c']],
    ['compressed, small clusters', ['-c', '-o', 'cluster_size=4k']],
    ['with subclusters', ['-o', 'extended_l2=on,cluster_size=128k']],
    ['preallocated', ['-o', 'preallocation=metadata']],
    ['with a data file', ['-o', `data_file=${path.join(dir, 'data')}`]],
  ];
  test.each(variants)('%s', async (_name, options) => {
    fs.rmSync(at('v.qcow2'), { force: true });
    tool(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...options, at('content.raw'), at('v.qcow2')]);
    await same({ path: at('v.qcow2'), format: 'qcow2' }, content);
  });

  test.each([[[]], [['extended_l2=on']]])(
    'overlays with writes, zeros and a larger size (%j)',
    async (more) => {
      for (const name of ['base.qcow2', 'over.qcow2']) fs.rmSync(at(name), { force: true });
      tool(['qemu-img', 'convert', '-c', '-f', 'raw', '-O', 'qcow2', at('content.raw'), at('base.qcow2')]);
      const option = more.flatMap((o) => ['-o', o]);
      tool([
        'qemu-img',
        'create',
        '-q',
        '-f',
        'qcow2',
        ...option,
        '-b',
        'base.qcow2',
        '-F',
        'qcow2',
        at('over.qcow2'),
        '30M',
      ]);
      const io = [
        'write -P 7 100000 5000',
        'write -z 1048576 70000',
        'write -P 9 26000000 4096',
        'write -z 2M 64k',
      ];
      tool(['qemu-io', '-f', 'qcow2', ...io.flatMap((command) => ['-c', command]), at('over.qcow2')]);
      const wanted = Buffer.alloc(30 << 20);
      content.copy(wanted);
      wanted.fill(7, 100_000, 105_000);
      wanted.fill(0, 1048576, 1118576);
      wanted.fill(9, 26_000_000, 26_004_096);
      wanted.fill(0, 2 << 20, (2 << 20) + 65536);
      await same({ path: at('over.qcow2'), format: 'qcow2' }, wanted);
    },
  );

  test('zstd and encryption are named, not misread', async () => {
    fs.rmSync(at('z.qcow2'), { force: true });
    tool([
      'qemu-img',
      'convert',
      '-c',
      '-f',
      'raw',
      '-O',
      'qcow2',
      '-o',
      'compression_type=zstd',
      at('content.raw'),
      at('z.qcow2'),
    ]);
    const reader = await openImage({ path: at('z.qcow2'), format: 'qcow2' }, policy);
    await expect(readBytes(reader, 10 << 20, 4096)).rejects.toMatchObject({ code: 'unsupported' });
    await reader.close();
  });
});

describe('qemu-img', () => {
  const base: DiskRef = { path: at('b.raw'), format: 'raw' };
  beforeAll(() => fs.copyFileSync(at('content.raw'), base.path));

  test('overlays name their base and its format, grow but never shrink', async () => {
    const overlay: DiskRef = { path: at('o.qcow2'), format: 'qcow2' };
    await createOverlay(overlay.path, base, policy, { relative: true, size: 32 << 20 });
    expect(await inspectImage(overlay, policy)).toMatchObject({
      virtualSize: 32 << 20,
      backing: { path: base.path, format: 'raw' },
    });
    expect(JSON.parse(tool(['qemu-img', 'info', '--output=json', overlay.path]))).toMatchObject({
      'backing-filename': 'b.raw',
      'backing-filename-format': 'raw',
    });
    await expect(createOverlay(overlay.path, base, policy)).rejects.toMatchObject({ code: 'name-taken' });
    await expect(createOverlay(at('p.qcow2'), base, policy, { size: 1 << 20 })).rejects.toMatchObject({
      code: 'invalid-input',
    });
    await growDisk(overlay, 40 << 20, policy);
    expect((await inspectImage(overlay, policy)).virtualSize).toBe(40 << 20);
    await expect(growDisk(overlay, 30 << 20, policy)).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(
      createOverlay(at('q.qcow2'), { path: at('gone'), format: 'raw' }, policy),
    ).rejects.toMatchObject({ code: 'disk-missing' });
    await expect(createDisk(at('n.qcow2'), 'qcow2', -5)).rejects.toMatchObject({ code: 'invalid-input' });
  });

  test('overlays of every size are what qemu-img makes, and QEMU finds nothing wrong with them', async () => {
    for (const [n, size] of [24 << 20, 2 ** 29, 2 ** 29 + 512, 10 * 2 ** 40, 2 ** 46].entries()) {
      const [own, theirs] = [at(`own-${n}.qcow2`), at(`theirs-${n}.qcow2`)];
      await createOverlay(own, base, policy, { relative: true, size });
      tool(['qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', 'b.raw', '-F', 'raw', theirs, `${size}`]);
      tool(['qemu-img', 'check', '-q', own]);
      const said = (file: string) => {
        const info = JSON.parse(tool(['qemu-img', 'info', '--output=json', file]));
        return { ...info, filename: null, 'actual-size': null };
      };
      expect(said(own)).toEqual(said(theirs));
      expect(fs.statSync(own).size).toBe(fs.statSync(theirs).size);
    }
    // Written to and read by QEMU: the old content shows through, and the end of a disk that was grown is there.
    tool(['qemu-img', 'convert', '-O', 'raw', at('own-1.qcow2'), at('through.raw')]);
    expect(fs.readFileSync(at('through.raw')).subarray(0, content.length).equals(content)).toBe(true);
    tool([
      'qemu-io',
      '-f',
      'qcow2',
      '-c',
      'write -P 7 536870400 512',
      '-c',
      'write -P 9 0 65536',
      at('own-1.qcow2'),
    ]);
    tool([
      'qemu-io',
      '-f',
      'qcow2',
      '-c',
      'read -P 7 536870400 512',
      '-c',
      'read -P 9 0 65536',
      at('own-1.qcow2'),
    ]);
    tool(['qemu-img', 'check', '-q', at('own-1.qcow2')]);
  });

  test('converting flattens the chain, tells its progress, and can be stopped', async () => {
    const overlay: DiskRef = { path: at('c.qcow2'), format: 'qcow2' };
    await createOverlay(overlay.path, base, policy);
    const told: (number | null)[] = [];
    const flat: DiskRef = { path: at('flat, with comma.qcow2'), format: 'qcow2' };
    await convertImage(overlay, flat, policy, { progress: (fraction) => told.push(fraction) });
    expect((await inspectImage(flat, policy)).backing).toBeNull();
    await same(flat, content);
    expect(told.at(-1)).toBe(1);
    const stop = new AbortController();
    stop.abort();
    const stopped = convertImage(overlay, { path: at('never.raw'), format: 'raw' }, policy, {
      signal: stop.signal,
    });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    expect(fs.readdirSync(dir).filter((name) => /never|\.part$/.test(name))).toEqual([]);
  });

  test('foreign formats are recognised and become ours', async () => {
    for (const format of ['vmdk', 'vdi', 'vhdx', 'vpc'] as const) {
      tool(['qemu-img', 'convert', '-f', 'raw', '-O', format, at('content.raw'), at(`f.${format}`)]);
      expect(await probeFormat(at(`f.${format}`))).toBe(format);
      const target: DiskRef = { path: at(`from-${format}.raw`), format: 'raw' };
      await convertImage({ path: at(`f.${format}`), format }, target, policy);
      expect(fs.readFileSync(target.path).subarray(0, content.length).equals(content)).toBe(true);
    }
  });

  test('VMDK extents outside, parents and impossible sizes are refused', async () => {
    const file = at('evil.vmdk');
    const attempt = async (text: string | Buffer) => {
      fs.writeFileSync(file, text);
      const target: DiskRef = { path: at('never.raw'), format: 'raw' };
      await expect(convertImage({ path: file, format: 'vmdk' }, target, policy)).rejects.toMatchObject({
        code: 'disk-refused',
        why: expect.any(String),
      });
      expect(fs.existsSync(target.path)).toBe(false);
    };
    const descriptor = (extent: string, parent = 'ffffffff') =>
      `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=${parent}\ncreateType="monolithicFlat"\n${extent}\n`;
    await attempt(descriptor('RW 4 FLAT "/etc/passwd" 0'));
    await attempt(descriptor('RW 4 FLAT "../../../../../etc/passwd" 0'));
    await attempt(descriptor('RW 4 FLAT "nbd://host/x" 0'));
    await attempt(descriptor('RW 4 SPARSE "content.raw"'));
    await attempt(descriptor('RW 4 VMFS "content.raw"'));
    await attempt(descriptor('RW 4 SPARSE "evil.vmdk"'));
    await attempt(descriptor(`RW ${2 ** 50} ZERO`));
    await attempt(descriptor('RW 4 ZERO', '12345678'));
    const sparse = Buffer.alloc(4096);
    sparse.write('KDMV');
    await attempt(sparse); // capacity 0: the embedded descriptor would decide
    sparse.writeBigUInt64LE(1n << 60n, 12);
    await attempt(sparse);
    const flat = descriptor('RW 8 FLAT "content.raw" 0');
    fs.writeFileSync(file, flat);
    await convertImage({ path: file, format: 'vmdk' }, { path: at('honest.raw'), format: 'raw' }, policy);
    expect(fs.readFileSync(at('honest.raw')).equals(content.subarray(0, 4096))).toBe(true);
  });

  test('copies are the same, with holes', async () => {
    let last: number | null = 0;
    await copyImage(at('content.raw'), at('copied.raw'), { progress: (fraction) => (last = fraction) });
    expect(fs.readFileSync(at('copied.raw')).equals(content)).toBe(true);
    expect(fs.statSync(at('copied.raw')).blocks * 512).toBeLessThan(content.length / 2);
    expect(fs.statSync(at('copied.raw')).mode & 0o777).toBe(0o600);
    expect([0, 1]).toContain(last); // 0 where the file system shared the blocks
    await expect(copyImage(at('content.raw'), at('copied.raw'))).rejects.toMatchObject({
      code: 'name-taken',
    });
    await expect(copyImage(at('gone'), at('copied2.raw'))).rejects.toMatchObject({ code: 'disk-missing' });
  });

  test('a free disk is free, and one that is not there is missing', async () => {
    expect(await imageUse(base)).toBe('free');
    await expect(isInUse({ path: at('gone'), format: 'raw' })).rejects.toMatchObject({
      code: 'disk-missing',
    });
  });
});
