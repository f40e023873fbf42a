import { expect, test } from 'vitest';
import { crc32, crc32c } from './crc.ts';
import { checkName } from './edit-places.ts';
import { parseFstab } from './guestfs.ts';
import { parseLocks } from './in-use.ts';
import { compareVersions } from './kernels.ts';
import { lastPercent } from './qemu-img.ts';

test('kernel versions are ordered by number', () => {
  const sorted = ['6.1.0-9-amd64', '6.1.0-10-amd64', '6.1.0-10-cloud-amd64', '6.10.1', '6.9.9', '5.19'].sort(
    compareVersions,
  );
  expect(sorted).toEqual([
    '5.19',
    '6.1.0-9-amd64',
    '6.1.0-10-amd64',
    '6.1.0-10-cloud-amd64',
    '6.9.9',
    '6.10.1',
  ]);
});

test('fstab lines that lead out of the tree or name nothing are left out', () => {
  const text =
    'UUID=1 / ext4\n/dev/vda2 /a/../../b ext4\nLABEL="x" //var//log/ ext4 ro,noauto 0 2\nUUID=2 none swap\nshort\n#UUID=3 /x ext4';
  expect(parseFstab(text)).toEqual([
    { spec: 'UUID=1', path: '/', type: 'ext4', options: [] },
    { spec: 'LABEL="x"', path: '/var/log', type: 'ext4', options: ['ro', 'noauto'] },
  ]);
});

test('names that debugfs would misread are refused', () => {
  for (const name of ['a\nb', 'a"b', "a'b", '<12>', 'a\\b', '\0', '', '.', '..', 'x'.repeat(256), '\ufffd'])
    expect(() => checkName(name, 'A file name')).toThrow();
  for (const name of ['machine-id', 'with space', '.hidden', '...', '-rf', 'ünïcode', '#hash', 'a;b$(c)'])
    expect(() => checkName(name, 'A file name')).not.toThrow();
});

test('checksums are those of zlib and of ext4', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  expect((crc32c(0xffffffff, Buffer.from('123456789')) ^ 0xffffffff) >>> 0).toBe(0xe3069283);
});

test('locks and progress are read from what the kernel and qemu-img print', () => {
  const table =
    '1: OFDLCK ADVISORY  READ -1 fe:00:2146535 203 203\n1: -> POSIX  ADVISORY  WRITE 9 fe:00:7 0 EOF\n2: POSIX  ADVISORY  WRITE 9 fe:00:8 0 EOF\n3: FLOCK  ADVISORY  WRITE 9 fe:00:9 0 EOF\n';
  expect(parseLocks(table)).toEqual([
    { device: 'fe:00', inode: 2146535, from: 203, to: 203 },
    { device: 'fe:00', inode: 8, from: 0, to: Number.POSITIVE_INFINITY },
  ]);
  expect(lastPercent('    (0.00/100%)\r    (12.50/100%)\r')).toBe(0.125);
  expect(lastPercent('nothing')).toBeNull();
});
