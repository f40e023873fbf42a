import { randomUUID } from 'node:crypto';
import type { IdentityPart, PlannedIdentity, RepairPlan } from '../../../shared/model/identity.ts';
import { Domain, domainProps, interfaceProps, randomMac } from '../domain/index.ts';
import { domainFile, type StoredGuest } from '../guests/store.ts';
import { pinHost } from '../ssh/known-hosts.ts';
import { applyEdits, applyIdentity, withTree } from './apply.ts';
import type { Labels } from './confirm.ts';
import { editGuest } from './disk-transaction.ts';
import type { DiskSet } from './disk-tree.ts';
import { publicHostKeys } from './facts.ts';
import { planIdentity, plannedIdentity } from './plan.ts';
import { type IdentityRecord, keptBefore, readRecord, restoreEdits, saveBefore } from './record.ts';
import type { IdentityValues } from './values.ts';

/** One machine of a repair, decided beforehand, secrets included. */
export interface PlannedRepair {
  readonly item: RepairPlan['items'][number];
  readonly values: IdentityValues;
  readonly parts: readonly IdentityPart[];
  /** Null: stays as it is. */
  readonly uuid: string | null;
  readonly macs: ReadonlyMap<string, string>;
}

/** What the definition must change: a new UUID and new MACs only where another machine has the same. */
export function definitionChanges(
  domain: Domain,
  taken: { readonly uuids: ReadonlySet<string>; readonly macs: ReadonlySet<string> },
): { uuid: string | null; macs: ReadonlyMap<string, string> } {
  const macs = new Map<string, string>();
  for (const nic of domain.interfaces()) {
    const mac = nic.mac?.toLowerCase();
    if (mac && taken.macs.has(mac)) macs.set(mac, randomMac());
  }
  return { uuid: domain.uuid !== null && taken.uuids.has(domain.uuid) ? randomUUID() : null, macs };
}

/** The definition with a new UUID (everywhere it stands) and new MACs. */
export function withIdentity(domain: Domain, uuid: string | null, macs: ReadonlyMap<string, string>): Domain {
  let next = domain;
  if (uuid !== null) {
    next = next.set(domainProps.uuid, uuid);
    if (next.has(domainProps.sysinfoUuid)) next = next.set(domainProps.sysinfoUuid, uuid);
    if (next.has(domainProps.genidPresent)) next = next.set(domainProps.genid, randomUUID());
  }
  for (const nic of next.interfaces()) {
    const mac = nic.mac && macs.get(nic.mac.toLowerCase());
    if (mac) next = next.set(interfaceProps.mac, mac, nic.index);
  }
  return next;
}

export function shownIdentity(repair: Omit<PlannedRepair, 'item'>, domain: Domain | null): PlannedIdentity {
  const shown = plannedIdentity(repair.values, repair.uuid ?? domain?.uuid ?? null, [
    ...repair.macs.values(),
  ]);
  return {
    ...shown,
    machineId: repair.parts.includes('machine-id') ? shown.machineId : null,
    hostname: repair.parts.includes('hostname') ? shown.hostname : null,
    hostKeys: repair.parts.includes('host-keys') ? shown.hostKeys : [],
  };
}

export function labelsOf(domain: Domain): Labels & { macs: string[] } {
  return { uuid: domain.uuid, macs: domain.interfaces().flatMap((nic) => nic.mac ?? []) };
}

/** What puts them back. */
export function labelsBack(
  domain: Domain,
  before: { readonly uuid: string | null; readonly macs: readonly string[] },
): { uuid: string | null; macs: ReadonlyMap<string, string> } {
  const macs = new Map<string, string>();
  for (const [index, nic] of domain.interfaces().entries()) {
    const old = before.macs[index];
    if (nic.mac && old && old !== nic.mac) macs.set(nic.mac.toLowerCase(), old);
  }
  return { uuid: before.uuid !== domain.uuid ? before.uuid : null, macs };
}

