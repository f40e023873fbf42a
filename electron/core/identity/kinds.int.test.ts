import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityPart } from '../../../shared/model/identity.ts';
import { type DiskRef, imageUse, openGuestDisk, withinFolders } from '../disks/index.ts';
import { debugfs, tempDir, tool } from '../disks/testing/make-disk.ts';
import { baseEnv } from '../platform/exec.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { previewIdentity } from './apply.ts';
import {
  asRaw,
  type DiskKind,
  define,
  differing,
  fsck,
  guestFolder,
  makeDisk,
  makeTree,
  readTree,
  type TreeSecrets,
} from './testing/small-guests.ts';

// Repairs and clones of every kind of disk: after each edit the file system is clean, nothing but the planned paths
// differs, and the old private keys are nowhere.
const kinds: readonly DiskKind[] = [
  { format: 'raw', table: 'none', fs: 'ext4' },
  { format: 'raw', table: 'gpt', fs: 'ext3' },
  { format: 'raw', table: 'mbr', fs: 'ext2' },
  { format: 'qcow2', table: 'none', fs: 'ext2' },
  { format: 'qcow2', table: 'gpt', fs: 'ext4' },
  { format: 'qcow2', table: 'mbr', fs: 'ext3' },
  { format: 'overlay', table: 'none', fs: 'ext3' },
  { format: 'overlay', table: 'gpt', fs: 'ext4' },
  { format: 'overlay', table: 'mbr', fs: 'ext2' },
];
const nameOf = (kind: DiskKind) => `${kind.format}-${kind.table}-${kind.fs}`;

/** What a partition begins with where we cannot look into it (FACTS: the field's own magic numbers). */
const foreign = [
  ['LVM', 'LABELONE', 512],
  ['LUKS', 'LUKS\xba\xbe', 0],
  ['XFS', 'XFSB', 0],
  ['Btrfs', '_BHRfS_M', 65600],
  ['NTFS', 'NTFS    ', 3],
] as const;

let home: TempHome;
let test: TestCore;
let scratch: string;
let secrets: TreeSecrets;
const disks = new Map<string, DiskRef & { seed?: Buffer | null }>();
const tree = () => path.join(scratch, 'tree');

function put(name: string, make: (folder: string) => DiskRef & { seed?: Buffer | null }): void {
  const folder = guestFolder(home.paths, name);
  const disk = make(folder);
  define(folder, name, disk);
  disks.set(name, disk);
}
const plain: DiskKind = { format: 'raw', table: 'none', fs: 'ext4' };
const raw = (folder: string) => makeDisk(folder, tree(), plain);
const plan = (name: string) => test.core.call('identity.planRepair', { ids: [name] });
const bytes = (name: string) => fs.readFileSync(disks.get(name)!.path);
const diskOf = async (name: string): Promise<DiskRef> => {
  const { guests } = await test.core.call('core.snapshot', undefined);
  const disk = guests.find((guest) => guest.name === name)!.disks[0]!;
  return { path: disk.file!, format: disk.format as 'raw' | 'qcow2' };
};

beforeAll(async () => {
  home = tempHome();
  scratch = tempDir('kinds');
  secrets = await makeTree(tree());
  for (const kind of kinds) put(nameOf(kind), (folder) => makeDisk(folder, tree(), kind));
  for (const [name, magic, at] of foreign)
    put(`on-${name}`, (folder) => {
      const file = path.join(folder, 'disk.raw');
      tool(['truncate', '-s', '8M', file]);
      tool(['sfdisk', '-q', file], 'label: gpt\ntype=L\n');
      const device = fs.openSync(file, 'r+');
      fs.writeSync(device, Buffer.from(magic, 'latin1'), 0, magic.length, (1 << 20) + at);
      fs.closeSync(device);
      return { path: file, format: 'raw' };
    });
  put('on-nothing', (folder) => {
    const file = path.join(folder, 'disk.raw');
    fs.writeFileSync(file, Buffer.alloc(1 << 20, 'nothing we know '));
    return { path: file, format: 'raw' };
  });
  for (const name of ['held', 'unclean', 'damaged', 'spread']) put(name, raw);
  debugfs(disks.get('damaged')!.path, ['set_super_value state 2', 'clri /usr/lib']);
  test = await openTestCore(home.paths);
});
afterAll(async () => {
  await test?.close();
  home?.remove();
  fs.rmSync(scratch, { recursive: true, force: true });
});

