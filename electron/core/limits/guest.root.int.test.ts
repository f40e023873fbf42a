import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { noLimits } from '../../../shared/model/group.ts';
import { inGuestOf } from '../testing/booted-guest.ts';
import { containersInGuest } from '../testing/containers-in-guest.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { busy, groupTools, hog, until } from '../testing/group-tools.ts';
import { ownGroupsInGuest } from '../testing/own-groups-in-guest.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { terminalsHere } from '../testing/terminals.ts';
import { chooseBackend } from './choose.ts';
import { factsScript, parseFacts } from './facts.ts';
import { farMachine } from './machine.ts';
import { filesOf, readCounters } from './usage.ts';
import { v2Backend } from './v2.ts';

// A booted Debian guest with systemd and cgroup2: groups in it over SSH, and it in a group itself where this host can.
vi.setConfig({ testTimeout: 480_000, hookTimeout: 600_000 });

let home: TempHome;
let test: TestCore;
let guest = '';
let outside: string | null = null;
const options = { forkTerminalHost: terminalsHere };

const MB = 1024 * 1024;
const { groupOf, nextUse, make, start } = groupTools(() => test);
const far = () => ({ host: guest });
const inGuest = inGuestOf(() => ({ test, guest }));

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  test = await openTestCore(home.paths, options);
  const { core, done } = test;
  const source = await core.call('guests.create', {
    name: 'source',
    from: { kind: 'starter', id: 'debian-12' },
  });
  await done(source);
  const key = await core.call('keys.create', { name: 'console', location: 'app' });
  await done(key);
  const seal = await core.call('templates.planSeal', { id: source.id, name: 'debian' });
  await done(await core.call('templates.seal', { planId: seal.planId }));
  const line = (await core.call('keys.publicText', { id: key.id })).trim();
  const plan = await core.call('clones.plan', {
    source: 'debian',
    names: ['far'],
    authorizedKeys: [line],
    memory: 768,
    vcpus: 2,
  });
  await done(await core.call('clones.run', { planId: plan.planId }));
  guest = (await core.call('clones.results', { planId: plan.planId }))[0]!.id!;
  // It starts in its group where this host can hold one: that needs root or a manager here.
  outside = await make('together').catch(() => null);
  if (outside) await done(await core.call('groups.addGuest', { id: outside, guest }));
  await done(await core.call('guests.start', { id: guest }));
  await done(await core.call('guests.waitSsh', { id: guest }));
});
afterAll(async () => {
  if (test) {
    await test.core.call('guests.forceOff', { id: guest }).catch(() => {});
    if (outside) {
      for (const { id, kind } of (await groupOf(outside)).members)
        if (kind !== 'guest')
          await test
            .done(await test.core.call('groups.endMember', { id: outside, member: id, force: true }))
            .catch(() => {});
      await test.done(await test.core.call('groups.remove', { id: outside })).catch(() => {});
    }
    await test.close();
  }
  home?.remove();
});

