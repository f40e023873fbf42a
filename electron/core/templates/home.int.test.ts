import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tempDir } from '../disks/testing/make-disk.ts';
import { define, guestFolder, makeDisk, makeTree } from '../identity/testing/small-guests.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// A template's folder is copied, renamed and taken away by hand, with linked clones on its disk.
let home: TempHome;
let test: TestCore;
let scratch = '';
let holder: ChildProcess | null = null;
const at = (id: string) => path.join(home.paths.templates, id);
const templates = () => test.core.call('templates.list', undefined);
const guests = async () => (await test.core.call('core.snapshot', undefined)).guests;
const named = async (name: string) => (await guests()).find((guest) => guest.name === name)!;
const machineIds = async () =>
  (await test.core.call('identity.audit', { refresh: true })).rows
    .filter(({ name }) => name === 'a' || name === 'b')
    .map(({ facts }) => facts?.machineId);
/** As a person who closes the app first. */
async function whileClosed(change: () => void) {
  await test.close();
  change();
  test = await openTestCore(home.paths);
}
/** Another program has a disk open, as a QEMU would. */
async function hold(file: string) {
  const child = spawn('qemu-io', ['-f', 'qcow2', file], { stdio: ['pipe', 'pipe', 'inherit'] });
  holder = child;
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => String(text).includes('qemu-io>') && resolve());
    child.stdin.write('help\n');
  });
}
async function release() {
  const ended = new Promise((resolve) => holder?.once('exit', resolve));
  holder?.kill('SIGKILL');
  if (holder) await ended;
  holder = null;
}

beforeAll(async () => {
  home = tempHome();
  scratch = tempDir('moved');
  await makeTree(path.join(scratch, 'tree'));
  const folder = guestFolder(home.paths, 'one');
  const disk = makeDisk(folder, path.join(scratch, 'tree'), { format: 'raw', table: 'none', fs: 'ext4' });
  define(folder, 'one', disk);
  test = await openTestCore(home.paths);
  const { id } = await named('one');
  const seal = await test.core.call('templates.planSeal', { id, name: 'debian' });
  await test.done(await test.core.call('templates.seal', { planId: seal.planId }));
  const plan = await test.core.call('clones.plan', { source: 'debian', names: ['a', 'b'] });
  await test.done(await test.core.call('clones.run', { planId: plan.planId }));
  const [template] = await templates();
  await whileClosed(() => renameSync(template!.folder, at('first')));
});
afterAll(async () => {
  await release();
  await test?.core.call('guests.forceOff', { id: 'a' }).catch(() => {});
  await test?.close();
  home?.remove();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

it('its clones follow a renamed one, and go on holding it', async () => {
  const [template] = await templates();
  expect(template).toMatchObject({ name: 'debian', folder: at('first'), problem: null });
  expect(template!.linkedClones).toHaveLength(2);
  for (const guest of await guests()) {
    expect(guest).toMatchObject({ state: 'off', problem: null });
    expect(guest.disks[0]!.backing).toMatch(new RegExp(`^${at('first')}/`));
  }
  expect(new Set(await machineIds()).size).toBe(2);
  await expect(test.core.call('templates.delete', { id: 'first' })).rejects.toMatchObject({
    code: 'template-in-use',
  });
});

it('one whose disk is in use meanwhile says what it misses, and follows when it may', async () => {
  const before = await machineIds();
  await hold((await named('a')).disks[0]!.file!);
  await whileClosed(() => renameSync(at('first'), at('second')));
  expect(await named('b')).toMatchObject({ problem: null });
  expect(await named('a')).toMatchObject({
    problem: { code: 'disk-missing', why: expect.stringMatching(/first\/.*clone of “debian”/s) },
  });
  await release();
  expect((await templates())[0]!.linkedClones).toHaveLength(2);
  expect(await named('a')).toMatchObject({ state: 'off', problem: null });
  expect(await machineIds()).toEqual(before);
  expect(existsSync(path.join(at('second'), 'moved-from'))).toBe(false);
});

it('a copy is a template of its own, which no clone holds and clones can be made of', async () => {
  cpSync(at('second'), at('copy'), { recursive: true });
  // Seen without being asked for.
  await expect
    .poll(async () => (await test.core.call('core.snapshot', undefined)).templates.map(({ name }) => name))
    .toEqual(['copy', 'debian']);
  const [copy, original] = await templates();
  expect(copy).toMatchObject({ name: 'copy', folder: at('copy'), problem: null, linkedClones: [] });
  expect(copy!.disks[0]!.file).toMatch(new RegExp(`^${at('copy')}/`));
  expect(copy!.uuid).not.toBe(original!.uuid);
  const plan = await test.core.call('clones.plan', { source: 'copy', names: ['c'] });
  await test.done(await test.core.call('clones.run', { planId: plan.planId }));
  expect((await named('c')).disks[0]!.backing).toMatch(new RegExp(`^${at('copy')}/`));
});

it('a clone that runs meanwhile goes on, and follows when it is off', async () => {
  await test.done(await test.core.call('guests.start', { id: 'a' }));
  renameSync(at('second'), at('third'));
  const backing = async (name: string) => (await named(name)).disks[0]!.backing;
  await expect.poll(() => backing('b')).toMatch(new RegExp(`^${at('third')}/`));
  expect(await named('a')).toMatchObject({ state: 'running' });
  expect(await backing('a')).toMatch(new RegExp(`^${at('second')}/`));
  await test.core.call('guests.forceOff', { id: 'a' });
  await expect.poll(() => backing('a')).toMatch(new RegExp(`^${at('third')}/`));
  expect(await named('a')).toMatchObject({ state: 'off', problem: null });
  await test.done(await test.core.call('guests.start', { id: 'a' }));
  await test.core.call('guests.forceOff', { id: 'a' });
});

it('without it a clone says so, and is as before when it is put back', async () => {
  const away = path.join(home.home, 'away');
  await whileClosed(() => renameSync(at('third'), away));
  const lost = { code: 'disk-missing', why: expect.stringContaining(at('third')) };
  expect(await named('b')).toMatchObject({ state: 'broken', problem: lost });
  await expect(test.core.call('guests.start', { id: 'b' })).rejects.toMatchObject(lost);
  await whileClosed(() => renameSync(away, at('third')));
  expect(await named('b')).toMatchObject({ state: 'off', problem: null });
});
