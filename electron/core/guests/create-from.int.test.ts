import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateSpec } from '../../../shared/ipc/guests.ts';
import { makeExt, makeRootTree } from '../disks/testing/make-disk.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { bootCode, makeIso, makeUefiIso } from './testing/boot-media.ts';

let home: TempHome;
let at: TestCore;
let dir: string;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeAll(async () => {
  home = tempHome();
  at = await openTestCore(home.paths);
  dir = path.join(home.paths.home, 'images');
  mkdirSync(dir, { recursive: true });
});
afterAll(async () => {
  const { guests } = await call('core.snapshot', undefined);
  for (const { id } of guests) await call('guests.forceOff', { id }).catch(() => {});
  await at.close();
  home.remove();
});

const inDir = (name: string) => path.join(dir, name);
async function make(name: string, from: CreateSpec['from'], more: Partial<CreateSpec> = {}) {
  const made = await call('guests.create', { name, from, memory: 128, vcpus: 1, ...more });
  await at.done(made);
  return made.id;
}
const convert = (source: string, format: string) => {
  const target = inDir(`disk.${format}`);
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, source, target]);
  return target;
};
/** A raw disk of 4 MiB whose boot sector says `word` on the serial port. */
function bootDisk(name: string, word: string): string {
  const disk = Buffer.alloc(4 << 20);
  bootCode(word).copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  writeFileSync(inDir(name), disk);
  return inDir(name);
}
async function bootsWith(id: string, word: string): Promise<void> {
  await at.done(await call('guests.start', { id }));
  const log = path.join(home.paths.guests, id, 'serial.log');
  while (!readFileSync(log, 'latin1').includes(word)) await new Promise((done) => setTimeout(done, 50));
  await call('guests.forceOff', { id });
}

