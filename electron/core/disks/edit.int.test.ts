import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { baseEnv } from '../platform/exec.ts';
import { editDisk } from './edit.ts';
import { cleanStaleExports } from './fuse-export.ts';
import { openGuestDisk } from './guestfs.ts';
import { type DiskRef, withinFolders } from './image.ts';
import { imageUse } from './in-use.ts';
import { createOverlay } from './overlay.ts';
import { debugfs, makeExt, makeRootTree, tempDir, tool } from './testing/make-disk.ts';

const dir = tempDir('edit');
const policy = withinFolders(dir);
const runtimeDir = path.join(dir, 'run');
const options = { runtimeDir, verify: true };
const source = path.join(dir, 'tree');
makeRootTree(source);
const secret = 'SECRETKEYTEXT';
let raw: DiskRef;

beforeEach(() => {
  raw = { path: path.join(dir, 'disk.raw'), format: 'raw' };
  makeExt(raw.path, source, 32, ['-b', '4096', '-E', 'root_owner=0:0']);
});
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

async function look<T>(ref: DiskRef, work: (guest: Awaited<ReturnType<typeof openGuestDisk>>) => Promise<T>) {
  const guest = await openGuestDisk(ref, policy);
  try {
    return await work(guest);
  } finally {
    await guest.close();
  }
}

