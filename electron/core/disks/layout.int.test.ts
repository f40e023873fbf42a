import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openGuestDisk, surveyDisks, UnsupportedDiskError } from './guestfs.ts';
import { type DiskRef, withinFolders } from './image.ts';
import { readPartitions } from './partitions.ts';
import { FileReader } from './reader.ts';
import { makeExt, makeRootTree, tempDir, tool } from './testing/make-disk.ts';

const dir = tempDir('layout');
const at = (name: string) => path.join(dir, name);
const policy = withinFolders(dir);
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

describe('partition tables', () => {
  const disk = () => at('table.raw');
  const make = (script: string) => {
    fs.rmSync(disk(), { force: true });
    tool(['truncate', '-s', '64M', disk()]);
    tool(['sfdisk', '-q', disk()], script);
  };
  const read = async () => {
    const reader = await FileReader.open(disk());
    try {
      return await readPartitions(reader);
    } finally {
      await reader.close();
    }
  };
  const asSfdisk = () => {
    const table = JSON.parse(tool(['sfdisk', '-J', disk()])).partitiontable;
    return table.partitions.map((p: { start: number; size: number; uuid?: string }) => ({
      offset: p.start * 512,
      size: p.size * 512,
      ...(p.uuid ? { partUuid: p.uuid.toLowerCase() } : {}),
    }));
  };

  test('GPT, also when its first copy is damaged; not when both are', async () => {
    make(
      'label: gpt\nsize=1M,type=21686148-6449-6E6F-744E-656564454649\nsize=20M,type=U,name="ESP"\ntype=L,name="root, ü"\n',
    );
    const wanted = asSfdisk();
    expect((await read()).partitions).toMatchObject(wanted);
    expect((await read()).partitions[2]).toMatchObject({ label: 'root, ü', number: 3 });
    const damage = (offset: number) => {
      const file = fs.openSync(disk(), 'r+');
      fs.writeSync(file, Buffer.from([1, 2, 3, 4]), 0, 4, offset);
      fs.closeSync(file);
    };
    damage(1024 + 40); // an entry: the checksum over them is wrong now
    expect(await read()).toMatchObject({ kind: 'gpt', fromBackup: true, partitions: wanted });
    damage((64 << 20) - 512 + 40);
    await expect(read()).rejects.toMatchObject({ code: 'disk-damaged' });
  });

  test('MBR with logical partitions', async () => {
    make(
      'label: dos\nsize=4M,type=83\nsize=30M,type=5\nsize=5M,type=83\nsize=5M,type=82\nsize=6M,type=83\nsize=2M,type=83\n',
    );
    const table = await read();
    expect(table.kind).toBe('mbr');
    const wanted = JSON.parse(tool(['sfdisk', '-J', disk()])).partitiontable.partitions.filter(
      (p: { type: string }) => p.type !== '5',
    );
    expect(table.partitions.map((p) => [p.offset / 512, p.size / 512, p.type])).toEqual(
      wanted.map((p: { start: number; size: number; type: string }) => [
        p.start,
        p.size,
        p.type.padStart(2, '0'),
      ]),
    );
  });

  test('a chain of logical partitions that loops comes to an end', async () => {
    make('label: dos\nsize=4M,type=83\nsize=30M,type=5\nsize=5M,type=83\nsize=5M,type=83\n');
    const bytes = fs.readFileSync(disk());
    const ebr = bytes.readUInt32LE(446 + 16 + 8) * 512;
    bytes.writeUInt8(5, ebr + 446 + 16 + 4);
    bytes.writeUInt32LE(1, ebr + 446 + 16 + 8);
    fs.writeFileSync(disk(), bytes);
    expect((await read()).partitions.length).toBeLessThan(60);
  });

  test('none, and a boot sector of a file system is not taken for a table', async () => {
    fs.writeFileSync(disk(), Buffer.alloc(1 << 20));
    expect((await read()).kind).toBe('none');
    tool(['truncate', '-s', '64M', disk()]);
    tool(['mkfs.vfat', disk()]);
    expect((await read()).kind).toBe('none');
  });
});