describe('a guest from a disk image', () => {
  it('is of the system that its own files name', async () => {
    const tree = path.join(dir, 'tree');
    mkdirSync(tree);
    makeRootTree(tree);
    makeExt(inDir('system.raw'), tree, 8);
    for (const format of ['raw', 'qcow2'])
      expect(
        await call('guests.inspectSource', {
          path: format === 'raw' ? inDir('system.raw') : convert(inDir('system.raw'), format),
        }),
      ).toMatchObject({ format, system: { name: 'Debian', kind: 'hybrid', memory: 2048 } });
    const ntfs = Buffer.alloc(1 << 20);
    ntfs.write('NTFS    ', 3);
    writeFileSync(inDir('ntfs.raw'), ntfs);
    expect(await call('guests.inspectSource', { path: inDir('ntfs.raw') })).toMatchObject({
      system: { name: 'Windows', kind: 'full' },
    });
  });

  it('is copied from every format, and boots', async () => {
    const raw = bootDisk('boot.img', 'copied disk');
    for (const format of ['raw', 'qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc']) {
      const source = format === 'raw' ? raw : convert(raw, format);
      expect(await call('guests.inspectSource', { path: source })).toMatchObject({ format });
      const id = await make(`from ${format}`, { kind: 'image', path: source });
      const guest = await at.guest(id);
      const own = path.join(home.paths.guests, id, 'disk.qcow2');
      expect(guest).toMatchObject({ state: 'off', problem: null, disks: [{ file: own, backing: null }] });
      expect(statSync(own).mode & 0o077).toBe(0);
      execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, own]);
      if (format === 'vhdx') await bootsWith(id, 'copied disk');
    }
  });

  it('is used in place or linked, without a question about the file that was chosen', async () => {
    const raw = bootDisk('place.img', 'the same disk');
    const before = readFileSync(raw);
    const linked = await make(
      'linked',
      { kind: 'image', path: raw, mode: 'link' },
      { diskSize: 1, user: 'ann' },
    );
    expect((await at.guest(linked)).disks).toMatchObject([{ backing: raw, virtualSize: 2 ** 30 }]);
    expect((await at.guest(linked)).ssh).toMatchObject({ user: 'ann' });
    await bootsWith(linked, 'the same disk');
    const placed = await make('placed', { kind: 'image', path: raw, mode: 'in-place' }, { kind: 'full' });
    expect((await at.guest(placed)).ssh).toMatchObject({ user: null });
    expect((await at.guest(placed)).disks).toMatchObject([{ file: raw, format: 'raw', bus: 'ide' }]);
    await bootsWith(placed, 'the same disk');
    expect(readFileSync(raw).equals(before)).toBe(true);
    await call('guests.delete', { id: placed });
    expect(statSync(raw).size).toBe(before.length);
  });

  it('has its host keys pinned from its disk before it starts, so that nobody is asked', async () => {
    const tree = inDir('brought');
    mkdirSync(path.join(tree, 'etc/ssh'), { recursive: true });
    writeFileSync(path.join(tree, 'etc/os-release'), 'ID=debian\n');
    const key = path.join(tree, 'etc/ssh/ssh_host_ed25519_key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'root@brought', '-f', key]);
    const disk = inDir('brought.img');
    execFileSync('mkfs.ext4', ['-q', '-F', '-d', tree, disk, '16M'], { stdio: 'ignore' });
    const id = await make('brought', { kind: 'image', path: disk });
    const { uuid, folder } = await at.guest(id);
    await at.done(await call('guests.start', { id }));
    await call('guests.forceOff', { id });
    const [type, blob] = readFileSync(`${key}.pub`, 'utf8').split(' ');
    expect(readFileSync(path.join(folder, 'known_hosts'), 'utf8')).toBe(`${uuid} ${type} ${blob}\n`);
  });

  it('grows, and does not shrink', async () => {
    const raw = bootDisk('grow.img', 'x');
    execFileSync('truncate', ['-s', '2G', raw]);
    const from = { kind: 'image', path: raw } as const;
    await expect(make('small', from, { diskSize: 1 })).rejects.toMatchObject({ code: 'invalid-input' });
    const id = await make('big', from, { diskSize: 3 });
    expect((await at.guest(id)).disks).toMatchObject([{ virtualSize: 3 * 2 ** 30 }]);
  });

  it('is never made of an image that reaches for other files or claims the impossible', async () => {
    const hostile: Record<string, (file: string) => void> = {
      'backing.qcow2': (file) =>
        execFileSync('qemu-img', [
          'create',
          '-q',
          '-u',
          '-f',
          'qcow2',
          '-F',
          'raw',
          '-b',
          '/etc/passwd',
          file,
          '1M',
        ]),
      'json.qcow2': (file) => {
        const name = 'json:{"driver":"file","filename":"/etc/passwd"}';
        execFileSync('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-F', 'raw', '-b', name, file, '1M']);
      },
      'data.qcow2': (file) => {
        const data = inDir('data.raw');
        execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', `data_file=${data}`, file, '1M']);
      },
      'huge.qcow2': (file) => {
        execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, '1M']);
        const bytes = readFileSync(file);
        bytes.writeBigUInt64BE(2n ** 60n, 24);
        writeFileSync(file, bytes);
      },
      'extent.vmdk': (file) =>
        writeFileSync(
          file,
          '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 4 FLAT "/etc/passwd" 0\n',
        ),
      'parent.vmdk': (file) =>
        writeFileSync(
          file,
          '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=00000001\nparentFileNameHint="/etc/passwd"\nRW 4 FLAT "parent-flat.vmdk" 0\n',
        ),
      'huge.vdi': (file) => {
        execFileSync('qemu-img', ['create', '-q', '-f', 'vdi', file, '1M']);
        const bytes = readFileSync(file);
        bytes.writeBigUInt64LE(2n ** 60n, 0x170);
        writeFileSync(file, bytes);
      },
    };
    const before = new Set(readdirSync(home.paths.guests));
    for (const [name, write] of Object.entries(hostile)) {
      write(inDir(name));
      await expect(call('guests.inspectSource', { path: inDir(name) }), name).rejects.toMatchObject({
        code: 'disk-refused',
        why: expect.any(String),
      });
      for (const mode of ['copy', 'link', 'in-place'] as const)
        await expect(
          make('evil', { kind: 'image', path: inDir(name), mode }),
          `${name} ${mode}`,
        ).rejects.toMatchObject({ code: 'disk-refused' });
    }
    for (const odd of ['/dev/tty', dir, inDir('nothing')])
      await expect(make('evil', { kind: 'image', path: odd }), odd).rejects.toMatchObject({
        code: expect.stringMatching(/^disk-(refused|missing)$/),
      });
    expect(new Set(readdirSync(home.paths.guests))).toEqual(before);
    expect(readdirSync(home.paths.staging)).toEqual([]);
  });

  it('takes the extents of a VMDK that lie beside it under its name', async () => {
    const raw = bootDisk('split.img', 'x');
    const target = inDir('split.vmdk');
    execFileSync('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=monolithicFlat', raw, target]);
    const id = await make('split', { kind: 'image', path: target });
    const own = path.join(home.paths.guests, id, 'disk.qcow2');
    execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, own]);
  });

  it('does not take another guest’s disk in place', async () => {
    const { guests } = await call('core.snapshot', undefined);
    const { file } = guests.find((guest) => guest.name === 'from raw')!.disks[0]!;
    for (const mode of ['in-place', 'link'] as const)
      await expect(make('thief', { kind: 'image', path: file!, mode })).rejects.toMatchObject({
        code: 'disk-refused',
      });
  });
});

