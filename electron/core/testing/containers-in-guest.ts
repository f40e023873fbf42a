import { beforeAll, describe, expect, it } from 'vitest';
import type { Container } from '../../../shared/model/container.ts';
import type { ContainerSpec, LimitsInput } from '../../../shared/model/container-spec.ts';
import { type BootedGuest, inGuestOf } from './booted-guest.ts';
import type { TestCore } from './core.ts';
import { until } from './group-tools.ts';
import { installPodman } from './podman-in-guest.ts';
import { viewOf } from './terminals.ts';

const MB = 1 << 20;
const number = (text: string, name: string) =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);

const user = 'debian';

/** What the tests ask of containers of a guest. */
function containerTools(booted: () => BootedGuest) {
  const call: TestCore['core']['call'] = (name, input) => booted().test.core.call(name, input);
  const done = (started: { readonly operation: string }) => booted().test.done(started);
  const run = inGuestOf(booted);
  const inside = async (command: readonly string[]) => (await run(command)).stdout;
  async function make(spec: Partial<ContainerSpec> & { name: string; host: string }): Promise<Container> {
    await done(await call('containers.create', { source: { kind: 'busybox' }, network: false, ...spec }));
    const list = await call('containers.list', { host: spec.host });
    return list.find(({ name }) => name === spec.name)!;
  }
  const factsOf = async (host: string) =>
    (await call('core.snapshot', undefined)).containerHosts!.find(({ id }) => id === host)!.facts!;
  /** Files of the container's own control group, as its kernel has them. */
  const kernel = async ({ podmanId }: Container, ...files: string[]) =>
    inside([
      'sh',
      '-c',
      `cd "$(find /sys/fs/cgroup -type d -name "libpod-$1.scope" | head -n 1)" && shift && cat "$@" 2>/dev/null; exit 0`,
      'sh',
      podmanId,
      ...files,
    ]);
  /** Until its kernel ended an eater of memory in it, and held back a loop. */
  async function bitten(container: Container) {
    const count = async (file: string, name: string) => number(await kernel(container, file), name);
    const options = { timeout: 120_000 };
    await expect.poll(() => count('memory.events', 'oom_kill'), options).toBeGreaterThanOrEqual(1);
    await expect.poll(() => count('cpu.stat', 'nr_throttled'), options).toBeGreaterThan(3);
  }
  return { call, done, inside, make, factsOf, kernel, bitten };
}

const eating = ['sh', '-c', 'tail -n 1 /dev/zero; echo eaten; while :; do :; done'];

