import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detachedContext } from '../operations/runner.ts';
import { run } from '../platform/exec.ts';
import { silentLog } from '../platform/log.ts';
import { libraryPaths } from '../platform/paths.ts';
import { buildStarter } from '../templates/starter/build.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

/** A library on a file system of its own (mounting takes root) that is then really full. */
let home: TempHome;
let at: TestCore;
let id: string;
const disk = () => path.join(home.home, 'small');
const paths = () => libraryPaths({ ...home.env, XDG_DATA_HOME: disk() });
const filler = () => path.join(disk(), 'filler');
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
const create = (name: string) =>
  call('guests.create', { name, from: { kind: 'starter', id: 'debian-12' }, diskSize: 20 });

function fill(): void {
  const { bavail, bsize } = statfsSync(disk());
  writeFileSync(filler(), Buffer.alloc(bavail * bsize, 1));
}

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  const image = await buildStarter(
    { id: 'debian-12' },
    { paths: home.paths, log: silentLog },
    detachedContext(),
  );
  const { stdout } = await run(['stat', '-c', '%b', image.disk]);
  mkdirSync(disk());
  const size = Math.ceil((Number(stdout) * 512) / 2 ** 20) + 160;
  await run(['mount', '-t', 'tmpfs', '-o', `size=${size}m,mode=0700`, 'guesthouse-test', disk()]);
  at = await openTestCore(paths());
}, 900_000);

afterAll(async () => {
  if (id) await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  // Lazily: a reader of the disk's header may be about to close it.
  await run(['umount', '-l', disk()]);
  home?.remove();
});

describe('a full disk', () => {
  it('is said before a guest is copied, and leaves nothing', async () => {
    const first = await create('first');
    id = first.id;
    await at.done(first);
    await expect(at.done(await create('second'))).rejects.toMatchObject({ code: 'no-space' });
    expect(readdirSync(paths().guests)).toEqual([id]);
    expect(readdirSync(paths().staging)).toEqual([]);
  });

  it('keeps every file whole when a definition cannot be written', async () => {
    fill();
    await expect(call('guests.rename', { id, name: 'other' })).rejects.toMatchObject({
      code: expect.anything(),
    });
    expect(await at.guest(id)).toMatchObject({ name: 'first', state: 'off' });
    rmSync(filler());
    expect((await call('guests.detail', { id })).guest).toMatchObject({ name: 'first', problem: null });
    expect(readdirSync(path.join(paths().guests, id)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('pauses a guest that writes, says why, and loses nothing once there is room', async () => {
    // Once, so that its kernel has been taken from its disk.
    await at.done(await call('guests.start', { id }));
    await call('guests.forceOff', { id });
    const started = await call('guests.start', { id });
    await at.done(started);
    fill();
    while ((await at.guest(id)).state !== 'io-error') await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await at.guest(id)).notes.join()).toContain('disk of this computer is full');
    await expect(call('guests.save', { id }).then((save) => at.done(save))).rejects.toMatchObject({
      code: 'no-space',
    });
    expect((await at.guest(id)).state).toBe('io-error');
    rmSync(filler());
    await call('guests.resume', { id });
    await at.done(await call('guests.waitSsh', { id }));
    const guest = await at.guest(id);
    expect(guest.state).toBe('running');
    expect(guest.notes.join()).not.toContain('full');
  }, 400_000);
});
