import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateSpec } from '../../../../shared/ipc/guests.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { type TempHome, tempHome } from '../../testing/temp-home.ts';
import { bootCode } from '../testing/boot-media.ts';
import { type Entry, ovfText, writeTar } from './testing.ts';

let home: TempHome;
let at: TestCore;
let dir: string;
let vmdk: Buffer;
let raw: string;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeAll(async () => {
  home = tempHome();
  at = await openTestCore(home.paths);
  dir = path.join(home.paths.home, 'ova');
  mkdirSync(dir, { recursive: true });
  raw = path.join(dir, 'disk.img');
  const disk = Buffer.alloc(4 << 20);
  bootCode('out of the archive').copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  writeFileSync(raw, disk);
  const target = path.join(dir, 'disk.vmdk');
  execFileSync('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, target]);
  vmdk = readFileSync(target);
});
afterAll(async () => {
  const { guests } = await call('core.snapshot', undefined);
  for (const { id } of guests) await call('guests.forceOff', { id }).catch(() => {});
  await at.close();
  home.remove();
});

const hash = (algorithm: string, content: string | Buffer) =>
  createHash(algorithm).update(content).digest('hex');
const descriptor = ovfText({ disks: [{ file: 'disk1.vmdk', capacity: '4', units: 'byte * 2^20' }] });
const whole: readonly Entry[] = [
  { name: 'box.ovf', content: descriptor },
  { name: 'disk1.vmdk', content: '' },
];
const withDisk = (entries: readonly Entry[] = whole) =>
  entries.map((entry) =>
    entry.name === 'disk1.vmdk' && entry.content === '' ? { ...entry, content: vmdk } : entry,
  );
const manifest = (disk: string | Buffer = vmdk): Entry => ({
  name: 'box.mf',
  content: `SHA256(box.ovf)= ${hash('sha256', descriptor)}\nSHA1(disk1.vmdk)= ${hash('sha1', disk)}\n`,
});
async function make(name: string, file: string, more: Partial<CreateSpec> = {}) {
  const made = await call('guests.create', {
    name,
    from: { kind: 'ova', path: file },
    memory: 128,
    vcpus: 1,
    ...more,
  });
  await at.done(made);
  return made.id;
}

describe('a guest from an OVA', () => {
  it('says beforehand what is in it, is checked against its manifest, and boots', async () => {
    const file = await writeTar(path.join(dir, 'good.ova'), [...withDisk(), manifest()]);
    const found = await call('guests.inspectSource', { path: file });
    expect(found).toMatchObject({
      format: 'ova',
      system: { name: 'Debian' },
      ova: {
        name: 'old-server',
        vcpus: 2,
        memory: 2048,
        disks: [{ file: 'disk1.vmdk', capacity: 4 << 20, bytes: vmdk.length }],
        interfaces: 1,
        manifest: 'sha256, sha1',
      },
    });
    const id = await make('box', file, { diskSize: 1 });
    const own = path.join(home.paths.guests, id, 'disk.qcow2');
    const guest = await at.guest(id);
    expect(guest).toMatchObject({
      state: 'off',
      problem: null,
      disks: [{ file: own, virtualSize: 2 ** 30 }],
    });
    expect(
      readdirSync(path.join(home.paths.guests, id)).filter((name) => /unpacked|part/.test(name)),
    ).toEqual([]);
    const { xml } = await call('guests.exportXml', { id });
    expect((await call('guests.checkXml', { xml })).problems).toEqual([]);
    await at.done(await call('guests.start', { id }));
    const log = path.join(home.paths.guests, id, 'serial.log');
    while (!readFileSync(log, 'latin1').includes('out of the archive'))
      await new Promise((done) => setTimeout(done, 50));
    await call('guests.forceOff', { id });
  });

  it('has all of its disks, the empty ones too, and needs no manifest', async () => {
    const two = ovfText({
      disks: [
        { file: 'disk1.vmdk', capacity: '4', units: 'MB' },
        { file: null, capacity: '16', units: 'byte * 2^20' },
      ],
    });
    const file = await writeTar(
      path.join(dir, 'two.ova'),
      withDisk([{ name: './b.ovf', content: two }, whole[1]!]),
    );
    const id = await make('two', file);
    expect((await at.guest(id)).disks).toMatchObject([{ virtualSize: 4 << 20 }, { virtualSize: 16 << 20 }]);
  });

  it('leaves nothing when it is cancelled', async () => {
    const large = Buffer.alloc(64 << 20, 7);
    const ovf = ovfText({ disks: [{ file: 'large.img', capacity: String(64 << 20) }] });
    const file = await writeTar(path.join(dir, 'large.ova'), [
      { name: 'l.ovf', content: ovf },
      { name: 'large.img', content: large },
    ]);
    const made = await call('guests.create', { name: 'gone', from: { kind: 'ova', path: file } });
    await call('operations.cancel', { id: made.operation });
    await expect(at.done(made)).rejects.toMatchObject({ code: 'cancelled' });
    expect(readdirSync(home.paths.staging)).toEqual([]);
    expect(existsSync(path.join(home.paths.guests, made.id))).toBe(false);
  });
});

/** A sparse VMDK header that claims so many sectors. */
function claiming(sectors: bigint): Buffer {
  const bytes = Buffer.from(vmdk);
  bytes.writeBigUInt64LE(sectors, 12);
  return bytes;
}
const text = (vmdkText: string): Entry => ({ name: 'disk1.vmdk', content: vmdkText });
const ovf = (content: string): Entry => ({ name: 'box.ovf', content });

/** Headers that no honest packer writes: bytes of a good archive changed, and the header's sum with them. */
function patched(archive: Buffer, at: number, bytes: Buffer): Buffer {
  const copy = Buffer.from(archive);
  bytes.copy(copy, at);
  const header = at - (at % 512);
  copy.fill(' ', header + 148, header + 156);
  const sum = copy.subarray(header, header + 512).reduce((all, byte) => all + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148, 'latin1');
  return copy;
}

describe('a hostile or broken OVA is refused with the reason', () => {
  const cases: Record<string, { entries: () => readonly Entry[]; says: RegExp; code?: string }> = {
    'a path that leads outside': {
      entries: () => [...withDisk(), { name: '../../../.ssh/authorized_keys', content: 'x' }],
      says: /leads outside/,
    },
    'an absolute path': {
      entries: () => [...withDisk(), { name: '/etc/cron.d/x', content: 'x' }],
      says: /absolute/,
    },
    'a symbolic link': {
      entries: () => [ovf(descriptor), { name: 'disk1.vmdk', type: 'symlink', linkname: '/etc/shadow' }],
      says: /symbolic link/,
    },
    'a hard link': {
      entries: () => [ovf(descriptor), { name: 'disk1.vmdk', type: 'link', linkname: '/etc/shadow' }],
      says: /hard link/,
    },
    'a device': {
      entries: () => [...withDisk(), { name: 'sda', type: 'block-device' }],
      says: /device/,
    },
    'a file twice': { entries: () => [...withDisk(), ...withDisk()], says: /twice/ },
    'a missing disk': { entries: () => [ovf(descriptor)], says: /missing/ },
    'two descriptors': {
      entries: () => [...withDisk(), { name: 'c.ovf', content: descriptor }],
      says: /several/,
    },
    'no descriptor': { entries: () => withDisk().slice(1), says: /no OVA/, code: 'unsupported' },
    'another disk than the manifest says': {
      entries: () => [...withDisk(), manifest('other')],
      says: /damaged/,
    },
    'a manifest of files that are not there': {
      entries: () => [
        ...withDisk(),
        { name: 'box.mf', content: `${manifest().content}SHA1(gone.iso)= ${'0'.repeat(40)}\n` },
      ],
      says: /not whole/,
    },
    'a disk of 2^60 bytes': {
      entries: () => [ovf(descriptor), { name: 'disk1.vmdk', content: claiming(2n ** 51n) }],
      says: /too large/,
    },
    'a disk larger than described': {
      entries: () => [ovf(descriptor), { name: 'disk1.vmdk', content: claiming(2n ** 21n) }],
      says: /larger than the descriptor/,
    },
    'a VMDK with an extent elsewhere': {
      entries: () => [
        ovf(descriptor),
        text('# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\nRW 4 FLAT "/etc/passwd" 0\n'),
      ],
      says: /outside|not allowed|refers/i,
    },
    'a VMDK with a parent': {
      entries: () => [
        ovf(descriptor),
        text(
          '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=00000001\nparentFileNameHint="/etc/passwd"\n',
        ),
      ],
      says: /based on another/,
    },
    'a packed disk': {
      entries: () => [
        ovf(descriptor),
        {
          name: 'disk1.vmdk',
          content: Buffer.concat([
            Buffer.from('\x1f\x8b\x08', 'latin1'),
            deflateRawSync(Buffer.alloc(1 << 20)),
          ]),
        },
      ],
      says: /no image/,
      code: 'unsupported',
    },
    entities: {
      entries: () => [ovf(`<!DOCTYPE a [<!ENTITY b "c">]>${descriptor}`), ...withDisk().slice(1)],
      says: /cannot be used/,
      code: 'xml-invalid',
    },
  };

  it.each(Object.keys(cases))('%s', async (name) => {
    const { entries, says, code = 'disk-refused' } = cases[name]!;
    const file = await writeTar(path.join(dir, `${name.replace(/\W/g, '-')}.ova`), entries());
    await expect(make('evil', file)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
    });
    expect(readdirSync(home.paths.staging)).toEqual([]);
    expect(readdirSync(home.paths.guests).filter((id) => id.startsWith('evil'))).toEqual([]);
  });

  it('a header that claims 2^60 bytes, and half an archive', async () => {
    const good = readFileSync(await writeTar(path.join(dir, 'base.ova'), withDisk()));
    const second = 512 + Math.ceil(descriptor.length / 512) * 512;
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size.writeBigUInt64BE(2n ** 60n, 4);
    const huge = path.join(dir, 'huge.ova');
    writeFileSync(huge, patched(good, second + 124, size));
    await expect(make('evil', huge)).rejects.toMatchObject({
      code: 'disk-refused',
      message: expect.stringMatching(/claims more/),
    });
    const half = path.join(dir, 'half.ova');
    writeFileSync(half, good.subarray(0, second + 2048));
    await expect(make('evil', half)).rejects.toMatchObject({ code: 'disk-refused' });
    const garbled = path.join(dir, 'garbled.ova');
    writeFileSync(
      garbled,
      Buffer.concat([good.subarray(0, second), Buffer.alloc(512, 7), good.subarray(second + 512)]),
    );
    await expect(make('evil', garbled)).rejects.toMatchObject({ code: 'disk-refused' });
  });
});