/** What must hold of a disk after an edit. `before` and `changes`: the tree it was made from, and what was planned. */
async function check(
  disk: DiskRef,
  kind: DiskKind,
  before: ReadonlyMap<string, string>,
  changes: readonly { readonly path: string }[],
): Promise<void> {
  const after = await readTree(disk, home.paths.data);
  const planned = new Set(changes.map((change) => change.path));
  expect(differing(before, after).filter((file) => !planned.has(file))).toEqual([]);
  const file = asRaw(disk, path.join(scratch, 'check.raw'));
  try {
    fsck(file, kind);
    const all = fs.readFileSync(file);
    for (const line of secrets.keyLines) expect(all.includes(line)).toBe(false);
  } finally {
    fs.rmSync(file);
  }
}

function espSeed(disk: DiskRef): Buffer {
  const file = asRaw(disk, path.join(scratch, 'esp.raw'));
  const out = path.join(scratch, 'seed');
  tool(['mcopy', '-n', '-o', '-i', `${file}@@1M`, '::/loader/random-seed', out]);
  const seed = fs.readFileSync(out);
  fs.rmSync(file);
  return seed;
}

describe.each(kinds.map((kind) => [nameOf(kind), kind] as const))('%s', (name, kind) => {
  it('is cloned and repaired, and only what was planned changes', async () => {
    const disk = disks.get(name)!;
    const before = await readTree(disk, home.paths.data);
    expect(secrets.keyLines.every((line) => line.length > 40)).toBe(true);

    // A full copy for raw images, a link for the others: both ways on all file systems and tables.
    const linked = kind.format !== 'raw';
    const clones = await test.core.call('clones.plan', { source: name, names: [`${name}-c`], linked });
    await test.done(await test.core.call('clones.run', { planId: clones.planId }));
    const [made] = await test.core.call('clones.results', { planId: clones.planId });
    expect(made).toMatchObject({ status: 'made', error: null });
    const clone = await diskOf(`${name}-c`);
    await check(clone, kind, before, clones.changes);
    // The source is what it was, though its disk may be a base by now.
    expect(differing(before, await readTree(await diskOf(name), home.paths.data))).toEqual([]);

    const repair = await plan(name);
    expect(repair.items[0]).toMatchObject({ via: 'disk', error: null });
    await test.done(await test.core.call('identity.repair', { planId: repair.planId }));
    await check(await diskOf(name), kind, before, repair.items[0]!.changes);
    const { rows } = await test.core.call('identity.audit', {});
    const own = rows.filter((row) => row.name === name || row.name === `${name}-c`);
    expect(new Set(own.map((row) => row.facts!.machineId)).size).toBe(2);
    expect(own.find((row) => row.name === name)!.facts!.machineId).toBe(repair.items[0]!.identity.machineId);
    if (disk.seed) {
      const seeds = [disk.seed, espSeed(clone), espSeed(await diskOf(name))];
      expect(seeds.map((seed) => seed.length)).toEqual([32, 32, 32]);
      expect(new Set(seeds.map((seed) => seed.toString('hex'))).size).toBe(3);
      for (const { changes } of [clones, repair.items[0]!])
        expect(changes.filter((change) => change.path.startsWith('loader/random-seed'))).toHaveLength(1);
    }
    if (disk.seed) {
      const seal = await test.core.call('templates.planSeal', { id: name, name: `${name}-t`, keep: true });
      await test.done(await test.core.call('templates.seal', { planId: seal.planId }));
      const sealed = (await test.core.call('templates.list', undefined)).find((t) => t.name === `${name}-t`)!;
      const file = sealed.disks[0]!;
      const now = espSeed({ path: file.file!, format: file.format as 'raw' | 'qcow2' });
      expect(now.equals(espSeed(await diskOf(name)))).toBe(false);
      const own = await diskOf(name);
      await check(
        { path: file.file!, format: own.format },
        kind,
        await readTree(own, home.paths.data),
        seal.changes,
      );
    }
  });
});

