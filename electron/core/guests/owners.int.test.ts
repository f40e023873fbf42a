import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newDomain } from '../domain/index.ts';
import { run } from '../platform/exec.ts';
import { processStat } from '../platform/proc.ts';
import { findRun } from '../qemu/process.ts';
import { runFiles } from '../qemu/run-files.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// What becomes of a guest when its owner is killed or another comes, or its QEMU is silent. Nothing boots in it: an
// empty disk and 64 MiB. Each step begins where the last one ended.
let home: TempHome;
let at: TestCore;
const id = 'empty-00000000';
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
const folder = () => path.join(home.paths.guests, id);
const disk = () => path.join(folder(), 'disk.qcow2');
const start = async () => at.done(await call('guests.start', { id }));
const save = async () => at.done(await call('guests.save', { id }));
/** Files of a saved memory, whole or not. */
const memoryFiles = () => readdirSync(folder()).filter((name) => /^(saved|saving|resuming)/.test(name));

async function until(state: string): Promise<void> {
  while ((await at.guest(id)).state !== state) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Another owner comes, does this, and is killed at the named place as by kill -9; then one comes again. */
async function killedOwner(
  what: 'save' | 'snapshot' | 'start',
  fault: string,
  meanwhile: () => Promise<void> = async () => {},
): Promise<void> {
  await at.close();
  const script = path.join(home.home, 'fault-child.cjs');
  if (!existsSync(script))
    await build({
      entryPoints: [path.resolve(__dirname, '../testing/fault-child.ts')],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
      external: ['node-pty', 'electron'],
      logLevel: 'silent',
    });
  const env = { ...process.env, ...home.env, GUESTHOUSE_FAULT: fault };
  const owner = spawn(process.execPath, [script, what, id], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const signal = await new Promise((resolve) => owner.once('exit', (_, by) => resolve(by)));
  await meanwhile();
  at = await openTestCore(home.paths);
  expect(signal).toBe('SIGKILL');
}

beforeAll(async () => {
  home = tempHome();
  mkdirSync(folder());
  const disks = [{ file: disk(), format: 'qcow2' as const, backing: [] }];
  const spec = { name: 'empty', kind: 'hybrid', machine: 'pc-q35-7.2', memoryMiB: 64, vcpus: 1 } as const;
  writeFileSync(path.join(folder(), 'domain.xml'), newDomain({ ...spec, disks }).text);
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', disk(), '64M']);
  at = await openTestCore(home.paths);
  await start();
});
afterAll(async () => {
  await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  home?.remove();
});

it('a guest is not taken for off while its QEMU is silent, and found when it answers', async () => {
  const { pid } = await at.guest(id);
  await at.close();
  process.kill(pid!, 'SIGSTOP');
  at = await openTestCore(home.paths);
  expect(await at.guest(id)).toMatchObject({
    state: 'unreachable',
    problem: { why: expect.stringContaining(`${pid}`) },
  });
  expect((await call('guests.detail', { id })).guest.state).toBe('unreachable');
  for (const name of ['guests.delete', 'guests.start', 'guests.pause'] as const)
    await expect(call(name, { id }), name).rejects.toMatchObject({ code: 'wrong-state' });
  process.kill(pid!, 'SIGCONT');
  await until('running');
  expect(await at.guest(id)).toMatchObject({ pid, problem: null });
});

it('killed while it saved: the guest does what it did before, and no half memory stays', async () => {
  const { pid } = await at.guest(id);
  await killedOwner('save', 'save:begun');
  expect(await at.guest(id)).toMatchObject({ state: 'running', pid });
  expect(memoryFiles()).toEqual([]);
  await call('guests.pause', { id });
  await killedOwner('save', 'save:begun');
  expect(await at.guest(id)).toMatchObject({ state: 'paused', pid });
  await call('guests.resume', { id });
});

it('killed while it took a snapshot: the guest goes on, and the next one takes what was left along', async () => {
  const { pid } = await at.guest(id);
  await killedOwner('snapshot', 'save:begun');
  expect(await at.guest(id)).toMatchObject({ state: 'running', pid });
  expect(memoryFiles()).toEqual([]);
  expect((await call('snapshots.list', { id })).snapshots).toEqual([]);
  await at.done(await call('snapshots.take', { id, name: 'whole' }));
  expect(readdirSync(path.join(folder(), 'snapshots')).filter((name) => name.startsWith('.'))).toEqual([]);
  await at.done(await call('snapshots.delete', { id, snapshot: 'whole' }));
});

it('what keeps a saved guest from going on takes nothing away', async () => {
  await save();
  const holder = spawn('qemu-io', ['-f', 'qcow2', disk()], { stdio: ['pipe', 'pipe', 'inherit'] });
  holder.stdin.write('length\n');
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  await expect(start()).rejects.toMatchObject({
    code: 'disk-in-use',
    why: expect.stringContaining(`${holder.pid} (qemu-io)`),
  });
  holder.kill('SIGKILL');
  await new Promise((resolve) => holder.once('exit', resolve));
  expect((await at.guest(id)).state).toBe('saved');
  await start();
  expect((await at.guest(id)).state).toBe('running');
  expect(memoryFiles()).toEqual([]);
});

it('killed just before or after a saved guest went on: it goes on', async () => {
  for (const fault of ['resume:begun', 'resume:gone-on']) {
    await save();
    await killedOwner('start', fault);
    expect(await at.guest(id), fault).toMatchObject({ state: 'running' });
    expect(memoryFiles(), fault).toEqual([]);
  }
});

it('killed just before, and QEMU with it: the memory is there', async () => {
  await save();
  await killedOwner('start', 'resume:begun', async () => {
    const found = await findRun(runFiles(home.paths.runtime, id));
    if (found.kind !== 'running') throw new Error('no QEMU');
    process.kill(found.record.pid, 'SIGKILL');
    while (processStat(found.record.pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  expect((await at.guest(id)).state).toBe('saved');
  await start();
  expect((await at.guest(id)).state).toBe('running');
});

it('a silent QEMU is forced off, and a start is called off by the same', async () => {
  const { pid } = await at.guest(id);
  await at.close();
  process.kill(pid!, 'SIGSTOP');
  at = await openTestCore(home.paths);
  await call('guests.forceOff', { id });
  expect(await at.guest(id)).toMatchObject({ state: 'off', crash: null, problem: null });
  const { operation } = await call('guests.start', { id });
  await until('starting');
  await call('guests.forceOff', { id });
  expect((await at.guest(id)).state).toBe('off');
  await expect(at.done({ operation })).rejects.toMatchObject({ code: 'cancelled' });
});

it('starts with the app when the window asks, not with whoever opens the library, and never after a crash', async () => {
  await call('guests.setAutostart', { id, autostart: true });
  await at.close();
  at = await openTestCore(home.paths);
  expect((await call('core.snapshot', undefined)).operations).toEqual([]);
  expect((await at.guest(id)).state).toBe('off');
  await call('guests.startWithApp', undefined);
  await until('running');
  process.kill((await at.guest(id)).pid!, 'SIGKILL');
  await until('crashed');
  await call('guests.startWithApp', undefined);
  const { guests, operations } = await call('core.snapshot', undefined);
  expect(guests).toMatchObject([{ state: 'crashed', crash: { reason: expect.stringMatching(/killed/) } }]);
  expect(operations.every(({ endedAt }) => endedAt !== null)).toBe(true);
});

it('nothing is deleted under a program that writes to its disk', async () => {
  const holder = spawn('qemu-io', ['-f', 'qcow2', disk()], { stdio: ['pipe', 'pipe', 'inherit'] });
  holder.stdin.write('length\n');
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  await expect(call('guests.delete', { id })).rejects.toMatchObject({ code: 'disk-in-use' });
  expect(existsSync(disk())).toBe(true);
  holder.kill('SIGKILL');
  await new Promise((resolve) => holder.once('exit', resolve));
  await call('guests.delete', { id });
  expect(existsSync(folder())).toBe(false);
});