describe('groups in a guest, over SSH', () => {
  it('are slices of its systemd, found out by looking', async () => {
    expect(await test.core.call('groups.host', { host: guest })).toBeNull();
    await test.done(await test.core.call('groups.connect', { host: guest }));
    const host = (await test.core.call('groups.host', { host: guest }))!;
    expect(host).toMatchObject({ backend: 'systemd', problem: null });
    expect(host.devices.map(({ path }) => path)).toContain('/dev/vda');
    for (const limit of ['memoryMax', 'memoryHigh', 'cpus', 'tasksMax', 'io', 'pressure'])
      expect(host.abilities.find((ability) => ability.limit === limit)?.held, limit).toBe('yes');
  });

  it('end an eater of memory at the limit: memory.events says so', async () => {
    const id = await make('eaters - in .. guest', { memoryMax: 48 * MB, swapMax: 0 }, far());
    await start(id, hog(200)).catch(() => {});
    const hit = await until(async () => (await groupOf(id)).hits.find(({ kind }) => kind === 'oom-kill'));
    expect(hit.count).toBeGreaterThanOrEqual(1);
    const events = await inGuest(['sh', '-c', 'cat /sys/fs/cgroup/guesthouse.slice/*/memory.events']);
    expect(events.stdout).toMatch(/^oom_kill [1-9]/m);
    const use = await nextUse(id, ({ memory }) => memory !== null);
    expect(use.memory!).toBeLessThanOrEqual(48 * MB);
    expect(use.pressure.memory).not.toBeNull();
  });

  it('hold a busy loop to its quota and a writer to its bytes, and change while they run', async () => {
    const io = [{ device: '/dev/vda', readBytes: null, writeBytes: MB, readOps: null, writeOps: null }];
    const id = await make('worker', { cpus: 0.3, io }, far());
    const loop = await start(id, busy);
    const use = await nextUse(id, ({ cpu, throttled }) => cpu !== null && cpu > 0.1 && (throttled ?? 0) > 0);
    expect(use.cpu!).toBeLessThan(0.5);
    await test.done(await test.core.call('groups.endMember', { id, member: loop }));
    await start(id, ['dd', 'if=/dev/zero', 'of=/home/debian/written', 'bs=256k', 'count=80', 'oflag=direct']);
    const writing = await nextUse(id, ({ writeBytes }) => writeBytes !== null && writeBytes > MB / 3);
    expect(writing.writeBytes!).toBeLessThan(2 * MB);
    await test.done(await test.core.call('groups.setLimits', { id, limits: { ...noLimits, tasksMax: 12 } }));
    const { stdout } = await inGuest([
      'sh',
      '-c',
      'cd /sys/fs/cgroup/guesthouse.slice/*worker*; cat pids.max; cat cpu.max io.max 2>/dev/null; exit 0',
    ]);
    // systemd takes controllers away that no unit needs: those files may be gone.
    expect(stdout).toMatch(/^12\n/);
    expect(stdout).not.toContain('30000 100000');
    expect(stdout).not.toContain('wbps=1048576');
  });

  it('move a running process of the guest in, by systemd, and make a slice again that was stopped', async () => {
    const id = await make('moved', { tasksMax: 20 }, far());
    await inGuest(['sh', '-c', 'setsid sleep 500 >/dev/null 2>&1 </dev/null & exit 0']);
    const found = await until(async () =>
      (await test.core.call('groups.processes', { host: guest })).find(
        ({ command }) => command === 'sleep 500',
      ),
    );
    await test.done(
      await test.core.call('groups.moveProcess', { id, pid: found.pid, startTime: found.startTime }),
    );
    const group = async () => (await inGuest(['cat', `/proc/${found.pid}/cgroup`], [0, 1])).stdout;
    expect(await group()).toMatch(
      /guesthouse\.slice\/guesthouse-moved\\x2d[0-9a-f]{8}\.slice\/guesthouse-.*\.scope/,
    );
    const [member] = (await groupOf(id)).members;
    await test.done(await test.core.call('groups.removeMember', { id, member: member!.id }));
    expect(await group()).toContain('/system.slice/');
    await inGuest([
      'sh',
      '-c',
      'sudo -n systemctl stop "guesthouse-moved*.slice"; sudo -n systemctl revert "guesthouse-moved*.slice"; exit 0',
    ]);
    const max = async () =>
      (
        await inGuest(['sh', '-c', 'cat /sys/fs/cgroup/guesthouse.slice/*moved*/pids.max'], [0, 1])
      ).stdout.trim();
    await until(async () => (await max()) === '20');
    await test.done(await test.core.call('groups.remove', { id }));
    expect(await max()).toBe('');
  });

  it('are made in the file system where no systemd manages it: version 2 alone', async () => {
    const machine = farMachine(
      guest,
      'far',
      async (command, { okCodes }) => inGuest(command, okCodes),
      () => true,
    );
    const facts = parseFacts(
      (await machine.exec(['sh', '-c', factsScript, 'sh', 'far'], { root: true })).stdout,
    );
    expect(facts.delegated).toMatchObject({ folder: '/sys/fs/cgroup', inner: false });
    const backend = v2Backend(facts, facts.delegated!, true);
    const place = ['plain-00000001'] as const;
    const limits = { ...noLimits, memoryMax: 32 * MB, swapMax: 0, cpus: 0.25, tasksMax: 30 };
    const steps = [...backend.ensure(place, limits, []), ...backend.room(place, 'app-1')];
    const results = await machine.apply(steps, { root: true });
    expect(results).toHaveLength(steps.length);
    expect(results.filter((result, index) => result !== null && steps[index]!.limit !== undefined)).toEqual(
      [],
    );
    const eater = await machine
      .exec(backend.enter(place, 'app-1', hog(100)), { root: true, okCodes: [137, 9, 255] })
      .catch((error) => error);
    expect(String(eater.signal ?? eater.code ?? eater)).toBeTruthy();
    await machine.exec(backend.enter(place, 'app-1', ['timeout', '3', ...busy]), {
      root: true,
      okCodes: [124],
    });
    const node = backend.group(place);
    const counters = readCounters(node, await machine.survey([node.folder], filesOf(node)), 0);
    expect(counters.oomKills).toBe(1);
    expect(counters.throttledPeriods).toBeGreaterThan(3);
    const cleared = await machine.apply([...backend.leave(place, 'app-1'), ...backend.remove(place)], {
      root: true,
    });
    expect(cleared).toEqual([null, null]);
    // Without root and without a manager of one's own there is nothing, and it says how to get it.
    const mine = parseFacts((await machine.exec(['sh', '-c', factsScript, 'sh', 'here'])).stdout);
    expect(mine.uid).not.toBe(0);
    expect(() => chooseBackend({ ...mine, userManager: null })).toThrow(
      expect.objectContaining({
        code: 'no-permission',
        todo: expect.stringContaining('loginctl enable-linger'),
      }),
    );
  });
});