describe('a system whose folders are on file systems that cannot be read', () => {
  const fstab = (text: string) => {
    const file = path.join(scratch, 'fstab');
    fs.writeFileSync(file, text);
    debugfs(disks.get('spread')!.path, ['rm /etc/fstab', `write ${file} /etc/fstab`]);
  };
  const planSeal = (parts?: IdentityPart[]) =>
    test.core.call('templates.planSeal', { id: 'spread', name: 'spread-t', keep: true, parts });

  it('is refused when /var, with the D-Bus id, is on a volume that was not found; without that part it is sealed', async () => {
    fstab('UUID=1 / ext4\n/dev/mapper/vg-var /var ext4 defaults 0 2\nproc /proc proc\ntmpfs /tmp tmpfs\n');
    const { rows } = await test.core.call('identity.audit', {});
    expect(rows.find((row) => row.name === 'spread')!.facts).toMatchObject({
      machineIdState: 'ok',
      dbus: 'unreadable',
    });
    await expect(planSeal()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('/var of the guest is on /dev/mapper/vg-var'),
      todo: expect.stringContaining('Leave “machine-id” out'),
    });
    const seal = await planSeal(['host-keys', 'hostname', 'leases', 'cloud-init']);
    expect(seal.warnings.join('\n')).toMatch(/\/var of the guest .*DHCP leases.*, cloud-init\)/);
    expect(seal.changes.filter((change) => change.path.startsWith('/var'))).toEqual([]);
    await test.done(await test.core.call('templates.seal', { planId: seal.planId }));
    const sealed = (await test.core.call('templates.list', undefined)).find((t) => t.name === 'spread-t')!;
    // Without its fstab the folder that the volume would hide is seen: nothing in it was touched.
    const hidden = { path: sealed.disks[0]!.file!, format: 'raw' as const };
    fs.chmodSync(hidden.path, 0o600);
    for (const disk of [disks.get('spread')!, hidden]) debugfs(disk.path, ['rm /etc/fstab']);
    const before = await readTree(disks.get('spread')!, home.paths.data);
    const after = await readTree(hidden, home.paths.data);
    expect(after.has('/var/lib/dhcp/dhclient.leases')).toBe(true);
    const planned = seal.changes.map((change) => change.path);
    expect(differing(before, after).filter((file) => !planned.includes(file))).toEqual([]);
    expect(after.has('/etc/ssh/ssh_host_ed25519_key')).toBe(false);
  });

  it('is sealed without what is below /home on XFS, and says so', async () => {
    fstab('/dev/vdb1 /home xfs defaults 0 2\n/dev/cdrom /media/cdrom iso9660 noauto\n');
    const users = path.join(scratch, 'passwd');
    fs.writeFileSync(users, 'root:x:0:0::/root:/bin/sh\nkim:x:1000:1000::/home/kim:/bin/sh\n');
    const history = '/home/kim/.bash_history';
    debugfs(disks.get('spread')!.path, [
      'rm /etc/passwd',
      `write ${users} /etc/passwd`,
      'mkdir /home',
      'mkdir /home/kim',
      `write ${users} ${history}`,
    ]);
    const set = {
      disks: [disks.get('spread')!, disks.get('on-XFS')!],
      policy: withinFolders(home.paths.data),
    };
    const seal = await previewIdentity(set, {
      mode: 'seal',
      parts: ['machine-id', 'histories'],
      values: null,
    });
    expect(seal.changes.map((change) => change.path)).toEqual(['/etc/machine-id']);
    expect(seal.warnings).toEqual([expect.stringMatching(/^\/home of the guest is on XFS.*Shell histories/)]);
    // The same disk alone: what its fstab names is not there, and that is no reason to edit what it hides.
    const alone = { ...set, disks: set.disks.slice(0, 1) };
    const hidden = await previewIdentity(alone, { mode: 'seal', parts: ['histories'], values: null });
    expect(hidden).toMatchObject({ changes: [], warnings: [expect.stringContaining('/dev/vdb1')] });
  });
});

