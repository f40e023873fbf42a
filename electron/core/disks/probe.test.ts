import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { plainlyNoDisk } from './probe.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'gh-probe-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = (bytes: Uint8Array | string) => {
  const at = path.join(dir, 'file');
  writeFileSync(at, bytes);
  return at;
};
const sector = (bytes: number[], at = 0) => {
  const disk = Buffer.alloc(65_536);
  disk.set(bytes, at);
  return disk;
};

it.each([
  ['text', 'root:x:0:0:root:/root:/bin/bash\n'.repeat(40)],
  ['text', 'short'],
  ['empty', ''],
  ['a PDF document', '%PDF-1.7\n'],
  ['a program', Buffer.from('\x7fELF\x02\x01\x01', 'latin1')],
])('knows a file that is %s', async (what, bytes) => {
  expect(await plainlyNoDisk(file(bytes))).toBe(what);
});

it.each([
  ['an empty disk', sector([])],
  ['a boot sector', sector([0xeb, 0x3c, 0x90, ...Buffer.from('MSDOS5.0')])],
  ['an ext4 file system', sector([0x53, 0xef], 1080)],
  ['XFS', sector([...Buffer.from('XFSB')])],
  ['bytes nobody knows', Buffer.alloc(4096, 0xa5)],
  ['data that begins like text', sector([...Buffer.from('This disk belongs to nobody in particular')])],
])('lets through %s', async (_what, bytes) => {
  expect(await plainlyNoDisk(file(bytes))).toBeNull();
});
