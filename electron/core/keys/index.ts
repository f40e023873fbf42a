import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError, toWire } from '../../../shared/errors.ts';
import type { keyCalls } from '../../../shared/ipc/channels.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Key, KeyCopy, KeyList, PermissionProblem } from '../../../shared/model/key.ts';
import type { Announce, Handlers } from '../api.ts';
import type { OperationContext, OperationRunner } from '../operations/runner.ts';
import { readTextIfAny } from '../platform/fs.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { type AskpassOptions, openAskpass } from '../ssh/askpass.ts';
import type { SshTarget } from '../ssh/command.ts';
import { publicKeyLine, removeKey } from '../ssh/copy-id.ts';
import { ensurePinned } from '../ssh/hostkeys.ts';
import { askpassFor, type SshSurroundings } from '../ssh/remote.ts';
import type { Identities } from '../ssh/targets.ts';
import { addToAgent, agentFingerprints, removeFromAgent } from './agent.ts';
import { copyToHosts } from './copy.ts';
import { addGivenKey, dropGivenKey, givenFingerprints } from './given.ts';
import { readPrivateHeader } from './header.ts';
import {
  changePassphrase,
  importKey,
  type MakeSpec,
  makeKey,
  readForImport,
  securityKeyPresent,
} from './make.ts';
import { keysToOffer } from './offer.ts';
import { folderProblems, repair, scanFolder } from './scan.ts';
import { KeyTrash } from './trash.ts';
import { KeyUsage } from './usage.ts';
import { watchKeys } from './watch.ts';

export interface KeysDeps {
  readonly paths: LibraryPaths;
  readonly runner: OperationRunner;
  readonly announce: Announce;
  readonly around: SshSurroundings;
  /** A guest's or server's id or name to how it is reached. */
  resolve(ref: string): Promise<SshTarget>;
  /** A server does not accept a key any more: one that was set to use it gets the usual ones again. */
  unassign(keyId: string, serverId: string): Promise<void>;
  /** A server let someone in with a key that was copied there. */
  reached(serverId: string): void;
  readonly guests: { list(): readonly Pick<Guest, 'id' | 'folder'>[] };
}

export interface Keys {
  readonly handlers: Handlers<(typeof keyCalls)[number]>;
  list(): Promise<KeyList>;
  /** Which keys to offer a guest or server. */
  identities(target: { kind: 'guest' | 'server'; id: string; keyId: string | null }): Promise<Identities>;
  copies(): readonly KeyCopy[];
  start(): void;
  close(): void;
}

/** Milliseconds a look at the key folders serves connections; changes seen meanwhile end it. */
const recentMs = 2000;

