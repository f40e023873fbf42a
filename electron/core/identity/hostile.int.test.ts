import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DiskRef } from '../disks/index.ts';
import { debugfs, tempDir, tool } from '../disks/testing/make-disk.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import {
  type DiskKind,
  define,
  differing,
  fsck,
  guestFolder,
  makeDisk,
  makeTree,
  readTree,
} from './testing/small-guests.ts';

// Images that somebody made to hurt: nothing of the host changes, what can be repaired is, the rest is refused whole.
const plain: DiskKind = { format: 'raw', table: 'none', fs: 'ext4' };
let home: TempHome;
let test: TestCore;
let scratch: string;
const disks = new Map<string, DiskRef>();
const outside = () => path.join(scratch, 'outside');

/** A guest whose tree was changed by `spoil`, and whose image then by debugfs commands. */
async function put(
  name: string,
  spoil: (tree: string) => void,
  commands: readonly string[] = [],
  options: Parameters<typeof makeDisk>[3] = {},
): Promise<void> {
  const tree = path.join(scratch, name);
  await makeTree(tree);
  spoil(tree);
  const folder = guestFolder(home.paths, name);
  const disk = makeDisk(folder, tree, plain, options);
  if (commands.length > 0) debugfs(disk.path, commands);
  define(folder, name, disk);
  disks.set(name, disk);
  fs.rmSync(tree, { recursive: true });
}

const newline = 'ssh_host_x_key\ndump <12> PWNED\nrm etc';
const many = 100_000;

/**
 * A guest with a hundred thousand names in /etc/ssh. mke2fs would take many minutes for them, so the folder is written
 * as its blocks (ext4's linear directories: inode, entry length, name length, type, name) and e2fsck counts the links.
 */
async function crowd(name: string, nameOf: (n: number) => string): Promise<void> {
  const half = many / 2;
  const make = (inodes: readonly number[]) =>
    put(
      name,
      (tree) => {
        fs.rmSync(path.join(tree, 'etc/ssh'), { recursive: true });
        fs.writeFileSync(path.join(tree, 'etc/one'), '');
        fs.writeFileSync(path.join(tree, 'etc/two'), '');
        const [own, parent, one, two] = inodes;
        const entries: [string, number, number][] = [
          ['.', own!, 2],
          ['..', parent!, 2],
        ];
        for (let n = 0; n < many; n++) entries.push([nameOf(n), n < half ? one! : two!, 1]);
        fs.writeFileSync(path.join(tree, 'etc/ssh'), directoryBlocks(entries));
      },
      [],
      { megabytes: 32, mkfs: ['-b', '4096', '-O', '^metadata_csum,^inline_data'] },
    );
  await make([1, 1, 1, 1]);
  const { path: image } = disks.get(name)!;
  const inode = (file: string) => Number(/Inode: (\d+)/.exec(debugfs(image, [`stat ${file}`]))![1]);
  const inodes = ['/etc/ssh', '/etc', '/etc/one', '/etc/two'].map(inode);
  // Made alike, it has the same numbers again.
  await make(inodes);
  debugfs(image, [`set_inode_field <${inodes[0]}> mode 040755`]);
  tool(['sh', '-c', 'e2fsck -fy "$0" >/dev/null 2>&1; [ $? -le 1 ]', image]);
  fsck(image, plain);
}

function directoryBlocks(entries: readonly (readonly [name: string, inode: number, type: number])[]): Buffer {
  const size = 4096;
  const blocks: Buffer[] = [];
  let block = Buffer.alloc(size);
  let at = 0;
  let last = 0;
  const close = () => {
    block.writeUInt16LE(size - last, last + 4);
    blocks.push(block);
    block = Buffer.alloc(size);
    at = 0;
  };
  for (const [name, inode, type] of entries) {
    const length = (8 + name.length + 3) & ~3;
    if (at + length > size) close();
    block.writeUInt32LE(inode, at);
    block.writeUInt16LE(length, at + 4);
    block.writeUInt8(name.length, at + 6);
    block.writeUInt8(type, at + 7);
    block.write(name, at + 8, 'latin1');
    last = at;
    at += length;
  }
  close();
  return Buffer.concat(blocks);
}

