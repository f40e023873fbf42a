import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerSpec } from '../../../shared/model/container-spec.ts';
import { type ContainerRoom, containerRoom } from '../testing/container-room.ts';
import { openTestCore } from '../testing/core.ts';
import { type TestRegistry, testRegistry } from '../testing/registry.ts';
import { tempHome } from '../testing/temp-home.ts';

let room: ContainerRoom;
beforeAll(async () => {
  room = await containerRoom();
});
afterAll(() => room?.close());

const call: ContainerRoom['test']['core']['call'] = (name, input) => room.test.core.call(name, input);
const state = async (id: string) => (await room.detail(id)).container.state;

describe('a container’s life', () => {
  it('is made, paused, stopped, started and removed, and the list says so each time', async () => {
    const made = await room.make();
    expect(made).toMatchObject({ host: 'local', state: 'running', command: ['sleep', '600'] });
    await call('containers.pause', { id: made.id }).catch((error) => {
      // Freezing takes a cgroup, which an ordinary user has none of with cgroup v1.
      if (!room.facts.rootless || room.facts.cgroups === 'v2') throw error;
    });
    if ((await state(made.id)) === 'paused') await call('containers.unpause', { id: made.id });
    expect(await state(made.id)).toBe('running');
    await room.test.done(await call('containers.stop', { id: made.id, timeout: 0 }));
    expect((await room.detail(made.id)).container).toMatchObject({
      state: 'exited',
      exitCode: 137,
      pid: null,
    });
    await call('containers.start', { id: made.id });
    expect(await state(made.id)).toBe('running');
    await expect(call('containers.remove', { id: made.id })).rejects.toMatchObject({
      code: 'wrong-state',
      message: 'The container runs.',
    });
    expect(await state(made.id)).toBe('running');
    await call('containers.remove', { id: made.id, force: true });
    await expect(call('containers.detail', { id: made.id })).rejects.toMatchObject({ code: 'not-found' });
    expect(room.test.events).toContainEqual({ type: 'container-gone', id: made.id });
  });

  it('gives its command every byte of every word, and keeps variables out of argument lists', async () => {
    const words = ['a b', "it's", '"q"', '-x', '--rm', '$(id)', 'line\nbreak', '', 'é🙂'];
    const made = await room.make({
      command: ['sh', '-c', 'printf "%s|" "$@" | md5sum; printf "%s" "$SECRET" | md5sum', 'sh', ...words],
      env: [{ name: 'SECRET', value: 'p w"d=#1' }],
    });
    await expect.poll(() => state(made.id)).toBe('exited');
    const log = await call('containers.logs', { id: made.id });
    const sum = (input: string) => execFileSync('md5sum', { input, encoding: 'utf8' });
    expect(log).toBe(sum(`${words.join('|')}|`) + sum('p w"d=#1'));
    const detail = await room.detail(made.id);
    expect(detail.env).toContainEqual({ name: 'SECRET', value: 'p w"d=#1' });
    expect(JSON.stringify(JSON.parse(detail.inspect).Config.CreateCommand)).not.toContain('p w');
  });

  it('shows folders, ports on the loopback alone, and the restart policy it was given', async () => {
    const folder = path.join(room.home.home, 'shared');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'index.html'), 'from the host\n');
    chmodSync(folder, 0o755);
    chmodSync(path.join(folder, 'index.html'), 0o644);
    chmodSync(room.home.home, 0o755);
    const made = await room.make({
      command: ['httpd', '-f', '-p', '80', '-h', '/www'],
      ports: [{ hostPort: 0, port: 80 }],
      volumes: [{ source: folder, target: '/www', readOnly: true }],
      restart: 'on-failure',
    });
    const [port] = made.ports;
    expect(port).toMatchObject({ address: '127.0.0.1', port: 80, protocol: 'tcp' });
    await expect
      .poll(() => fetch(`http://127.0.0.1:${port!.hostPort}/`).then((answer) => answer.text(), String))
      .toBe('from the host\n');
    const detail = await room.detail(made.id);
    expect(detail.mounts).toContainEqual(
      expect.objectContaining({ source: folder, target: '/www', readOnly: true }),
    );
    expect(detail.restart).toBe('on-failure');
  });

  it('keeps what it wrote in a volume when it goes, for the next of that name', async () => {
    const source = room.name();
    const volumes = [{ source, target: '/keep' }];
    try {
      const first = await room.make({ command: ['sh', '-c', 'echo kept > /keep/file'], volumes });
      await expect.poll(() => state(first.id)).toBe('exited');
      expect((await room.detail(first.id)).mounts).toMatchObject([
        { type: 'volume', source, target: '/keep', readOnly: false },
      ]);
      await call('containers.remove', { id: first.id, volumes: true });
      const read = [{ ...volumes[0]!, readOnly: true }];
      // What the shell says of it goes another way, and may come first.
      const script = 'cat /keep/file; (echo more > /keep/file) 2>/dev/null || echo refused';
      const next = await room.make({ command: ['sh', '-c', script], volumes: read });
      await expect.poll(() => state(next.id)).toBe('exited');
      expect(await call('containers.logs', { id: next.id })).toBe('kept\nrefused\n');
      // One that was there before stays, whatever becomes of a container that was to have it.
      await expect(room.make({ command: ['/no/such'], volumes })).rejects.toThrow();
      await call('containers.remove', { id: next.id });
      expect(room.podman('volume', 'ls', '--quiet')).toContain(source);
    } finally {
      room.podman('volume', 'rm', '--force', source);
    }
  });

  it('starts again by itself after a failure, where it was told to', async () => {
    const folder = path.join(room.home.home, 'runs');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    chmodSync(room.home.home, 0o755);
    const made = await room.make({
      command: ['sh', '-c', 'echo x >> /w/runs; [ $(wc -l < /w/runs) -ge 3 ] && exec sleep 600; exit 1'],
      volumes: [{ source: folder, target: '/w' }],
      restart: 'on-failure',
    });
    await expect
      .poll(() => readFileSync(path.join(folder, 'runs'), 'utf8'), { timeout: 60_000 })
      .toBe('x\nx\nx\n');
    await expect.poll(() => state(made.id), { timeout: 30_000 }).toBe('running');
    await call('containers.remove', { id: made.id, force: true });
  });

  it('is counted by the kernel while somebody watches', async () => {
    const made = await room.make({ command: ['sh', '-c', 'while :; do :; done'] });
    const seen = () =>
      room.test.events.flatMap((event) =>
        event.type === 'container-stats' ? event.stats.filter(({ id }) => id === made.id) : [],
      );
    await call('containers.watch', { hosts: ['local'] });
    await expect.poll(() => seen().length, { timeout: 60_000 }).toBeGreaterThan(1);
    const last = seen().at(-1)!;
    expect(last.cpu).toBeGreaterThan(0);
    expect(last.memory).toBeGreaterThan(0);
    expect(last.pids).toBe(1);
    await call('containers.remove', { id: made.id, force: true });
  });

  it('notices what happened behind its back', async () => {
    const made = await room.make();
    room.podman('rm', '--force', '--time=0', made.podmanId);
    await expect(call('containers.stop', { id: made.id }).then(room.test.done)).rejects.toMatchObject({
      code: 'not-found',
      message: 'The container is gone.',
    });
    expect((await call('containers.list', { host: 'local' })).map(({ id }) => id)).not.toContain(made.id);
  });
});

