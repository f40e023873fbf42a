import { GuesthouseError } from '../../../shared/errors.ts';
import type { serverCalls } from '../../../shared/ipc/channels.ts';
import type { Server, ServerInfo } from '../../../shared/model/server.ts';
import type { Announce, Handlers } from '../api.ts';
import type { OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { ensurePinned, forgetPinned } from '../ssh/hostkeys.ts';
import { askpassFor, runRemote, type SshSurroundings } from '../ssh/remote.ts';
import type { StoredServer, Targets } from '../ssh/targets.ts';
import { importCandidates } from './import.ts';
import { infoScript, readInfo } from './info.ts';
import type { ServerStore } from './store.ts';

export interface ServersDeps {
  readonly paths: LibraryPaths;
  readonly runner: OperationRunner;
  readonly announce: Announce;
  readonly clock: Clock;
  readonly around: SshSurroundings;
  readonly store: ServerStore;
  readonly targets: Targets;
  /** Our own exported configuration, whose hosts are not offered for import. */
  readonly exportFile: string;
}

export interface Servers {
  readonly handlers: Handlers<(typeof serverCalls)[number]>;
  list(): readonly Server[];
  /** Someone logged in to it by another way than a look at it. */
  reached(id: string): void;
}

/** Machines reached by SSH that Guesthouse does not run. */
export function createServers(deps: ServersDeps): Servers {
  const { store, runner, announce, clock, around, targets } = deps;
  const seen = new Map<string, { info: ServerInfo | null; reachable: boolean | null }>();

  const shown = (server: StoredServer): Server => ({
    ...server,
    info: seen.get(server.id)?.info ?? null,
    reachable: seen.get(server.id)?.reachable ?? null,
  });
  const tell = (server: StoredServer) => announce({ type: 'server', server: shown(server) });
  const note = (id: string, patch: Partial<{ info: ServerInfo | null; reachable: boolean | null }>) => {
    seen.set(id, { info: null, reachable: null, ...seen.get(id), ...patch });
    const server = store.list().find((s) => s.id === id);
    if (server) tell(server);
  };

  /** Connects, asks what must be asked, runs the script, and notes whether it was reached. */
  function connect(ref: string, kind: string, title: (name: string) => string, script: string) {
    const server = store.find(ref);
    return runner.start({ kind, title: title(server.name), subject: server.id }, async (op) => {
      const target = await targets.server(server);
      op.phase(`Connecting to ${target.address}`);
      const session = await askpassFor(around, target, {
        title: title(server.name),
        operation: op.id,
        signal: op.signal,
      });
      try {
        await ensurePinned(target, session);
        op.phase('Logging in');
        const { stdout } = await runRemote(around, target, ['sh', '-c', script], {
          askpass: session,
          timeoutMs: 120_000,
        });
        note(server.id, { reachable: true });
        return stdout;
      } catch (error) {
        if (error instanceof GuesthouseError && error.code !== 'cancelled')
          note(server.id, { reachable: false });
        throw error;
      } finally {
        await session.close();
      }
    });
  }

  const handlers: Servers['handlers'] = {
    'servers.list': async () => store.list().map(shown),
    'servers.add': async (spec) => {
      const server = await store.add(spec);
      tell(server);
      return { id: server.id };
    },
    'servers.edit': async ({ id, change }) => {
      const before = store.find(id);
      const after = await store.edit(id, change);
      // Another machine: what was found out is not about it.
      if (before.address !== after.address || before.port !== after.port) seen.delete(after.id);
      tell(after);
    },
    'servers.remove': async ({ id }) => {
      const server = store.find(id);
      const target = await targets.server(server).catch(() => null);
      await store.remove(id);
      seen.delete(server.id);
      // Only our own file: ~/.ssh/known_hosts is the person's.
      if (target)
        await forgetPinned({ ...target, knownHosts: target.knownHosts.slice(0, 1) }).catch(() => {});
      announce({ type: 'server-gone', id: server.id });
    },
    'servers.importCandidates': () =>
      importCandidates(deps.paths.home, deps.exportFile, (alias) =>
        store.list().some(({ name }) => name.toLowerCase() === alias.toLowerCase()),
      ),
    'servers.import': async ({ aliases }) => {
      const candidates = await handlers['servers.importCandidates'](undefined, { signal: never });
      const ids: string[] = [];
      for (const alias of aliases) {
        const found = candidates.find((candidate) => candidate.alias === alias);
        if (!found || found.problem || found.known) continue;
        // The alias stays the address: so the person's options for that host go on holding.
        const server = await store.add({
          name: alias,
          address: alias,
          port: found.port,
          user: found.user,
          keyId: null,
          jump: null,
          tags: [],
        });
        tell(server);
        ids.push(server.id);
      }
      return ids;
    },
    'servers.test': async ({ id }) => {
      const { operation, result } = connect(id, 'server.test', (name) => `Testing ${name}`, 'true');
      result.catch(() => {});
      return { operation: operation.id };
    },
    'servers.refresh': async ({ id }) => {
      const server = store.find(id);
      const { operation, result } = connect(id, 'server.refresh', (name) => `Looking at ${name}`, infoScript);
      result.then(
        (text) => note(server.id, { info: readInfo(text, clock.now()) }),
        () => {},
      );
      return { operation: operation.id };
    },
  };
  return {
    handlers,
    list: () => store.list().map(shown),
    reached: (id) => note(id, { reachable: true }),
  };
}

const never = new AbortController().signal;
