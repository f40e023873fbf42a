import { readdirSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ContainerRoom, containerRoom } from '../testing/container-room.ts';
import { shareRoots } from '../testing/core.ts';

let room: ContainerRoom;
beforeAll(async () => {
  room = await containerRoom();
});
afterAll(() => room?.close());

it('a minimal Debian is built with the packages named, and kept', async () => {
  shareRoots(room.home.paths);
  const made = await room.make({
    source: { kind: 'debian', packages: ['hello'] },
    command: ['sh', '-c', 'hello; cat /etc/debian_version'],
  });
  await expect
    .poll(async () => (await room.detail(made.id)).container.state, { timeout: 60_000 })
    .toBe('exited');
  expect(await room.test.core.call('containers.logs', { id: made.id })).toMatch(/^Hello, world!\r?\n12\./);
  const names = readdirSync(path.join(room.home.paths.cache, 'roots/'));
  expect(names.filter((name) => name.endsWith('.tar'))).not.toEqual([]);
  expect(names.filter((name) => name.startsWith('.building'))).toEqual([]);
  await room.test.core.call('containers.remove', { id: made.id });
  await room.test.core.call('containers.removeImage', { host: 'local', image: made.image });
});
