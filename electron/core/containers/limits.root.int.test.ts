import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LimitsInput } from '../../../shared/model/container-spec.ts';
import { type ContainerRoom, cgroupOf, containerRoom, kernelSays } from '../testing/container-room.ts';

let room: ContainerRoom;
beforeAll(async () => {
  room = await containerRoom();
});
afterAll(() => room?.close());

const call: ContainerRoom['test']['core']['call'] = (name, input) => room.test.core.call(name, input);
const v2 = () => room.facts.cgroups === 'v2';
const number = (text: string, name: string) =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
const pidOf = async (id: string) => (await room.detail(id)).container.pid!;

// Each is proven by the kernel's own counters: what the container did, not what podman says of it.
describe('limits bite', () => {
  it('kills what eats more memory than it may, and nothing else of it', async () => {
    const made = await room.make({
      // The eater is a child, so that the container lives to be counted.
      command: ['sh', '-c', 'tail -n 1 /dev/zero; echo eaten; sleep 600'],
      limits: { memory: 32 << 20, swap: 0 },
    });
    const kills = async () => {
      const pid = await pidOf(made.id);
      return v2()
        ? number(kernelSays(pid, 'memory', 'memory.events'), 'oom_kill')
        : number(kernelSays(pid, 'memory', 'memory.oom_control'), 'oom_kill');
    };
    await expect.poll(kills, { timeout: 60_000 }).toBe(1);
    expect((await room.detail(made.id)).container.state).toBe('running');
    expect((await room.detail(made.id)).inForce).toMatchObject({ memory: 32 << 20, swap: 0 });
  });

  it('holds a busy loop to half a core', async () => {
    const made = await room.make({ command: ['sh', '-c', 'while :; do :; done'], limits: { cpus: 0.5 } });
    const pid = await pidOf(made.id);
    await expect
      .poll(() => number(kernelSays(pid, 'cpu', 'cpu.stat'), 'nr_throttled'), { timeout: 60_000 })
      .toBeGreaterThan(3);
    const quota = v2() ? kernelSays(pid, 'cpu', 'cpu.max') : kernelSays(pid, 'cpu', 'cpu.cfs_quota_us');
    expect(quota).toMatch(/^50000\b/);
    await call('containers.remove', { id: made.id, force: true });
  });

  it('refuses more processes than it may have', async () => {
    const made = await room.make({
      // The inner shell gives up when it may not fork; the outer one stays to be counted.
      command: ['sh', '-c', 'sh -c "for i in 1 2 3 4 5 6 7 8 9; do sleep 600 & done"; sleep 600'],
      limits: { pids: 5 },
    });
    const pid = await pidOf(made.id);
    await expect.poll(() => number(kernelSays(pid, 'pids', 'pids.events'), 'max')).toBeGreaterThan(0);
    expect(kernelSays(pid, 'pids', 'pids.max')).toBe('5');
  });

  it('sets limits of disks in the kernel, and lifts them', async () => {
    const [device] = room.facts.devices;
    if (!device) return;
    const made = await room.make({
      limits: { disk: [{ device: device.path, readBps: 1 << 20, writeIops: 50 }] },
    });
    const now = async () => (await room.detail(made.id)).inForce!.disk;
    expect(await now()).toEqual([
      { device: device.path, readBps: 1 << 20, writeBps: null, readIops: null, writeIops: 50 },
    ]);
    await call('containers.setLimits', { id: made.id, limits: {} });
    expect(await now()).toEqual([]);
  });

  it('holds the network to a rate, both ways, as what it carries shows', async () => {
    const made = await room.make({
      command: [
        'sh',
        '-c',
        'head -c 3000000 /dev/zero >/tmp/big; httpd -p 80 -h /tmp; nc -l -p 90 >/dev/null; sleep 600',
      ],
      ports: [
        { hostPort: 0, port: 80 },
        { hostPort: 0, port: 90 },
      ],
      limits: { netUp: 8_000_000, netDown: 6_000_000 },
    });
    const pid = String(await pidOf(made.id));
    const shaped = (rate: number, where: readonly string[] = []) => {
      const [program, ...words] = [...where, 'tc', '-s', '-j', 'qdisc', 'show'];
      const all = JSON.parse(execFileSync(program!, words, { encoding: 'utf8' })) as Qdisc[];
      return all.find(({ kind, options }) => kind === 'tbf' && options.rate === rate / 8);
    };
    const inside = ['nsenter', '-t', pid, '-n'];
    const at = (port: number) => made.ports.find((one) => one.port === port)!.hostPort;
    await expect
      .poll(
        () =>
          fetch(`http://127.0.0.1:${at(80)}/big`).then(
            (a) => a.arrayBuffer(),
            () => null,
          ),
        {
          timeout: 60_000,
        },
      )
      .toHaveProperty('byteLength', 3_000_000);
    const up = shaped(8_000_000, inside)!;
    expect(up.bytes).toBeGreaterThan(3_000_000);
    expect(up.overlimits).toBeGreaterThan(10);
    await send(at(90), Buffer.alloc(2_000_000));
    await expect.poll(() => shaped(6_000_000)!.bytes, { timeout: 30_000 }).toBeGreaterThan(2_000_000);
    expect(shaped(6_000_000)!.overlimits).toBeGreaterThan(10);
    await call('containers.setLimits', { id: made.id, limits: {} });
    expect(shaped(8_000_000, inside)).toBeUndefined();
    expect(shaped(6_000_000)).toBeUndefined();
    await call('containers.remove', { id: made.id, force: true });
  });

  it('leaves a network alone that is the host’s, or another container’s too', async () => {
    const made = await room.make();
    const tc = () => execFileSync('tc', ['qdisc', 'show'], { encoding: 'utf8' });
    const run = async (network: string) => {
      const name = room.name();
      const less = room.facts.needs.some((need) => need.includes('open files'));
      const ulimits = less ? ['--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'] : [];
      room.podman(
        'run',
        '--detach',
        `--name=${name}`,
        `--network=${network}`,
        ...ulimits,
        made.image,
        'sleep',
        '600',
      );
      return (await call('containers.list', { host: 'local' })).find((one) => one.name === name)!;
    };
    const before = tc();
    const hosts = await run('host');
    const joined = await run(`container:${made.podmanId}`);
    for (const { id } of [hosts, joined]) {
      await expect(call('containers.setLimits', { id, limits: { netUp: 1_000_000 } })).rejects.toMatchObject({
        code: 'unsupported',
        why: expect.stringContaining('other containers'),
      });
      await call('containers.setLimits', { id, limits: { memory: 64 << 20, swap: 0 } });
      expect((await room.detail(id)).inForce).toMatchObject({ memory: 64 << 20 });
    }
    expect(tc()).toBe(before);
    for (const { id } of [hosts, joined, made]) await call('containers.remove', { id, force: true });
  });

  it('says of a container that runs without a limit it should have, until it holds', async () => {
    const made = await room.make({ limits: { memory: 64 << 20, swap: 0 } });
    await call('containers.setLimits', {
      id: made.id,
      limits: { memory: 48 << 20, swap: 0, netUp: 1_000_000 },
    });
    await room.test.done(await call('containers.stop', { id: made.id, timeout: 0 }));
    // tc is taken from the core's own search path: here it refuses.
    const folder = path.join(room.home.home, 'no-tc');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'tc'), '#!/bin/sh\necho refused >&2; exit 1\n', { mode: 0o755 });
    const before = process.env.PATH;
    process.env.PATH = `${folder}:${before}`;
    await expect(call('containers.start', { id: made.id })).rejects.toMatchObject({
      message: expect.stringContaining('not all its limits hold'),
    });
    const listed = async () =>
      (await call('containers.list', { host: 'local' })).find(({ id }) => id === made.id)!;
    expect((await listed()).notHeld).toMatchObject({ message: 'The network limit could not be set.' });
    process.env.PATH = before;
    await expect.poll(async () => (await listed()).notHeld, { timeout: 60_000, interval: 1000 }).toBeNull();
    expect((await room.detail(made.id)).inForce).toMatchObject({ memory: 48 << 20 });
    await call('containers.remove', { id: made.id, force: true });
  });
});

