import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { noLimits } from '../../../shared/model/group.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { busy, groupTools, hog, perl, until } from '../testing/group-tools.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// Real control groups of this machine, whichever kind it has: limits bite by the kernel's own counters.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let home: TempHome;
let test: TestCore;

const MB = 1024 * 1024;
const { groupOf, nextUse, make, start, pidOf } = groupTools(() => test);

beforeAll(async () => {
  home = tempHome();
  test = await openTestCore(home.paths);
});
afterAll(async () => {
  for (const group of await test.core.call('groups.list', undefined))
    for (const member of group.members)
      await test.core
        .call('groups.endMember', { id: group.id, member: member.id, force: true })
        .then((started) => test.done(started))
        .catch(() => {});
  for (const inner of [true, false])
    for (const group of await test.core.call('groups.list', undefined))
      if ((group.parent !== null) === inner)
        await test.done(await test.core.call('groups.remove', { id: group.id }));
  await test?.close();
  home?.remove();
});

describe('groups on this machine', () => {
  it('says what it can hold, and for the rest why not and how to get it', async () => {
    const host = (await test.core.call('groups.host', {}))!;
    expect(host.problem).toBeNull();
    expect(host.backend).not.toBe('none');
    for (const ability of host.abilities)
      if (ability.held === 'no') expect(ability.why, ability.limit).toMatch(/\.$/);
    expect(host.abilities.find(({ limit }) => limit === 'network')?.todo).toContain('network card');
    expect(host.abilities.find(({ limit }) => limit === 'memoryMax')?.held).toBe('yes');
  });

  it('ends an eater of memory at the group’s limit, and tells when', async () => {
    const id = await make('eaters', { memoryMax: 64 * MB, swapMax: 0 });
    const calm = await start(id, hog(16));
    const eater = await start(id, hog(200)).catch((error) => error);
    const hit = await until(async () => (await groupOf(id)).hits.find(({ kind }) => kind === 'oom-kill'));
    expect(hit.count).toBe(1);
    const use = await nextUse(id, ({ memory }) => memory !== null);
    expect(use.memory!).toBeLessThanOrEqual(64 * MB);
    expect(use.members.find((one) => one.id === calm)?.memory).toBeGreaterThan(16 * MB);
    if (typeof eater === 'string')
      expect((await groupOf(id)).members.find((one) => one.id === eater)?.state).toBe('ended');
    expect(await test.core.call('groups.log', { id, member: calm })).toContain('has it');
  });

  it('holds busy loops to the quota of the group together, with their shares seen', async () => {
    // Little enough that a busy computer still gives more.
    const id = await make('loops', { cpus: 0.06 });
    const one = await start(id, busy, 'one');
    const two = await start(id, busy, 'two');
    const use = await nextUse(id, ({ cpu, throttled }) => (cpu ?? 0) > 0 && (throttled ?? 0) > 0);
    expect(use.cpu!).toBeLessThan(0.12);
    const members = use.members.filter((member) => [one, two].includes(member.id));
    expect(members.reduce((sum, member) => sum + member.cpu!, 0)).toBeLessThan(0.12);
    expect((await groupOf(id)).hits.some(({ kind }) => kind === 'throttled')).toBe(true);
    // Changed while it runs.
    await test.done(await test.core.call('groups.setLimits', { id, limits: { ...noLimits, cpus: 0.02 } }));
    const less = await nextUse(id, ({ cpu }) => cpu !== null && cpu > 0 && cpu < 0.04);
    expect(less.throttled).toBeGreaterThan(0);
  });

  it('writes weights, swap, the memory mark and operations a second into the kernel’s own files', async () => {
    const { backend, devices } = (await test.core.call('groups.host', {}))!;
    const io = { device: devices[0]!.path, readBytes: MB, writeBytes: null, readOps: 70, writeOps: 80 };
    const memory = { memoryMax: 64 * MB, swapMax: 16 * MB, memoryHigh: 48 * MB };
    const id = await make('written', { ...memory, cpuWeight: 300, io: [io] });
    const read = (file: string) =>
      execFileSync('find', ['/sys/fs/cgroup', '-path', `*${id}*/${file}`, '-exec', 'cat', '{}', '+'], {
        encoding: 'utf8',
      }).trim();
    if (backend === 'v1') {
      expect(read('cpu.shares')).toBe('3072');
      expect(read('memory.memsw.limit_in_bytes')).toBe(String(80 * MB));
      expect(read('blkio.throttle.read_bps_device')).toMatch(new RegExp(` ${MB}$`));
      expect(read('blkio.throttle.read_iops_device')).toMatch(/ 70$/);
      expect(read('blkio.throttle.write_iops_device')).toMatch(/ 80$/);
    } else {
      expect(read('cpu.weight')).toBe('300');
      expect(read('memory.swap.max')).toBe(String(16 * MB));
      expect(read('memory.high')).toBe(String(48 * MB));
      expect(read('io.max')).toMatch(new RegExp(`rbps=${MB} wbps=max riops=70 wiops=80`));
    }
  });

  it('refuses processes above the task limit', async () => {
    const id = await make('forks', { tasksMax: 5 });
    const forks =
      'for (1..8) { my $p = fork; if (!defined $p) { print "refused\\n" } elsif (!$p) { sleep 60; exit } } sleep 60;';
    const member = await start(id, perl(forks));
    await until(async () => (await groupOf(id)).hits.find(({ kind }) => kind === 'tasks-max'));
    const use = await nextUse(id, ({ tasks }) => tasks !== null);
    expect(use.tasks!).toBeLessThanOrEqual(5);
    expect(await test.core.call('groups.log', { id, member })).toContain('refused');
  });

  it('holds a writer to its bytes a second, by the kernel’s counter', async () => {
    const host = (await test.core.call('groups.host', {}))!;
    const { dev } = statSync(home.home);
    const numbers = `${(dev >> 8) & 0xfff}:${dev & 0xff}`;
    const device = host.devices.find(
      ({ path: file }) => readFileSync(`/sys/block/${path.basename(file)}/dev`, 'utf8').trim() === numbers,
    );
    if (!device) throw new Error(`the temporary folder is on no whole disk (${numbers})`);
    const id = await make('writers', {
      io: [{ device: device.path, readBytes: null, writeBytes: 2 * MB, readOps: null, writeOps: null }],
    });
    const file = path.join(home.home, 'written');
    await start(id, ['dd', 'if=/dev/zero', `of=${file}`, 'bs=256k', 'count=64', 'oflag=direct'], 'writer');
    const use = await nextUse(id, ({ writeBytes }) => writeBytes !== null && writeBytes > MB);
    expect(use.writeBytes!).toBeLessThan(3 * MB);
  });

  it('holds a group within another to both limits', async () => {
    const outer = await make('outer', { cpus: 0.06 });
    const inner = await make('inner', { cpus: 1 }, { parent: outer });
    await start(inner, busy);
    const use = await nextUse(outer, ({ cpu }) => (cpu ?? 0) > 0);
    expect(use.cpu!).toBeLessThan(0.12);
    await expect(make('third', {}, { parent: inner })).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(test.core.call('groups.remove', { id: outer })).rejects.toMatchObject({
      code: 'wrong-state',
    });
  });
});

