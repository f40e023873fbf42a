import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileReader } from '../reader.ts';
import { debugfs, makeExt, tempDir, tool } from '../testing/make-disk.ts';
import { Tree } from '../tree.ts';
import { Ext4 } from './ext4.ts';

let dir: string;
let source: string;

beforeAll(() => {
  dir = tempDir('ext4');
  source = path.join(dir, 'tree');
  fs.mkdirSync(source);
  const at = (name: string) => path.join(source, name);
  fs.mkdirSync(at('deep/er/est'), { recursive: true });
  fs.writeFileSync(at('empty'), '');
  fs.writeFileSync(at('tiny'), 'tiny');
  fs.writeFileSync(at('inline-sized'), randomBytes(120));
  fs.writeFileSync(at('large'), randomBytes(3_000_001));
  fs.writeFileSync(at('deep/er/est/file with spaces and ünïcode'), 'here');
  fs.writeFileSync(at('evil\ndump evil PWNED'), 'newline in the name');
  fs.writeFileSync(at('"quoted"'), 'quotes');
  fs.writeFileSync(at('modes'), 'x');
  fs.chmodSync(at('modes'), 0o4751);
  fs.utimesSync(at('modes'), 1_500_000_000, 1_500_000_000);
  fs.symlinkSync('tiny', at('short-link'));
  fs.symlinkSync(`${'x/../'.repeat(30)}tiny`, at('long-link'));
  fs.symlinkSync('loop-b', at('loop-a'));
  fs.symlinkSync('loop-a', at('loop-b'));
  fs.symlinkSync('/../../../../../../etc/passwd', at('escape'));
  fs.symlinkSync('../tiny', at('deep/up'));
  fs.symlinkSync('deep/er', at('er'));
  fs.linkSync(at('tiny'), at('tiny-again'));
  const sparse = fs.openSync(at('sparse'), 'w');
  fs.writeSync(sparse, 'start', 0);
  fs.writeSync(sparse, 'end', 40_000_000);
  fs.closeSync(sparse);
  fs.mkdirSync(at('many'));
  for (let i = 0; i < 700; i++) fs.writeFileSync(at(`many/entry-number-${i}`), i % 50 === 0 ? String(i) : '');
}, 60_000);

afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

async function withTree<T>(image: string, work: (tree: Tree, ext4: Ext4) => Promise<T>): Promise<T> {
  const reader = await FileReader.open(image);
  try {
    const ext4 = await Ext4.open(reader);
    return await work(new Tree([{ path: '/', fs: ext4, name: 'ext4' }]), ext4);
  } finally {
    await reader.close();
  }
}

/** Walks the source tree on the host and expects the same of the image. */
async function expectSame(tree: Tree, hostDir: string, guestDir: string): Promise<number> {
  let seen = 0;
  const names = fs.readdirSync(hostDir).sort();
  const listed = (await tree.readdir(guestDir === '' ? '/' : guestDir)).map((entry) => entry.name);
  expect(listed.filter((name) => name !== 'lost+found').sort()).toEqual(names);
  for (const name of names) {
    const host = path.join(hostDir, name);
    const guest = `${guestDir}/${name}`;
    const wanted = fs.lstatSync(host);
    const found = await tree.lstat(guest);
    seen++;
    if (wanted.isSymbolicLink()) {
      expect(await tree.readlink(guest)).toBe(fs.readlinkSync(host));
      continue;
    }
    expect({ name, mode: found.mode, uid: found.uid, gid: found.gid }).toEqual({
      name,
      mode: wanted.mode & 0o7777,
      uid: wanted.uid,
      gid: wanted.gid,
    });
    if (wanted.isDirectory()) {
      expect(found.type).toBe('directory');
      seen += await expectSame(tree, host, guest);
    } else {
      expect(found.size).toBe(wanted.size);
      expect(found.links).toBe(wanted.nlink);
      expect((await tree.readFile(guest, 1 << 27)).equals(fs.readFileSync(host))).toBe(true);
    }
  }
  return seen;
}

describe('a tree made by mke2fs reads as on the host', () => {
  const variants: readonly (readonly [string, readonly string[]])[] = [
    ['ext4', []],
    ['ext4 with blocks of 1 KiB', ['-b', '1024']],
    ['ext4 with inline data', ['-O', 'inline_data', '-I', '256']],
    ['ext4 with large inodes and inline data', ['-O', 'inline_data', '-I', '512']],
    ['ext4 without checksums and 64bit', ['-O', '^metadata_csum,^64bit']],
    ['ext4 with meta_bg', ['-O', 'meta_bg,^resize_inode', '-b', '1024', '-g', '1024']],
    ['ext4 with sparse_super2', ['-O', 'sparse_super2,^resize_inode']],
    ['ext4 with bigalloc', ['-O', 'bigalloc']],
    ['ext4 with small inodes', ['-I', '128', '-O', '^metadata_csum']],
    ['ext4 with encoded names', ['-O', 'casefold']],
    ['ext3', ['-t', 'ext3']],
    ['ext2', ['-t', 'ext2']],
    ['ext2 with blocks of 1 KiB', ['-t', 'ext2', '-b', '1024']],
  ];
  test.each(variants)('%s', async (_name, options) => {
    const image = path.join(dir, 'variant.img');
    makeExt(image, source, 64, options);
    await withTree(image, async (tree) => {
      expect(await expectSame(tree, source, '')).toBeGreaterThan(700);
      expect((await tree.stat('/modes')).mtime).toBe(1_500_000_000);
    });
  });
});

