import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findProgram } from '../disks/limits.ts';
import { tempDir, tool } from '../disks/testing/make-disk.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { define, guestFolder, makeTree } from './testing/small-guests.ts';

// A root file system on LVM, which our own code does not open: with guestfish it is cloned all the same, and without it
// the error says what works instead. Its appliance boots emulated: minutes on a busy machine.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

const installed = (await findProgram('guestfish')) !== null;
const env = { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' };
let home: TempHome;
let test: TestCore;
let scratch = '';

/** The tree, made to run scripts by busybox: guestfish runs them by the guest's own shell. */
async function makeShellTree(): Promise<string> {
  const tree = path.join(scratch, 'tree');
  await makeTree(tree);
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  fs.mkdirSync(path.join(tree, 'bin'));
  for (const folder of ['dev', 'proc', 'sys', 'tmp', 'home']) fs.mkdirSync(path.join(tree, folder));
  fs.copyFileSync(fs.realpathSync(busybox), path.join(tree, 'bin/busybox'));
  fs.chmodSync(path.join(tree, 'bin/busybox'), 0o755);
  const libraries = execFileSync('sh', ['-c', 'ldd "$0" 2>/dev/null || :', busybox], { encoding: 'utf8' });
  for (const [file] of libraries.matchAll(/\/\S+(?= \(0x)/g)) {
    fs.mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    fs.copyFileSync(fs.realpathSync(file), path.join(tree, file));
    fs.chmodSync(path.join(tree, file), 0o755);
  }
  const tools = 'sh stat base64 readlink tr mktemp chmod chown mv rm ln mkdir sync cat id sed';
  for (const name of tools.split(' ')) fs.symlinkSync('busybox', path.join(tree, 'bin', name));
  fs.writeFileSync(path.join(tree, 'etc/fstab'), '/dev/vg/root / ext4 defaults 0 1\n');
  return tree;
}

beforeAll(async () => {
  home = tempHome();
  scratch = tempDir('guestfish');
  const folder = guestFolder(home.paths, 'source');
  const disk = path.join(folder, 'disk.raw');
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, 96 << 20);
  if (installed) {
    tool([
      'tar',
      '-C',
      await makeShellTree(),
      '--owner=0',
      '--group=0',
      '-cf',
      path.join(scratch, 't.tar'),
      '.',
    ]);
    const script = `run
part-disk /dev/sda mbr
pvcreate /dev/sda1
vgcreate vg /dev/sda1
lvcreate root vg 80
mkfs ext4 /dev/vg/root
mount /dev/vg/root /
tar-in ${scratch}/t.tar /
`;
    execFileSync('guestfish', ['--format=raw', '-a', disk], { input: script, env, stdio: 'pipe' });
  } else {
    const device = fs.openSync(disk, 'r+');
    fs.writeSync(device, 'LABELONE', 512); // an LVM physical volume (lvm2's label.h)
    fs.closeSync(device);
  }
  define(folder, 'source', { path: disk, format: 'raw' });
  test = await openTestCore(home.paths);
});
afterAll(async () => {
  await test?.close();
  home?.remove();
  if (scratch) fs.rmSync(scratch, { recursive: true, force: true });
});

const plan = () => test.core.call('clones.plan', { source: 'source', names: ['copy'] });

describe(`a root on LVM, guestfish ${installed ? 'installed' : 'not installed'}`, () => {
  if (!installed)
    it('is refused by name, with what works instead', async () => {
      await expect(plan()).rejects.toMatchObject({
        code: 'unsupported',
        why: expect.stringContaining('LVM'),
        todo: expect.stringContaining('cloud-init seed'),
      });
    });
  else
    it('is cloned with an identity of its own, written and read back by guestfish', async () => {
      const planned = await plan();
      expect(planned.changes.map((change) => change.path)).toEqual(
        expect.arrayContaining(['/etc/machine-id', '/etc/ssh/ssh_host_ed25519_key', '/etc/hostname']),
      );
      expect(planned.warnings.join(' ')).toContain('guestfish');
      await test.done(await test.core.call('clones.run', { planId: planned.planId }));
      const [result] = await test.core.call('clones.results', { planId: planned.planId });
      const clone = (await test.guest(result!.id!)).disks[0]!.file!;
      const read = (name: string) =>
        execFileSync('guestfish', ['--ro', '--format=qcow2', '-a', clone, '-i', 'cat', name], {
          env,
          encoding: 'utf8',
        });
      const { machineId, hostname } = planned.items[0]!.identity;
      expect(read('/etc/machine-id').trim()).toBe(machineId);
      expect(hostname).toBe('copy');
    });
});
