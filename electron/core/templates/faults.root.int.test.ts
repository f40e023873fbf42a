import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CloneResult } from '../../../shared/model/template.ts';
import { define, guestFolder, makeDisk, makeTree } from '../identity/testing/small-guests.ts';
import { run } from '../platform/exec.ts';
import { ensureLibrary, libraryPaths } from '../platform/paths.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// What goes wrong around a batch: the library's file system (mounting one takes root) fills up, the template's disk
// goes away, there is no FUSE. Whole clones or none, and a reason one can act on.
let home: TempHome;
let test: TestCore;
const mount = () => path.join(home.home, 'small');
const env = () => ({ ...home.env, XDG_DATA_HOME: mount() });
const paths = () => libraryPaths(env());
const filler = () => path.join(mount(), 'filler');

beforeAll(async () => {
  home = tempHome();
  mkdirSync(mount());
  await run(['mount', '-t', 'tmpfs', '-o', 'size=64m,mode=0700', 'guesthouse-test', mount()]);
  ensureLibrary(paths());
  const tree = path.join(home.home, 'tree');
  await makeTree(tree);
  const folder = guestFolder(paths(), 'source');
  define(folder, 'source', makeDisk(folder, tree, { format: 'qcow2', table: 'gpt', fs: 'ext4' }));
  test = await openTestCore(paths());
  const plan = await test.core.call('templates.planSeal', { id: 'source', name: 'template', keep: true });
  await test.done(await test.core.call('templates.seal', { planId: plan.planId }));
});
afterAll(async () => {
  await test?.close();
  await run(['umount', '-l', mount()]);
  home?.remove();
});

/** Runs a batch and gives what became of each; `early` is called when the first clone has appeared. */
async function batch(stem: string, early?: () => void): Promise<readonly CloneResult[]> {
  const names = Array.from({ length: 20 }, (_, n) => `${stem}-${n}`);
  const { planId } = await test.core.call('clones.plan', { source: 'template', names });
  const off = test.core.onEvent(({ event }) => {
    if (event.type !== 'guest' || !event.guest.name.startsWith(stem)) return;
    early?.();
    early = undefined;
  });
  await test.done(await test.core.call('clones.run', { planId })).catch(() => {});
  off();
  return test.core.call('clones.results', { planId });
}

/** Nothing half, nothing left over; every guest in the list can be read and none is another's double. */
async function expectWhole(results: readonly CloneResult[]): Promise<void> {
  expect(readdirSync(paths().staging)).toEqual([]);
  expect(readdirSync(path.join(paths().runtime, 'exports'))).toEqual([]);
  const { rows, groups } = await test.core.call('identity.audit', { refresh: true });
  for (const row of rows) expect(row.error, row.name).toBeNull();
  expect(groups.filter(({ severity }) => severity === 'problem')).toEqual([]);
  const there = new Set(rows.map((row) => row.name));
  for (const { name, status, identity } of results) {
    expect(there.has(name)).toBe(status === 'made');
    if (status === 'made')
      expect(rows.find((row) => row.name === name)?.facts?.machineId).toBe(identity.machineId);
  }
}

async function removeAll(results: readonly CloneResult[]): Promise<void> {
  for (const { id } of results) if (id !== null) await test.core.call('guests.delete', { id });
}

describe('in the middle of a batch', () => {
  it('a full disk ends some clones, with the reason; those that were made are whole', async () => {
    const { bavail, bsize } = statfsSync(mount());
    writeFileSync(filler(), Buffer.alloc(bavail * bsize - (5 << 20), 1));
    const results = await batch('full');
    const failed = results.filter(({ status }) => status === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    expect(results.some(({ status }) => status === 'made')).toBe(true);
    for (const { error } of failed) expect(error).toMatchObject({ code: 'no-space' });
    rmSync(filler());
    await expectWhole(results);
    await removeAll(results);
  });

  it('a template whose disk goes away ends the rest; put back, those that were made are whole', async () => {
    const disk = (await test.core.call('templates.list', undefined))[0]!.disks[0]!.file!;
    const results = await batch('gone', () => renameSync(disk, `${disk}.away`));
    const failed = results.filter(({ status }) => status === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const { error } of failed) expect(error).toMatchObject({ code: 'disk-missing' });
    renameSync(`${disk}.away`, disk);
    await expectWhole(results);
    await removeAll(results);
  });
});

it('without FUSE nothing is made, and what to do is said', async () => {
  await test.close();
  const child = path.join(home.home, 'fault-child.cjs');
  await build({
    entryPoints: [path.resolve(__dirname, '../testing/fault-child.ts')],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    external: ['node-pty', 'electron'],
    logLevel: 'silent',
  });
  // In a mount namespace of its own /dev/fuse is a plain file, and fusermount3 no program.
  const script =
    'touch "$1"; mount --bind "$1" /dev/fuse; f=$(command -v fusermount3) && mount --bind "$1" "$f"; shift; exec "$@"';
  const clone = (names: readonly string[]) =>
    run(
      [
        'unshare', '-m', 'sh', '-c', script, 'sh', path.join(home.home, 'nothing'), process.execPath, child, 'clone',
        'template', ...names,
      ], // biome-ignore format: a command
      { env: env(), okCodes: [0, 1] },
    );
  for (const names of [['alone'], ['one', 'two']]) {
    const { code, stderr } = await clone(names);
    expect(code).toBe(1);
    expect(stderr).toContain('FUSE does not work');
  }
  test = await openTestCore(paths());
  await expectWhole([]);
  expect((await test.core.call('core.snapshot', undefined)).guests.map((guest) => guest.name)).toEqual([
    'source',
  ]);
});