export function recordOf(
  { parts, values }: Pick<PlannedRepair, 'parts' | 'values'>,
  now: number,
  rest: Pick<IdentityRecord, 'bootIdThen' | 'verification' | 'before'>,
): IdentityRecord {
  return {
    version: 1,
    writtenAt: now,
    machineId: parts.includes('machine-id') ? values.machineId : null,
    hostname: parts.includes('hostname') ? values.hostname : null,
    hostKeys: parts.includes('host-keys') ? values.hostKeys.map((key) => key.fingerprint) : [],
    ...rest,
  };
}

/** After old values were put back. @param bootIdThen of the system that ran meanwhile; null for a disk */
export const restoredRecord = (now: number, bootIdThen: string | null): IdentityRecord => ({
  version: 1,
  writtenAt: now,
  machineId: null,
  hostname: null,
  hostKeys: [],
  bootIdThen,
  verification: bootIdThen === null ? 'planned' : 'restart-needed',
  before: null,
});

/**
 * Repairs a stopped guest on its disk, safely against a kill. The old values are kept in its record.
 * @throws {GuesthouseError} `disk-in-use` when a QEMU holds the disk, and as the disk engine
 */
export async function repairOnDisk(
  stored: StoredGuest & { readonly domain: Domain },
  set: DiskSet,
  repair: PlannedRepair,
  options: { readonly runtimeDir: string; readonly now: number; readonly signal?: AbortSignal },
): Promise<void> {
  const request = { mode: 'repair' as const, parts: repair.parts, values: repair.values, macs: repair.macs };
  await editGuest(stored.folder, set.disks, set.policy, async (transaction) => {
    const overlays: DiskSet = { disks: transaction.disks, policy: set.policy };
    const before = await withTree(overlays, async (tree) => {
      const plan = await planIdentity(tree, request);
      return saveBefore(tree, plan.steps);
    });
    await applyIdentity(overlays, request, {
      runtimeDir: options.runtimeDir,
      verify: true,
      signal: options.signal,
    });
    const record = recordOf(repair, options.now, {
      bootIdThen: null,
      verification: 'planned',
      before: keptBefore(await readRecord(stored.folder), { files: before, ...labelsOf(stored.domain) }),
    });
    await transaction.commit(await files(stored.domain, overlays, repair.uuid, repair.macs, record));
  });
}

/** Puts the values from before the last repair back, on the disk of a stopped guest. */
export async function restoreOnDisk(
  stored: StoredGuest & { readonly domain: Domain },
  set: DiskSet,
  record: IdentityRecord & { readonly before: NonNullable<IdentityRecord['before']> },
  options: { readonly runtimeDir: string; readonly now: number; readonly signal?: AbortSignal },
): Promise<void> {
  const { before } = record;
  await editGuest(stored.folder, set.disks, set.policy, async (transaction) => {
    const overlays: DiskSet = { disks: transaction.disks, policy: set.policy };
    await applyEdits(overlays, restoreEdits(before.files), { ...options, verify: true });
    const { uuid, macs } = labelsBack(stored.domain, before);
    const next = restoredRecord(options.now, null);
    await transaction.commit(await files(stored.domain, overlays, uuid, macs, next));
  });
}

/** The files of the guest's folder that change with its disk: definition, pinned keys, record. */
async function files(
  domain: Domain,
  overlays: DiskSet,
  uuid: string | null,
  macs: ReadonlyMap<string, string>,
  record: IdentityRecord,
): Promise<Record<string, string>> {
  const next = withIdentity(domain, uuid, macs);
  const keys = await withTree(overlays, publicHostKeys);
  const out: Record<string, string> = {
    'identity.json': `${JSON.stringify(record, null, 1)}\n`,
    known_hosts: next.uuid === null ? '' : pinHost('', next.uuid, keys),
  };
  if (next.text !== domain.text) out[domainFile] = Domain.parse(next.text).text;
  return out;
}
