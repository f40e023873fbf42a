import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityRow } from '../../../shared/model/identity.ts';
import { openGuestDisk, withinFolders } from '../disks/index.ts';
import { makeHostKey } from '../identity/hostkeys.ts';
import { ensureLibrary } from '../platform/paths.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// One guest from the starter, one template of it, and everything that is done with them. Nothing boots here.
let home: TempHome;
let test: TestCore;
let sourceId = '';
let templateId = '';
const parts = ['machine-id', 'hostname', 'host-keys'] as const;

beforeAll(async () => {
  home = await tempHome();
  ensureLibrary(home.paths);
  shareStarters(home.paths);
  test = await openTestCore(home.paths);
  const made = await test.core.call('guests.create', {
    name: 'source',
    from: { kind: 'starter', id: 'debian-12' },
  });
  await test.done(made);
  sourceId = made.id;
});
afterAll(async () => {
  await test?.close();
  await home?.remove();
});

const rows = async (refresh = false) => (await test.core.call('identity.audit', { refresh })).rows;
const rowOf = async (name: string): Promise<IdentityRow> => (await rows()).find((row) => row.name === name)!;
const idOf = async (name: string) =>
  (await test.core.call('core.snapshot', undefined)).guests.find((g) => g.name === name)!.id;
/** e2fsck of the guest's root, through qemu-img, as a second opinion from outside. */
function fsckClean(disk: string): void {
  const raw = path.join(home.paths.cache, 'fsck.raw');
  execFileSync('qemu-img', ['convert', '-O', 'raw', disk, raw]);
  try {
    const table = JSON.parse(
      execFileSync('/usr/sbin/sfdisk', ['-J', raw], { encoding: 'utf8' }),
    ).partitiontable;
    const root = table.partitions.at(-1);
    execFileSync('dd', [
      `if=${raw}`,
      `of=${raw}.p`,
      'bs=1M',
      `skip=${(root.start * 512) / 2 ** 20}`,
      'conv=sparse',
      'status=none',
    ]);
    execFileSync('/usr/sbin/e2fsck', ['-fn', `${raw}.p`], { stdio: 'pipe' });
  } finally {
    rmSync(raw, { force: true });
    rmSync(`${raw}.p`, { force: true });
  }
}

