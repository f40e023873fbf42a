import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// kill -9 of the owner, at every named step and at random moments. Afterwards there are whole clones or none, and
// nothing leaks: no mount, no daemon, no staged folder once the next owner has started.

/** Rounds of twenty clones that are killed at a random moment. */
const rounds = Number(process.env.GUESTHOUSE_FAULT_ROUNDS ?? 6);
let home: TempHome;
let child = '';

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  child = path.join(home.home, 'fault-child.cjs');
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
  const test = await openTestCore(home.paths);
  const made = await test.core.call('guests.create', {
    name: 'source',
    from: { kind: 'starter', id: 'debian-12' },
  });
  await test.done(made);
  const plan = await test.core.call('templates.planSeal', { id: made.id, name: 'debian', keep: true });
  await test.done(await test.core.call('templates.seal', { planId: plan.planId }));
  await test.close();
});
afterAll(() => home?.remove());

interface Ended {
  readonly signal: string | null;
  readonly output: string;
}

/** Runs the child; with `killAfter`, kills it so many milliseconds after it said that it begins. */
function act(args: readonly string[], fault: string | null, killAfter?: number): Promise<Ended> {
  return new Promise((resolve) => {
    const running = spawn(process.execPath, [child, ...args], {
      env: { ...process.env, ...home.env, ...(fault === null ? {} : { GUESTHOUSE_FAULT: fault }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
      if (killAfter !== undefined && output.includes('ready'))
        setTimeout(() => running.kill('SIGKILL'), killAfter);
    };
    running.stdout.on('data', hear);
    running.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    running.on('close', (_, signal) => resolve({ signal, output }));
  });
}

/** Processes that work on this library, by their arguments. */
function strays(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(home.paths.data) || line.includes(home.paths.runtime));
}

/** What must hold whenever a new owner has started. */
async function checkWhole(test: TestCore): Promise<void> {
  expect(readdirSync(home.paths.staging)).toEqual([]);
  const exportsDir = path.join(home.paths.runtime, 'exports');
  const left = (() => {
    try {
      return readdirSync(exportsDir);
    } catch {
      return [];
    }
  })();
  expect(left).toEqual([]);
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(home.paths.runtime);
  // A daemon dies with its parent; give the kernel a moment to take it away.
  for (let n = 0; n < 50 && strays().length > 0; n++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  expect(strays()).toEqual([]);
  const report = await test.core.call('identity.audit', {});
  for (const row of report.rows) expect(row.error, row.name).toBeNull();
  expect(report.groups.filter((group) => group.severity === 'problem')).toEqual([]);
  const { guests } = await test.core.call('core.snapshot', undefined);
  for (const guest of guests) expect(guest.problem, guest.name).toBeNull();
}

let serial = 0;
const fresh = (count: number) => {
  serial++;
  return Array.from({ length: count }, (_, n) => `c${serial}-${n}`);
};

describe('a kill -9', () => {
  it.each([
    'clone:staged',
    'clone:disks',
    'clone:identity',
    'clone:written',
    'clone:published',
    'clone:disks@3',
    'clone:published@2',
  ])('while cloning, at %s, leaves whole clones or none', async (fault) => {
    const names = fresh(4);
    expect(await act(['clone', 'debian', ...names], fault)).toMatchObject({ signal: 'SIGKILL' });
    const test = await openTestCore(home.paths);
    await checkWhole(test);
    await test.close();
  });

  it.each(['seal:copied', 'seal:sealed', 'seal:written'])(
    'while sealing, at %s, makes no half template',
    async (fault) => {
      expect(await act(['seal', 'source', `t-${fault}`.replace(':', '-')], fault)).toMatchObject({
        signal: 'SIGKILL',
      });
      const test = await openTestCore(home.paths);
      expect(await test.core.call('templates.list', undefined)).toHaveLength(1);
      await checkWhole(test);
      await test.close();
    },
  );

  it.each(['edit:overlays', 'edit:edited', 'edit:journal', 'edit:merged', 'edit:files'])(
    'while repairing, at %s, leaves the old identity or the new one whole',
    async (fault) => {
      const read = async (test: TestCore) =>
        (await test.core.call('identity.audit', { refresh: true })).rows.find(
          (row) => row.name === 'source',
        )!;
      let test = await openTestCore(home.paths);
      const before = await read(test);
      await test.close();
      expect(await act(['repair', 'source'], fault)).toMatchObject({ signal: 'SIGKILL' });
      test = await openTestCore(home.paths);
      const after = await read(test);
      await checkWhole(test);
      await test.close();
      const keys = (row: typeof after) => row.facts!.hostKeys.map((key) => key.fingerprint).sort();
      const counted = ['edit:journal', 'edit:merged', 'edit:files'].includes(fault);
      expect(after.facts!.machineId !== before.facts!.machineId).toBe(counted);
      // Never a new id with old keys, or the other way about; and the pinned keys are the disk's.
      expect(keys(after).some((key) => keys(before).includes(key))).toBe(!counted);
      const pinned = readFileSync(path.join(home.paths.guests, after.id, 'known_hosts'), 'utf8');
      expect(pinned).toContain(after.uuid!);
      expect(readdirSync(path.join(home.paths.guests, after.id))).not.toContain('.edit');
    },
  );

  it('before a repair is merged forgets it when the disk was used in between', async () => {
    expect(await act(['repair', 'source'], 'edit:journal')).toMatchObject({ signal: 'SIGKILL' });
    const [id] = readdirSync(home.paths.guests).filter((name) => name.startsWith('source'));
    const folder = path.join(home.paths.guests, id!);
    expect(readdirSync(path.join(folder, '.edit'))).toContain('journal.json');
    const disk = readdirSync(folder).find((name) => name.endsWith('.qcow2'))!;
    // As a QEMU would that somebody started by hand.
    utimesSync(path.join(folder, disk), new Date(), new Date());
    const { machineId } = JSON.parse(
      JSON.parse(readFileSync(path.join(folder, '.edit/journal.json'), 'utf8')).files['identity.json'],
    );
    const test = await openTestCore(home.paths);
    const { rows } = await test.core.call('identity.audit', { refresh: true });
    expect(rows.find((row) => row.name === 'source')!.facts!.machineId).not.toBe(machineId);
    await checkWhole(test);
    await test.close();
    expect(readdirSync(folder)).not.toContain('.edit');
  });

  it.each(['base:linked', 'base:overlay', 'base:adopted', 'full:converted', 'full:renamed'])(
    'while a disk becomes a base or whole again, at %s, loses nothing of the guest',
    async (fault) => {
      const look = async () => {
        const test = await openTestCore(home.paths);
        const { rows } = await test.core.call('identity.audit', { refresh: true });
        await checkWhole(test);
        const { id, facts } = rows.find((row) => row.name === 'source')!;
        const { backing } = (await test.guest(id)).disks[0]!;
        await test.close();
        return { id, facts: { ...facts, readAt: 0 }, backing };
      };
      const before = await look();
      const full = fault.startsWith('full');
      const child = full ? ['full', 'source'] : ['clone', 'source', ...fresh(2)];
      expect(await act(child, fault)).toMatchObject({ signal: 'SIGKILL' });
      const after = await look();
      expect(after.facts).toEqual(before.facts);
      const onBase = ['base:adopted', 'full:converted'].includes(fault);
      expect(after.backing !== null).toBe(onBase);
      expect(readdirSync(home.paths.bases)).toHaveLength(onBase ? 1 : 0);
      expect(readdirSync(path.join(home.paths.guests, after.id)).join()).not.toContain('.next');
    },
  );

  it(`at random moments of ${rounds} batches of 20 leaves whole clones or none`, async () => {
    let killed = 0;
    for (let round = 0; round < rounds; round++) {
      const names = fresh(20);
      const { signal } = await act(['clone', 'debian', ...names], null, Math.random() * 1500);
      if (signal === 'SIGKILL') killed++;
      const test = await openTestCore(home.paths);
      await checkWhole(test);
      // The next round starts with few guests, or the checks grow with every one.
      const { guests } = await test.core.call('core.snapshot', undefined);
      for (const guest of guests)
        if (guest.name !== 'source') await test.core.call('guests.delete', { id: guest.id });
      await test.close();
    }
    expect(killed).toBeGreaterThan(0);
  });
});
