import * as path from 'node:path';
import * as z from 'zod';
import type { Comparison } from '../../../shared/model/comparison.ts';
import type { Limits } from '../../../shared/model/container.ts';
import { limitsSchema } from '../../../shared/model/container-spec.ts';
import { KeptFile } from '../platform/kept-file.ts';
import type { Log } from '../platform/log.ts';
import { splitId } from './read.ts';

const storedHost = z.object({ target: z.string().min(1).max(200), sudo: z.boolean() });
export type StoredHost = z.output<typeof storedHost>;

/** `exact`: they were set while it ran, so null means "no limit" and not what podman gives by itself. */
const storedLimits = limitsSchema.extend({ exact: z.boolean().default(false) });

export interface WantedLimits {
  readonly limits: Limits;
  readonly exact: boolean;
}

/**
 * What Guesthouse keeps about containers beside podman's own: `containers.json` in the library. By container id, since
 * podman forgets a change of limits at the next start (before version 5). What cannot be read is kept and written back.
 */
export class ContainerStore {
  private known: readonly StoredHost[] = [];
  private readonly limits = new Map<string, WantedLimits>();
  private last: Comparison | null = null;
  private readonly strange: { hosts: unknown[]; wanted: Record<string, unknown> } = { hosts: [], wanted: {} };
  private readonly file: KeptFile;

  constructor(
    folder: string,
    private readonly log: Log,
  ) {
    this.file = new KeptFile(path.join(folder, 'containers.json'), log);
  }

  async load(): Promise<void> {
    const isObject = (value: unknown) => value === undefined || (value !== null && typeof value === 'object');
    const content = await this.file.read(
      ({ hosts = [], wanted }) => Array.isArray(hosts) && isObject(wanted),
    );
    if (!content) return;
    const hosts: StoredHost[] = [];
    for (const entry of (content.hosts ?? []) as unknown[]) {
      const parsed = storedHost.safeParse(entry);
      if (parsed.success) hosts.push(parsed.data);
      else this.strange.hosts.push(entry);
    }
    this.known = hosts;
    for (const [id, entry] of Object.entries((content.wanted ?? {}) as Record<string, unknown>)) {
      const parsed = storedLimits.safeParse(entry);
      if (parsed.success) {
        const { exact, ...limits } = parsed.data;
        this.limits.set(id, { limits, exact });
      } else this.strange.wanted[id] = entry;
    }
    const strange = this.strange.hosts.length + Object.keys(this.strange.wanted).length;
    if (strange) this.log.error(`${strange} entries of containers.json are not understood and left alone`);
    this.last = (content.comparison as Comparison | undefined) ?? null;
  }

  hosts(): readonly StoredHost[] {
    return this.known;
  }

  async setHosts(hosts: readonly StoredHost[]): Promise<void> {
    this.known = [...hosts];
    await this.save();
  }

  wanted(id: string): WantedLimits | null {
    return this.limits.get(id) ?? null;
  }

  /** Ids of the containers of one host whose limits are kept. */
  idsOf(host: string): string[] {
    return [...this.limits.keys()].filter((id) => splitId(id)?.host === host);
  }

  async setWanted(id: string, limits: Limits, exact: boolean): Promise<void> {
    this.limits.set(id, { limits, exact });
    await this.save();
  }

  /** Forgets containers that are gone. */
  async drop(ids: readonly string[]): Promise<void> {
    const gone = ids.filter((id) => this.limits.delete(id));
    if (gone.length) await this.save();
  }

  comparison(): Comparison | null {
    return this.last;
  }

  async setComparison(comparison: Comparison): Promise<void> {
    this.last = comparison;
    await this.save();
  }

  private save(): Promise<void> {
    return this.file.write(() => {
      const wanted: Record<string, unknown> = { ...this.strange.wanted };
      for (const [id, { limits, exact }] of this.limits) wanted[id] = { ...limits, exact };
      return {
        hosts: [...this.known, ...this.strange.hosts],
        wanted,
        comparison: this.last ?? undefined,
      };
    });
  }
}
