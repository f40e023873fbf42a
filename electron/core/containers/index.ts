import { GuesthouseError } from '../../../shared/errors.ts';
import type { containerCalls } from '../../../shared/ipc/channels.ts';
import type { CoreEvent, Snapshot } from '../../../shared/ipc/events.ts';
import { type Container, type ContainerDetail, localHost } from '../../../shared/model/container.ts';
import type { ParsedContainerSpec } from '../../../shared/model/container-spec.ts';
import type { Announce, Handlers } from '../api.ts';
import type { ContainerGroups } from '../limits/placement.ts';
import type { OperationContext, OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import { exists } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { SshSurroundings } from '../ssh/remote.ts';
import type { Targets } from '../ssh/targets.ts';
import type { Terminals } from '../terminals/manager.ts';
import { applyLimits, inForce } from './apply.ts';
import { type CompareGuests, compare } from './compare.ts';
import { containerConsole } from './console.ts';
import { checkHeld, createContainer, startContainer } from './create.ts';
import { checkLimits } from './create-args.ts';
import { localEngine, remoteEngine } from './engine.ts';
import { Host } from './hosts.ts';
import { holdsNet } from './net.ts';
import { probeImage } from './probe.ts';
import { readImages, readInspect, splitId } from './read.ts';
import { ContainerStore } from './store.ts';

export interface ContainersDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly clock: Clock;
  readonly runner: OperationRunner;
  readonly announce: Announce;
  readonly around: SshSurroundings;
  readonly targets: Targets;
  readonly terminals: Pick<Terminals, 'open'>;
  readonly guests: CompareGuests;
  /** Where a container of a resource group goes. */
  readonly groups: ContainerGroups;
  /** True while somebody listens to events. */
  readonly watched: () => boolean;
  /** podman's program, for tests of what happens without it. */
  readonly podman?: string;
}

type ContainerHandlers = Handlers<(typeof containerCalls)[number]>;

