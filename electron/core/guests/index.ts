import type { Guest, GuestState } from '../../../shared/model/guest.ts';
import type { Settings } from '../../../shared/model/settings.ts';
import type { Announce, Handlers } from '../api.ts';
import { Domain } from '../domain/index.ts';
import type { NetworkGuest, Networks } from '../networks/index.ts';
import type { OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { Accelerators } from '../qemu/accelerators.ts';
import { tailLog } from '../qemu/log-file.ts';
import { type RunFiles, runFiles } from '../qemu/run-files.ts';
import { Agents } from './agents.ts';
import type { CloudSource } from './cloud/catalog.ts';
import { CloudImages } from './cloud/images.ts';
import { addAgreed } from './consent.ts';
import { logFile } from './crash.ts';
import { Creator } from './create.ts';
import type { CreateDeps } from './create-spec.ts';
import { Edits } from './edits.ts';
import { watchHostShutdown } from './host-shutdown.ts';
import { Importer, readXmlFile } from './import.ts';
import { commandLine as commandLineOf, type LaunchDeps, serialLog } from './launch.ts';
import { Lifecycle } from './lifecycle.ts';
import { loadAll } from './loading.ts';
import { Monitor } from './monitor.ts';
import { takeInNew, watchNewcomers } from './newcomers.ts';
import { plugCard } from './plug.ts';
import { type Entry, Registry } from './registry.ts';
import { noScreen, screenshot } from './screenshot.ts';
import { inspectSource } from './source-image.ts';
import { Stats } from './stats.ts';
import { GuestStore, nameOf } from './store.ts';
import { isLive } from './transitions.ts';
import { waitForSsh } from './wait-ssh.ts';
import { GuestXml } from './xml.ts';

/** A guest's serial port; its socket is there while QEMU runs, its log always. */
export interface SerialPort {
  readonly id: string;
  readonly name: string;
  readonly state: GuestState;
  readonly socket: string;
  readonly log: string;
}

export interface GuestsDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly clock: Clock;
  readonly runner: OperationRunner;
  readonly accelerators: Accelerators;
  readonly settings: () => Settings;
  readonly networks: Pick<Networks, 'find' | 'netdevs' | 'prepare'>;
  readonly announce: Announce;
  /** True while somebody listens to events. */
  readonly watched: () => boolean;
  /** QEMU's program; default `qemu-system-x86_64` on the search path. */
  readonly qemu?: string;
  /** For tests: other cloud images than the vendors'. */
  readonly cloudImages?: readonly CloudSource[];
  /** Called when a starter was made on the way. */
  readonly onStarterBuilt?: () => void;
  /** See {@link LaunchDeps.enterGroup}. */
  readonly enterGroup?: LaunchDeps['enterGroup'];
}

type GuestCall = Extract<keyof Handlers, `guests.${string}` | `cloudImages.${string}`> | 'networks.plug';

