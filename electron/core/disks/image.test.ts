import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { inspectChain, inspectImage, openImage, withinFolders } from './image.ts';
import { probeFormat } from './probe.ts';
import { readBytes } from './reader.ts';
import { tempDir } from './testing/make-disk.ts';

const dir = tempDir('image');
const inside = path.join(dir, 'library');
const outside = path.join(dir, 'elsewhere');
fs.mkdirSync(inside);
fs.mkdirSync(outside);
const policy = withinFolders(inside);
const image = path.join(inside, 'disk.qcow2');
const ref = { path: image, format: 'qcow2' } as const;
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

interface Fields {
  version?: number;
  clusterBits?: number;
  size?: bigint;
  crypt?: number;
  l1Size?: number;
  l1Offset?: bigint;
  incompatible?: bigint;
  headerLength?: number;
  backing?: string;
  backingOffset?: bigint;
  backingSize?: number;
  extensions?: readonly (readonly [number, string])[];
}

/** A qcow2 header by hand: 64 KiB clusters, 1 GiB, two second-level tables possible, an empty first table. */
function header(fields: Fields = {}): Buffer {
  const bytes = Buffer.alloc(3 * 65536);
  const length = fields.headerLength ?? 104;
  let at = (fields.version ?? 3) === 2 ? 72 : Math.min(length, 60_000);
  for (const [type, text] of fields.extensions ?? []) {
    bytes.writeUInt32BE(type, at);
    bytes.writeUInt32BE(Buffer.byteLength(text), at + 4);
    bytes.write(text, at + 8);
    at += 8 + Math.ceil(Buffer.byteLength(text) / 8) * 8;
  }
  at += 8;
  const backing = fields.backing ?? '';
  bytes.write(backing, at);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(fields.version ?? 3, 4);
  bytes.writeBigUInt64BE(fields.backingOffset ?? (backing === '' ? 0n : BigInt(at)), 8);
  bytes.writeUInt32BE(fields.backingSize ?? Buffer.byteLength(backing), 16);
  bytes.writeUInt32BE(fields.clusterBits ?? 16, 20);
  bytes.writeBigUInt64BE(fields.size ?? 1n << 30n, 24);
  bytes.writeUInt32BE(fields.crypt ?? 0, 32);
  bytes.writeUInt32BE(fields.l1Size ?? 2, 36);
  bytes.writeBigUInt64BE(fields.l1Offset ?? 65536n, 40);
  if ((fields.version ?? 3) === 3) {
    bytes.writeBigUInt64BE(fields.incompatible ?? 0n, 72);
    bytes.writeUInt32BE(4, 96);
    bytes.writeUInt32BE(length, 100);
  }
  return bytes;
}

const backingFormat = 0xe2792aca;
const dataFile = 0x44415441;
const write = (fields: Fields = {}, file = image) => fs.writeFileSync(file, header(fields));
const raw = [[backingFormat, 'raw']] as const;

beforeEach(() => {
  for (const name of fs.readdirSync(inside)) fs.rmSync(path.join(inside, name), { force: true });
});

test('an honest header is understood', async () => {
  write();
  expect(await inspectImage(ref, policy)).toMatchObject({
    virtualSize: 2 ** 30,
    backing: null,
    clusterSize: 65536,
  });
  fs.writeFileSync(path.join(inside, 'base.raw'), Buffer.alloc(4096, 'b'));
  write({ backing: 'base.raw', extensions: raw });
  const chain = await inspectChain(ref, policy);
  expect(chain.map((info) => info.path)).toEqual([image, path.join(inside, 'base.raw')]);
  const reader = await openImage(ref, policy);
  const bytes = await readBytes(reader, 0, 8192); // the base is shorter: zeros follow
  expect(bytes.equals(Buffer.concat([Buffer.alloc(4096, 'b'), Buffer.alloc(4096)]))).toBe(true);
  await reader.close();
});