beforeAll(async () => {
  home = tempHome();
  scratch = tempDir('hostile');
  fs.mkdirSync(path.join(outside(), 'ssh'), { recursive: true });
  fs.writeFileSync(path.join(outside(), 'machine-id'), 'the host\n');
  await put('newlines', (tree) => {
    for (const folder of ['etc/ssh', 'var/lib/dhcp', 'var/tmp', 'tmp', 'var/log']) {
      fs.mkdirSync(path.join(tree, folder), { recursive: true });
      fs.writeFileSync(path.join(tree, folder, newline), 'x');
      fs.writeFileSync(path.join(tree, folder, '<2>'), 'x');
      fs.writeFileSync(path.join(tree, folder, '"; kill_file <2> ; "'), 'x');
      fs.writeFileSync(path.join(tree, folder, '-R request'), 'x');
    }
  });
  const moved = (tree: string, target: string) => {
    fs.renameSync(path.join(tree, 'etc'), path.join(tree, 'real'));
    fs.symlinkSync(target, path.join(tree, 'etc'));
  };
  await put('etc-linked', (tree) => moved(tree, '../../../../../real'));
  await put('etc-outside', (tree) => moved(tree, outside()));
  await put('etc-circle', (tree) => moved(tree, '/etc'));
  await put('machine-id-folder', (tree) => {
    fs.rmSync(path.join(tree, 'etc/machine-id'));
    fs.mkdirSync(path.join(tree, 'etc/machine-id/full'), { recursive: true });
  });
  await put('machine-id-device', (tree) => fs.rmSync(path.join(tree, 'etc/machine-id')), [
    'cd /etc',
    'mknod machine-id c 1 3',
  ]);
  await crowd('many-files', (n) => `file-${n}`);
  await crowd('many-keys', (n) => `ssh_host_${n}_key`);
  test = await openTestCore(home.paths);
}, 600_000);
afterAll(async () => {
  await test?.close();
  home?.remove();
  fs.rmSync(scratch, { recursive: true, force: true });
});

async function repair(name: string): Promise<readonly string[]> {
  const plan = await test.core.call('identity.planRepair', { ids: [name] });
  const [item] = plan.items;
  if (item!.error) throw Object.assign(new Error(item!.error.message), item!.error);
  await test.done(await test.core.call('identity.repair', { planId: plan.planId }));
  const { rows } = await test.core.call('identity.audit', {});
  expect(rows.find((row) => row.name === name)!.facts!.machineId).toBe(item!.identity.machineId);
  fsck(disks.get(name)!.path, plain);
  return item!.changes.map((change) => change.path);
}

it.each(['newlines', 'etc-linked', 'many-files'])('%s: repaired, and nothing else changes', async (name) => {
  const before = await readTree(disks.get(name)!, home.paths.data);
  const planned = (await repair(name)).map((file) =>
    name === 'etc-linked' ? file.replace(/^\/etc\//, '/real/') : file,
  );
  const changed = differing(before, await readTree(disks.get(name)!, home.paths.data));
  expect(changed.filter((file) => !planned.includes(file))).toEqual([]);
  expect(changed.length).toBeGreaterThan(3);
  expect(planned.join()).not.toContain('PWNED');
  for (const folder of [process.cwd(), home.home, home.paths.runtime, scratch])
    expect(fs.readdirSync(folder)).not.toContain('PWNED');
});

it('newlines: a clone with every part chosen empties what it can name and leaves the rest', async () => {
  const before = await readTree(disks.get('newlines')!, home.paths.data);
  const seal = await test.core.call('templates.planSeal', { id: 'newlines', name: 'sealed', keep: true });
  await test.done(await test.core.call('templates.seal', { planId: seal.planId }));
  const [sealed] = await test.core.call('templates.list', undefined);
  const disk: DiskRef = { path: sealed!.disks[0]!.file!, format: 'raw' };
  fsck(disk.path, plain);
  const planned = seal.changes.map((change) => change.path);
  const changed = differing(before, await readTree(disk, home.paths.data));
  expect(
    changed.filter((file) => !planned.some((one) => file === one || file.startsWith(`${one}/`))),
  ).toEqual([]);
  expect(
    (await test.core.call('identity.audit', {})).rows.find((row) => row.name === 'sealed')!.facts,
  ).toMatchObject({ machineIdState: 'empty', hostKeys: [] });
});

it.each([
  ['etc-outside', /unsupported|not-found|wrong-state/],
  ['etc-circle', /unsupported|invalid-input/],
  ['machine-id-folder', /disk-refused/],
  ['machine-id-device', /disk-refused/],
  ['many-keys', /disk-refused/],
])('%s: refused, and disk and host stay as they were', async (name, code) => {
  const before = fs.readFileSync(disks.get(name)!.path);
  await expect(repair(name)).rejects.toMatchObject({ code: expect.stringMatching(code) });
  const clone = test.core
    .call('clones.plan', { source: name, names: ['never'], linked: false })
    .then((plan) => test.core.call('clones.run', { planId: plan.planId }))
    .then((started) => test.done(started));
  await expect(clone).rejects.toMatchObject({ code: expect.stringMatching(code) });
  expect(fs.readFileSync(disks.get(name)!.path).equals(before)).toBe(true);
  expect(fs.readFileSync(path.join(outside(), 'machine-id'), 'utf8')).toBe('the host\n');
  expect(fs.readdirSync(path.join(outside(), 'ssh'))).toEqual([]);
  expect(fs.readdirSync(home.paths.staging)).toEqual([]);
});
