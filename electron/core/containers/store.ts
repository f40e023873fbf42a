import * as path from 'node:path';
import * as z from 'zod';
import { type Comparison, type Limits, limitsSchema } from '../../../shared/model/container.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';

const schema = z.object({
  hosts: z.array(z.object({ target: z.string().max(200), sudo: z.boolean() })).default([]),
  /** By container id: podman forgets a change of limits at the next start (before version 5). */
  wanted: z.record(z.string(), limitsSchema).default({}),
  comparison: z.unknown().optional(),
});

/** What Guesthouse keeps about containers beside podman's own: `containers.json` in the library. */
export class ContainerStore {
  private data: z.output<typeof schema> = { hosts: [], wanted: {} };
  private readonly file: string;

  constructor(
    folder: string,
    private readonly log: Log,
  ) {
    this.file = path.join(folder, 'containers.json');
  }

  async load(): Promise<void> {
    const text = await readTextIfAny(this.file);
    if (text === null) return;
    try {
      this.data = schema.parse(JSON.parse(text));
    } catch (error) {
      // Hosts can be added again; a file one cannot read must not keep the app from starting.
      this.log.error(`${this.file} cannot be read and is begun anew`, error);
    }
  }

  hosts(): readonly { readonly target: string; readonly sudo: boolean }[] {
    return this.data.hosts;
  }

  async setHosts(hosts: readonly { target: string; sudo: boolean }[]): Promise<void> {
    this.data = { ...this.data, hosts: [...hosts] };
    await this.save();
  }

  wanted(id: string): Limits | null {
    return this.data.wanted[id] ?? null;
  }

  async setWanted(id: string, limits: Limits | null): Promise<void> {
    const { [id]: before, ...rest } = this.data.wanted;
    if (limits === null && before === undefined) return;
    const mutable = limits === null ? null : { ...limits, disk: limits.disk.map((one) => ({ ...one })) };
    this.data = { ...this.data, wanted: mutable === null ? rest : { ...rest, [id]: mutable } };
    await this.save();
  }

  comparison(): Comparison | null {
    return (this.data.comparison as Comparison | undefined) ?? null;
  }

  async setComparison(comparison: Comparison): Promise<void> {
    this.data = { ...this.data, comparison };
    await this.save();
  }

  private save(): Promise<void> {
    return writeAtomic(this.file, `${JSON.stringify(this.data, null, 2)}\n`);
  }
}