describe('references outside are refused', () => {
  const names = [
    '/etc/passwd',
    '../../../../../../etc/passwd',
    'json:{"driver":"file","filename":"/etc/passwd"}',
    'nbd:localhost:10809',
    'nbd+unix:///x?socket=/run/s',
    'file:/etc/passwd',
    'ssh://host/x',
    'host_device:/dev/sda',
    'fat:rw:/home',
  ];
  test.each(names)('backing file %s', async (backing) => {
    write({ backing, extensions: raw });
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({
      code: 'disk-refused',
      why: expect.any(String),
    });
    await expect(openImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('a link in the library that leads out', async () => {
    fs.writeFileSync(path.join(outside, 'secret'), 'secret');
    fs.symlinkSync(path.join(outside, 'secret'), path.join(inside, 'innocent.raw'));
    write({ backing: 'innocent.raw', extensions: raw });
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('an external data file, or none named', async () => {
    write({ incompatible: 4n, extensions: [[dataFile, '/etc/passwd']] });
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
    write({ incompatible: 4n });
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('deep in the chain', async () => {
    write({ backing: 'middle.qcow2', extensions: [[backingFormat, 'qcow2']] });
    write({ backing: '/etc/shadow', extensions: raw }, path.join(inside, 'middle.qcow2'));
    await expect(inspectChain(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });
});

describe('impossible and hostile headers are refused', () => {
  const cases: readonly (readonly [string, Fields, string])[] = [
    ['clusters of one byte', { clusterBits: 0 }, 'disk-refused'],
    ['clusters of 4 GiB', { clusterBits: 32 }, 'disk-refused'],
    ['a size of 2^60', { size: 1n << 60n }, 'disk-refused'],
    ['a size of 2^64-1', { size: (1n << 64n) - 1n }, 'disk-refused'],
    ['a huge first table', { l1Size: 0xffffffff }, 'disk-refused'],
    ['a first table too small', { l1Size: 1, size: 1n << 40n }, 'disk-refused'],
    ['a first table between clusters', { l1Offset: 65537n }, 'disk-refused'],
    ['a first table past the end', { l1Offset: 1n << 40n }, 'disk-damaged'],
    ['a header longer than a cluster', { headerLength: 1 << 20 }, 'disk-refused'],
    ['a header of no length', { headerLength: 0 }, 'disk-refused'],
    [
      'a backing name outside the header',
      { backing: 'x', backingOffset: 1n << 50n, extensions: raw },
      'disk-refused',
    ],
    ['a backing name too long', { backing: 'x', backingSize: 70_000, extensions: raw }, 'disk-refused'],
    ['a backing name with a newline', { backing: 'a\nb', extensions: raw }, 'disk-refused'],
    ['features unknown', { incompatible: 1n << 40n }, 'unsupported'],
    ['encryption', { crypt: 2 }, 'unsupported'],
    ['the corrupt mark', { incompatible: 2n }, 'disk-damaged'],
    ['version 9', { version: 9 }, 'unsupported'],
  ];
  test.each(cases)('%s', async (_name, fields, code) => {
    write(fields);
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code });
  });

  test('an extension longer than the header', async () => {
    const bytes = header();
    bytes.writeUInt32BE(backingFormat, 104);
    bytes.writeUInt32BE(0xfffffff0, 108);
    fs.writeFileSync(image, bytes);
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('tables that point into themselves, past the end, or between clusters', async () => {
    for (const entry of [
      65536n,
      131072n,
      1n << 40n,
      (1n << 56n) - 512n,
      66048n,
      0x4000000000000000n | 65536n,
    ]) {
      const bytes = header();
      bytes.writeBigUInt64BE(entry, 65536);
      bytes.writeBigUInt64BE(entry, 131072);
      fs.writeFileSync(image, bytes);
      const reader = await openImage(ref, policy);
      const outcome = await readBytes(reader, 0, 65536).then(
        () => 'read',
        (error) => (error as { code?: string }).code,
      );
      expect(['read', 'disk-damaged']).toContain(outcome);
      await reader.close();
    }
  });

  test('a chain that comes back to itself', async () => {
    write({ backing: 'disk.qcow2', extensions: [[backingFormat, 'qcow2']] });
    await expect(openImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
    write({ backing: 'other.qcow2', extensions: [[backingFormat, 'qcow2']] });
    write(
      { backing: 'disk.qcow2', extensions: [[backingFormat, 'qcow2']] },
      path.join(inside, 'other.qcow2'),
    );
    await expect(inspectChain(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('a chain without an end', async () => {
    for (let i = 0; i < 70; i++)
      write(
        { backing: `${i + 1}.qcow2`, extensions: [[backingFormat, 'qcow2']] },
        path.join(inside, `${i}.qcow2`),
      );
    const first = { path: path.join(inside, '0.qcow2'), format: 'qcow2' } as const;
    await expect(inspectChain(first, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('a backing file whose format is not said', async () => {
    fs.writeFileSync(path.join(inside, 'base.raw'), 'x');
    write({ backing: 'base.raw' });
    await expect(openImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });

  test('what is no file, and what is not there', async () => {
    await expect(inspectImage({ path: inside, format: 'raw' }, policy)).rejects.toMatchObject({
      code: 'disk-refused',
    });
    await expect(inspectImage({ path: '/dev/tty', format: 'raw' }, policy)).rejects.toMatchObject({
      code: expect.any(String),
    });
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code: 'disk-missing' });
    fs.writeFileSync(image, 'short');
    await expect(inspectImage(ref, policy)).rejects.toMatchObject({ code: 'disk-refused' });
  });
});

test('a raw disk stays raw, whatever a guest wrote to its start', async () => {
  write({ backing: '/etc/passwd', extensions: raw });
  const info = await inspectImage({ path: image, format: 'raw' }, policy);
  expect(info).toMatchObject({ format: 'raw', backing: null, virtualSize: 3 * 65536 });
  expect(await probeFormat(image)).toBe('qcow2');
});
