import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { type TempHome, tempHome } from '../../testing/temp-home.ts';

/** A guest with nothing on its disk: what is on the disk is written and read by qemu-io. */
let home: TempHome;
let at: TestCore;
const id = 'box-0f0e0d0c';
const folder = () => path.join(home.paths.guests, id);
const disk = () => path.join(folder(), 'disk.qcow2');
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
const list = () => call('snapshots.list', { id });
const take = async (name: string) => at.done(await call('snapshots.take', { id, name }));
const io = (command: string) =>
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', command, disk()], { encoding: 'utf8' });
const write = (byte: number) => io(`write -P ${byte} 0 64k`);
const holds = (byte: number) => !io(`read -P ${byte} 0 64k`).includes('Pattern verification failed');
const tags = () =>
  (
    JSON.parse(execFileSync('qemu-img', ['info', '-U', '--output=json', disk()], { encoding: 'utf8' })) as {
      snapshots?: { name: string }[];
    }
  ).snapshots?.map(({ name }) => name) ?? [];

const xml = (format: string, file: string) => `<domain type='kvm'>
  <name>box</name>
  <uuid>0f0e0d0c-1111-4222-8333-444455556666</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='${format}'/>
      <source file='${file}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
  </devices>
</domain>
`;

beforeAll(async () => {
  home = tempHome();
  mkdirSync(folder(), { recursive: true, mode: 0o700 });
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk(), '64M']);
  writeFileSync(path.join(folder(), 'domain.xml'), xml('qcow2', disk()));
  const raw = path.join(home.paths.guests, 'plain-0a0b0c0d');
  mkdirSync(raw, { mode: 0o700 });
  writeFileSync(path.join(raw, 'disk.img'), Buffer.alloc(1 << 20));
  writeFileSync(
    path.join(raw, 'domain.xml'),
    xml('raw', path.join(raw, 'disk.img')).replaceAll('box', 'plain').replace('0f0e0d0c', '0a0b0c0d'),
  );
  at = await openTestCore(home.paths);
});
afterAll(async () => {
  await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  home?.remove();
});

it('goes back to what the disk was, and keeps what came since', async () => {
  expect(await list()).toEqual({ snapshots: [], current: null, refusal: null });
  write(0x11);
  await take('first');
  write(0x22);
  const [first] = (await list()).snapshots;
  expect(first).toMatchObject({ name: 'first', memory: null, disks: ['vda'], parent: null });
  expect((await list()).current).toBe(first!.id);

  await call('guests.rename', { id, name: 'box two' });
  await at.done(await call('snapshots.revert', { id, snapshot: 'first' }));
  expect(holds(0x11)).toBe(true);
  // A name is a label and no part of what was.
  expect((await at.guest(id)).name).toBe('box two');
  const kept = (await list()).snapshots[0]!;
  expect(kept).toMatchObject({ name: 'Before going back to “first”', parent: first!.id });
  expect((await list()).current).toBe(first!.id);

  await at.done(await call('snapshots.revert', { id, snapshot: kept.id, keepNow: false }));
  expect(holds(0x22)).toBe(true);
  expect((await list()).current).toBe(kept.id);
});

it('renames and deletes, and takes its marks out of the disk', async () => {
  await call('snapshots.rename', { id, snapshot: 'first', name: 'clean' });
  await at.done(await call('snapshots.delete', { id, snapshot: 'clean' }));
  const view = await list();
  expect(view.snapshots.map(({ name, parent }) => [name, parent])).toEqual([
    ['Before going back to “first”', null],
  ]);
  expect(tags()).toEqual([`guesthouse-${view.snapshots[0]!.id}`]);
  expect(holds(0x22)).toBe(true);
  await expect(
    call('snapshots.revert', { id, snapshot: 'clean' }).then((op) => at.done(op)),
  ).rejects.toMatchObject({
    code: 'not-found',
  });
});

it('is not lost to a linked clone, which would give the guest another disk', async () => {
  await expect(call('clones.plan', { source: id, names: ['other'], linked: true })).rejects.toMatchObject({
    code: 'wrong-state',
    message: 'box two has a snapshot.',
  });
});

