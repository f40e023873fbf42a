import * as os from 'node:os';
import * as path from 'node:path';
import type * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import { addressProblem, type storedServer, userProblem } from '../../../shared/model/server.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { SshTarget } from './command.ts';

export type StoredServer = z.output<typeof storedServer>;

export interface Identities {
  /** Absolute paths of private keys. */
  readonly files: readonly string[];
  /** Only these, also when an agent holds more. */
  readonly only: boolean;
}

export interface TargetSources {
  readonly paths: LibraryPaths;
  readonly guests: { list(): readonly Guest[] };
  readonly servers: { list(): readonly StoredServer[] };
  /** Which keys to offer. */
  identities(target: { kind: 'guest' | 'server'; id: string; keyId: string | null }): Promise<Identities>;
}

/** The app's own known_hosts for servers. Guests have theirs in their folders. */
export function serverKnownHosts(paths: LibraryPaths): string {
  return path.join(paths.data, 'known_hosts');
}

/**
 * Value for `-F`. ssh takes ~ from the passwd file, not from HOME; where the two differ the person means HOME, so that
 * file is named. Where they agree null: ssh reads the person's and then the system's configuration.
 */
export async function configFileFor(paths: LibraryPaths, readable: (file: string) => Promise<boolean>) {
  if (path.resolve(paths.home) === path.resolve(os.userInfo().homedir)) return null;
  const file = path.join(paths.home, '.ssh', 'config');
  return (await readable(file)) ? file : 'none';
}

/** By id, else by name without case. @throws {GuesthouseError} `invalid-input` when several are meant */
function pick<T extends { id: string; name: string }>(list: readonly T[], ref: string): T | undefined {
  const byId = list.find(({ id }) => id === ref);
  if (byId) return byId;
  const named = list.filter(({ name }) => name.toLowerCase() === ref.toLowerCase());
  if (named.length > 1)
    throw new GuesthouseError('invalid-input', `Several machines are named ${ref}.`, {
      todo: `Use one of their ids: ${named.map(({ id }) => id).join(', ')}.`,
      subject: ref,
    });
  return named[0];
}

/** Resolves guests and servers, by id or name, to how ssh reaches them. */
export class Targets {
  constructor(
    private readonly sources: TargetSources,
    private readonly readable: (file: string) => Promise<boolean>,
  ) {}

  /** @throws {GuesthouseError} `not-found`; `invalid-input` when several are meant; `wrong-state` for a guest without an SSH address */
  async resolve(ref: string): Promise<SshTarget> {
    const guest = pick(this.sources.guests.list(), ref);
    if (guest) return this.guest(guest);
    const server = pick(this.sources.servers.list(), ref);
    if (server) return this.server(server);
    throw new GuesthouseError('not-found', `There is no guest or server named ${ref}.`, { subject: ref });
  }

  /** What a guest or server is called, also one that cannot be reached now; null when there is none. */
  named(ref: string): Pick<SshTarget, 'kind' | 'id' | 'name'> | null {
    const guest = pick(this.sources.guests.list(), ref);
    if (guest) return { kind: 'guest', id: guest.id, name: guest.name };
    const server = pick(this.sources.servers.list(), ref);
    return server ? { kind: 'server', id: server.id, name: server.name } : null;
  }

  async guest(guest: Guest): Promise<SshTarget> {
    if (!guest.ssh || !guest.uuid)
      throw new GuesthouseError('wrong-state', `${guest.name} cannot be reached by SSH.`, {
        why: 'It has no forwarded SSH port and no known address.',
        todo: 'Start it, or give it a forward to port 22.',
        subject: guest.id,
      });
    const identities = await this.sources.identities({ kind: 'guest', id: guest.id, keyId: null });
    return {
      kind: 'guest',
      id: guest.id,
      name: guest.name,
      address: guest.ssh.address,
      port: guest.ssh.port,
      user: guest.ssh.user,
      hostKeyAlias: guest.uuid,
      knownHosts: [path.join(guest.folder, 'known_hosts')],
      identityFiles: identities.files,
      identitiesOnly: identities.only,
      configFile: await configFileFor(this.sources.paths, this.readable),
      jump: null,
    };
  }

  async server(server: StoredServer, seen: ReadonlySet<string> = new Set()): Promise<SshTarget> {
    const { paths } = this.sources;
    const identities = await this.sources.identities({ kind: 'server', id: server.id, keyId: server.keyId });
    return {
      kind: 'server',
      id: server.id,
      name: server.name,
      address: server.address,
      port: server.port,
      user: server.user,
      hostKeyAlias: null,
      knownHosts: [serverKnownHosts(paths), path.join(paths.home, '.ssh', 'known_hosts')],
      identityFiles: identities.files,
      identitiesOnly: identities.only,
      configFile: await configFileFor(paths, this.readable),
      jump: server.jump === null ? null : await this.jump(server.jump, new Set([...seen, server.id])),
    };
  }

  /** Another server by id or name, or `user@host:port`. */
  private async jump(text: string, seen: ReadonlySet<string>): Promise<SshTarget> {
    const known = pick(this.sources.servers.list(), text);
    if (known) {
      if (seen.has(known.id))
        throw new GuesthouseError('invalid-input', `The jump hosts of ${known.name} go in a circle.`);
      return this.server(known, seen);
    }
    const parsed = parseDestination(text);
    return this.server(
      { id: text, name: text, keyId: null, jump: null, tags: [], ...parsed },
      new Set([...seen, text]),
    );
  }
}

/**
 * Reads `[user@]host[:port]`, with brackets around an IPv6 address that has a port.
 * @throws {GuesthouseError} `invalid-input` when ssh could take a part for something else
 */
export function parseDestination(text: string): { user: string | null; address: string; port: number } {
  const match = /^(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:@[\]]+)|([0-9a-fA-F:]+(?:%[^:]+)?))(?::(\d{1,5}))?$/.exec(
    text,
  );
  const address = match?.[2] ?? match?.[3] ?? match?.[4] ?? '';
  const user = match?.[1] ?? null;
  const port = match?.[5] ? Number(match[5]) : 22;
  const problem = !match
    ? 'It should look like user@host:port.'
    : (addressProblem(address) ??
      (user === null ? null : userProblem(user)) ??
      (port < 1 || port > 65535 ? 'A port is 1 to 65535.' : null));
  if (problem) throw new GuesthouseError('invalid-input', 'This is no address for ssh.', { why: problem });
  return { user, address, port };
}