/** The guests of the library: their folders, their QEMUs, and the calls about them. */
export function createGuests(deps: GuestsDeps) {
  const { paths, clock, log } = deps;
  const registry = new Registry(clock, deps.announce);
  const monitor = new Monitor(registry, clock, log);
  const store = new GuestStore(paths.guests, paths.staging);
  const templates = new GuestStore(paths.templates, paths.staging);
  const cloud = new CloudImages(deps);
  const all: CreateDeps = {
    ...deps,
    cloud,
    registry,
    monitor,
    store,
    names: async () => [
      ...registry.all().map((e) => nameOf(e.stored)),
      ...(await templates.list()).map(nameOf),
    ],
  };
  const agents = new Agents(registry, clock, log);
  const lifecycle = new Lifecycle({
    ...all,
    restored: (id) => agents.setClock(id),
    askAgent: (id) => agents.shutdown(id),
  });
  const edits = new Edits(all, lifecycle);
  const creator = new Creator(all, lifecycle);
  const xml = new GuestXml(all);
  const importer = new Importer({ ...all, templates });
  const stats = new Stats(registry, clock, deps.announce, deps.watched);

  let closed = false;
  let stopWatching = () => {};
  let stopLooking = () => {};

  const commandLine = (entry: Entry) => commandLineOf(all, entry);

  const handlers: Handlers<GuestCall> = {
    'networks.plug': ({ id, card, place }) => plugCard(all, id, card, place),
    'guests.detail': ({ id }) => edits.detail(id, commandLine),
    'guests.create': (spec) => creator.create(spec),
    'guests.start': ({ id }) => lifecycle.start(id),
    'guests.allowOutside': async ({ id, reaches }) => addAgreed(registry.get(id).stored.folder, reaches),
    'guests.startWithApp': () => lifecycle.startWithApp(),
    'guests.shutdown': ({ id, deadline }) => lifecycle.shutdown(id, deadline),
    'guests.reboot': ({ id }) => lifecycle.reboot(id),
    'guests.reset': ({ id }) => lifecycle.reset(id),
    'guests.pause': ({ id }) => lifecycle.pause(id),
    'guests.resume': ({ id }) => lifecycle.resume(id),
    'guests.forceOff': ({ id }) => lifecycle.forceOff(id),
    'guests.save': ({ id }) => lifecycle.save(id),
    'guests.discardSaved': ({ id }) => lifecycle.discardSaved(id),
    'guests.rename': ({ id, name }) => edits.rename(id, name),
    'guests.setAutostart': ({ id, autostart }) => edits.setAutostart(id, autostart),
    'guests.setLabels': ({ id, ...labels }) => edits.setLabels(id, labels),
    'guests.deletePlan': ({ id }) => edits.deletePlan(id),
    'guests.delete': ({ id }) => edits.delete(id),
    'guests.log': async ({ id, lines }) => tailLog(logFile(registry.get(id).stored.folder), lines),
    'guests.inspectSource': ({ path: file }) => inspectSource(paths.data, file),
    'guests.screenshot': ({ id }) => screenshot(registry.get(id)),
    'guests.agent': ({ id }) => agents.info(id),
    'guests.freeze': ({ id, seconds }) => agents.freeze(id, seconds),
    'guests.thaw': ({ id }) => agents.thaw(id),
    'guests.checkXml': async ({ xml: text, path: file }) => xml.check(text ?? (await readXmlFile(file!))),
    'guests.exportXml': ({ id }) => xml.export(id),
    'guests.setXml': ({ id, xml: text, expected }) => xml.set(id, text, expected),
    'guests.importXml': (spec) => importer.import(spec),
    'cloudImages.list': () => cloud.list(),
    'cloudImages.fetch': async ({ id }) => cloud.fetch(id),
    'cloudImages.discard': ({ id }) => cloud.discard(id),
    'guests.waitSsh': async ({ id: ref, timeout }) => {
      const { id, stored } = registry.get(ref);
      const target = lifecycle.sshTarget(id);
      const { operation, result } = deps.runner.start(
        { kind: 'guest.wait-ssh', title: `Waiting for ${nameOf(stored)}`, subject: id },
        (op) => waitForSsh(target, timeout, () => isLive(registry.find(id)?.state ?? 'off'), clock, op),
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
  };

  return {
    handlers,
    /** What others that work on guests need: templates, identity, SSH. */
    deps: all,
    registry,
    lifecycle,
    creator,
    store,
    snapshot: (): readonly Guest[] => registry.rows(),

    /** Where a guest's sockets are, running or not. */
    runtime: (ref: string): RunFiles => runFiles(paths.runtime, registry.get(ref).id),

    /** Where QEMU shows the screen. @throws {GuesthouseError} `not-found`, `unsupported` when it has none */
    screenSocket: (ref: string): string => {
      const { id, stored, runningText } = registry.get(ref);
      const domain = runningText === null ? stored.domain : Domain.parse(runningText);
      if (domain?.count('graphics') === 0) throw noScreen(id, nameOf(stored));
      return runFiles(paths.runtime, id).vnc;
    },

    /** See {@link Agents.script}. */
    agentScript: (id: string, text: string) => agents.script(id, text),

    /** The guests as the shared networks see them. */
    onNetworks: (): NetworkGuest[] =>
      registry.all().flatMap(({ id, stored, state, runningText, process }) => {
        const live =
          isLive(state) && (process !== null || ['starting', 'restoring', 'unreachable'].includes(state));
        const differs = live && runningText !== null && runningText !== stored.text;
        const domain = differs ? Domain.parse(runningText) : stored.domain;
        return domain
          ? [{ id, name: nameOf(stored), domain, live, dir: runFiles(paths.runtime, id).dir }]
          : [];
      }),

    /** Addresses a shared network gave to a running guest. */
    setLeases(id: string, leases: readonly string[]): void {
      if (registry.find(id)?.process) registry.update(id, { leases });
    },

    /** What the serial console needs to know. @throws {GuesthouseError} `not-found` */
    serialPort: (ref: string): SerialPort => {
      const { id, stored, state } = registry.get(ref);
      const { serial } = runFiles(paths.runtime, id);
      return { id, name: nameOf(stored), state, socket: serial, log: serialLog(stored.folder) };
    },

    /** Takes in what was put into the library since it was read, unless it came just now. */
    takeInNew: () => takeInNew(all),

    /** Reads the library and adopts what runs. */
    async load(): Promise<void> {
      await store.emptyStaging((file, error) => log.error(`${file} could not be removed`, error));
      await loadAll(all);
    },

    /** After loading: the timers. */
    start(): void {
      stats.start();
      agents.start();
      stopLooking = watchNewcomers(all);
      watchHostShutdown({ log, prepare: () => lifecycle.saveAll() }).then(
        (stop) => {
          if (closed) stop();
          else stopWatching = stop;
        },
        (error) => log.error('shutdowns of this computer are not watched', error),
      );
    },

    /** Lets go; the guests run on. */
    async close(): Promise<void> {
      closed = true;
      stopWatching();
      stopLooking();
      stats.stop();
      await agents.stop();
      monitor.close();
    },
  };
}

export type Guests = ReturnType<typeof createGuests>;
