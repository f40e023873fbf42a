import { GuesthouseError } from '../../../shared/errors.ts';
import type { containerCalls } from '../../../shared/ipc/channels.ts';
import type { Snapshot } from '../../../shared/ipc/events.ts';
import {
  type Container,
  type ContainerDetail,
  localHost,
  type ParsedContainerSpec,
} from '../../../shared/model/container.ts';
import type { Announce, Handlers } from '../api.ts';
import type { PlaceContainer } from '../limits/placement.ts';
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
import { checkLimits, checkPlacement, createCommand, kindsOf } from './create-args.ts';
import { localEngine, remoteEngine } from './engine.ts';
import { Host } from './hosts.ts';
import { prepareImage } from './images.ts';
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
  readonly place: PlaceContainer;
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

  async function start(host: Host, podmanId: string): Promise<void> {
    try {
      await host.engine.podman(['start', '--', podmanId], { ask: true, timeoutMs: 120_000 });
    } finally {
      await host.refreshAfter().catch((error) => log.error('containers could not be listed', error));
    }
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
    const container = host.list().find(({ id }) => id === before.id) ?? before;
    const runs = pid !== null && (state === 'running' || state === 'paused');
    const wanted = store.wanted(container.id) ?? rest.wanted;
    const limits = runs ? await inForce(host.engine, pid) : null;
    return {
      ...rest,
      container,
      wanted,
      inForce: limits && { ...limits, netUp: wanted.netUp, netDown: wanted.netDown },
    };
  }

  async function create(spec: ParsedContainerSpec, op: OperationContext): Promise<void> {
    const host = hostOf(spec.host);
    op.phase('Looking at the host');
    const facts = await host.facts({ signal: op.signal, ask: true });
    checkLimits(spec.limits, facts);
    const { id: at, kind, sudo, needs } = host.engine;
    const machine = kind === 'local' ? null : sudo ? at.replace(/\/root$/, '') : at;
    const placement = spec.group === null ? null : await deps.place(spec.group, machine);
    if (placement) checkPlacement(placement, facts);
    const image = await prepareImage(host.engine, facts, spec.source, paths.cache, op);
    op.check();
    op.phase('Making the container');
    const { args, input } = createCommand(spec, image, needs, facts, placement);
    const { stdout } = await host.engine.podman(args, {
      input: input ?? undefined,
      stdinByName: input !== null,
      signal: op.signal,
    });
    const podmanId = stdout.trim().split('\n').at(-1) ?? '';
    const id = `${host.engine.id}:${podmanId}`;
    try {
      if (kindsOf(spec.limits).length) await store.setWanted(id, spec.limits);
      op.check();
      if (!spec.start) return void (await host.refreshAfter());
      op.phase('Starting it');
      await start(host, podmanId);
      const pid = host.list().find((one) => one.id === id)?.pid;
      if (pid && kindsOf(spec.limits).length) {
        await applyLimits(host.engine, podmanId, pid, spec.limits, facts, false);
        host.hasLimits(id, pid);
      }
    } catch (error) {
      // One that never ran is of no use, and its name would be taken; the error says why.
      await host.engine.podman(['rm', '--force', '--time=0', '--', podmanId]).catch(() => {});
      await store.setWanted(id, null);
      await host.refreshAfter().catch(() => {});
      throw error;
    }
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
    const { container } = await find(ref);
    return operation(
      `container.${verb}`,
      `${verb === 'stop' ? 'Stopping' : 'Restarting'} ${container.name}`,
      container.id,
      (op) => act(container.id, [verb, `--time=${timeout}`], { signal: op.signal }),
      `container:${container.id}`,
    );
  };

  const handlers: ContainerHandlers = {
    'containers.watch': async ({ hosts: wanted, stats }) => {
      for (const host of wanted.length ? wanted.map(hostOf) : hosts.values()) host.watch(stats);
    },
    'containers.list': async ({ host }) => {
      if (host !== undefined) return hostOf(host).refresh();
      const ready = [...hosts.values()].filter(({ engine }) => engine.kind === 'local' || engine);
      const lists = await Promise.all(
        ready.map((one) =>
          one.refresh().catch((error) => {
            if (ready.length === 1) throw error;
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
      await start(host, container.podmanId);
    },
    'containers.stop': ({ id, timeout }) => stopping(id, 'stop', timeout),
    'containers.restart': ({ id, timeout }) => stopping(id, 'restart', timeout),
    'containers.pause': async ({ id }) => void (await act(id, ['pause'])),
    'containers.unpause': async ({ id }) => void (await act(id, ['unpause'])),
    'containers.remove': async ({ id, force }) => {
      const { container } = await find(id);
      await act(container.id, ['rm', ...(force ? ['--force', '--time=2'] : [])]);
      await store.setWanted(container.id, null);
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
        await applyLimits(host.engine, container.podmanId, pid, limits, facts, true);
        host.hasLimits(container.id, pid);
      }
      await store.setWanted(container.id, limits);
      announce({ type: 'container', container });
    },
    'containers.images': async ({ host }) => {
      const at = hostOf(host);
      await at.facts();
      return readImages((await at.engine.podman(['images', '--format', 'json'])).stdout);
    },
    'containers.removeImage': async ({ host, image }) => {
      await hostOf(host).engine.podman(['rmi', '--', image]);
    },
    'containers.prepareImage': async ({ host, source }) => {
      const at = hostOf(host);
      return operation('container.image', 'Getting an image', null, async (op) =>
        prepareImage(at.engine, await at.facts({ signal: op.signal, ask: true }), source, paths.cache, op),
      );
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
      at.close();
      hosts.delete(at.engine.id);
      await store.setHosts(
        store.hosts().filter(({ target, sudo }) => (sudo ? `${target}/root` : target) !== at.engine.id),
      );
      for (const { id } of at.list()) announce({ type: 'container-gone', id });
      announce({ type: 'container-host-gone', id: at.engine.id });
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
        const used =
          process.getuid?.() === 0
            ? await exists('/var/lib/containers/storage')
            : await exists(`${paths.home}/.local/share/containers/storage`);
        if (used && deps.watched())
          await hosts
            .get(localHost)!
            .refresh()
            .catch(() => {});
      }, 3000);
      timer.unref();
    },
    /** The name of a container by podman's id, where it was seen. @param machine guest or server; null: this one */
    nameOf(machine: string | null, podmanId: string): string | null {
      for (const id of machine === null ? [localHost] : [machine, `${machine}/root`]) {
        const found = hosts
          .get(id)
          ?.list()
          .find((one) => one.podmanId === podmanId);
        if (found) return found.name;
      }
      return null;
    },
    close: () => {
      for (const host of hosts.values()) host.close();
    },
  };
}