describe('what cannot be', () => {
  it('refuses names that podman or a shell could take for something else', async () => {
    for (const name of ['', '-rf', 'a b', 'a\nb', "a'b", 'a/b', '../x'])
      await expect(
        call('containers.create', { name, source: { kind: 'busybox' } }),
        JSON.stringify(name),
      ).rejects.toMatchObject({ code: 'invalid-input' });
    for (const image of ['--all', 'a b', 'A/../b', 'x;y'])
      await expect(
        call('containers.create', { name: 'x', source: { kind: 'local', image } }),
        image,
      ).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('leaves nothing of a container that could not start, and says why', async () => {
    const before = (await call('containers.list', { host: 'local' })).length;
    const volumes = [{ source: room.name(), target: '/x' }];
    await expect(room.make({ command: ['/no/such'], volumes })).rejects.toMatchObject({
      code: 'invalid-input',
      message: 'The command is not in the container.',
    });
    expect(room.podman('volume', 'ls', '--quiet')).not.toContain(volumes[0]!.source);
    await expect(
      room.make({ source: { kind: 'local', image: 'localhost/guesthouse/none:1' } }),
    ).rejects.toMatchObject({ code: 'not-found' });
    await expect(room.make({ volumes: [{ source: '/no/such/folder', target: '/x' }] })).rejects.toMatchObject(
      { code: expect.stringMatching(/failed|not-found|invalid/) },
    );
    expect(await call('containers.list', { host: 'local' })).toHaveLength(before);
  });

  it('says which name and port are taken', async () => {
    const made = await room.make();
    await expect(room.make({ name: made.name })).rejects.toMatchObject({ code: 'name-taken' });
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port: hostPort } = server.address() as net.AddressInfo;
    await expect(room.make({ ports: [{ hostPort, port: 80 }] })).rejects.toMatchObject({
      code: 'port-taken',
    });
    server.close();
  });

  it('is a registry that is not there', async () => {
    await expect(
      room.make({ source: { kind: 'pull', image: '127.0.0.1:1/some/app:1' } }),
    ).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('says that a file is no root file system', async () => {
    const file = path.join(room.home.home, 'no.tar');
    writeFileSync(file, 'this is text and no archive'.repeat(100));
    await expect(
      room.make({ source: { kind: 'tar', path: file, image: 'localhost/gh-test-bad:1' } }),
    ).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(
      room.make({ source: { kind: 'tar', path: '/no/such.tar', image: 'localhost/gh-test-bad:1' } }),
    ).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuses a limit the host cannot hold, with the reason, before anything is made', async () => {
    const refused = room.facts.limits.filter(({ ok }) => !ok);
    for (const { why } of refused) expect(why).toMatch(/\w{3,}.*\.$/);
    if (!refused.some(({ kind }) => kind === 'memory')) return; // this host holds it: limits.root.int.test.ts
    const name = room.name();
    await expect(room.make({ name, limits: { memory: 64 << 20 } })).rejects.toMatchObject({
      code: 'unsupported',
      why: expect.stringContaining('cgroup'),
      todo: expect.stringMatching(/./),
    });
    expect((await call('containers.list', { host: 'local' })).map((one) => one.name)).not.toContain(name);
  });
});

describe('a pull', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await testRegistry(room.facts.arch);
  });
  afterAll(async () => {
    room.podman('rmi', '--force', '--ignore', registry.image);
    await registry.close();
  });
  const spec = (name: string): ContainerSpec => ({
    name,
    source: { kind: 'pull', image: registry.image },
    command: [],
  });
  const there = async (name: string) =>
    (await call('containers.list', { host: 'local' })).some((one) => one.name === name);
  const images = async () => (await call('containers.images', { host: 'local' })).map((one) => one.name);

  it('from a registry without TLS is refused with how to allow it', async () => {
    await expect(room.make(spec(room.name()))).rejects.toMatchObject({
      code: 'unsupported',
      todo: expect.stringContaining('insecure = true'),
    });
    registry.trust(room.registries);
  });

  it('that is cut in the middle of a layer fails whole, and goes well when tried again', async () => {
    registry.serve('cut');
    const name = room.name();
    await expect(room.make(spec(name))).rejects.toMatchObject({ code: 'unreachable' });
    expect(registry.layerRequests()).toBeGreaterThan(0);
    expect(await there(name)).toBe(false);
    expect(await images()).not.toContain(registry.image);
    registry.serve('whole');
    const made = await room.make(spec(name));
    await expect.poll(() => state(made.id)).toBe('exited');
    expect((await room.detail(made.id)).container.exitCode).toBe(0);
    await call('containers.remove', { id: made.id });
    await call('containers.removeImage', { host: 'local', image: registry.image });
  });

  it('that stalls can be cancelled, and leaves nothing', async () => {
    registry.serve('stall');
    const name = room.name();
    const asked = registry.layerRequests();
    const started = await call('containers.create', spec(name));
    await expect.poll(() => registry.layerRequests(), { timeout: 60_000 }).toBeGreaterThan(asked);
    // Half of the layer came: podman says so on a terminal alone.
    const told = () =>
      room.test.events.flatMap((event) =>
        event.type === 'operation' && event.operation.id === started.operation ? [event.operation] : [],
      );
    await expect
      .poll(() => told().some(({ fraction }) => fraction?.toFixed(2) === '0.50'), { timeout: 60_000 })
      .toBe(true);
    expect(told().at(-1)!.phase).toBe('Fetching 1 layer');
    await call('operations.cancel', { id: started.operation });
    await expect(room.test.done(started)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await there(name)).toBe(false);
    expect(await images()).not.toContain(registry.image);
  });
});