interface Qdisc {
  readonly kind: string;
  readonly options: { readonly rate?: number };
  readonly bytes: number;
  readonly overlimits: number;
}

const send = (port: number, data: Buffer) =>
  new Promise<void>((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(data));
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });

describe('limits changed while it runs', () => {
  it('are the kernel’s at once, up, down and away, and come back after a restart', async () => {
    const made = await room.make({ limits: { memory: 64 << 20, swap: 0, cpus: 0.5, pids: 50 } });
    const change = (limits: LimitsInput) => call('containers.setLimits', { id: made.id, limits });
    const now = async () => (await room.detail(made.id)).inForce;
    expect(await now()).toMatchObject({ memory: 64 << 20, swap: 0, cpus: 0.5, pids: 50 });
    await change({ memory: 256 << 20, swap: 64 << 20, cpus: 1.5, cpuWeight: 50, cpuSet: '0', pids: 20 });
    const raised = { memory: 256 << 20, swap: 64 << 20, cpus: 1.5, cpuWeight: 50, cpuSet: '0', pids: 20 };
    expect(await now()).toMatchObject(raised);
    await room.test.done(await call('containers.restart', { id: made.id, timeout: 0 }));
    expect(await now()).toMatchObject(raised);
    await change({ memory: 32 << 20 });
    expect(await now()).toMatchObject({
      memory: 32 << 20,
      swap: null,
      cpus: null,
      cpuWeight: null,
      pids: null,
    });
    expect((await now())!.cpuSet).not.toBe('0');
    // What was lifted stays lifted: podman would start it with what it was made with.
    await room.test.done(await call('containers.restart', { id: made.id, timeout: 0 }));
    expect(await now()).toMatchObject({
      memory: 32 << 20,
      swap: null,
      cpus: null,
      cpuWeight: null,
      pids: null,
    });
    await change({});
    expect(await now()).toMatchObject({ memory: null, cpus: null, pids: null });
  });

  it('never fall below what it uses: that would kill it', async () => {
    const made = await room.make({
      command: ['sh', '-c', 'x=$(head -c 20000000 /dev/zero | tr "\\0" x); echo full; sleep 600; echo'],
      limits: { memory: 256 << 20, swap: 0 },
    });
    await expect.poll(() => call('containers.logs', { id: made.id }), { timeout: 60_000 }).toContain('full');
    await expect(
      call('containers.setLimits', { id: made.id, limits: { memory: 4 << 20 } }),
    ).rejects.toMatchObject({ code: 'wrong-state', why: expect.stringContaining('MiB') });
    expect((await room.detail(made.id)).inForce).toMatchObject({ memory: 256 << 20 });
    expect((await room.detail(made.id)).container.state).toBe('running');
  });

  it('says what contradicts itself or the machine', async () => {
    const made = await room.make();
    const refused = (limits: LimitsInput) =>
      expect(call('containers.setLimits', { id: made.id, limits }), JSON.stringify(limits)).rejects;
    await refused({ swap: 1 << 20 }).toMatchObject({ code: 'invalid-input' });
    await refused({ cpus: 4096 }).toMatchObject({ code: 'invalid-input' });
    await refused({ cpuSet: '4000' }).toMatchObject({ code: 'invalid-input' });
    await refused({ cpuSet: '0;id' }).toMatchObject({ code: 'invalid-input' });
    await refused({ disk: [{ device: '/dev/none', readBps: 1 }] }).toMatchObject({ code: 'invalid-input' });
    await refused({ memory: 10 }).toMatchObject({ code: 'invalid-input' });
  });
});

