import { GuesthouseError } from '../../shared/errors.ts';
import type { CallName } from '../../shared/ipc/channels.ts';
import { type CallInput, type CallOutput, contract } from '../../shared/ipc/contract.ts';
import type { CoreEvent, EventEnvelope, Snapshot } from '../../shared/ipc/events.ts';
import type { CallContext, Core, Handlers } from './api.ts';
import { seedHandlers } from './cloud-init/index.ts';
import { guestsToCompare } from './containers/guests.ts';
import { createContainers } from './containers/index.ts';
import { createGuests, type GuestsDeps } from './guests/index.ts';
import { createSnapshots } from './guests/snapshots/index.ts';
import { createHardware } from './hardware/index.ts';
import { createHost } from './host/index.ts';
import { createIdentity } from './identity/index.ts';
import { remoteMachines } from './identity/remote-machines.ts';
import { createLimits, type Limits } from './limits/index.ts';
import { createNetworks } from './networks/index.ts';
import { OperationRunner } from './operations/runner.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import { ensureLibrary, type LibraryPaths } from './platform/paths.ts';
import { createAccelerators } from './qemu/accelerators.ts';
import { createAccess } from './servers/access.ts';
import { createSettings } from './settings.ts';
import { createTemplates } from './templates/index.ts';
import { createStarters } from './templates/starters.ts';
import type { ForkTerminalHost } from './terminals/host-process.ts';
import { createTerminals } from './terminals/manager.ts';
import { joinScreen } from './terminals/screen.ts';

export type { Core, PortLike } from './api.ts';
export { type AcquireOptions, acquireCore, type SharedCore } from './owner/acquire.ts';
export type { Log } from './platform/log.ts';
export { type LibraryPaths, libraryPaths } from './platform/paths.ts';
export { decodeXml } from './platform/xml-encoding.ts';
export { type ForkTerminalHost, forkWithNode } from './terminals/host-process.ts';

export interface CoreDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly clock?: Clock;
  readonly version: string;
  readonly forkTerminalHost: ForkTerminalHost;
  /** A shared network's process: program and arguments, before its folder. */
  readonly networkHost: readonly string[];
  /** QEMU's program, for tests of what happens without it. */
  readonly qemu?: string;
  /** podman's program, for the same. */
  readonly podman?: string;
  /** Other cloud images than the vendors', for tests. */
  readonly cloudImages?: GuestsDeps['cloudImages'];
}

/** How long after the start the accelerator is tried unasked, milliseconds. */
const trialAfterMs = 1500;

/** What a resource gives to the whole; nothing but handlers is needed. */
interface CoreModule {
  readonly handlers: Partial<Handlers>;
  readonly snapshot?: () => Partial<Snapshot>;
  /** Called once the library is read. */
  readonly start?: () => void;
  /** Hears every announcement, before those who listen from outside. */
  readonly hear?: (event: CoreEvent) => void;
  readonly close?: () => void | Promise<void>;
}

/**
 * The one door to core: reads the library, adopts the guests that run, and answers the calls of the contract. Only the
 * owner of the library may have one (owner/acquire.ts).
 */
