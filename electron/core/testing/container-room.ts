import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { Container, ContainerDetail, HostFacts } from '../../../shared/model/container.ts';
import { localHost } from '../../../shared/model/container.ts';
import type { ContainerSpec } from '../../../shared/model/container-spec.ts';
import { openTestCore, type TestCore } from './core.ts';
import { type TempHome, tempHome } from './temp-home.ts';

export const asRoot = process.getuid?.() === 0;

/** A core whose podman keeps everything in a home of its own (as root: in the system's place, under names of its own). */
export interface ContainerRoom {
  readonly home: TempHome;
  readonly test: TestCore;
  readonly facts: HostFacts;
  /** Its podman's registries.conf(5), empty at first. */
  readonly registries: string;
  /** A name no other test has. */
  name(): string;
  /** Makes a container, by default of busybox, and answers with it once it is there. */
  make(spec?: Partial<ContainerSpec>): Promise<Container>;
  detail(id: string): Promise<ContainerDetail>;
  podman(...args: string[]): string;
  close(): Promise<void>;
}

export async function containerRoom(options: { host?: string } = {}): Promise<ContainerRoom> {
  const home = tempHome();
  const env = enterHome(home);
  const registries = path.join(home.home, 'registries.conf');
  writeFileSync(registries, '');
  // Programs are given a clean environment: what podman is to know besides goes through a script.
  const program = path.join(home.home, 'podman');
  const script = `#!/bin/sh\nCONTAINERS_REGISTRIES_CONF='${registries}' exec podman "$@"\n`;
  writeFileSync(program, script, { mode: 0o755 });
  const test = await openTestCore(home.paths, { podman: program });
  const made: string[] = [];
  const host = options.host ?? localHost;
  await test.done(await test.core.call('containers.lookAtHost', { host }));
  const { containerHosts } = await test.core.call('core.snapshot', undefined);
  const { facts } = containerHosts!.find(({ id }) => id === host)!;
  const global = globalOptions(facts!);
  const podman = (...args: string[]) => execFileSync('podman', [...global, ...args], { encoding: 'utf8' });
  const room: ContainerRoom = {
    home,
    test,
    facts: facts!,
    registries,
    name: () => `gh-test-${randomBytes(5).toString('hex')}`,
    make: async (spec = {}) => {
      const name = spec.name ?? room.name();
      await test.done(
        await test.core.call('containers.create', {
          host,
          source: { kind: 'busybox' },
          command: ['sleep', '600'],
          ...spec,
          name,
        }),
      );
      const container = (await test.core.call('containers.list', { host })).find((one) => one.name === name);
      if (!container) throw new Error(`${name} was not made`);
      made.push(container.podmanId);
      return container;
    },
    detail: (id) => test.core.call('containers.detail', { id }),
    podman,
    close: async () => {
      for (const id of made) spawnSync('podman', [...global, 'rm', '--force', '--time=0', '--ignore', id]);
      await test.close();
      // Without root everything is in this home, with files of other ids, and one process that holds its namespace.
      if (!asRoot) spawnSync('podman', ['system', 'reset', '--force']);
      env.restore();
      home.remove();
    },
  };
  return room;
}

/** Programs that the core starts take their places from the environment. */
function enterHome(home: TempHome): { restore(): void } {
  const before = { ...process.env };
  Object.assign(process.env, home.env);
  mkdirSync(home.env.XDG_RUNTIME_DIR!, { recursive: true, mode: 0o700 });
  return {
    restore: () => {
      for (const name of Object.keys(home.env)) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    },
  };
}

function globalOptions(facts: HostFacts): string[] {
  const options = [`--runtime=${facts.runtime}`];
  if (facts.needs.includes('cgroups without systemd')) options.push('--cgroup-manager=cgroupfs');
  return options;
}

/** The cgroup a process is in, as a folder. Only for hosts on cgroup v1 or v2 with one. */
export function cgroupOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const v1 = lines.find((line) => line.split(':')[1]?.split(',').includes(controller));
  return v1
    ? `/sys/fs/cgroup/${controller}${v1.split(':')[2]}`
    : `/sys/fs/cgroup${lines.find((line) => line.startsWith('0::'))!.slice(3)}`;
}

/** A file of the container's own cgroup, as the kernel has it. */
export function kernelSays(pid: number, controller: string, file: string): string {
  return readFileSync(`${cgroupOf(pid, controller)}/${file}`, 'utf8').trim();
}