describe('a disk that cannot be edited', () => {
  it.each([...foreign.map(([name]) => name), 'nothing'])('is named: %s', async (name) => {
    const before = bytes(`on-${name}`);
    const [item] = (await plan(`on-${name}`)).items;
    expect(item!.error).toMatchObject({
      code: 'unsupported',
      why: expect.stringContaining(name === 'nothing' ? 'No file system was recognised' : name),
      todo: expect.stringMatching(/SSH.*cloud-init/),
    });
    const { rows } = await test.core.call('identity.audit', {});
    expect(rows.find((row) => row.name === `on-${name}`)).toMatchObject({
      facts: null,
      error: { code: 'unsupported' },
    });
    expect(bytes(`on-${name}`).equals(before)).toBe(true);
  });

  it('is refused while a QEMU holds it', async () => {
    const disk = disks.get('held')!;
    const ready = await plan('held');
    const node = { driver: 'raw', 'node-name': 'd', file: { driver: 'file', filename: disk.path } };
    const nbd = ['--nbd-server', `addr.type=unix,addr.path=${scratch}/nbd`];
    const argv = ['--blockdev', JSON.stringify(node), ...nbd];
    const held: ChildProcess = spawn(
      'qemu-storage-daemon',
      [...argv, '--export', 'type=nbd,id=n,node-name=d,writable=on'],
      { env: baseEnv(), stdio: 'ignore' },
    );
    try {
      while ((await imageUse(disk)) !== 'written') await new Promise((resolve) => setTimeout(resolve, 5));
      const before = bytes('held');
      const repair = test.core.call('identity.repair', { planId: ready.planId });
      await expect(repair.then((started) => test.done(started))).rejects.toMatchObject({
        code: 'disk-in-use',
      });
      const clones = await test.core
        .call('clones.plan', { source: 'held', names: ['never'] })
        .then((made) => test.core.call('clones.run', { planId: made.planId }))
        .then((started) => test.done(started))
        .catch((error) => error);
      expect(clones).toMatchObject({ code: 'disk-in-use' });
      expect(bytes('held').equals(before)).toBe(true);
    } finally {
      const gone = new Promise((resolve) => held.once('exit', resolve));
      held.kill('SIGTERM');
      await gone;
    }
    expect((await test.core.call('core.snapshot', undefined)).guests.map((g) => g.name)).not.toContain(
      'never',
    );
  });

  it('has its unclean journal replayed first, so that no boot undoes the edit', async () => {
    const disk = disks.get('unclean')!;
    // A key that is made anew gets the SELinux label of its sibling, or an enforcing sshd could not read it.
    const keys = '/etc/ssh/ssh_host';
    debugfs(disk.path, [
      `ea_set ${keys}_ed25519_key security.selinux system_u:object_r:sshd_key_t:s0`,
      `rm ${keys}_ecdsa_key`,
      `rm ${keys}_ecdsa_key.pub`,
    ]);
    const listed = debugfs(disk.path, ['blocks /etc/hostname']).replace(/^debugfs.*$/gm, '');
    const newer = path.join(scratch, 'newer');
    const size = Number(/^Block size: *(\d+)$/m.exec(debugfs(disk.path, ['stats']))![1]);
    fs.writeFileSync(newer, Buffer.alloc(size, 'from-the-journal'));
    const block = /^\d+/m.exec(listed)![0];
    debugfs(disk.path, ['journal_open', `journal_write -b ${block} ${newer}`, 'journal_close']);
    const repair = await plan('unclean');
    await test.done(await test.core.call('identity.repair', { planId: repair.planId }));
    fsck(disk.path, plain);
    const guest = await openGuestDisk(disk, withinFolders(home.paths.data));
    for (const kind of ['ed25519', 'ecdsa'])
      expect(String((await guest.xattrs(`${keys}_${kind}_key`)).get('security.selinux'))).toContain(
        'sshd_key_t',
      );
    await guest.close();
    const { rows } = await test.core.call('identity.audit', {});
    expect(rows.find((row) => row.name === 'unclean')!.facts).toMatchObject({
      machineId: repair.items[0]!.identity.machineId,
      hostname: 'from-the-',
    });
  });

  it('is refused when it is really damaged, and stays as it was', async () => {
    const before = bytes('damaged');
    const refused = await plan('damaged').then(async (ready) => {
      if (ready.items[0]!.error) return ready.items[0]!.error;
      return test.core
        .call('identity.repair', { planId: ready.planId })
        .then((started) => test.done(started))
        .catch((error) => error);
    });
    expect(refused).toMatchObject({ code: 'disk-damaged' });
    expect(bytes('damaged').equals(before)).toBe(true);
  });
});