export async function createCore(deps: CoreDeps): Promise<Core> {
  const { paths, log, version } = deps;
  const clock = deps.clock ?? systemClock;
  process.umask(0o077); // sockets and logs that QEMU makes are this person's alone
  ensureLibrary(paths);

  let revision = 0;
  let modules: readonly CoreModule[] = [];
  const listeners = new Set<(envelope: EventEnvelope) => void>();
  const pending: EventEnvelope[] = [];
  let delivering = false;
  // What one event causes at once is announced behind it: clients drop what comes with an older revision than the last.
  const announce = (event: CoreEvent) => {
    pending.push({ revision: ++revision, event });
    if (delivering) return;
    delivering = true;
    for (let envelope = pending.shift(); envelope; envelope = pending.shift()) deliver(envelope);
    delivering = false;
  };
  const deliver = (envelope: EventEnvelope) => {
    const hearers = [
      ...listeners,
      ...modules.map(
        (module) =>
          ({ event }: EventEnvelope) =>
            module.hear?.(event),
      ),
    ];
    for (const hear of hearers) {
      try {
        hear(envelope);
      } catch (error) {
        log.error('a listener to events failed', error);
      }
    }
  };

  const runner = new OperationRunner(clock, (operation) => announce({ type: 'operation', operation }));
  const accelerators = createAccelerators({ cache: paths.cache, clock, log, qemu: deps.qemu });
  const settings = await createSettings({ config: paths.config, log, announce });
  const starters = await createStarters({ paths, log, runner, announce });
  let limits: Limits | null = null;
  const networks = createNetworks({
    paths,
    log,
    announce,
    host: deps.networkHost,
    qemu: deps.qemu,
    guests: () => guests.onNetworks(),
    onAddresses: (id, addresses) => guests.setLeases(id, addresses),
  });
  const guests = createGuests({
    paths,
    log,
    clock,
    runner,
    accelerators,
    settings: settings.get,
    networks,
    announce,
    watched: () => listeners.size > 0,
    qemu: deps.qemu,
    cloudImages: deps.cloudImages,
    onStarterBuilt: () => void starters.refresh(),
    enterGroup: async (id) => (await limits?.enterGuest(id)) ?? null,
  });
  const host = createHost({ paths, accelerators });
  const terminals = createTerminals({
    fork: deps.forkTerminalHost,
    announce,
    log,
    serial: guests.serialPort,
    serialPorts: () => guests.registry.all().map(({ id }) => guests.serialPort(id)),
  });
  const templates = createTemplates({
    ...guests.deps,
    announce,
    lifecycle: guests.lifecycle,
    creator: guests.creator,
    onIdentity: () => announce({ type: 'identity' }),
  });
  // Keys, SSH and servers.
  const access = createAccess({
    paths,
    log,
    clock,
    runner,
    announce,
    guests: { list: () => guests.snapshot() },
    terminals,
  });
  const hardware = createHardware({ ...guests.deps, compare: () => access.around });
  const identity = createIdentity({
    ...guests.deps,
    announce,
    templates: templates.store,
    remote: remoteMachines(access),
    agentScript: guests.agentScript,
    takeInNew: guests.takeInNew,
  });
  let containers: Awaited<ReturnType<typeof createContainers>> | null = null;
  const groups = await createLimits({
    paths,
    log,
    clock,
    runner,
    announce,
    around: access.around,
    targets: access.targets,
    guests: { list: () => guests.snapshot(), find: (ref) => guests.registry.get(ref) },
    containers: {
      name: (host, id) => containers?.known.name(host, id) ?? null,
      exists: async (host, id) => (await containers?.known.exists(host, id)) ?? null,
      removed: (id) => containers?.known.removed(id) ?? false,
    },
    watched: () => listeners.size > 0,
  });
  limits = groups;
  await networks.load();
  await guests.load();
  await templates.load();
  // After the guests are known: some of them are hosts.
  containers = await createContainers({
    paths,
    log,
    clock,
    runner,
    announce,
    around: access.around,
    targets: access.targets,
    terminals,
    guests: guestsToCompare(guests, runner, clock),
    groups: groups.containers,
    watched: () => listeners.size > 0,
    podman: deps.podman,
  });

  modules = [
    { handlers: settings.handlers, snapshot: () => ({ settings: settings.get() }) },
    { handlers: starters.handlers, snapshot: () => ({ starters: starters.snapshot() }) },
    {
      handlers: guests.handlers,
      snapshot: () => ({ guests: guests.snapshot() }),
      start: () => guests.start(),
      close: () => guests.close(),
    },
    {
      handlers: templates.handlers,
      snapshot: () => ({ templates: templates.snapshot() }),
      start: () => templates.start(),
      close: () => templates.close(),
    },
    { handlers: identity.handlers },
    { handlers: seedHandlers },
    { handlers: hardware.handlers },
    createSnapshots(guests.deps, guests.lifecycle),
    { handlers: host.handlers },
    {
      handlers: networks.handlers,
      snapshot: () => ({ networks: networks.snapshot() }),
      start: () => {
        guests.registry.onChange((id) => {
          const entry = guests.registry.find(id);
          const launching = entry?.state === 'starting' || entry?.state === 'restoring';
          networks.guestChanged(id, launching && entry?.process === null);
        });
        networks.start();
      },
      close: () => networks.close(),
    },
    {
      handlers: terminals.handlers,
      snapshot: () => ({ terminals: terminals.list() }),
      hear: (event) => {
        if (event.type === 'guest') terminals.guestChanged(event.guest);
        else if (event.type === 'guest-gone') terminals.guestGone(event.id);
      },
      close: () => terminals.close(),
    },
    access,
    containers,
    groups,
    {
      handlers: {
        'operations.cancel': ({ id }) => runner.cancel(id),
        'operations.undo': ({ id }) => runner.undo(id),
        'core.snapshot': async () => snapshot(),
      } satisfies Partial<Handlers>,
      snapshot: () => ({ operations: runner.list() }),
    },
  ];

  const handlers = new Map<string, (input: never, context: CallContext) => Promise<unknown>>();
  for (const { handlers: own } of modules)
    for (const [name, handler] of Object.entries(own)) {
      if (handlers.has(name)) throw new Error(`${name} has two handlers`);
      handlers.set(name, handler as (input: never, context: CallContext) => Promise<unknown>);
    }

  function snapshot(): Snapshot {
    const whole: Snapshot = {
      revision,
      version,
      guests: [],
      templates: [],
      starters: [],
      operations: [],
      terminals: [],
      settings: settings.get(),
    };
    for (const { snapshot: part } of modules) Object.assign(whole, part?.());
    return whole;
  }

  let closing: Promise<void> | null = null;
  async function close(): Promise<void> {
    clearTimeout(trial);
    await runner.close();
    for (const module of [...modules].reverse())
      await Promise.resolve(module.close?.()).catch((error) => log.error('closing', error));
    listeners.clear();
  }

  for (const module of modules) module.start?.();
  // Tried in the background, so that no start of a guest waits for it; but not while the first list is being drawn.
  const trial = setTimeout(
    () => accelerators.report().catch((error) => log.error('the accelerator could not be tried', error)),
    trialAfterMs,
  );
  trial.unref();

  return {
    async call<N extends CallName>(
      name: N,
      input: CallInput<N>,
      context?: CallContext,
    ): Promise<CallOutput<N>> {
      if (closing) throw new GuesthouseError('not-owner', 'Guesthouse is closing.');
      const spec = Object.hasOwn(contract, name) ? contract[name] : undefined;
      const handler = handlers.get(name);
      if (!spec || !handler)
        throw new GuesthouseError('unsupported', 'This version of Guesthouse cannot do that.', {
          why: `It does not know the call ${String(name).slice(0, 100)}.`,
        });
      const parsed = spec.input.safeParse(input);
      if (!parsed.success) throw unusable(parsed.error.issues);
      const signal = context?.signal ?? new AbortController().signal;
      return (await handler(parsed.data as never, { signal })) as CallOutput<N>;
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    openPort(kind, id, port) {
      return kind === 'terminal' ? terminals.openPort(id, port) : joinScreen(guests.screenSocket(id), port);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** What is wrong with the input of a call, each thing said once. */
function unusable(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]) {
  const [first, ...more] = issues.map(({ path, message }) => ({ at: path.join('.'), message }));
  const why = more.length
    ? [first!, ...more].map(({ at, message }) => `${at || 'input'}: ${message}`).join('; ')
    : first?.at && `In “${first.at}”.`;
  return new GuesthouseError('invalid-input', first?.message ?? 'That cannot be used.', {
    why: why ? why.slice(0, 1000) : undefined,
  });
}