it('says which disk cannot hold snapshots', async () => {
  const { refusal } = await call('snapshots.list', { id: 'plain-0a0b0c0d' });
  expect(refusal?.why).toMatch(/vda .*format is raw/);
  await expect(
    call('snapshots.take', { id: 'plain-0a0b0c0d', name: 'x' }).then((op) => at.done(op)),
  ).rejects.toMatchObject({ code: 'unsupported' });
});

it('takes the memory of a guest that runs, which goes on, and goes back into that very moment', async () => {
  await at.done(await call('guests.start', { id }));
  const { pid } = await at.guest(id);
  await take('alive');
  expect(await at.guest(id)).toMatchObject({ state: 'running', pid });
  const alive = (await list()).snapshots[0]!;
  expect(alive.name).toBe('alive');
  expect(alive.memory).toBe(statSync(path.join(folder(), 'snapshots', alive.id, 'saved.mem')).size);
  // The guest writes again: its disk was not left behind as at the end of a migration.
  expect(tags()).toContain(`guesthouse-${alive.id}`);

  // One that stands still stays so.
  await call('guests.pause', { id });
  await take('asleep');
  expect((await at.guest(id)).state).toBe('paused');
  await at.done(await call('snapshots.delete', { id, snapshot: 'asleep' }));
  await call('guests.resume', { id });

  await at.done(await call('snapshots.revert', { id, snapshot: 'alive', keepNow: false }));
  expect(await at.guest(id)).toMatchObject({ state: 'saved', pid: null });
  await at.done(await call('guests.start', { id }));
  expect((await at.guest(id)).state).toBe('running');
  // Resuming took the guest's own file and not the snapshot's: it can be gone back to once more.
  expect(existsSync(path.join(folder(), 'saved.mem'))).toBe(false);
  await at.done(await call('snapshots.revert', { id, snapshot: 'alive', keepNow: false }));
  expect((await at.guest(id)).state).toBe('saved');
});

it('is in a snapshot too, what a saved guest has in memory', async () => {
  await take('as saved');
  await call('guests.discardSaved', { id });
  expect((await at.guest(id)).state).toBe('off');
  await at.done(await call('snapshots.revert', { id, snapshot: 'as saved', keepNow: false }));
  expect((await at.guest(id)).state).toBe('saved');
  await call('guests.discardSaved', { id });
});

it('ends going back that a kill stopped, before the guest is used again', async () => {
  write(0x33);
  await take('solid');
  write(0x44);
  const { id: solid } = (await list()).snapshots[0]!;
  await at.close();
  writeFileSync(path.join(folder(), 'reverting.json'), JSON.stringify({ snapshot: solid, name: 'box two' }));
  at = await openTestCore(home.paths);
  expect(holds(0x33)).toBe(true);
  expect((await list()).current).toBe(solid);
  expect(existsSync(path.join(folder(), 'reverting.json'))).toBe(false);
});

it('leaves nothing of a snapshot that was not finished', async () => {
  const before = (await list()).snapshots.length;
  execFileSync('qemu-img', ['snapshot', '-c', 'guesthouse-deadbeef', disk()]);
  execFileSync('qemu-img', ['snapshot', '-c', 'of another program', disk()]);
  mkdirSync(path.join(folder(), 'snapshots', '.deadbeef'));
  await take('after');
  expect((await list()).snapshots).toHaveLength(before + 1);
  expect(tags()).not.toContain('guesthouse-deadbeef');
  expect(tags()).toContain('of another program');
  expect(readdirSync(path.join(folder(), 'snapshots')).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('touches nothing when another program holds the disk', async () => {
  const text = readFileSync(path.join(folder(), 'domain.xml'), 'utf8');
  const holder = spawn('qemu-io', ['-f', 'qcow2', disk()], { stdio: ['pipe', 'pipe', 'inherit'] });
  holder.stdin.write('length\n');
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  try {
    const before = (await list()).snapshots.length;
    await expect(take('held')).rejects.toMatchObject({ code: 'disk-in-use' });
    expect((await list()).snapshots).toHaveLength(before);
    expect(readFileSync(path.join(folder(), 'domain.xml'), 'utf8')).toBe(text);
  } finally {
    holder.kill();
    await new Promise((resolve) => holder.once('exit', resolve));
  }
});
