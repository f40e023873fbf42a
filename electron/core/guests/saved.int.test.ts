import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

/** A guest with nothing on its disk: QEMU compares each device with its saved state, whatever the system inside does. */
let home: TempHome;
let at: TestCore;
let id = '';
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];

beforeAll(async () => {
  home = tempHome();
  at = await openTestCore(home.paths);
  const image = path.join(home.paths.home, 'empty.qcow2');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', image, '64M']);
  const made = await call('guests.create', {
    name: 'grown',
    from: { kind: 'image', path: image, mode: 'copy' },
    memory: 128,
    vcpus: 1,
  });
  id = made.id;
  await at.done(made);
  await call('hardware.change', { id, change: { do: 'cpu', count: 1, max: 2 } });
  await at.done(await call('guests.start', { id }));
});
afterAll(async () => {
  if (id) await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  home?.remove();
});

const grown: readonly (readonly [string, HardwareChangeInput])[] = [
  ['a network card', { do: 'add-nic', mac: '52:54:00:77:88:99' }],
  ['a processor', { do: 'cpu', count: 2 }],
  ['a disk', { do: 'add-disk', source: { newGiB: 1 } }],
];

it.each(grown)('goes on from its saved memory with %s it got while it ran', async (_what, change) => {
  expect(await call('hardware.change', { id, change })).toMatchObject({ when: 'now' });
  await at.done(await call('guests.save', { id }));
  expect((await at.guest(id)).state).toBe('saved');
  await at.done(await call('guests.start', { id }));
  expect((await at.guest(id)).state).toBe('running');
});
