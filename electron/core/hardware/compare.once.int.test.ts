import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

/** A comparison given up at once. That three kinds are booted and measured is seen in the window's test. */
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });
let home: TempHome;
let at: TestCore;
let id = '';
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  at = await openTestCore(home.paths);
  const made = await call('guests.create', {
    name: 'measured',
    from: { kind: 'starter', id: 'debian-12' },
    memory: 512,
  });
  id = made.id;
  await at.done(made);
});
afterAll(async () => {
  await at?.close();
  home?.remove();
});

/** Command lines of this library's QEMUs. */
const qemus = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes('qemu-system') && line.includes(home.paths.data) ? [line] : [];
      } catch {
        return [];
      }
    });
const left = () => [...readdirSync(home.paths.staging), ...qemus()];

it('leaves nothing when cancelled while a copy boots', async () => {
  const before = readFileSync(`${(await at.guest(id)).folder}/domain.xml`, 'utf8');
  const started = await call('hardware.compare', { id, kinds: ['hybrid'] });
  while (qemus().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await call('operations.cancel', { id: started.operation });
  await expect(at.done(started)).rejects.toMatchObject({ code: 'cancelled' });
  expect(left()).toEqual([]);
  expect((await at.guest(id)).state).toBe('off');
  expect(readFileSync(`${(await at.guest(id)).folder}/domain.xml`, 'utf8')).toBe(before);
  expect(await call('hardware.comparison', { id })).toBeNull();
});