test('links are followed inside the image and never leave it', async () => {
  const image = path.join(dir, 'links.img');
  makeExt(image, source, 64);
  await withTree(image, async (tree) => {
    expect((await tree.readFile('/short-link')).toString()).toBe('tiny');
    expect((await tree.readFile('/deep/up')).toString()).toBe('tiny');
    expect(await tree.realpath('/er/../up')).toBe('/tiny');
    expect(await tree.realpath('/../../deep/./er/..')).toBe('/deep');
    expect(await tree.exists('/escape')).toBe(false);
    await expect(tree.readFile('/loop-a')).rejects.toMatchObject({ code: 'invalid-input' });
    expect(await tree.exists('/tiny/below-a-file')).toBe(false);
    await expect(tree.readFile('/nope')).rejects.toMatchObject({ code: 'not-found' });
    await expect(tree.readFile('/large', 1000)).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(tree.readFile('/deep')).rejects.toMatchObject({ code: 'invalid-input' });
  });
});

test('extended attributes in the inode, in a block and in an inode of their own', async () => {
  const image = path.join(dir, 'xattr.img');
  makeExt(image, source, 64, ['-O', 'ea_inode', '-b', '4096']);
  const value = path.join(dir, 'value');
  const long = randomBytes(3000);
  const huge = randomBytes(4090); // more than a block of attributes holds
  fs.writeFileSync(value, long);
  fs.writeFileSync(`${value}2`, huge);
  debugfs(image, [
    'ea_set tiny security.selinux system_u:object_r:etc_t:s0',
    `ea_set -f ${value} tiny user.long`,
    `ea_set -f ${value}2 large user.huge`,
  ]);
  await withTree(image, async (tree) => {
    const tiny = await tree.xattrs('/tiny');
    expect(tiny.get('security.selinux')?.toString()).toBe('system_u:object_r:etc_t:s0');
    expect(tiny.get('user.long')?.equals(long)).toBe(true);
    expect((await tree.xattrs('/large')).get('user.huge')?.equals(huge)).toBe(true);
    expect((await tree.xattrs('/modes')).size).toBe(0);
  });
});

test('a folder with 100,000 entries', async () => {
  const image = path.join(dir, 'hundred-thousand.img');
  const empty = path.join(dir, 'nothing');
  fs.mkdirSync(empty);
  makeExt(image, empty, 64, ['-O', '^has_journal,^metadata_csum,^dir_index', '-b', '4096']);
  // The folder's blocks are made here and written as a file, which then is called a folder: making that many
  // names one by one takes debugfs minutes.
  const blocks: Buffer[] = [];
  for (let i = 0; i < 100_000; ) {
    const block = Buffer.alloc(4096);
    for (let at = 0; at < 4096; ) {
      const name = i < 100_000 ? `ssh_host_${String(i++).padStart(6, '0')}` : '';
      const length = 4096 - at < 48 || name === '' ? 4096 - at : 24;
      block.writeUInt32LE(name === '' ? 0 : 11, at);
      block.writeUInt16LE(length, at + 4);
      block.writeUInt8(name.length, at + 6);
      block.write(name, at + 8);
      at += length;
    }
    blocks.push(block);
  }
  const content = path.join(dir, 'blocks');
  fs.writeFileSync(content, Buffer.concat(blocks));
  debugfs(image, [`write ${content} ssh`, 'set_inode_field ssh mode 040755']);
  await withTree(image, async (tree) => {
    expect(await tree.readdir('/ssh')).toHaveLength(100_000);
    expect(await tree.exists('/ssh/ssh_host_099999')).toBe(true);
    expect(await tree.exists('/ssh/ssh_host_100000')).toBe(false);
  });
});

test('an unclean journal is replayed in memory, revoked blocks left out', async () => {
  const image = path.join(dir, 'journal.img');
  for (const options of [
    ['-O', '^metadata_csum'],
    ['-O', 'metadata_csum,64bit'],
    ['-b', '1024', '-t', 'ext3'],
  ]) {
    makeExt(image, source, 64, ['-J', 'size=4', ...options]);
    const size = options.includes('1024') ? 1024 : 4096;
    const block = Number(
      debugfs(image, ['blocks tiny'])
        .split('\n')
        .find((line) => /^\d+ *$/.test(line)),
    );
    const other = Number(
      debugfs(image, ['blocks "modes"'])
        .split('\n')
        .find((line) => /^\d+ *$/.test(line)),
    );
    expect(block).toBeGreaterThan(0);
    const newer = path.join(dir, 'newer');
    const bytes = Buffer.alloc(size);
    bytes.write('NEWS');
    fs.writeFileSync(newer, bytes);
    // A block that starts with the journal's own magic is stored escaped.
    const escaped = Buffer.alloc(size);
    escaped.writeUInt32BE(0xc03b3998, 0);
    fs.writeFileSync(`${newer}2`, escaped);
    const csum = options.join().includes('metadata_csum,64bit') ? ' -v 3' : '';
    debugfs(image, [
      `journal_open -c${csum}`.replace(csum === '' ? ' -c' : '', ''),
      `journal_write -b ${block} ${newer}`,
      `journal_write -b ${other} ${newer}`,
      `journal_write -r ${other}`,
      'journal_close',
    ]);
    await withTree(image, async (tree, ext4) => {
      expect(ext4.needsReplay).toBe(true);
      expect((await tree.readFile('/tiny')).toString()).toBe('NEWS');
      expect((await tree.readFile('/modes')).toString()).toBe('x');
    });
    const before = fs.readFileSync(image);
    tool(['sh', '-c', 'e2fsck -p "$0" || test $? = 1', image]);
    await withTree(image, async (tree, ext4) => {
      expect(ext4.needsReplay).toBe(false);
      expect((await tree.readFile('/tiny')).toString()).toBe('NEWS');
      expect((await tree.readFile('/modes')).toString()).toBe('x');
    });
    expect(before.includes('NEWS')).toBe(true);
  }
});