/** A GPT disk whose second partition is the root, as qcow2 with an overlay over it. */
async function partitioned(): Promise<DiskRef> {
  const disk = path.join(dir, 'gpt.raw');
  fs.rmSync(disk, { force: true });
  tool(['truncate', '-s', '40M', disk]);
  tool(['sfdisk', '-q', disk], 'label: gpt\nsize=1M,type=uefi\ntype=linux\n');
  tool(['dd', `if=${raw.path}`, `of=${disk}`, 'bs=1M', 'seek=2', 'conv=notrunc,sparse', 'status=none']);
  const base: DiskRef = { path: path.join(dir, 'base.qcow2'), format: 'qcow2' };
  fs.rmSync(base.path, { force: true });
  tool(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', disk, base.path]);
  const overlay: DiskRef = { path: path.join(dir, 'over, lay.qcow2'), format: 'qcow2' };
  fs.rmSync(overlay.path, { force: true });
  await createOverlay(overlay.path, base, policy);
  return overlay;
}

/** Holds an image as a running QEMU would. */
async function holder(ref: DiskRef): Promise<ChildProcess> {
  const node = { driver: ref.format, 'node-name': 'd', file: { driver: 'file', filename: ref.path } };
  const argv = ['--blockdev', JSON.stringify(node), '--nbd-server', `addr.type=unix,addr.path=${dir}/nbd`];
  const held = spawn('qemu-storage-daemon', [...argv, '--export', 'type=nbd,id=n,node-name=d,writable=on'], {
    env: baseEnv(),
    stdio: 'ignore',
  });
  while ((await imageUse(ref)) !== 'written') await new Promise((resolve) => setTimeout(resolve, 5));
  return held;
}

async function end(child: ChildProcess) {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

describe('an edit', () => {
  test('writes, links, removes and makes, keeps owners, modes and labels, and leaves a clean file system', async () => {
    debugfs(raw.path, [
      'ea_set /etc/hostname security.selinux system_u:object_r:hostname_etc_t:s0',
      'ea_set /etc/hostname security.capability gone',
      'set_inode_field /etc/hostname uid 70000',
      'set_inode_field /etc/hostname gid 7',
      'set_inode_field /etc/hostname mode 0100640',
    ]);
    const report = await editDisk(raw, policy, options, async (edit) => {
      await edit.write('/etc/machine-id', 'ffffffffffffffffffffffffffffffff\n');
      await edit.write('/etc/hostname', 'web-01\n');
      await edit.write('/etc/new', 'new', { mode: 0o600, uid: 1000, gid: 1001, labelFrom: '/etc/hostname' });
      await edit.symlink('/etc/machine-id', '/var/lib/dbus/machine-id');
      await edit.symlink('../with space', '/etc/link to');
      await edit.remove('/etc/ssh', { recursive: true });
      await edit.remove('/etc/not-there');
      await edit.remove('/not/there/either');
      await edit.mkdir('/var/lib/app', { mode: 0o711, uid: 5, gid: 6 });
      await edit.write('/var/lib/app/deep/er/file', 'deep', { parents: true });
      await edit.truncate('/usr/lib/os-release');
      await edit.chmod('/boot', 0o700);
      expect(await edit.current('/etc/ssh')).toBeNull();
      expect(await edit.current('/etc/new')).toMatchObject({ type: 'file', mode: 0o600, uid: 1000 });
    });
    expect(report.changed).toContain('/etc/machine-id');
    expect(report.replayed).toEqual([]);
    await look(raw, async (guest) => {
      expect((await guest.readFile('/var/lib/dbus/machine-id')).toString()).toBe(
        'ffffffffffffffffffffffffffffffff\n',
      );
      expect(await guest.stat('/etc/machine-id')).toMatchObject({ mode: 0o444 });
      expect(await guest.stat('/etc/hostname')).toMatchObject({ mode: 0o640, uid: 70000, gid: 7 });
      const labels = await guest.xattrs('/etc/hostname');
      expect([...labels.keys()]).toEqual(['security.selinux']);
      expect(await guest.stat('/etc/new')).toMatchObject({ mode: 0o600, uid: 1000, gid: 1001, size: 3 });
      expect((await guest.xattrs('/etc/new')).get('security.selinux')?.toString()).toMatch(/hostname_etc_t/);
      expect(await guest.readlink('/etc/link to')).toBe('../with space');
      expect(await guest.exists('/etc/ssh')).toBe(false);
      expect(await guest.stat('/var/lib/app')).toMatchObject({ mode: 0o711, uid: 5, gid: 6 });
      expect((await guest.readFile('/var/lib/app/deep/er/file')).toString()).toBe('deep');
      expect((await guest.stat('/usr/lib/os-release')).size).toBe(0);
      expect(await guest.stat('/boot')).toMatchObject({ type: 'directory', mode: 0o700 });
    });
    expect(fs.readdirSync(runtimeDir)).toEqual([]);
  });

  test('gives up its share of an attribute block that files have in common', async () => {
    const shared = async () =>
      look(raw, async (guest) => (await guest.resolve('/etc/hostname')).inode.attributeBlock);
    makeExt(raw.path, source, 32, ['-b', '4096', '-O', '^metadata_csum']);
    debugfs(raw.path, [`ea_set /etc/hostname user.long ${'x'.repeat(200)}`]);
    const first = await shared();
    debugfs(raw.path, [
      `set_inode_field /etc/machine-id file_acl ${first}`,
      'set_inode_field /etc/machine-id blocks 16',
    ]);
    const image = fs.openSync(raw.path, 'r+');
    fs.writeSync(image, Buffer.from([2, 0, 0, 0]), 0, 4, first * 4096 + 4);
    fs.closeSync(image);
    tool(['e2fsck', '-fn', raw.path]);
    await editDisk(raw, policy, options, (edit) =>
      edit.write('/etc/machine-id', 'one', { keepXattrs: false }),
    );
    await look(raw, async (guest) => expect((await guest.xattrs('/etc/hostname')).size).toBe(1));
    await editDisk(raw, policy, options, (edit) => edit.remove('/etc/hostname'));
  });

  test('goes into the overlay of a partitioned disk and leaves its base as it was', async () => {
    const overlay = await partitioned();
    const base = fs.readFileSync(path.join(dir, 'base.qcow2'));
    await editDisk(overlay, policy, options, async (edit) => {
      await edit.write('/etc/machine-id', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n');
    });
    await look(overlay, async (guest) => {
      expect((await guest.readFile('/etc/machine-id')).toString()).toMatch(/^e{32}\n$/);
      expect(guest.rootVolume.partition.number).toBe(2);
    });
    expect(fs.readFileSync(path.join(dir, 'base.qcow2')).equals(base)).toBe(true);
    tool(['qemu-img', 'check', '-q', overlay.path]);
  });

  test.each([[[]], [['-O', 'inline_data', '-I', '1024']]])(
    'overwrites a private key before it goes (%j)',
    async (mkfs) => {
      makeExt(raw.path, source, 32, mkfs);
      expect(fs.readFileSync(raw.path).includes(secret)).toBe(true);
      await editDisk(raw, policy, options, async (edit) => {
        await edit.remove('/etc/ssh/ssh_host_ed25519_key', { overwrite: true });
      });
      expect(fs.readFileSync(raw.path).includes(secret)).toBe(false);
      makeExt(raw.path, source, 32, mkfs);
      await editDisk(raw, policy, options, async (edit) => {
        await edit.write('/etc/ssh/ssh_host_ed25519_key', 'other', { overwrite: true });
      });
      expect(fs.readFileSync(raw.path).includes(secret)).toBe(false);
      await look(raw, async (guest) => {
        expect((await guest.readFile('/etc/ssh/ssh_host_ed25519_key')).toString()).toBe('other');
        expect((await guest.stat('/etc/ssh/ssh_host_ed25519_key')).mode).toBe(0o600);
      });
    },
  );

  test('refuses what it cannot do safely, and then changes nothing', async () => {
    const before = fs.readFileSync(raw.path);
    const attempt = (plan: Parameters<typeof editDisk>[3]) => editDisk(raw, policy, options, plan);
    const bad = { code: 'invalid-input' };
    await expect(attempt((edit) => edit.write('/etc/ssh', 'x'))).rejects.toMatchObject({
      code: 'wrong-state',
    });
    await expect(attempt((edit) => edit.write('/etc/a\ndump b c', 'x'))).rejects.toMatchObject(bad);
    await expect(attempt((edit) => edit.write('/etc/a"b', 'x'))).rejects.toMatchObject(bad);
    await expect(attempt((edit) => edit.write('/etc/<2>', 'x'))).rejects.toMatchObject(bad);
    await expect(attempt((edit) => edit.write('/etc/..', 'x'))).rejects.toMatchObject(bad);
    await expect(attempt((edit) => edit.write('etc/x', 'x'))).rejects.toMatchObject(bad);
    await expect(attempt((edit) => edit.symlink('a"\nrm x', '/etc/x'))).rejects.toMatchObject(bad);
    await expect(attempt((edit) => edit.write('/no/such', 'x'))).rejects.toMatchObject({ code: 'not-found' });
    // Not awaited by the caller: the failure must still be told.
    await expect(attempt((edit) => void edit.remove('/etc/ssh').catch(() => {}))).rejects.toMatchObject({
      code: 'wrong-state',
    });
    expect(fs.readFileSync(raw.path).equals(before)).toBe(true);
    expect(fs.readdirSync(runtimeDir)).toEqual([]);
  });

  test('follows a linked /etc inside the image, never onto the host', async () => {
    debugfs(raw.path, [
      'mkdir /real',
      'symlink /linked ../../../../real',
      'symlink /outside /nowhere/at/all',
    ]);
    await editDisk(raw, policy, options, async (edit) => {
      await edit.write('/linked/machine-id', 'x');
    });
    await look(raw, async (guest) => expect((await guest.readFile('/real/machine-id')).toString()).toBe('x'));
    const onto = editDisk(raw, policy, options, (edit) => edit.write('/outside/x', 'x', { parents: true }));
    await expect(onto).rejects.toMatchObject({ code: 'wrong-state' });
  });

  test('replays an unclean journal first, so that no later replay undoes it', async () => {
    const block = /^\d+/m.exec(debugfs(raw.path, ['blocks /etc/hostname']).replace(/^debugfs.*$/gm, ''))![0];
    const newer = path.join(dir, 'newer');
    fs.writeFileSync(newer, Buffer.alloc(4096, 'from-the-journal'));
    debugfs(raw.path, ['journal_open', `journal_write -b ${block} ${newer}`, 'journal_close']);
    const report = await editDisk(raw, policy, options, async (edit) => {
      expect((await edit.guest.readFile('/etc/hostname')).toString()).toBe('from-the-');
      await edit.write('/etc/hostname', 'edited');
    });
    expect(report.replayed).toEqual(['/']);
    tool(['e2fsck', '-fp', raw.path]);
    await look(raw, async (guest) =>
      expect((await guest.readFile('/etc/hostname')).toString()).toBe('edited'),
    );
  });

  test('refuses a damaged file system', async () => {
    debugfs(raw.path, ['set_super_value state 2', 'set_inode_field /usr/bin block[0] 0', 'clri /usr/lib']);
    await expect(editDisk(raw, policy, options, (edit) => edit.write('/etc/x', 'x'))).rejects.toMatchObject({
      code: expect.stringMatching(/disk-damaged|unsupported/),
    });
  });

  test('refuses a disk that a QEMU holds', async () => {
    const held = await holder(raw);
    try {
      await expect(editDisk(raw, policy, options, (edit) => edit.write('/etc/x', 'x'))).rejects.toMatchObject(
        {
          code: 'disk-in-use',
        },
      );
    } finally {
      await end(held);
    }
    expect(await imageUse(raw)).toBe('free');
    expect(fs.readdirSync(runtimeDir)).toEqual([]);
  });

  test('says so when the file system in the guest is full, and the file there stays or the failure is told', async () => {
    const full = editDisk(raw, policy, { runtimeDir }, (edit) =>
      edit.write('/etc/big', Buffer.alloc(40 << 20, 1)),
    );
    await expect(full).rejects.toMatchObject({ code: 'no-space' });
  });

  test('two at once take turns', async () => {
    const edits = ['a', 'b', 'c'].map((name) =>
      editDisk(raw, policy, { runtimeDir }, (edit) => edit.write(`/etc/${name}`, name)),
    );
    await Promise.all(edits);
    await look(raw, async (guest) => {
      for (const name of ['a', 'b', 'c'])
        expect((await guest.readFile(`/etc/${name}`)).toString()).toBe(name);
    });
  });
});

test('a kill -9 in the middle of an edit leaves a whole file system', async () => {
  const program = path.join(dir, 'killed.cjs');
  const code = `import { editDisk } from './edit.ts'; import { withinFolders } from './image.ts';
    const [dir, disk] = process.argv.slice(2);
    (async () => { for (let i = 0; ; i++) await editDisk({ path: disk!, format: 'raw' }, withinFolders(dir!),
      { runtimeDir: dir + '/run' }, async (edit) => {
        for (let k = 0; k < 60; k++) await edit.write('/etc/f' + k, String(i).repeat(5000), { mode: 0o600 });
        process.stdout.write('.'); }); })();`;
  buildSync({
    stdin: { contents: code, resolveDir: __dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    outfile: program,
  });
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [program, dir, raw.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, round * 17));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await cleanStaleExports(runtimeDir);
    expect(fs.readdirSync(runtimeDir)).toEqual([]);
    expect(await imageUse(raw)).toBe('free');
    tool(['e2fsck', '-fn', raw.path]);
  }
});

test('what a killed run left behind is cleaned', async () => {
  const left = path.join(runtimeDir, 'export-0123456789ab');
  fs.mkdirSync(left, { recursive: true });
  const file = path.join(left, 'partition');
  fs.writeFileSync(file, '');
  const argv = [
    '--blockdev',
    JSON.stringify({ driver: 'raw', 'node-name': 'd', file: { driver: 'file', filename: raw.path } }),
  ];
  const target = { type: 'fuse', id: 'e', 'node-name': 'd', mountpoint: file, writable: true };
  argv.push('--export', JSON.stringify(target));
  const start = async () => {
    const daemon = spawn('qemu-storage-daemon', argv, { env: baseEnv(), stdio: 'ignore' });
    while (fs.statSync(file).size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return daemon;
  };
  const alive = await start();
  const ended = new Promise((resolve) => alive.once('exit', resolve));
  expect(await cleanStaleExports(runtimeDir)).toBe(1);
  await ended;
  expect(fs.existsSync(left)).toBe(false);

  fs.mkdirSync(left);
  fs.writeFileSync(file, '');
  const killed = await start();
  const gone = new Promise((resolve) => killed.once('exit', resolve));
  killed.kill('SIGKILL');
  await gone;
  expect(fs.readFileSync('/proc/self/mountinfo', 'utf8')).toContain(file);
  expect(await cleanStaleExports(runtimeDir)).toBe(1);
  expect(fs.readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(file);
  expect(fs.existsSync(left)).toBe(false);
  await editDisk(raw, policy, options, (edit) => edit.write('/etc/x', 'x'));
});
