import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { sshCalls } from '../../../shared/ipc/channels.ts';
import type { SshConfigPreview } from '../../../shared/ipc/servers.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Terminal } from '../../../shared/model/terminal.ts';
import type { Handlers } from '../api.ts';
import type { OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { ansibleInventory } from './ansible.ts';
import { type SshTarget, sshArgv } from './command.ts';
import { exportConfig, hasInclude, includeLine, withInclude, withoutInclude } from './config-export.ts';
import { type ConsoleSpec, sshConsole } from './console.ts';
import { ensurePinned, forgetPinned, pinnedFingerprints } from './hostkeys.ts';
import { quoteAll } from './quote.ts';
import { askpassFor, type SshSurroundings } from './remote.ts';
import type { StoredServer, Targets } from './targets.ts';
import { upload } from './upload.ts';

export interface SshDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly runner: OperationRunner;
  readonly clock: Clock;
  readonly around: SshSurroundings;
  readonly targets: Targets;
  readonly guests: { list(): readonly Guest[] };
  readonly servers: { list(): readonly StoredServer[] };
  /** Aliases of the person's own configuration. */
  aliases(): Promise<readonly string[]>;
  /** Opens a console; absent where there is no terminal host. */
  readonly terminals?: { open(spec: ConsoleSpec): Terminal };
}

/** Where the exported configuration stands. */
export function exportFile(paths: LibraryPaths): string {
  return path.join(paths.config, 'ssh_config');
}

export interface Ssh {
  readonly handlers: Handlers<(typeof sshCalls)[number]>;
  /** Guests, servers or keys changed: the exported configuration is written anew where ssh reads it. */
  changed(): void;
  close(): void;
}

/** Milliseconds in which changes are gathered before the exported configuration is written. */
const gatherMs = 500;