describe('a guest from an installation medium', () => {
  it('boots the medium by BIOS while the disk is empty, and the medium is told by its label', async () => {
    const iso = makeIso(dir, 'Debian 13.1.0 amd64 n', 'installer here');
    expect(await call('guests.inspectSource', { path: iso })).toMatchObject({
      format: 'iso',
      label: 'Debian 13.1.0 amd64 n',
      system: { name: expect.stringMatching(/^Debian/), kind: 'hybrid' },
    });
    const id = await make('install', { kind: 'iso', path: iso });
    expect((await at.guest(id)).disks).toMatchObject([
      { device: 'disk', virtualSize: 20 * 2 ** 30 },
      { device: 'cdrom', file: iso },
    ]);
    await bootsWith(id, 'installer here');
  });

  it('has the firmware asked for, with a variable store of its own', async () => {
    const iso = makeUefiIso(dir, 'UNSIGNED', 'unsigned and running');
    const id = await make('uefi', { kind: 'iso', path: iso, firmware: 'uefi' });
    const store = path.join(home.paths.guests, id, 'nvram.qcow2');
    expect(statSync(store).size).toBeGreaterThan(0);
    const { xml } = await call('guests.exportXml', { id });
    expect((await call('guests.checkXml', { xml })).schema.state).toBe('valid');
    // Secure Boot refuses the same loader: tpm.once.int.test.ts.
    await bootsWith(id, 'unsigned and running');
    const secure = await make(
      'secure',
      { kind: 'iso', path: iso, firmware: 'secure-boot' },
      { kind: 'full' },
    );
    const text = (await call('guests.exportXml', { id: secure })).xml;
    expect(text).toContain("secure='yes'");
    expect(text).toContain('pc-q35-7.2');
  }, 120_000);

  it('refuses what is no ISO', async () => {
    writeFileSync(inDir('text.iso'), 'hello');
    await expect(make('no', { kind: 'iso', path: inDir('text.iso') })).rejects.toMatchObject({
      code: 'disk-refused',
    });
    await expect(
      make('no', { kind: 'iso', path: makeIso(dir, 'A', 'b') }, { kind: 'paravirtual' }),
    ).rejects.toMatchObject({ code: 'unsupported' });
  });
});
