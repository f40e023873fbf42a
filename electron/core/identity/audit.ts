import * as path from 'node:path';
import pLimit from 'p-limit';
import * as z from 'zod';
import type { WireError } from '../../../shared/errors.ts';
import { GuesthouseError, toWire } from '../../../shared/errors.ts';
import type { IdentityFacts } from '../../../shared/model/identity.ts';
import { openGuestDisk } from '../disks/guestfs.ts';
import { type DiskRef, type ImageInfo, type ImagePolicy, inspectChain } from '../disks/image.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import { DiskTree } from './disk-tree.ts';
import { readFacts } from './facts.ts';

/** A machine whose disks are to be read. */
export interface AuditSubject {
  /** Unique, stable: the folder name. */
  readonly id: string;
  readonly disks: readonly DiskRef[];
  readonly policy: ImagePolicy;
}

export interface AuditAnswer {
  readonly id: string;
  readonly facts: IdentityFacts | null;
  readonly error: WireError | null;
  /** True when no file of the chain changed since it was read before. */
  readonly cached: boolean;
}

/** Disks read at once: reading is waiting, but each holds file descriptors. */
const concurrency = 8;

const factsSchema = z.object({
  source: z.enum(['disk', 'ssh', 'agent']),
  readAt: z.number(),
  machineId: z.string().nullable(),
  machineIdState: z.enum(['ok', 'empty', 'uninitialized', 'missing', 'malformed']),
  dbus: z.enum(['link', 'same', 'different', 'missing', 'empty', 'none', 'unreadable']),
  hostname: z.string().nullable(),
  hostKeys: z
    .array(z.object({ type: z.string(), fingerprint: z.string(), path: z.string().nullable() }))
    .readonly(),
  bootId: z.string().nullable(),
  os: z.string().nullable(),
  seen: z.object({ uuid: z.string().nullable(), macs: z.array(z.string()).readonly() }).nullable(),
}) satisfies z.ZodType<IdentityFacts>;

/** To be raised when the same disk would be read otherwise: a file of another version is no cache. */
const cacheVersion = 1;
const cacheSchema = z.object({
  version: z.literal(cacheVersion),
  answers: z.record(
    z.string(),
    z.object({
      stamp: z.string(),
      facts: factsSchema.nullable(),
      error: z.custom<WireError>((v) => typeof v === 'object').nullable(),
    }),
  ),
});
type Cache = z.infer<typeof cacheSchema>['answers'];

/**
 * Reads identities from disks without booting and without any program, many at once. Answers are kept in a file and
 * used again while device, inode, size and mtime of every image in the chain are as they were.
 */
export class DiskAuditor {
  private cache: Cache | null = null;

  constructor(
    private readonly cacheFile: string,
    private readonly now: () => number,
  ) {}

  /**
   * @param refresh read every disk, whatever the cache says
   * @param machines all there are, those that cannot be read now among them: what is known of others is forgotten
   * @param onProgress called with the number of machines done
   */
  async audit(
    subjects: readonly AuditSubject[],
    options: {
      refresh?: boolean;
      machines?: ReadonlySet<string>;
      signal?: AbortSignal;
      onProgress?: (done: number) => void;
    } = {},
  ): Promise<readonly AuditAnswer[]> {
    const cache = await this.load();
    const limit = pLimit(concurrency);
    let done = 0;
    let changed = false;
    const answers = await Promise.all(
      subjects.map((subject) =>
        limit(async () => {
          options.signal?.throwIfAborted();
          const { answer, stamp } = await this.one(subject, options.refresh ? undefined : cache[subject.id]);
          if (!answer.cached && stamp !== null) {
            cache[subject.id] = { stamp, facts: answer.facts, error: answer.error };
            changed = true;
          }
          options.onProgress?.(++done);
          return answer;
        }),
      ),
    );
    for (const id of options.machines ? Object.keys(cache) : [])
      if (!options.machines!.has(id)) {
        delete cache[id];
        changed = true;
      }
    if (changed) await this.save(cache);
    return answers;
  }

  /** What was read last, whatever changed since: for a guest that runs, whose disk must be left alone. */
  async lastKnown(id: string): Promise<IdentityFacts | null> {
    return (await this.load())[id]?.facts ?? null;
  }

  private async one(
    subject: AuditSubject,
    known: Cache[string] | undefined,
  ): Promise<{ answer: AuditAnswer; stamp: string | null }> {
    let stamp: string | null = null;
    try {
      if (subject.disks.length === 0) throw new GuesthouseError('unsupported', 'It has no disk to read.');
      const chains = await Promise.all(subject.disks.map((disk) => inspectChain(disk, subject.policy)));
      stamp = stampOf(chains);
      if (known?.stamp === stamp)
        return { answer: { id: subject.id, facts: known.facts, error: known.error, cached: true }, stamp };
      const root = await openGuestDisk(subject.disks, subject.policy);
      try {
        const facts = await readFacts(new DiskTree(root), this.now());
        return { answer: { id: subject.id, facts, error: null, cached: false }, stamp };
      } finally {
        await root.close();
      }
    } catch (error) {
      return { answer: { id: subject.id, facts: null, error: toWire(error), cached: false }, stamp };
    }
  }

  private async load(): Promise<Cache> {
    if (this.cache) return this.cache;
    let parsed: Cache = {};
    try {
      const text = await readTextIfAny(this.cacheFile);
      if (text !== null) parsed = cacheSchema.parse(JSON.parse(text)).answers;
    } catch {
      // A cache that cannot be read is no cache.
    }
    this.cache = Object.assign(Object.create(null) as Cache, parsed);
    return this.cache;
  }

  private async save(cache: Cache): Promise<void> {
    try {
      const file = { version: cacheVersion, answers: cache } satisfies z.infer<typeof cacheSchema>;
      await writeAtomic(path.resolve(this.cacheFile), JSON.stringify(file));
    } catch {
      // Reading again next time is all that is lost.
    }
  }
}

function stampOf(chains: readonly (readonly ImageInfo[])[]): string {
  return chains
    .flat()
    .map(({ path: file, stamp }) => [file, stamp.dev, stamp.ino, stamp.size, stamp.mtimeMs].join(':'))
    .join('\n');
}