/** The person's key pairs: what is there, and everything done with them. */
export function createKeys(deps: KeysDeps): Keys {
  const { paths, runner, announce, around } = deps;
  const uid = process.getuid?.() ?? -1;
  const sshFolder = path.join(paths.home, '.ssh');
  const folders = { ssh: sshFolder, app: paths.keys };
  const trash = new KeyTrash(path.join(paths.data, 'trash', 'keys'));
  const usage = new KeyUsage(paths.data);
  const copies = new Map<string, KeyCopy>();
  let stopWatching: () => void = () => {};
  const told = () => {
    recent = null;
    announce({ type: 'keys' });
  };
  /** Exporting hundreds of guests asks for each one's keys: one look at the folders serves them all. */
  let recent: { readonly at: number; readonly keys: Promise<readonly Key[]> } | null = null;
  const recentKeys = () => {
    const now = Date.now();
    if (!recent || now - recent.at > recentMs) recent = { at: now, keys: scan().then(({ keys }) => keys) };
    return recent.keys;
  };

  async function scan() {
    const [ssh, app, agent, used] = await Promise.all([
      scanFolder(sshFolder, 'ssh', uid),
      scanFolder(paths.keys, 'app', uid),
      agentFingerprints(),
      usage.read(),
    ]);
    const given = await Promise.all(
      deps.guests.list().map(async ({ id, folder }) => [id, await givenFingerprints(folder)] as const),
    );
    const keys = [...ssh, ...app].map(
      (key): Key => ({
        ...key,
        inAgent: key.fingerprint !== null && (agent?.has(key.fingerprint) ?? false),
        usedBy: [
          ...new Set([
            ...(key.fingerprint ? (used[key.fingerprint] ?? []) : []),
            ...given.filter(([, prints]) => prints.includes(key.fingerprint ?? '')).map(([guest]) => guest),
          ]),
        ],
      }),
    );
    return { keys, agent };
  }

  async function list(): Promise<KeyList> {
    const { keys, agent } = await scan();
    return {
      keys,
      problems: await folderProblems(paths.home, paths.keys, uid),
      agent: agent ? 'running' : 'none',
      sshFolder,
      appFolder: paths.keys,
      securityKey: securityKeyPresent(),
      trash: await trash.list(),
    };
  }

  async function find(ref: string): Promise<Key> {
    const { keys } = await scan();
    const named = keys.filter(({ name }) => name === ref);
    const key =
      keys.find(({ id }) => id === ref) ??
      named[0] ??
      keys.find((k) => k.path === ref || k.publicPath === ref);
    if (named.length > 1 && key === named[0])
      throw new GuesthouseError('invalid-input', `Several keys are named ${ref}.`, {
        todo: `Use one of their ids: ${named.map(({ id }) => id).join(', ')}.`,
        subject: ref,
      });
    if (!key)
      throw new GuesthouseError('not-found', `There is no key named ${ref}.`, {
        todo: 'List the keys: guesthouse keys list',
        subject: ref,
      });
    return key;
  }

  function privatePath(key: Key): string {
    if (key.path === null)
      throw new GuesthouseError('wrong-state', `Only the public half of ${key.name} is here.`, {
        subject: key.id,
      });
    return key.path;
  }

  /** The public line: from the .pub file, else out of the private key by ssh-keygen (no passphrase for its own format). */
  async function publicText(key: Key): Promise<string> {
    if (key.publicPath)
      return publicKeyLine((await fs.readFile(key.publicPath, 'utf8')).split('\n', 1)[0]!).line;
    const header = key.path ? await readTextIfAny(key.path) : null;
    const parsed = header ? readPrivateHeader(header) : null;
    if (!parsed?.blob)
      throw new GuesthouseError('wrong-state', `The public half of ${key.name} is not here.`, {
        todo: `Make it: ssh-keygen -y -f ${key.path} > ${key.path}.pub`,
        subject: key.id,
      });
    return `${parsed.type} ${parsed.blob} ${key.name}`;
  }

  async function check(): Promise<PermissionProblem[]> {
    const { keys } = await scan();
    return [
      ...(await folderProblems(paths.home, paths.keys, uid)),
      ...keys.flatMap(({ problems }) => problems),
    ];
  }

  const askpass = (
    title: string,
    subject: string,
    operation: string,
    signal: AbortSignal,
  ): AskpassOptions => ({
    ...around,
    title,
    host: null,
    subject,
    operation,
    signal,
  });

  /** Keys on a security key: ssh-keygen asks for its PIN and a touch; the passphrase for the file is known already. */
  async function makeOnDevice(
    spec: MakeSpec & { location: Key['location'] },
    op: OperationContext,
  ): Promise<void> {
    const session = await openAskpass({
      ...askpass(`Making the key ${spec.name}`, `${spec.location}:${spec.name}`, op.id, op.signal),
      answer: (question) => (/^Enter (same )?passphrase/.test(question) ? spec.passphrase : null),
    });
    try {
      op.phase('Touch the security key when it blinks');
      await makeKey(folders[spec.location], spec, session);
    } finally {
      await session.close();
    }
  }

  const folderOf = (id: string) => deps.guests.list().find((guest) => guest.id === id)?.folder ?? null;

  const handlers: Keys['handlers'] = {
    'keys.list': () => list(),
    'keys.create': async (spec) => {
      const { operation, result } = runner.start(
        {
          kind: 'key.create',
          title: `Making the key ${spec.name}`,
          subject: `${spec.location}:${spec.name}`,
        },
        async (op) => {
          op.phase(spec.type === 'rsa' ? 'Searching for primes' : 'Making the key');
          if (spec.type.endsWith('-sk')) await makeOnDevice(spec, op);
          else await makeKey(folders[spec.location], spec, { signal: op.signal });
          told();
        },
      );
      result.catch(() => {});
      return { operation: operation.id, id: `${spec.location}:${spec.name}` };
    },
    'keys.import': async ({ name, location, file, text }) => {
      if ((file === undefined) === (text === undefined))
        throw new GuesthouseError('invalid-input', 'Give either a file or the text of a key.');
      await importKey(folders[location], name, text ?? (await readForImport(file!)));
      told();
      return { id: `${location}:${name}` };
    },
    'keys.changePassphrase': async ({ id, current, next }) => {
      const key = await find(id);
      await changePassphrase(privatePath(key), key.encrypted === true, current, next);
      told();
    },
    'keys.publicText': async ({ id }) => publicText(await find(id)),
    'keys.agentAdd': async ({ id, lifetime, confirm }) => {
      const key = await find(id);
      const file = privatePath(key);
      const title = `Adding ${key.name} to the agent`;
      const { operation, result } = runner.start(
        { kind: 'key.agent-add', title, subject: key.id },
        async (op) => {
          await addToAgent(file, { lifetime, confirm, askpass: askpass(title, key.id, op.id, op.signal) });
          told();
        },
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
    'keys.agentRemove': async ({ id }) => {
      const key = await find(id);
      await removeFromAgent(key.publicPath ?? privatePath(key));
      told();
    },
    'keys.delete': async ({ id }) => {
      const key = await find(id);
      const { operation, result } = runner.start(
        { kind: 'key.delete', title: `Deleting the key ${key.name}`, subject: key.id, cancellable: false },
        async (op) => {
          const trashId = await trash.put(key, Date.now());
          op.undo(async () => {
            await trash.restore(trashId);
            told();
          });
          told();
          return trashId;
        },
      );
      return { operation: operation.id, trashId: await result };
    },
    'keys.restore': async ({ id }) => {
      const { location, files } = await trash.restore(id);
      told();
      return { id: `${location}:${files[0]!}` };
    },
    'keys.emptyTrash': async () => {
      await trash.empty();
      told();
    },
    'keys.check': () => check(),
    'keys.fix': async ({ paths: chosen }) => {
      const all = await check();
      const done = new Set<string>();
      const failed: string[] = [];
      for (const problem of all) {
        if (!problem.fixable || done.has(problem.path)) continue;
        if (chosen && !chosen.includes(problem.path)) continue;
        done.add(problem.path);
        // One that cannot be repaired must not keep the others from it.
        await repair(problem.path, problem.what, uid).catch((error: unknown) =>
          failed.push(`${problem.path}: ${toWire(error).message}`),
        );
      }
      told();
      if (failed.length > 0)
        throw new GuesthouseError(
          'no-permission',
          `${failed.length} of ${done.size} could not be repaired.`,
          {
            why: failed.join(' '),
            todo: 'Run the command shown beside it in a terminal.',
          },
        );
      return check();
    },
    'keys.copyId': async ({ id, targets }) => {
      const key = await find(id);
      const line = publicKeyLine(await publicText(key));
      const { operation, result } = runner.start(
        { kind: 'key.copy', title: `Copying the key ${key.name}`, subject: key.id },
        (op) =>
          copyToHosts(
            op,
            { keyId: key.id, keyName: key.name, key: line, keyFile: key.path ?? key.publicPath!, targets },
            {
              around,
              resolve: deps.resolve,
              changed: (copy) => {
                copies.set(copy.operation, copy);
                for (const old of [...copies.keys()].slice(0, -20)) copies.delete(old);
                announce({ type: 'key-copy', copy });
              },
              accepted: async (target) => {
                const folder = folderOf(target);
                if (folder !== null) await addGivenKey(folder, line.line);
                else {
                  if (key.fingerprint) await usage.add(key.fingerprint, target);
                  deps.reached(target);
                }
                told();
              },
            },
          ),
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
    'keys.copyState': async ({ operation }) => {
      const copy = copies.get(operation);
      if (!copy) throw new GuesthouseError('not-found', 'That copy is not known any more.');
      return copy;
    },
    'keys.removeFromHost': async ({ id, target: ref }) => {
      const key = await find(id);
      const line = publicKeyLine(await publicText(key));
      const target = await deps.resolve(ref);
      const title = `Removing ${key.name} from ${target.name}`;
      const { operation, result } = runner.start(
        { kind: 'key.remove', title, subject: key.id },
        async (op) => {
          const session = await askpassFor(around, target, { title, operation: op.id, signal: op.signal });
          try {
            op.phase(`Connecting to ${target.name}`);
            await ensurePinned(target, session);
            const answer = await removeKey(around, target, line, { askpass: session });
            op.phase(answer === 'removed' ? 'Its line was taken out' : 'It was not there');
            const folder = folderOf(target.id);
            if (folder !== null) await dropGivenKey(folder, line.blob);
            if (key.fingerprint) await usage.remove(key.fingerprint, target.id);
            await deps.unassign(key.id, target.id);
            told();
          } finally {
            await session.close();
          }
        },
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
  };

  return {
    handlers,
    list,
    copies: () => [...copies.values()],
    start: () => {
      stopWatching = watchKeys(paths.home, paths.keys, told);
    },
    close: () => stopWatching(),
    async identities({ kind, id, keyId }) {
      // Read anew: the guest may have been made a moment ago.
      const folder = kind === 'guest' ? folderOf(id) : null;
      const given = folder === null ? [] : await givenFingerprints(folder);
      return keysToOffer({ kind, id, keyId, given }, await recentKeys());
    },
  };
}
