import * as fs from 'node:fs/promises';
import type { CoreEvent, Snapshot } from '../../../shared/ipc/events.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Terminal } from '../../../shared/model/terminal.ts';
import type { Announce, Handlers } from '../api.ts';
import { createKeys, type Keys } from '../keys/index.ts';
import type { OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { ConsoleSpec } from '../ssh/console.ts';
import { createSsh, exportFile } from '../ssh/index.ts';
import { Prompts } from '../ssh/prompts.ts';
import type { SshSurroundings } from '../ssh/remote.ts';
import { Targets } from '../ssh/targets.ts';
import { configAliases } from './import.ts';
import { createServers } from './index.ts';
import { ServerStore } from './store.ts';

export interface AccessDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly clock: Clock;
  readonly runner: OperationRunner;
  readonly announce: Announce;
  readonly guests: { list(): readonly Guest[] };
  readonly terminals?: { open(spec: ConsoleSpec): Terminal };
}

export interface Access {
  readonly handlers: Partial<Handlers>;
  snapshot(): Partial<Snapshot>;
  start(): void;
  hear(event: CoreEvent): void;
  close(): void;
  /** For other engines that work over SSH: resolve a guest or server, then `runRemote(around, target, …)`. */
  readonly targets: Targets;
  readonly around: SshSurroundings;
  readonly prompts: Prompts;
  readonly keys: Pick<Keys, 'list'>;
  readonly servers: Pick<ServerStore, 'list'>;
}

/** What the exported ssh configuration is made from. */
const heard: ReadonlySet<CoreEvent['type']> = new Set([
  'guest',
  'guest-gone',
  'server',
  'server-gone',
  'keys',
]);

/** Keys, SSH and servers, put together: they need each other, and the rest of core needs one door to them. */
export function createAccess(deps: AccessDeps): Access {
  const { paths, log, clock, runner, announce, guests } = deps;
  const store = new ServerStore(paths.data, log);
  const prompts = new Prompts(announce);
  const around: SshSurroundings = { prompts, runtime: paths.runtime, scriptFolder: paths.data };
  const readable = (file: string) =>
    fs.access(file, fs.constants.R_OK).then(
      () => true,
      () => false,
    );
  const targets: Targets = new Targets(
    { paths, guests, servers: store, identities: (target) => keys.identities(target) },
    readable,
  );
  const keys = createKeys({
    paths,
    runner,
    announce,
    around,
    resolve: (ref) => targets.resolve(ref),
    guests,
    reached: (id) => servers.reached(id),
    unassign: async (keyId, id) => {
      if (store.list().some((one) => one.id === id && one.keyId === keyId))
        await servers.handlers['servers.edit'](
          { id, change: { keyId: null } },
          { signal: new AbortController().signal },
        );
    },
  });
  const file = exportFile(paths);
  const servers = createServers({ paths, runner, announce, clock, around, store, targets, exportFile: file });
  const ssh = createSsh({
    paths,
    log,
    runner,
    clock,
    around,
    targets,
    guests,
    servers: store,
    aliases: () => configAliases(paths.home, file),
    terminals: deps.terminals,
  });
  return {
    handlers: { ...keys.handlers, ...servers.handlers, ...ssh.handlers },
    snapshot: () => ({ prompts: prompts.list(), servers: servers.list(), keyCopies: keys.copies() }),
    start: () => {
      keys.start();
      ssh.changed();
    },
    hear: ({ type }) => {
      if (heard.has(type)) ssh.changed();
    },
    close: () => {
      keys.close();
      ssh.close();
    },
    targets,
    around,
    prompts,
    keys,
    servers: store,
  };
}