/** Containers of a guest over SSH: tests for a file that has one booted. */
export function containersInGuest(booted: () => BootedGuest): void {
  const { call, done, inside, make, factsOf, kernel, bitten } = containerTools(booted);
  describe('containers in a guest, over SSH', () => {
    let there = false;
    let root = '';

    beforeAll(async () => {
      const { guest } = booted();
      there = await installPodman(
        async (command) => (await call('ssh.command', { target: guest, command: [...command] })).argv,
        user,
      );
      if (!there) return;
      root = (await call('containers.addHost', { target: guest, sudo: true })).id;
      await done(await call('containers.lookAtHost', { host: root }));
    });

    let eater: Container;
    let group = '';

    it('are kept by its systemd with cgroup v2, and every limit of a cgroup can be held', async ({
      skip,
    }) => {
      if (!there) return skip('this computer has no podman of the guest’s Debian to lend');
      const facts = await factsOf(root);
      expect(facts).toMatchObject({ cgroups: 'v2', manager: 'systemd', rootless: false, user: 'root' });
      for (const kind of ['memory', 'cpus', 'cpuWeight', 'pids', 'disk'])
        expect(
          facts.limits.find((one) => one.kind === kind),
          kind,
        ).toMatchObject({ ok: true });
      expect(facts.devices.map(({ path }) => path)).toContain('/dev/vda');
    });

    it('are held to 64 MB and half a CPU, in a slice of a group: its kernel counts it, stats and a console show it', async ({
      skip,
    }) => {
      if (!there) return skip('no podman');
      const made = await call('groups.create', {
        name: 'packed',
        host: booted().guest,
        limits: { tasksMax: 40 },
      });
      await done(made);
      group = made.id;
      eater = await make({
        host: root,
        group,
        name: 'eater',
        command: eating,
        limits: { memory: 64 * MB, swap: 0, cpus: 0.5, pids: 20 },
      });
      await bitten(eater);
      expect(await inside(['cat', `/proc/${eater.pid}/cgroup`])).toMatch(
        new RegExp(`/guesthouse\\.slice/guesthouse-packed.*\\.slice/libpod-${eater.podmanId}\\.scope`),
      );
      expect(await kernel(eater, 'memory.max', 'cpu.max', 'pids.max')).toBe(`${64 * MB}\n50000 100000\n20\n`);
      expect(await call('containers.logs', { id: eater.id })).toContain('eaten');

      const { core, events } = booted().test;
      const from = events.length;
      const terminal = await viewOf(core, (await call('containers.console', { id: eater.id })).id);
      await expect.poll(terminal.seen, { timeout: 120_000 }).toContain('# ');
      terminal.type('cat /sys/fs/cgroup/memory.max; echo "$((6 * 7)) here"\n');
      await expect.poll(terminal.seen, { timeout: 120_000 }).toMatch(/^67108864\r\n42 here\r$/m);
      terminal.type('exit\n');
      const seen = await until(async () => {
        await call('containers.watch', { hosts: [root] });
        const stats = events
          .slice(from)
          .flatMap((event) => (event.type === 'container-stats' ? event.stats : []));
        return stats.find((one) => one.id === eater.id && (one.throttled ?? 0) > 0);
      });
      expect(seen).toMatchObject({ oomKills: 1, limits: { memory: 64 * MB, cpus: 0.5, pids: 20 } });
      expect(seen.cpu!).toBeLessThan(0.7);
      expect(seen.memory).toBeLessThan(64 * MB);
    });

    it('keep a change when systemd reads its units again, and after a restart', async ({ skip }) => {
      if (!there) return skip('no podman');
      const limits: LimitsInput = {
        memory: 96 * MB,
        cpus: 0.25,
        pids: 30,
        disk: [{ device: '/dev/vda', writeBps: 2 * MB }],
      };
      await call('containers.setLimits', { id: eater.id, limits });
      const told = async () =>
        kernel(eater, 'memory.max', 'memory.swap.max', 'cpu.max', 'pids.max', 'io.max');
      const wanted = new RegExp(`^${96 * MB}\nmax\n25000 100000\n30\n\\d+:\\d+ .*wbps=${2 * MB}\\b`);
      expect(await told()).toMatch(wanted);
      await inside(['sudo', '-n', 'systemctl', 'daemon-reload']);
      expect(await told()).toMatch(wanted);
      await done(await call('containers.restart', { id: eater.id, timeout: 0 }));
      expect(await told()).toMatch(wanted);
      await call('containers.setLimits', { id: eater.id, limits: {} });
      // systemd takes controllers away that no unit needs: those files may be gone.
      expect(await told()).not.toMatch(/^100663296$|^25000 |^30$|wbps=2/m);
      expect((await call('containers.detail', { id: eater.id })).inForce).toMatchObject({
        memory: null,
        cpus: null,
        pids: null,
        disk: [],
      });
      await call('containers.remove', { id: eater.id, force: true });
      await done(await call('groups.remove', { id: group }));
      expect(await inside(['sudo', '-n', 'podman', 'ps', '--all', '--quiet'])).toBe('');
    });

    it('run without root too, and limits its user is not given are refused with how to get them', async ({
      skip,
    }) => {
      if (!there) return skip('no podman');
      const { guest } = booted();
      const { id: host } = await call('containers.addHost', { target: guest, sudo: false });
      await done(await call('containers.lookAtHost', { host }));
      const facts = await factsOf(host);
      expect(facts).toMatchObject({ cgroups: 'v2', rootless: true, user, sudoWorks: true });
      const made = await make({ host, name: 'plain', command: ['sh', '-c', 'id -u; sleep 600'] });
      await expect
        .poll(() => call('containers.logs', { id: made.id }), { timeout: 60_000 })
        .toMatch(/^0\r?\n/);
      expect(await inside(['stat', '-c', '%U', `/proc/${made.pid}`])).toBe(`${user}\n`);
      // podman lists memory and pids as its controllers all the same.
      expect(facts.limits.find(({ kind }) => kind === 'memory')).toMatchObject({
        ok: false,
        why: expect.stringContaining('no systemd session'),
        todo: expect.stringContaining('loginctl enable-linger'),
      });
      await expect(make({ host, name: 'held', limits: { memory: 64 * MB } })).rejects.toMatchObject({
        code: 'unsupported',
      });
      await call('containers.remove', { id: made.id, force: true });
    });
  });
}
