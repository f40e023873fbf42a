import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { refreshEspSeed } from './esp-seed.ts';
import { findFatFile } from './fat.ts';
import { withinFolders } from './image.ts';
import { FileReader } from './reader.ts';
import { tempDir, tool } from './testing/make-disk.ts';

const dir = tempDir('esp');
const disk = path.join(dir, 'disk.raw');
const policy = withinFolders(dir);
const options = { runtimeDir: path.join(dir, 'run') };
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

test.each([
  [12, 1],
  [16, 32],
  [32, 64],
])('the seed on a FAT%i is overwritten in place and nothing else changes', async (bits, megabytes) => {
  fs.rmSync(disk, { force: true });
  tool(['truncate', '-s', `${megabytes + 4}M`, disk]);
  tool(['sfdisk', '-q', disk], `label: gpt\nstart=2048,size=${megabytes}M,type=U\n`);
  const esp = path.join(dir, 'esp.img');
  fs.rmSync(esp, { force: true });
  tool(['mkfs.vfat', '-F', String(bits), '-s', '1', '-C', esp, String(megabytes * 1024)]);
  const old = randomBytes(700); // more than one cluster of 512 bytes
  fs.writeFileSync(path.join(dir, 'seed'), old);
  tool(['mmd', '-i', esp, '::/EFI', '::/loader']);
  tool(['mcopy', '-i', esp, path.join(dir, 'seed'), '::/loader/loader-entries-with-long-name.conf']);
  tool(['mcopy', '-i', esp, path.join(dir, 'seed'), '::/loader/random-seed']);
  tool(['dd', `if=${esp}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none']);
  const before = fs.readFileSync(disk);
  const fresh = randomBytes(700);
  const count = await refreshEspSeed({ path: disk, format: 'raw' }, policy, options, (size) => {
    expect(size).toBe(700);
    return fresh;
  });
  expect(count).toBe(1);
  expect(tool(['fsck.vfat', '-n', esp])).toBeTruthy();
  tool(['mcopy', '-n', '-o', '-i', `${disk}@@1M`, '::/loader/random-seed', path.join(dir, 'read')]);
  expect(fs.readFileSync(path.join(dir, 'read')).equals(fresh)).toBe(true);
  const after = fs.readFileSync(disk);
  let changed = 0;
  for (let i = 0; i < after.length; i++) if (after[i] !== before[i]) changed++;
  expect(changed).toBeLessThanOrEqual(700);
  const reader = await FileReader.open(esp);
  expect(await findFatFile(reader, ['loader', 'nothing'])).toBeNull();
  expect(await findFatFile(reader, ['loader'])).toBeNull();
  await reader.close();
});

test('a disk without an EFI system partition has no seed', async () => {
  fs.writeFileSync(disk, Buffer.alloc(1 << 20));
  expect(await refreshEspSeed({ path: disk, format: 'raw' }, policy, options, () => randomBytes(1))).toBe(0);
});
