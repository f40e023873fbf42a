import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { networkDomainProblem, networkNameProblem, subnetProblem } from '../../../shared/model/network.ts';
import { makePrivateDir, readTextIfAny, syncDir, writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';

const record = z.object({
  version: z.literal(1),
  name: z.string().refine((name) => networkNameProblem(name) === null),
  subnet: z.string().refine((subnet) => subnetProblem(subnet) === null),
  domain: z.string().refine((domain) => networkDomainProblem(domain) === null),
  wayOut: z.boolean(),
  reachHost: z.boolean(),
  keepOn: z.boolean(),
  /** Addresses by MAC: a card keeps its own for good. */
  leases: z.record(z.string(), z.string()),
});
/** A network as it is declared, in `networks/NAME.json`. */
export type NetworkRecord = z.infer<typeof record>;

/** First and last number of addresses given to guests; those before are the network's own. */
const [first, last] = [10, 250];

export class NetworkStore {
  private readonly dir: string;

  constructor(
    data: string,
    private readonly log: Log,
  ) {
    this.dir = path.join(data, 'networks');
  }

  /** All of them. The first time there is one, `default`. */
  async load(): Promise<NetworkRecord[]> {
    const names = await fs.readdir(this.dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (names === null) {
      const made = newRecord('default', []);
      await this.write(made);
      return [made];
    }
    const found: NetworkRecord[] = [];
    for (const file of names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort()) {
      try {
        const read = record.parse(JSON.parse((await readTextIfAny(path.join(this.dir, file))) ?? ''));
        if (`${read.name}.json` === file) found.push(read);
      } catch (error) {
        this.log.error(`the network ${file} cannot be read`, error);
      }
    }
    return found;
  }

  async write(network: NetworkRecord): Promise<void> {
    await makePrivateDir(this.dir);
    await writeAtomic(path.join(this.dir, `${network.name}.json`), `${JSON.stringify(network, null, 1)}\n`);
  }

  async remove(name: string): Promise<void> {
    await fs.rm(path.join(this.dir, `${name}.json`), { force: true });
    await syncDir(this.dir);
  }
}

/** A network that differs from `others` in its addresses, else as most people want it. */
export function newRecord(name: string, others: readonly NetworkRecord[]): NetworkRecord {
  const taken = new Set(others.map(({ subnet }) => subnet));
  let third = 0;
  while (taken.has(`10.77.${third}.0/24`)) third++;
  return {
    version: 1,
    name,
    subnet: `10.77.${third}.0/24`,
    domain: `${name}.internal`,
    wayOut: true,
    reachHost: false,
    keepOn: false,
    leases: {},
  };
}

/** `10.77.0.` of `10.77.0.0/24`. */
export const prefixOf = (subnet: string) => subnet.replace(/0\/24$/, '');

/**
 * Addresses for these cards: those they have, free ones for new cards. Cards that are gone give theirs back.
 * Null when nothing changed. A card beyond the last address has none.
 */
export function assignLeases(network: NetworkRecord, macs: readonly string[]): NetworkRecord | null {
  const prefix = prefixOf(network.subnet);
  const leases: Record<string, string> = {};
  const taken = new Set<string>();
  for (const mac of macs) {
    const known = network.leases[mac];
    if (!known?.startsWith(prefix) || taken.has(known)) continue;
    leases[mac] = known;
    taken.add(known);
  }
  let next = first;
  for (const mac of macs) {
    if (leases[mac]) continue;
    while (taken.has(prefix + next)) next++;
    if (next > last) break;
    leases[mac] = prefix + next;
    taken.add(prefix + next);
  }
  const same =
    Object.keys(leases).length === Object.keys(network.leases).length &&
    Object.entries(leases).every(([mac, address]) => network.leases[mac] === address);
  return same ? null : { ...network, leases };
}