describe('what goes wrong', () => {
  it('says which limits are not held, and takes no disk that is none', async () => {
    const io = [
      { device: '/dev/no-such-disk', readBytes: MB, writeBytes: null, readOps: null, writeOps: null },
    ];
    await expect(make('slip', { io })).rejects.toMatchObject({
      code: 'invalid-input',
      todo: expect.stringContaining('/dev/'),
    });
    const id = await make('swapless', { swapMax: 0 });
    const { backend } = (await test.core.call('groups.host', {}))!;
    const held = async () => (await groupOf(id)).notHeld.map(({ limit }) => limit);
    expect(await held()).toEqual(backend === 'v1' ? ['swapMax'] : []);
    await expect(
      test.core.call('groups.setLimits', { id, limits: { ...noLimits, io } }),
    ).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('lets everything go on when a group is removed, what starts meanwhile too', async () => {
    const id = await make('forking');
    const file = path.join(home.home, 'alive');
    await start(id, ['sh', '-c', `echo $$ >${file}.pid; while :; do date +%N >${file}; sleep 0.01; done`]);
    await test.done(await test.core.call('groups.remove', { id }));
    const left = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*/${id}*`], {
      encoding: 'utf8',
    });
    expect(left).toBe('');
    const before = readFileSync(file, 'utf8');
    await until(async () => readFileSync(file, 'utf8') !== before);
    process.kill(Number(readFileSync(`${file}.pid`, 'utf8')), 'SIGKILL');
  });

  it('puts a running process in, but no other one that has its number, and none that is gone', async () => {
    const id = await make('moved');
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    const found = await until(async () =>
      (await test.core.call('groups.processes', {})).find(({ pid }) => pid === child.pid),
    );
    const wrong = await test.core.call('groups.moveProcess', {
      id,
      pid: found.pid,
      startTime: found.startTime + 1,
    });
    await expect(test.done(wrong)).rejects.toMatchObject({ code: 'not-found' });
    const moved = await test.core.call('groups.moveProcess', {
      id,
      pid: found.pid,
      startTime: found.startTime,
    });
    await test.done(moved);
    expect(readFileSync(`/proc/${child.pid}/cgroup`, 'utf8')).toContain(id);
    // Someone takes it out: it is put back.
    const [line] = readFileSync(`/proc/${child.pid}/cgroup`, 'utf8')
      .split('\n')
      .filter((l) => l.includes(id));
    expect(line).toBeDefined();
    await test.done(await test.core.call('groups.removeMember', { id, member: moved.member }));
    expect(readFileSync(`/proc/${child.pid}/cgroup`, 'utf8')).not.toContain(id);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const late = await test.core.call('groups.moveProcess', {
      id,
      pid: found.pid,
      startTime: found.startTime,
    });
    await expect(test.done(late)).rejects.toMatchObject({ code: 'not-found' });
    expect((await groupOf(id)).members).toEqual([]);
  });

  it('refuses a limit below what runs, and does it when told to', async () => {
    const id = await make('shrinking');
    const member = await start(id, hog(80));
    await until(async () => (await test.core.call('groups.log', { id, member })).includes('has it'));
    const limits = { ...noLimits, memoryMax: 32 * MB };
    await expect(test.core.call('groups.setLimits', { id, limits })).rejects.toMatchObject({
      code: 'needs-consent',
      todo: expect.stringContaining('at least'),
    });
    expect((await groupOf(id)).limits.memoryMax).toBeNull();
    await test.done(await test.core.call('groups.setLimits', { id, limits, force: true }));
    const group = await groupOf(id);
    expect(group.limits.memoryMax).toBe(32 * MB);
    // Version 2 ends it; version 1 refuses, which is said.
    const ended = group.members.every(({ state }) => state === 'ended');
    expect(
      ended || group.notHeld.some(({ limit, why }) => limit === 'memoryMax' && /more memory/.test(why)),
    ).toBe(true);
  });

  it('takes names as they are: none becomes a path or an option', async () => {
    const id = await make('näme with – spaces & $(touch x)');
    expect(id).toMatch(/^[a-z0-9-]+$/);
    for (const name of ['../up', 'a/b', 'two\nlines', '..', '-rf', '', 'loops'])
      await expect(make(name), name).rejects.toMatchObject({
        code: expect.stringMatching(/invalid-input|name-taken/),
      });
    await expect(start(id, ['--help'])).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(start(id, ['no-such-program-at-all'])).rejects.toMatchObject({ code: 'program-missing' });
    await expect(start(id, ['sh', '-c', 'echo broken >&2; exit 3'])).rejects.toMatchObject({
      code: 'program-failed',
      why: expect.stringContaining('broken'),
    });
    await expect(start(id, ['false'])).rejects.toMatchObject({ why: 'It ended with 1 and wrote nothing.' });
    expect((await groupOf(id)).members).toEqual([]);
  });

  it('makes a control group again that was removed behind our back, and puts its members back', async () => {
    const id = await make('vanishing', { tasksMax: 7 });
    const member = await start(id, ['sleep', '60']);
    const pid = (await pidOf(id, member))!;
    const folders = execFileSync('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${id}*`], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n');
    for (const folder of folders) {
      const top = folder.slice(0, folder.indexOf('/guesthouse'));
      for (const line of readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
        execFileSync('sh', ['-c', 'echo "$1" > "$2/cgroup.procs"', 'sh', line, top]);
      rmdirSync(folder);
    }
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).not.toContain(id);
    await until(async () => readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id));
    expect(folders.filter((folder) => !folder.includes('/m-')).every((folder) => existsSync(folder))).toBe(
      true,
    );
    const limit = folders.find((folder) => folder.includes('pids') && !folder.includes('/m-'))!;
    expect(readFileSync(path.join(limit, 'pids.max'), 'utf8').trim()).toBe('7');
  });

  it('finds its groups and what runs in them again after the owner was ended', async () => {
    const id = await make('lasting', { tasksMax: 9 });
    const member = await start(id, ['sleep', '60']);
    const pid = await pidOf(id, member);
    await test.close();
    test = await openTestCore(home.paths);
    const found = await until(async () =>
      (await groupOf(id)).members.find((one) => one.id === member && one.state === 'running'),
    );
    expect(found.kind === 'application' && found.pid).toBe(pid);
    await test.done(await test.core.call('groups.endMember', { id, member }));
    await until(async () => (await groupOf(id)).members.every(({ state }) => state === 'ended'));
    await test.done(await test.core.call('groups.startAgain', { id, member }));
    expect(await pidOf(id, member)).not.toBe(pid);
  });

  it('adopts an application whose owner was killed before it wrote down which process it is', async () => {
    const id = await make('killed', { tasksMax: 9 });
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
    const owner = spawn(process.execPath, [child, 'application', id, 'sleep', '60'], {
      env: { ...process.env, ...home.env, GUESTHOUSE_FAULT: 'application-started' },
      stdio: 'ignore',
    });
    const signal = await new Promise((resolve) => owner.once('exit', (_code, how) => resolve(how)));
    expect(signal).toBe('SIGKILL');
    test = await openTestCore(home.paths);
    const [member] = await until(async () => {
      const { members } = await groupOf(id);
      return members.some((one) => one.kind === 'application' && one.pid !== null) && members;
    });
    expect(member).toMatchObject({ name: 'sleep', state: 'running' });
    const pid = member!.kind === 'application' ? member!.pid : null;
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(id);
  });
});