describe('a guest and an application in one group', () => {
  it('are held to the group’s limit together', async ({ skip }) => {
    if (!outside) return skip('this user has no control groups here');
    const { pid } = await test.guest(guest);
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(outside);
    const app = await start(outside, busy);
    const inside = `setsid perl -e '1 while 1' >/dev/null 2>&1 </dev/null & echo $!`;
    const { stdout: loop } = await inGuest(['sh', '-c', inside]);
    await test.done(
      await test.core.call('groups.setLimits', { id: outside, limits: { ...noLimits, cpus: 0.6 } }),
    );
    const both = await nextUse(
      outside,
      (use) =>
        (use.throttled ?? 0) > 0 &&
        [app, guest].every((id) => (use.members.find((one) => one.id === id)?.cpu ?? 0) > 0.03),
    );
    expect(both.cpu!).toBeLessThan(0.8);
    await test.done(await test.core.call('groups.setLimits', { id: outside, limits: noLimits }));
    await test.done(await test.core.call('groups.endMember', { id: outside, member: app, force: true }));
    await inGuest(['kill', loop.trim()]);
  });

  it('a guest that was moved out while nobody looked is put back by the next owner', async ({ skip }) => {
    if (!outside) return skip('this user has no control groups here');
    const { pid } = await test.guest(guest);
    const groups = () => readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    await test.close();
    for (const mount of readFileSync('/proc/self/mounts', 'utf8').matchAll(/^\S+ (\S+) cgroup2? /gm))
      writeFileSync(`${mount[1]}/cgroup.procs`, String(pid));
    expect(groups()).not.toContain(outside);
    test = await openTestCore(home.paths, options);
    await until(async () => groups().includes(outside!));
    const member = (await groupOf(outside)).members.find((one) => one.kind === 'guest');
    expect(member).toMatchObject({ id: guest, state: 'running' });
    expect((await test.guest(guest)).pid).toBe(pid);
  });
});

// The same boot serves them: it is what takes the time.
containersInGuest(() => ({ test, guest }));
ownGroupsInGuest(() => ({ test, guest }));