describe('a template', () => {
  it('is previewed by its very paths, made, sealed and read-only; its secrets are nowhere in the image', async () => {
    const before = await rowOf('source');
    expect(before.facts?.machineId).toMatch(/^[0-9a-f]{32}$/);
    const plan = await test.core.call('templates.planSeal', { id: sourceId, name: 'debian', keep: true });
    expect(plan.changes.map((change) => change.path)).toEqual(
      expect.arrayContaining(['/etc/machine-id', '/etc/ssh/ssh_host_ed25519_key', '/etc/hostname']),
    );
    const started = await test.core.call('templates.seal', { planId: plan.planId });
    await test.done(started);
    templateId = started.id;
    const [template] = await test.core.call('templates.list', undefined);
    expect(template).toMatchObject({ id: templateId, name: 'debian', problem: null, linkedClones: [] });
    const kept = await test.core.call('templates.xml', { id: templateId });
    expect(kept.name).toBe('debian');
    expect(kept.xml).toContain('<name>debian</name>');
    const row = await rowOf('debian');
    expect(row.facts).toMatchObject({
      machineIdState: 'empty',
      dbus: 'link',
      hostKeys: [],
      hostname: 'localhost',
    });
    const disk = template!.disks[0]!.file!;
    expect(statSync(disk).mode & 0o777).toBe(0o444);
    // A line of the old private key is in the guest's image, and nowhere in the template's.
    const guestDisk = (await test.guest(sourceId)).disks[0]!.file!;
    const root = await openGuestDisk({ path: guestDisk, format: 'qcow2' }, withinFolders(home.paths.data));
    const secret = (await root.readFile('/etc/ssh/ssh_host_ed25519_key')).toString('latin1').split('\n')[3]!;
    await root.close();
    expect(secret).toMatch(/^[A-Za-z0-9+/]{60,}$/);
    execFileSync('grep', ['-q', '-a', '-F', '--', secret, guestDisk]);
    expect(() => execFileSync('grep', ['-q', '-a', '-F', '--', secret, disk])).toThrow();
    fsckClean(disk);
    // The guest it was made of is as it was.
    expect((await rowOf('source')).facts?.machineId).toBe(before.facts?.machineId);
  });

  it('is not to be started', async () => {
    await expect(test.core.call('guests.start', { id: templateId })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('clones', () => {
  it('are made as planned, all distinct, with pinned keys, and need their template', async () => {
    const key = (await makeHostKey('ed25519', 'me@laptop')).publicKey.trim();
    const plan = await test.core.call('clones.plan', {
      source: 'debian',
      names: ['web-01', 'web-02', 'web-03', 'web-04', 'web-05'],
      authorizedKeys: [key],
      tags: ['web'],
      memory: 512,
    });
    expect(plan.items).toHaveLength(5);
    await test.done(await test.core.call('clones.run', { planId: plan.planId }));
    const results = await test.core.call('clones.results', { planId: plan.planId });
    expect(results.map((result) => result.status)).toEqual(Array(5).fill('made'));
    expect(results.map((result) => result.name)).toEqual(plan.items.map((item) => item.name));
    const report = await test.core.call('identity.audit', {});
    const found = report.rows.filter((row) => row.name.startsWith('web-'));
    for (const item of plan.items) {
      const row = found.find((one) => one.name === item.name)!;
      expect(row.facts).toMatchObject({
        machineId: item.identity.machineId,
        dbus: 'link',
        hostname: item.identity.hostname,
      });
      expect(row.facts!.hostKeys.map((k) => k.fingerprint).sort()).toEqual(
        item.identity.hostKeys.map((k) => k.fingerprint).sort(),
      );
      expect(row.uuid).toBe(item.identity.uuid);
      expect(row.verification).toBe('planned');
      const guest = await test.guest(row.id);
      expect(guest).toMatchObject({ memory: 512, tags: ['web'], state: 'off' });
      expect(guest.ssh?.port).toBe(item.sshPort);
      const pinned = readFileSync(path.join(guest.folder, 'known_hosts'), 'utf8');
      expect(pinned.split('\n').filter((line) => line.startsWith(`${row.uuid} `))).toHaveLength(2);
      expect(readFileSync(path.join(guest.folder, 'authorized_keys'), 'utf8')).toBe(`${key}\n`);
      expect(guest.disks[0]!.allocatedSize).toBeLessThan(20 << 20);
    }
    expect(report.groups.filter((group) => group.severity === 'problem')).toEqual([]);
    expect(new Set(found.flatMap((row) => row.macs)).size).toBe(5);
    fsckClean((await test.guest(found[0]!.id)).disks[0]!.file!);
    await expect(test.core.call('templates.delete', { id: templateId })).rejects.toMatchObject({
      code: 'template-in-use',
      why: expect.stringContaining('web-03'),
    });
    // Run twice, it would make two machines of one identity.
    await expect(test.core.call('clones.run', { planId: plan.planId })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('are made full, and linked ones can become full', async () => {
    const plan = await test.core.call('clones.plan', { source: 'debian', names: ['whole'], linked: false });
    await test.done(await test.core.call('clones.run', { planId: plan.planId }));
    expect((await test.guest(await idOf('whole'))).disks[0]!.backing).toBeNull();
    const id = await idOf('web-05');
    const before = (await rowOf('web-05')).facts;
    expect((await test.guest(id)).disks[0]!.backing).toContain('templates');
    await test.done(await test.core.call('clones.makeFull', { id }));
    expect((await test.guest(id)).disks[0]!.backing).toBeNull();
    expect((await rowOf('web-05')).facts?.machineId).toBe(before?.machineId);
    const [template] = await test.core.call('templates.list', undefined);
    expect(template!.linkedClones).not.toContain(id);
  });

  it('of a guest leave it on an overlay of a hidden base, with its own identity as it was', async () => {
    const before = await rowOf('source');
    const plan = await test.core.call('clones.plan', { source: 'source', names: ['from-guest'] });
    await test.done(await test.core.call('clones.run', { planId: plan.planId }));
    const bases = readdirSync(home.paths.bases).map((name) =>
      path.join(home.paths.bases, name, 'disk.qcow2'),
    );
    expect(bases).toHaveLength(1);
    expect((await test.guest(sourceId)).disks[0]!.backing).toBe(bases[0]);
    expect((await test.guest(await idOf('from-guest'))).disks[0]!.backing).toBe(bases[0]);
    const after = await rowOf('source');
    expect(after.facts?.machineId).toBe(before.facts?.machineId);
    expect((await rowOf('from-guest')).facts?.machineId).not.toBe(before.facts?.machineId);
    // The base goes when both are gone; the next owner sweeps.
    expect((await test.guest(sourceId)).problem).toBeNull();
  });

  it('of a linked clone stand on its disk, and through it on the template', async () => {
    const id = await idOf('web-02');
    const before = await rowOf('web-02');
    const plan = await test.core.call('clones.plan', { source: id, names: ['grandchild'] });
    await test.done(await test.core.call('clones.run', { planId: plan.planId }));
    const child = await idOf('grandchild');
    expect((await test.guest(id)).problem).toBeNull();
    expect((await test.guest(child)).problem).toBeNull();
    expect((await rowOf('web-02')).facts?.machineId).toBe(before.facts?.machineId);
    expect((await rowOf('grandchild')).facts?.machineId).toBe(plan.items[0]!.identity.machineId);
    const [template] = await test.core.call('templates.list', undefined);
    expect(template!.linkedClones).toEqual(expect.arrayContaining([id, child]));
  });

  it('of a guest lose nothing while another guest becomes full and unused bases are swept', async () => {
    const round = async (n: number) => {
      const plan = await test.core.call('clones.plan', { source: 'whole', names: [`raced-${n}`] });
      await test.done(await test.core.call('clones.run', { planId: plan.planId }));
    };
    const full = await test.core.call('clones.makeFull', { id: await idOf('from-guest') });
    const sweeping = test.done(full);
    for (let n = 0; n < 4; n++) await round(n);
    await sweeping;
    await round(4);
    const { guests } = await test.core.call('core.snapshot', undefined);
    for (const guest of guests) expect(guest.problem, guest.name).toBeNull();
    for (const row of await rows(true)) expect(row.error, row.name).toBeNull();
  });

  it('keep the snapshots in a disk from being lost, and do not inherit them', async () => {
    const id = await idOf('web-04');
    const disk = (await test.guest(id)).disks[0]!.file!;
    execFileSync('qemu-img', ['snapshot', '-c', 'before', disk]);
    const started = await test.core.call('clones.makeFull', { id });
    await expect(test.done(started)).rejects.toMatchObject({ code: 'wrong-state' });
    const plan = await test.core.call('clones.plan', { source: id, names: ['no-snap'], linked: false });
    await test.done(await test.core.call('clones.run', { planId: plan.planId }));
    const copy = (await test.guest(await idOf('no-snap'))).disks[0]!.file!;
    expect(execFileSync('qemu-img', ['snapshot', '-l', copy], { encoding: 'utf8' })).toBe('');
    execFileSync('qemu-img', ['snapshot', '-d', 'before', disk]);
  });

  it('keep their template while they are made, and are not made from one that is gone', async () => {
    const copy = await test.core.call('templates.planSeal', { id: 'whole', name: 'brief', keep: true });
    await test.done(await test.core.call('templates.seal', { planId: copy.planId }));
    const plan = (name: string) => test.core.call('clones.plan', { source: 'brief', names: [name] });
    const [first, late] = [await plan('brief-1'), await plan('brief-2')];
    const { id } = (await test.core.call('templates.list', undefined)).find((t) => t.name === 'brief')!;
    const running = await test.core.call('clones.run', { planId: first.planId });
    await expect(test.core.call('templates.delete', { id })).rejects.toMatchObject({
      code: expect.stringMatching(/^(busy|template-in-use)$/),
    });
    await test.done(running);
    expect((await test.guest(await idOf('brief-1'))).problem).toBeNull();
    await test.core.call('guests.delete', { id: await idOf('brief-1') });
    await test.core.call('templates.delete', { id });
    const started = await test.core.call('clones.run', { planId: late.planId });
    await expect(test.done(started)).rejects.toMatchObject({ code: 'disk-missing' });
  });

  it('refuse names that are taken, a disk that shrinks, a plan that came too late', async () => {
    const plan = (names: string[], more = {}) =>
      test.core.call('clones.plan', { source: 'debian', names, ...more });
    await expect(plan(['WEB-01'])).rejects.toMatchObject({ code: 'name-taken' });
    await expect(plan(['x', 'X'])).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(plan(['small'], { diskSize: 1 })).rejects.toMatchObject({ code: 'invalid-input' });
    const [one, two] = [await plan(['twin']), await plan(['twin'])];
    await test.done(await test.core.call('clones.run', { planId: one.planId }));
    await expect(test.core.call('clones.run', { planId: two.planId })).rejects.toMatchObject({
      code: 'name-taken',
    });
  });

  it('are not made from a template whose disk was changed or is gone', async () => {
    const disk = (await test.core.call('templates.list', undefined))[0]!.disks[0]!.file!;
    const { atime, mtime } = statSync(disk);
    chmodSync(disk, 0o600);
    const plan = () => test.core.call('clones.plan', { source: 'debian', names: ['late'] });
    execFileSync('touch', [disk]);
    await expect(plan()).rejects.toMatchObject({ code: 'disk-damaged' });
    execFileSync('mv', [disk, `${disk}.away`]);
    await expect(plan()).rejects.toMatchObject({ code: 'disk-missing' });
    execFileSync('mv', [`${disk}.away`, disk]);
    execFileSync('touch', ['-d', mtime.toISOString(), '-a', disk]);
    const { utimesSync } = await import('node:fs');
    utimesSync(disk, atime, mtime);
    chmodSync(disk, 0o444);
    expect((await plan()).items).toHaveLength(1);
  });

  it('are made by two batches at once, which may not have the same names', async () => {
    const batch = (first: string, n: number) =>
      test.core.call('clones.plan', {
        source: 'debian',
        names: [first, ...Array.from({ length: 4 }, (_, i) => `at-once-${n}-${i}`)],
      });
    const plans = [await batch('both', 1), await batch('both', 2), await batch('at-once-3', 3)];
    const started = await Promise.allSettled(
      plans.map(({ planId }) => test.core.call('clones.run', { planId })),
    );
    // Of the two that want “both” one gets it, whichever asked first.
    expect(started[2]!.status).toBe('fulfilled');
    const refused = started.filter((one) => one.status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'name-taken' } }]);
    for (const one of started) if (one.status === 'fulfilled') await test.done(one.value);
    const report = await test.core.call('identity.audit', {});
    const made = report.rows.filter((row) => /^(both|at-once)/.test(row.name));
    expect(made).toHaveLength(10);
    expect(new Set(made.map((row) => row.facts!.machineId)).size).toBe(10);
    const ports = await Promise.all(made.map(async ({ id }) => (await test.guest(id)).ssh?.port));
    expect(new Set(ports).size).toBe(10);
  });

  it('leave nothing behind when cancelled', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `batch-${n}`);
    const plan = await test.core.call('clones.plan', { source: 'debian', names });
    const started = await test.core.call('clones.run', { planId: plan.planId });
    await new Promise((resolve) => setTimeout(resolve, 400));
    await test.core.call('operations.cancel', { id: started.operation });
    const results = await test.core.call('clones.results', { planId: plan.planId });
    const made = results.filter((result) => result.status === 'made');
    expect(results).toHaveLength(20);
    expect(made.length).toBeLessThan(20);
    expect(readdirSync(home.paths.staging)).toEqual([]);
    const { guests } = await test.core.call('core.snapshot', undefined);
    expect(guests.filter((guest) => guest.name.startsWith('batch-'))).toHaveLength(made.length);
  });
});

describe('the identity page', () => {
  it('finds a plain copy, repairs it on the disk, and puts the old values back', async () => {
    // What people do: copy the folder. The copy keeps everything.
    const source = await test.guest(await idOf('whole'));
    const folder = path.join(home.paths.guests, 'copied-00000000');
    execFileSync('cp', ['-r', source.folder, folder]);
    const xml = path.join(folder, 'domain.xml');
    writeFileSync(
      xml,
      readFileSync(xml, 'utf8').replaceAll(source.folder, folder).replace('<name>whole<', '<name>copied<'),
    );
    await test.close();
    test = await openTestCore(home.paths);

    const report = await test.core.call('identity.audit', {});
    const kinds = report.groups.map((group) => group.kind);
    expect(kinds).toEqual(expect.arrayContaining(['machine-id', 'host-key', 'uuid', 'mac']));
    const before = (await rowOf('copied')).facts!;
    expect((await rowOf('whole')).facts!.machineId).toBe(before.machineId);

    const plan = await test.core.call('identity.planRepair', {
      ids: ['copied'],
      parts: [...parts, 'random-seed'],
    });
    expect(plan.items[0]).toMatchObject({ via: 'disk', error: null });
    await test.done(await test.core.call('identity.repair', { planId: plan.planId }));
    const after = await rowOf('copied');
    expect(after.facts).toMatchObject({ machineId: plan.items[0]!.identity.machineId, dbus: 'link' });
    expect(after).toMatchObject({
      verification: 'planned',
      restorable: true,
      uuid: plan.items[0]!.identity.uuid,
    });
    expect(
      (await test.core.call('identity.audit', {})).groups.filter((g) => g.severity === 'problem'),
    ).toEqual([]);
    const record = path.join(folder, 'identity.json');
    expect(statSync(record).mode & 0o777).toBe(0o600);
    expect(existsSync(path.join(folder, '.edit'))).toBe(false);

    await test.done(await test.core.call('identity.restore', { id: 'copied' }));
    const restored = await rowOf('copied');
    expect(restored.facts?.machineId).toBe(before.machineId);
    expect(restored.facts?.hostKeys).toEqual(before.hostKeys);
    expect(restored.restorable).toBe(false);
    fsckClean((await test.guest(restored.id)).disks[0]!.file!);
  });

  it('holds each of many while it is repaired, so that none is started meanwhile', async () => {
    const ids = [await idOf('web-01'), await idOf('web-03')];
    const plan = await test.core.call('identity.planRepair', { ids, parts: ['hostname', 'machine-id'] });
    const started = await test.core.call('identity.repair', { planId: plan.planId });
    await expect(test.core.call('guests.start', { id: ids[0]! })).rejects.toMatchObject({ code: 'busy' });
    await test.done(started);
    for (const { name, identity } of plan.items)
      expect((await rowOf(name)).facts?.machineId).toBe(identity.machineId);
  });

  it('answers from its cache while no disk changed', async () => {
    const first = await test.core.call('identity.audit', {});
    const second = await test.core.call('identity.audit', {});
    expect(second.cached).toBe(second.rows.length);
    expect(second.rows.map((row) => row.facts)).toEqual(first.rows.map((row) => row.facts));
  });
});
