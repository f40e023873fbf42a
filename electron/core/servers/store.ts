import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import type * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type serverChange, type serverSpec, storedServer } from '../../../shared/model/server.ts';
import { writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { StoredServer } from '../ssh/targets.ts';

/**
 * servers.json in the library. Entries that cannot be read are kept as they are and written back: a newer version or a
 * typo of a person costs one server on the list, not the file.
 */
export class ServerStore {
  private servers: StoredServer[] = [];
  private strange: unknown[] = [];
  private readonly file: string;
  private writing: Promise<void> = Promise.resolve();

  constructor(dataFolder: string, log: Log) {
    this.file = path.join(dataFolder, 'servers.json');
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return;
    }
    let entries: unknown = null;
    try {
      entries = (JSON.parse(text) as { servers?: unknown } | null)?.servers;
    } catch {
      entries = null;
    }
    if (!Array.isArray(entries)) {
      // Not ours to throw away: it is moved aside at the next write.
      log.error(`${this.file} cannot be read; it is kept as servers.json.damaged`);
      this.damaged = text;
      return;
    }
    for (const entry of entries) {
      const parsed = storedServer.safeParse(entry);
      if (parsed.success && !this.servers.some(({ id }) => id === parsed.data.id))
        this.servers.push(parsed.data);
      else this.strange.push(entry);
    }
    if (this.strange.length) log.warn(`${this.strange.length} entries of ${this.file} cannot be read`);
  }

  private damaged: string | null = null;

  list(): readonly StoredServer[] {
    return this.servers;
  }

  /** By id, else by name without case. @throws {GuesthouseError} `not-found` */
  find(ref: string): StoredServer {
    const lower = ref.toLowerCase();
    const server =
      this.servers.find(({ id }) => id === ref) ??
      this.servers.find(({ name }) => name.toLowerCase() === lower);
    if (!server) throw new GuesthouseError('not-found', `There is no server named ${ref}.`, { subject: ref });
    return server;
  }

  async add(spec: z.output<typeof serverSpec>): Promise<StoredServer> {
    this.refuseTaken(spec.name, null);
    const server: StoredServer = { id: `server-${randomUUID()}`, ...spec };
    this.servers = [...this.servers, server];
    await this.write();
    return server;
  }

  async edit(id: string, change: z.output<typeof serverChange>): Promise<StoredServer> {
    const before = this.find(id);
    if (change.name !== undefined) this.refuseTaken(change.name, before.id);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const after = storedServer.parse({ ...before, ...given });
    this.servers = this.servers.map((server) => (server.id === before.id ? after : server));
    await this.write();
    return after;
  }

  async remove(id: string): Promise<StoredServer> {
    const server = this.find(id);
    const users = this.servers.filter(({ jump }) => jump === server.id || jump === server.name);
    if (users.length)
      throw new GuesthouseError('wrong-state', `${server.name} is the jump host of others.`, {
        why: users.map(({ name }) => name).join(', '),
        todo: 'Give them another way first.',
        subject: server.id,
      });
    this.servers = this.servers.filter(({ id: other }) => other !== server.id);
    await this.write();
    return server;
  }

  private refuseTaken(name: string, self: string | null) {
    const other = this.servers.find((s) => s.id !== self && s.name.toLowerCase() === name.toLowerCase());
    if (other) throw new GuesthouseError('name-taken', `There is a server named ${other.name} already.`);
  }

  private write(): Promise<void> {
    const next = this.writing.then(async () => {
      if (this.damaged !== null) await writeAtomic(`${this.file}.damaged`, this.damaged);
      this.damaged = null;
      await writeAtomic(
        this.file,
        `${JSON.stringify({ servers: [...this.servers, ...this.strange] }, null, 2)}\n`,
      );
    });
    this.writing = next.catch(() => {});
    return next;
  }
}