describe('a container in a resource group', () => {
  it('is held by the group beside what else is in it, and stands among its members', async () => {
    const group = await call('groups.create', { name: 'slow', limits: { cpus: 0.3 } });
    await room.test.done(group);
    const loop = ['sh', '-c', 'while :; do :; done'];
    await room.test.done(await call('groups.startApplication', { id: group.id, command: loop }));
    const made = await room.make({ command: loop, group: 'slow' });
    const pid = await pidOf(made.id);
    const whole = path.dirname(cgroupOf(pid, 'cpu'));
    const throttled = () => number(readFileSync(path.join(whole, 'cpu.stat'), 'utf8'), 'nr_throttled');
    await expect.poll(throttled, { timeout: 60_000 }).toBeGreaterThan(3);
    // Both are below it: the limit is of the two together.
    const [row] = (await call('groups.list', undefined)).filter(({ id }) => id === group.id);
    const application = row!.members.find(({ kind }) => kind === 'application')!;
    if (application.kind !== 'application' || application.pid === null) throw new Error('it does not run');
    expect(cgroupOf(application.pid, 'cpu').startsWith(`${whole}/`)).toBe(true);
    await expect
      .poll(
        async () => {
          const groups = await call('groups.list', undefined);
          return groups.find(({ id }) => id === group.id)!.members.map(({ kind, name }) => `${kind} ${name}`);
        },
        { timeout: 60_000 },
      )
      .toContain(`container ${made.name}`);
    await room.test.done(
      await call('groups.endMember', { id: group.id, member: application.id, force: true }),
    );

    // Stopped it is a member still: the group stays, and is there again with its limit when the container starts.
    await room.test.done(await call('containers.stop', { id: made.id, timeout: 0 }));
    await expect(call('groups.remove', { id: group.id }).then(room.test.done)).rejects.toMatchObject({
      code: 'wrong-state',
      why: expect.stringContaining(made.name),
    });
    const members = async () =>
      (await call('groups.list', undefined)).find(({ id }) => id === group.id)!.members;
    await expect
      .poll(members, { timeout: 60_000 })
      .toContainEqual({ kind: 'container', id: made.podmanId, name: made.name, state: 'off' });
    execFileSync('find', [whole, '-depth', '-type', 'd', '-delete']);
    await call('containers.start', { id: made.id });
    expect(path.dirname(cgroupOf(await pidOf(made.id), 'cpu'))).toBe(whole);
    expect(readFileSync(path.join(whole, 'cpu.cfs_quota_us'), 'utf8')).toBe('30000\n');
    await call('containers.remove', { id: made.id, force: true });
    await room.test.done(await call('groups.remove', { id: group.id }));
  });

  it('is refused for a group that is not there', async () => {
    await expect(room.make({ group: 'nowhere' })).rejects.toMatchObject({ code: 'not-found' });
  });
});