/** Containers of this machine and of guests and servers, by their podman. */
export async function createContainers(deps: ContainersDeps) {
  const { paths, runner, clock, log, announce } = deps;
  const store = new ContainerStore(paths.data, log);
  await store.load();
  const hostDeps = { announce, clock, log, store };
  const hosts = new Map<string, Host>();
  const add = (host: Host) => {
    hosts.set(host.engine.id, host);
    return host;
  };
  add(new Host(localEngine(deps.podman), hostDeps));
  const remote = (target: { id: string; name: string; kind: 'guest' | 'server' }, sudo: boolean) =>
    new Host(
      remoteEngine(target, sudo, {
        around: deps.around,
        runtime: paths.runtime,
        resolve: (ref) => deps.targets.resolve(ref),
      }),
      hostDeps,
    );
  for (const { target, sudo } of store.hosts()) {
    const known = await deps.targets.named(target);
    if (known) add(remote(known, sudo));
  }

  /** The guest or server a host is on; null: this machine. */
  const machineOf = ({ engine: { id, kind, sudo } }: Host): string | null =>
    kind === 'local' ? null : sudo ? id.replace(/\/root$/, '') : id;
  /** Hosts on a machine: podman of its user, and root's. */
  const hostsOn = (machine: string | null): Host[] =>
    [...hosts.values()].filter((host) => machineOf(host) === machine);

  function hostOf(ref: string): Host {
    const host = hosts.get(ref) ?? [...hosts.values()].find(({ engine }) => engine.name === ref);
    if (!host)
      throw new GuesthouseError('not-found', `${ref} is not a host of containers.`, {
        todo: 'Add it first: a guest or server with podman.',
        subject: ref,
      });
    return host;
  }

  /** By id, or by the name or the beginning of podman's id, where that is one alone. */
  async function find(ref: string): Promise<{ host: Host; container: Container }> {
    const split = splitId(ref);
    if (split) {
      const host = hostOf(split.host);
      const container =
        host.list().find(({ id }) => id === ref) ?? (await host.refresh()).find(({ id }) => id === ref);
      if (container) return { host, container };
      throw gone(ref);
    }
    const all: { host: Host; container: Container }[] = [];
    for (const host of hosts.values()) {
      const list = await host.refresh().catch(() => host.list());
      for (const container of list)
        if (container.name === ref || (/^[0-9a-f]{6,64}$/.test(ref) && container.podmanId.startsWith(ref)))
          all.push({ host, container });
    }
    if (all.length === 1) return all[0]!;
    if (all.length === 0) throw gone(ref);
    throw new GuesthouseError('invalid-input', `Several containers are named ${ref}.`, {
      why: `On ${all.map(({ host }) => host.engine.name).join(', ')}.`,
      todo: 'Name it by its id.',
    });
  }

  const gone = (ref: string) =>
    new GuesthouseError('not-found', `There is no container ${ref.slice(-80)}.`, {
      why: 'It was removed, here or by something else.',
      subject: ref,
    });

  /** Runs podman about one container and looks again, whatever came of it: the list must not lie. */
  async function act(ref: string, args: readonly string[], options = {}): Promise<Container | null> {
    const { host, container } = await find(ref);
    try {
      await host.engine.podman([...args, '--', container.podmanId], { ask: true, ...options });
    } finally {
      await host.refreshAfter().catch((error) => log.error('containers could not be listed', error));
    }
    return host.list().find(({ id }) => id === container.id) ?? null;
  }

  async function detail(ref: string): Promise<ContainerDetail> {
    const { host, container: before } = await find(ref);
    let inspected: ReturnType<typeof readInspect>;
    try {
      inspected = readInspect(
        (await host.engine.podman(['inspect', '--type=container', '--format=json', '--', before.podmanId]))
          .stdout,
      );
    } catch (error) {
      await host.refreshAfter().catch(() => {});
      throw error;
    }
    if (!inspected) throw gone(ref);
    const { state, pid, ...rest } = inspected;
    const runs = pid !== null && (state === 'running' || state === 'paused');
    // It may have ended or started by itself since the list was read: both halves of the answer are of one moment.
    if (before.state !== state || before.pid !== (runs ? pid : null)) await host.refreshAfter();
    const container = host.list().find(({ id }) => id === before.id) ?? before;
    const wanted = store.wanted(container.id)?.limits ?? rest.wanted;
    const limits = runs ? await inForce(host.engine, pid) : null;
    return {
      ...rest,
      container,
      wanted,
      inForce: limits && { ...limits, netUp: wanted.netUp, netDown: wanted.netDown },
    };
  }

  function create(spec: ParsedContainerSpec, op: OperationContext): Promise<void> {
    const host = hostOf(spec.host);
    const machine = machineOf(host);
    const { group } = spec;
    const groups =
      group === null
        ? null
        : {
            place: () => deps.groups.place(group, machine),
            joined: (podmanId: string) => deps.groups.joined(group, machine, podmanId, spec.name),
            left: deps.groups.left,
          };
    return createContainer(host, spec, groups, store, paths.cache, op);
  }

  const operation = (
    kind: string,
    title: string,
    subject: string | null,
    job: (op: OperationContext) => Promise<unknown>,
    lock?: string,
  ) => {
    const { operation: started, result } = runner.start({ kind, title, subject, lock }, job);
    result.catch(() => {});
    return { operation: started.id };
  };
  const stopping = async (ref: string, verb: 'stop' | 'restart', timeout: number) => {
    const { host, container } = await find(ref);
    return operation(
      `container.${verb}`,
      `${verb === 'stop' ? 'Stopping' : 'Restarting'} ${container.name}`,
      container.id,
      async (op) => {
        if (verb === 'restart') await deps.groups.again(machineOf(host), container.podmanId);
        await act(container.id, [verb, `--time=${timeout}`], { signal: op.signal });
        if (verb === 'restart') checkHeld(host, container.podmanId);
      },
      `container:${container.id}`,
    );
  };

  /** No host any more: its containers stay where they are. */
  async function drop(host: Host): Promise<void> {
    const { id } = host.engine;
    host.close();
    hosts.delete(id);
    for (const container of host.list()) announce({ type: 'container-gone', id: container.id });
    announce({ type: 'container-host-gone', id });
    await store.drop(store.idsOf(id));
    await store.setHosts(
      store.hosts().filter(({ target, sudo }) => (sudo ? `${target}/root` : target) !== id),
    );
  }

  const handlers: ContainerHandlers = {
    'containers.watch': async ({ hosts: wanted, stats }) => {
      for (const host of wanted.length ? wanted.map(hostOf) : hosts.values()) host.watch(stats);
    },
    'containers.list': async ({ host }) => {
      if (host !== undefined) return hostOf(host).refresh();
      const all = [...hosts.values()];
      const lists = await Promise.all(
        all.map((one) =>
          one.refresh().catch((error) => {
            if (all.length === 1) throw error;
            return one.list();
          }),
        ),
      );
      return lists.flat();
    },
    'containers.detail': ({ id }) => detail(id),
    'containers.create': async (spec) => {
      hostOf(spec.host);
      return operation('container.create', `Making the container ${spec.name}`, null, (op) =>
        create(spec, op),
      );
    },
    'containers.start': async ({ id }) => {
      const { host, container } = await find(id);
      await deps.groups.again(machineOf(host), container.podmanId);
      await startContainer(host, container.podmanId);
    },
    'containers.stop': ({ id, timeout }) => stopping(id, 'stop', timeout),
    'containers.restart': ({ id, timeout }) => stopping(id, 'restart', timeout),
    'containers.pause': async ({ id }) => void (await act(id, ['pause'])),
    'containers.unpause': async ({ id }) => void (await act(id, ['unpause'])),
    'containers.remove': async ({ id, force, volumes }) => {
      const { container } = await find(id);
      await act(container.id, [
        'rm',
        ...(force ? ['--force', '--time=2'] : []),
        ...(volumes ? ['--volumes'] : []),
      ]);
      await store.drop([container.id]);
    },
    'containers.logs': async ({ id, lines }) => {
      const { host, container } = await find(id);
      const { stdout, stderr } = await host.engine.podman(
        ['logs', `--tail=${lines}`, '--', container.podmanId],
        { timeoutMs: 30_000, maxOutput: 1 << 20 },
      );
      return stdout + stderr;
    },
    'containers.console': async ({ id, what, command }) => {
      const { host, container } = await find(id);
      return deps.terminals.open(containerConsole(host, container, what, command ?? []));
    },
    'containers.setLimits': async ({ id, limits }) => {
      const { host, container } = await find(id);
      const facts = await host.facts();
      checkLimits(limits, facts);
      const { pid } = (await host.refreshAfter()).find((one) => one.id === container.id) ?? { pid: null };
      if (pid !== null) {
        const before = store.wanted(container.id)?.limits;
        await applyLimits(host.engine, { podmanId: container.podmanId, pid }, limits, facts, {
          exact: true,
          netBefore: before !== undefined && holdsNet(before),
        });
      }
      await store.setWanted(container.id, limits, true);
      if (pid !== null) host.hasLimits(container.id, pid);
      host.keepLimits();
    },
    'containers.images': async ({ host }) => {
      const at = hostOf(host);
      await at.facts();
      const { stdout } = await at.engine.podman(['images', '--format', 'json']);
      return readImages(stdout).filter(({ name }) => !name.startsWith(`${probeImage}:`));
    },
    'containers.removeImage': async ({ host, image }) => {
      await hostOf(host).engine.podman(['rmi', '--', image]);
    },
    'containers.addHost': async ({ target, sudo }) => {
      const known = await deps.targets.resolve(target);
      const host = remote(known, sudo);
      if (!hosts.has(host.engine.id)) {
        add(host);
        await store.setHosts([...store.hosts(), { target: known.id, sudo }]);
        announce({ type: 'container-host', host: host.view });
      }
      return { id: host.engine.id };
    },
    'containers.removeHost': async ({ host }) => {
      const at = hostOf(host);
      if (at.engine.kind === 'local')
        throw new GuesthouseError('invalid-input', 'This computer stays in the list.');
      await drop(at);
    },
    'containers.lookAtHost': async ({ host }) => {
      const at = hostOf(host);
      return operation(
        'container.look',
        `Looking at podman on ${at.engine.name}`,
        at.engine.id,
        async (op) => {
          op.phase('Trying what its containers need');
          await at.facts({ signal: op.signal, ask: true, anew: true });
          await at.refreshAfter();
        },
      );
    },
    'containers.compare': async ({ guest, container: ref }) => {
      const { host, container } = await find(ref);
      return operation('container.compare', `Comparing with ${container.name}`, container.id, async (op) => {
        await store.setComparison(await compare(guest, host, container, deps.guests, clock, op));
      });
    },
    'containers.comparison': async () => store.comparison(),
  };

  return {
    handlers,
    snapshot: (): Partial<Snapshot> => ({
      containers: [...hosts.values()].flatMap((host) => host.list()),
      containerHosts: [...hosts.values()].map((host) => host.view),
    }),
    /** Counts what is there, once, where podman was used before: asking it makes its folders. */
    start: () => {
      const timer = setTimeout(async () => {
        const local = hosts.get(localHost)!;
        const used = await exists(
          process.getuid?.() === 0
            ? '/var/lib/containers/storage'
            : `${paths.home}/.local/share/containers/storage`,
        );
        if (used && deps.watched()) await local.refresh().catch(() => {});
        local.keepLimits();
      }, 3000);
      timer.unref();
    },
    hear: (event: CoreEvent) => {
      if (event.type !== 'guest-gone' && event.type !== 'server-gone') return;
      for (const id of [event.id, `${event.id}/root`]) {
        const host = hosts.get(id);
        if (host) void drop(host).catch((error) => log.error(`${id} could not be forgotten`, error));
      }
    },
    /** For the resource groups, which know containers by machine and podman's id alone. */
    known: {
      name: (machine: string | null, podmanId: string): string | null =>
        hostsOn(machine)
          .flatMap((host) => host.list())
          .find((one) => one.podmanId === podmanId)?.name ?? null,
      async exists(machine: string | null, podmanId: string): Promise<boolean | null> {
        const lists = await Promise.all(
          hostsOn(machine).map((host) => host.refreshAfter().catch(() => null)),
        );
        if (lists.some((list) => list?.some((one) => one.podmanId === podmanId))) return true;
        return lists.length === 0 || lists.includes(null) ? null : false;
      },
      removed(id: string): boolean {
        const host = hosts.get(splitId(id)?.host ?? '');
        return host !== undefined && host.view.status !== 'missing';
      },
    },
    close: () => {
      for (const host of hosts.values()) host.close();
    },
  };
}