/** Prompts, command lines, host keys, uploads, and the exported configuration. */
export function createSsh(deps: SshDeps): Ssh {
  const { paths, runner, around, targets } = deps;
  const file = exportFile(paths);
  const personal = path.join(paths.home, '.ssh', 'config');

  async function everything(): Promise<{ target: SshTarget; tags: readonly string[] }[]> {
    const found: { target: SshTarget; tags: readonly string[] }[] = [];
    for (const guest of deps.guests.list())
      if (guest.ssh && guest.uuid) found.push({ target: await targets.guest(guest), tags: guest.tags });
    for (const server of deps.servers.list()) {
      // A server whose jump host is gone must not hide the others.
      const target = await targets.server(server).catch(() => null);
      if (target) found.push({ target, tags: server.tags });
    }
    return found;
  }

  async function preview(): Promise<SshConfigPreview> {
    const { text, refused, aliases } = exportConfig((await everything()).map(({ target }) => target));
    const own = new Set((await deps.aliases()).map((alias) => alias.toLowerCase()));
    const config = (await readTextIfAny(personal)) ?? '';
    return {
      text,
      path: file,
      includeLine: includeLine(file),
      included: hasInclude(config, file),
      upToDate: (await readTextIfAny(file)) === text,
      refused,
      // A server imported from that file under its own name means the same machine.
      warnings: aliases
        .filter((alias) => own.has(alias.toLowerCase()))
        .filter(
          (alias) => !deps.servers.list().some(({ name, address }) => name === alias && address === alias),
        )
        .map((alias) => ({
          alias,
          why: `~/.ssh/config has a host named ${alias}. With the Include line first, "ssh ${alias}" goes to the one of Guesthouse.`,
        })),
    };
  }

  let due: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();
  const refresh = async () => {
    if (!hasInclude((await readTextIfAny(personal)) ?? '', file)) return;
    const { text, upToDate } = await preview();
    if (!upToDate) await writeAtomic(file, text);
  };

  /** Changes ~/.ssh/config, through a link if it is one, its mode kept. */
  async function edit(how: (text: string) => string): Promise<void> {
    const before = (await readTextIfAny(personal)) ?? '';
    const after = how(before);
    if (after === before) return;
    await fs.mkdir(path.dirname(personal), { recursive: true, mode: 0o700 });
    const real = await fs.realpath(personal).catch(() => personal);
    const mode = await fs.stat(real).then(
      (stat) => stat.mode & 0o777,
      () => 0o600,
    );
    await writeAtomic(real, after, mode);
  }

  const start = (
    kind: string,
    title: string,
    target: SshTarget,
    job: Parameters<typeof withSession>[3],
  ): { operation: string } => {
    const { operation, result } = withSession(kind, title, target, job);
    result.catch(() => {});
    return { operation: operation.id };
  };
  const withSession = (
    kind: string,
    title: string,
    target: SshTarget,
    job: (
      session: Awaited<ReturnType<typeof askpassFor>>,
      op: Parameters<Parameters<OperationRunner['start']>[1]>[0],
    ) => Promise<unknown>,
  ) =>
    runner.start({ kind, title, subject: target.id }, async (op) => {
      const session = await askpassFor(around, target, { title, operation: op.id, signal: op.signal });
      try {
        op.phase(`Connecting to ${target.name}`);
        await ensurePinned(target, session);
        return await job(session, op);
      } finally {
        await session.close();
      }
    });

  return {
    handlers: {
      'prompts.answer': async ({ id, answer }) => around.prompts.answer(id, answer),
      'prompts.cancel': async ({ id }) => around.prompts.cancel(id),
      'terminals.openSsh': async ({ target: ref, command }) => {
        if (!deps.terminals) throw new GuesthouseError('unsupported', 'Consoles cannot be opened here.');
        const guest = deps.guests.list().find(({ id, name }) => id === ref || name === ref);
        // A guest that is off has no address yet; its console waits.
        const target = guest && !guest.ssh ? waitingGuest(guest) : await targets.resolve(ref);
        return deps.terminals.open(
          sshConsole(target, command ?? [], {
            around,
            clock: deps.clock,
            resolve: (id) => targets.resolve(id),
            guest: (id) => deps.guests.list().find((one) => one.id === id),
          }),
        );
      },
      'ssh.command': async ({ target: ref, command }) => {
        const target = await targets.resolve(ref);
        const argv = sshArgv(target, { how: 'terminal' }, command ?? []);
        return { argv, line: quoteAll(argv), kind: target.kind, id: target.id, name: target.name };
      },
      'ssh.prepare': async ({ target: ref }) => {
        const target = await targets.resolve(ref);
        return start('ssh.prepare', `Looking at the host key of ${target.name}`, target, async () => {});
      },
      'ssh.hostKeys': async ({ target: ref }) => pinnedFingerprints(await targets.resolve(ref)),
      'ssh.forgetHostKey': async ({ target: ref }) => forgetPinned(await targets.resolve(ref)),
      'ssh.upload': async ({ target: ref, files, folder }) => {
        const target = await targets.resolve(ref);
        const title =
          files.length === 1 ? `Uploading ${path.basename(files[0]!)}` : `Uploading ${files.length} files`;
        return start('ssh.upload', title, target, (session, op) =>
          upload(target, files, folder, session, op),
        );
      },
      'sshConfig.preview': () => preview(),
      'sshConfig.export': async () => {
        await writeAtomic(file, (await preview()).text);
        return preview();
      },
      'sshConfig.include': async () => {
        await writeAtomic(file, (await preview()).text);
        await edit((text) => withInclude(text, file));
        return preview();
      },
      'sshConfig.undoInclude': async () => {
        await edit((text) => withoutInclude(text, file));
        return preview();
      },
      'ansible.export': async () => ansibleInventory(await everything()),
    },
    changed: () => {
      due ??= setTimeout(() => {
        due = undefined;
        // One after the other: an older text must not come last.
        writing = writing
          .then(refresh)
          .catch((error: unknown) => deps.log.error('the exported ssh configuration', error));
      }, gatherMs).unref();
    },
    close: () => clearTimeout(due),
  };
}

/** Enough to open a tab that waits; resolved anew once the guest runs. */
function waitingGuest(guest: Guest): SshTarget {
  return {
    kind: 'guest',
    id: guest.id,
    name: guest.name,
    address: '127.0.0.1',
    port: 22,
    user: null,
    hostKeyAlias: guest.uuid,
    knownHosts: [],
    identityFiles: [],
    identitiesOnly: false,
    configFile: 'none',
    jump: null,
  };
}
