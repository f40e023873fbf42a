import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import { groupLimits } from '../../../shared/model/group.ts';
import { KeptFile } from '../platform/kept-file.ts';
import type { Log } from '../platform/log.ts';

const text = z.string().min(1).max(300);
/** A process for ever: its pid, when it began (ticks after boot), and which boot that was. */
const running = z.object({
  pid: z.number().int().min(2),
  startTime: z.number().int().min(0),
  bootId: z.string().max(64),
});

const storedMember = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('guest'), id: text }),
  z.object({
    kind: z.literal('application'),
    id: text.regex(/^[A-Za-z0-9-]+$/),
    name: text,
    command: z.array(z.string()).min(1).max(1000),
    folder: z.string().max(4096).nullable(),
    running: running.nullable(),
    startedAt: z.number().nullable(),
  }),
  // Also while it does not run: its group must be there with its limits before podman starts it again.
  z.object({ kind: z.literal('container'), id: z.string().regex(/^[0-9a-f]{64}$/), name: text }),
  z.object({ kind: z.literal('process'), id: text.regex(/^[A-Za-z0-9-]+$/), name: text, running }),
]);
export type StoredMember = z.output<typeof storedMember>;

const storedGroup = z.object({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/),
  name: text,
  parent: z.string().nullable(),
  host: z.string().nullable(),
  limits: groupLimits,
  members: z.array(storedMember).max(1000),
});
export type StoredGroup = z.output<typeof storedGroup>;

/**
 * groups.json in the library: the groups, their limits and members. Who is in a group stands here and not with the
 * guest: a guest that is exported or copied brings no group of another machine along, and a group is one text.
 * What cannot be read is kept and written back.
 */
export class GroupStore {
  private groups: readonly StoredGroup[] = [];
  private strange: unknown[] = [];
  private readonly file: KeptFile;

  constructor(dataFolder: string, log: Log) {
    this.file = new KeptFile(path.join(dataFolder, 'groups.json'), log);
  }

  async load(): Promise<void> {
    const content = await this.file.read(({ groups }) => Array.isArray(groups));
    if (content === null) return;
    const entries = content.groups as unknown[];
    const groups: StoredGroup[] = [];
    for (const entry of entries) {
      const parsed = storedGroup.safeParse(entry);
      if (parsed.success && !groups.some(({ id }) => id === parsed.data.id)) groups.push(parsed.data);
      else this.strange.push(entry);
    }
    // One level: a parent that is gone, or is itself within another, is none.
    const top = new Set(groups.filter(({ parent }) => parent === null).map(({ id }) => id));
    this.groups = groups.map((one) =>
      one.parent === null || top.has(one.parent) ? one : { ...one, parent: null },
    );
  }

  list(): readonly StoredGroup[] {
    return this.groups;
  }

  /** By id, else by name without case. @throws {GuesthouseError} `not-found`; `invalid-input` when several are meant */
  find(ref: string): StoredGroup {
    const lower = ref.toLowerCase();
    const byId = this.groups.find(({ id }) => id === ref);
    const named = this.groups.filter(({ name }) => name.toLowerCase() === lower);
    if (!byId && named.length > 1)
      throw new GuesthouseError('invalid-input', `Several groups are named ${ref}.`, {
        todo: `Use one of their ids: ${named.map(({ id }) => id).join(', ')}.`,
      });
    const found = byId ?? named[0];
    if (!found) throw new GuesthouseError('not-found', `There is no group named ${ref}.`, { subject: ref });
    return found;
  }

  has(id: string): boolean {
    return this.groups.some((group) => group.id === id);
  }

  /** Replaces or adds; what comes of it is on disk when this resolves. */
  async put(group: StoredGroup): Promise<void> {
    this.groups = this.has(group.id)
      ? this.groups.map((one) => (one.id === group.id ? group : one))
      : [...this.groups, group];
    await this.write();
  }

  async change(id: string, how: (group: StoredGroup) => StoredGroup): Promise<void> {
    await this.put(how(this.find(id)));
  }

  async drop(id: string): Promise<void> {
    this.groups = this.groups.filter((one) => one.id !== id);
    await this.write();
  }

  /** Changes a member, where it is still there. */
  async changeMember(
    group: string,
    member: string,
    how: (member: StoredMember) => StoredMember | null,
  ): Promise<void> {
    if (!this.has(group)) return;
    await this.change(group, (one) => ({
      ...one,
      members: one.members.flatMap((each) => {
        if (each.id !== member) return [each];
        const next = how(each);
        return next ? [next] : [];
      }),
    }));
  }

  private write(): Promise<void> {
    return this.file.write(() => ({ groups: [...this.groups, ...this.strange] }));
  }
}
