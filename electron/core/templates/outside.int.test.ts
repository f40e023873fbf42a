import { readFileSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tempDir } from '../disks/testing/make-disk.ts';
import { makeDisk, makeTree } from '../identity/testing/small-guests.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// Guests on an image outside the library, which their maker chose: they are cloned, sealed and repaired like the others.
let home: TempHome;
let test: TestCore;
let scratch = '';
let image = '';

const create = async (name: string, mode: 'link' | 'in-place'): Promise<string> => {
  const from = { kind: 'image', path: image, mode, format: 'qcow2' } as const;
  const started = await test.core.call('guests.create', { name, from });
  await test.done(started);
  return started.id;
};
const clone = async (source: string, names: string[], linked: boolean) => {
  const plan = await test.core.call('clones.plan', { source, names, linked });
  await test.done(await test.core.call('clones.run', { planId: plan.planId }));
  return plan;
};
const rows = async () => (await test.core.call('identity.audit', { refresh: true })).rows;

beforeAll(async () => {
  home = tempHome();
  scratch = tempDir('outside');
  await makeTree(path.join(scratch, 'tree'));
  image = makeDisk(scratch, path.join(scratch, 'tree'), { format: 'qcow2', table: 'none', fs: 'ext4' }).path;
  test = await openTestCore(home.paths);
});
afterAll(async () => {
  await test?.close();
  home?.remove();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

describe('a guest that is linked to an image outside', () => {
  it('has clones, linked and full, which may stand on it too, and becomes a template', async () => {
    const before = readFileSync(image);
    const id = await create('linked', 'link');
    const linked = await clone('linked', ['a', 'b'], true);
    const full = await clone('linked', ['c'], false);
    const seal = await test.core.call('templates.planSeal', { id, name: 'sealed', keep: true });
    await test.done(await test.core.call('templates.seal', { planId: seal.planId }));
    const found = await rows();
    for (const { name, identity } of [...linked.items, ...full.items])
      expect(found.find((row) => row.name === name)).toMatchObject({
        error: null,
        facts: { machineId: identity.machineId, hostname: name },
      });
    expect(found.find((row) => row.name === 'sealed')).toMatchObject({
      error: null,
      facts: { machineIdState: 'empty' },
    });
    // None of them asks before its start, and the image is as it was.
    const { guests } = await test.core.call('core.snapshot', undefined);
    for (const guest of guests) {
      const { problems } = await test.core.call('guests.detail', { id: guest.id });
      expect(problems.filter(({ kind, agreed }) => kind === 'outside' && !agreed)).toEqual([]);
      expect(guest.problem, guest.name).toBeNull();
    }
    expect(readFileSync(image).equals(before)).toBe(true);
  });

  it('is repaired on its own disk', async () => {
    const { id } = (await rows()).find((row) => row.name === 'linked')!;
    const plan = await test.core.call('identity.planRepair', { ids: [id] });
    expect(plan.items[0]).toMatchObject({ via: 'disk', error: null });
    await test.done(await test.core.call('identity.repair', { planId: plan.planId }));
    expect((await rows()).find((row) => row.id === id)?.facts?.machineId).toBe(
      plan.items[0]!.identity.machineId,
    );
  });

  it('that is used in place has full clones only: its file would have to become a base', async () => {
    // Last: the guests above stand on the image and are deleted first.
    const { guests } = await test.core.call('core.snapshot', undefined);
    for (const guest of [...guests].sort(
      (a, b) => (a.name === 'linked' ? 1 : 0) - (b.name === 'linked' ? 1 : 0),
    ))
      await test.core.call('guests.delete', { id: guest.id });
    await create('direct', 'in-place');
    await expect(
      test.core.call('clones.plan', { source: 'direct', names: ['d'], linked: true }),
    ).rejects.toMatchObject({ code: 'unsupported', todo: 'Make full clones.' });
    const { items } = await clone('direct', ['d'], false);
    expect((await rows()).find((row) => row.name === 'd')?.facts?.machineId).toBe(
      items[0]!.identity.machineId,
    );
  });
});