it('a container whose making is cancelled is not left behind', async () => {
  const name = room.name();
  const { operation } = await call('containers.create', { name, source: { kind: 'busybox' } });
  const phases = () =>
    room.test.events.flatMap((event) =>
      event.type === 'operation' && event.operation.id === operation ? [event.operation.phase] : [],
    );
  await expect.poll(phases, { interval: 5, timeout: 60_000 }).toContain('Making the container');
  await call('operations.cancel', { id: operation });
  await expect(room.test.done({ operation })).rejects.toMatchObject({ code: 'cancelled' });
  expect(room.podman('ps', '--all', '--format', '{{.Names}}').split('\n')).not.toContain(name);
  const made = await room.make({ name }); // its name is free
  await call('containers.remove', { id: made.id, force: true });
});

it('says what to install where there is no podman, and that it is too old', async () => {
  const home = tempHome();
  const missing = await openTestCore(home.paths, { podman: path.join(home.home, 'no-podman') });
  await expect(missing.core.call('containers.list', {})).rejects.toMatchObject({
    code: 'program-missing',
    todo: expect.stringContaining('apt install podman'),
  });
  const [host] = (await missing.core.call('core.snapshot', undefined)).containerHosts!;
  expect(host).toMatchObject({ status: 'missing' });
  await missing.close();
  const old = path.join(home.home, 'old-podman');
  writeFileSync(old, `#!/bin/sh\necho '{"host":{"arch":"amd64"},"version":{"Version":"3.4.4"}}'\n`, {
    mode: 0o755,
  });
  const second = await openTestCore(home.paths, { podman: old });
  await expect(second.core.call('containers.list', {})).rejects.toMatchObject({
    code: 'unsupported',
    why: expect.stringContaining('3.4.4'),
  });
  await second.close();
  home.remove();
});