describe('a guest of several file systems', () => {
  test('is one tree after its fstab, with its kernel', async () => {
    const root = at('root-tree');
    makeRootTree(root);
    const boot = at('boot-tree');
    fs.mkdirSync(boot);
    const kernel = randomBytes(3_000_000);
    const initrd = randomBytes(6_000_000);
    fs.writeFileSync(path.join(boot, 'vmlinuz-6.1.0-10-amd64'), kernel);
    fs.writeFileSync(path.join(boot, 'initrd.img-6.1.0-10-amd64'), initrd);
    fs.writeFileSync(path.join(boot, 'vmlinuz-6.1.0-9-amd64'), 'old');
    fs.writeFileSync(path.join(boot, 'initrd.img-6.1.0-9-amd64'), 'old');
    fs.writeFileSync(path.join(boot, 'vmlinuz-7.0.0-rescue-1'), 'rescue');
    fs.writeFileSync(
      path.join(root, 'etc/fstab'),
      '# comment\nLABEL=rootfs / ext4 defaults 0 1\nUUID=11111111-2222-3333-4444-555555555555 /boot ext4 ro 0 2\n' +
        'LABEL=ESP /boot/efi vfat umask=0077 0 1\n/dev/vdb /srv/with\\040space xfs nofail 0 0\nproc /proc proc\n',
    );
    makeExt(at('root.img'), root, 24, ['-L', 'rootfs']);
    makeExt(at('boot.img'), boot, 16, ['-U', '11111111-2222-3333-4444-555555555555']);
    tool(['truncate', '-s', '64M', at('multi.raw')]);
    tool(
      ['sfdisk', '-q', at('multi.raw')],
      'label: gpt\nstart=2048,size=16M,type=L\nsize=4M,type=U\nsize=24M,type=L\n',
    );
    const dd = (from: string, megabyte: number) =>
      tool([
        'dd',
        `if=${at(from)}`,
        `of=${at('multi.raw')}`,
        'bs=1M',
        `seek=${megabyte}`,
        'conv=notrunc',
        'status=none',
      ]);
    dd('boot.img', 1);
    dd('root.img', 21);
    tool(['mkfs.vfat', '-n', 'ESP', '-C', at('esp.img'), '4096']);
    dd('esp.img', 17);
    const second = Buffer.alloc(1 << 20);
    second.write('XFSB');
    fs.writeFileSync(at('second.raw'), second);
    const disks: DiskRef[] = [
      { path: at('multi.raw'), format: 'raw' },
      { path: at('second.raw'), format: 'raw' },
    ];
    expect(
      (await surveyDisks(disks, policy)).map((v) => [v.disk, v.partition.number, v.kind, v.label]),
    ).toEqual([
      [0, 1, 'ext4', null],
      [0, 2, 'vfat', 'ESP'],
      [0, 3, 'ext4', 'rootfs'],
      [1, 0, 'xfs', null],
    ]);
    const guest = await openGuestDisk(disks, policy);
    try {
      expect(guest.rootVolume.partition.number).toBe(3);
      expect((await guest.readFile('/etc/hostname')).toString()).toBe('template\n');
      await expect(guest.readFile('/srv/with space/x')).rejects.toMatchObject({ code: 'not-found' });
      expect((await guest.kernels()).map((k) => k.version)).toEqual(['6.1.0-10-amd64', '6.1.0-9-amd64']);
      const first = await guest.extractKernel(at('kernel'));
      expect(first).toMatchObject({ version: '6.1.0-10-amd64', cached: false });
      expect(first.root).toMatch(/^UUID=[0-9a-f-]{36}$/);
      expect(fs.readFileSync(first.kernel).equals(kernel)).toBe(true);
      expect(fs.readFileSync(first.initrd!).equals(initrd)).toBe(true);
      expect(await guest.extractKernel(at('kernel'))).toMatchObject({ cached: true });
      fs.truncateSync(first.initrd!, 10);
      expect(await guest.extractKernel(at('kernel'))).toMatchObject({ cached: false });
      const older = await guest.extractKernel(at('kernel'), { choose: (all) => all[1] });
      expect(fs.readFileSync(older.kernel).toString()).toBe('old');
      await expect(guest.extractKernel(at('kernel'), { choose: () => undefined })).rejects.toMatchObject({
        code: 'not-found',
      });
    } finally {
      await guest.close();
    }
  });

  test.each([
    ['LUKS', 0, 'LUKS\xba\xbe'],
    ['LVM', 512, 'LABELONE'],
    ['XFS', 0, 'XFSB'],
    ['Btrfs', 65600, '_BHRfS_M'],
    ['NTFS', 3, 'NTFS    '],
    ['SquashFS', 0, 'hsqs'],
  ])('%s is named in the refusal', async (name, offset, mark) => {
    const bytes = Buffer.alloc(1 << 20);
    bytes.write(mark, offset, 'latin1');
    fs.writeFileSync(at('other.raw'), bytes);
    const opening = openGuestDisk({ path: at('other.raw'), format: 'raw' }, policy);
    await expect(opening).rejects.toBeInstanceOf(UnsupportedDiskError);
    await expect(opening).rejects.toMatchObject({ code: 'unsupported', why: expect.stringContaining(name) });
  });
});
