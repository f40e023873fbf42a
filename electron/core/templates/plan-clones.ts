import { randomUUID } from 'node:crypto';
import { GuesthouseError } from '../../../shared/errors.ts';
import {
  type IdentityChange,
  type IdentityPart,
  identityPartIds,
  identityParts,
} from '../../../shared/model/identity.ts';
import { hostnameFrom, isHostname } from '../../../shared/model/names.ts';
import type { CloneItem, ClonePlan } from '../../../shared/model/template.ts';
import { seedFile } from '../cloud-init/seed.ts';
import { requireUserData } from '../cloud-init/user-data.ts';
import { type ImagePolicy, inspectChain, UnsupportedDiskError } from '../disks/index.ts';
import { type Domain, domainProps, randomMac } from '../domain/index.ts';
import { choosePort, hostPorts } from '../guests/ports.ts';
import { assertNameFree, folderName, nameKey, type StoredGuest } from '../guests/store.ts';
import { previewIdentity } from '../identity/apply.ts';
import type { HostKeyKind } from '../identity/hostkeys.ts';
import { neededKinds } from '../identity/plan/host-keys.ts';
import { type IdentityPlanRequest, plannedIdentity } from '../identity/plan.ts';
import type { GuestTree } from '../identity/tree.ts';
import { type IdentityValues, makeValues } from '../identity/values.ts';
import { isInside } from '../platform/fs.ts';
import { domainOf, type SourceDisk, sourceDisks } from './sources.ts';

/** What a person asked for, parsed by the contract. */
export interface CloneRequest {
  readonly names: readonly string[];
  readonly linked: boolean;
  readonly vcpus: number | null;
  readonly memory: number | null;
  /** GiB */
  readonly diskSize: number | null;
  readonly loginUser: string | null;
  readonly authorizedKeys: readonly string[];
  readonly parts?: readonly IdentityPart[];
  readonly hostKeyTypes: readonly HostKeyKind[];
  readonly tags: readonly string[];
  readonly seed: { readonly userData: string } | null;
  readonly start: boolean;
}

/** One clone as it will be, secrets included. */
export interface PlannedClone {
  readonly id: string;
  readonly name: string;
  readonly uuid: string;
  readonly genid: string;
  readonly macs: ReadonlyMap<string, string>;
  readonly ports: ReadonlyMap<number, number>;
  readonly values: IdentityValues;
  readonly item: CloneItem;
}

/** A batch that can be run once. */
export interface ClonePlanSecret {
  readonly plan: ClonePlan;
  readonly request: CloneRequest;
  readonly source: StoredGuest;
  readonly disks: readonly SourceDisk[];
  readonly parts: readonly IdentityPart[];
  readonly clones: readonly PlannedClone[];
  /** False: the disk's file system cannot be edited, and cloud-init gives the identity at the first boot. */
  readonly onDisk: boolean;
}

export interface PlanSurroundings {
  readonly policy: ImagePolicy;
  /** The library's folder. */
  readonly library: string;
  /** Names of all guests and templates. */
  readonly takenNames: readonly string[];
  /** Host ports that definitions name. */
  readonly takenPorts: Set<number>;
  readonly folderExists: (id: string) => boolean;
}

/** Host names of a batch: made from the names, numbered where two would be one. */
export function hostnamesFor(names: readonly string[]): readonly string[] {
  const used = new Set<string>();
  return names.map((name) => {
    const base = isHostname(name) ? name.toLowerCase() : hostnameFrom(name);
    let hostname = base;
    for (let n = 2; used.has(hostname); n++) hostname = `${base.slice(0, 63 - String(n).length - 1)}-${n}`;
    used.add(hostname);
    return hostname;
  });
}

/**
 * Decides every value of a batch before anything is made: what the last page shows is what will be. Reads the
 * source's disk, writes nothing.
 */
export async function planClones(
  source: { readonly kind: 'template' | 'guest'; readonly stored: StoredGuest; readonly name: string },
  wished: CloneRequest,
  around: PlanSurroundings,
): Promise<ClonePlanSecret> {
  const domain = domainOf(source.stored);
  const request = { ...wished, loginUser: wished.loginUser ?? domain.metadata.ssh.user };
  const disks = sourceDisks(source.stored);
  if (request.seed !== null) requireUserData(request.seed.userData);
  const seen = new Set<string>();
  for (const name of request.names) {
    assertNameFree(name, around.takenNames);
    if (seen.has(nameKey(name)))
      throw new GuesthouseError('invalid-input', `${name} would be made twice.`, {
        todo: 'Give each clone its own name.',
      });
    seen.add(nameKey(name));
  }
  if (source.kind === 'guest' && request.linked)
    for (const disk of disks)
      if (!(await isInside(around.library, disk.path)))
        throw new GuesthouseError('unsupported', `${source.name} cannot have linked clones.`, {
          why: `Its disk ${disk.path} is used in place, and for a linked clone it would have to become a read-only base.`,
          todo: 'Make full clones.',
        });
  const chains = await Promise.all(disks.map((disk) => inspectChain(disk, around.policy)));
  const size = chains[0]?.[0]?.virtualSize ?? 0;
  if (request.diskSize !== null && request.diskSize * 2 ** 30 < size)
    throw new GuesthouseError('invalid-input', 'The disk of a clone cannot be smaller than its source.', {
      why: `The source has ${(size / 2 ** 30).toFixed(1)} GiB.`,
    });
  const parts = request.parts ?? identityPartIds.filter((part) => identityParts[part].clone);
  const hostnames = hostnamesFor(request.names);
  const clones: PlannedClone[] = [];
  const planAll = async (kinds: readonly HostKeyKind[]) => {
    // Keys are made by other threads, all at once; names and ports one after the other, since they must differ.
    const values = await Promise.all(hostnames.map((hostname) => makeValues(hostname, kinds)));
    for (const [index, name] of request.names.entries())
      clones.push(await planOne(domain, name, values[index]!, around));
  };
  const preview = await previewOf(disks, request, around.policy, async (tree) => {
    const keys = parts.includes('host-keys');
    await planAll(keys ? await neededKinds(tree, request.hostKeyTypes) : request.hostKeyTypes);
    return identityRequest(clones[0]!, parts, request);
  });
  if (clones.length === 0) await planAll(request.hostKeyTypes);
  const warnings = [...preview.warnings];
  if (domain.count('tpm') > 0)
    warnings.push(
      'A clone gets a new, empty TPM: what was sealed in the old one (disk keys) cannot be opened with it.',
    );
  return {
    plan: {
      planId: randomUUID(),
      source: { kind: source.kind, id: source.stored.id, name: source.name },
      linked: request.linked,
      items: clones.map((clone) => clone.item),
      changes: request.seed === null ? preview.changes : [...preview.changes, seedChange],
      notes: notes(source, request, domain),
      warnings,
      bytesEach: request.linked
        ? disks.length * 1_200_000
        : chains.flat().reduce((sum, image) => sum + image.allocatedSize, 0),
    },
    request,
    source: source.stored,
    disks,
    parts,
    clones,
    onDisk: preview.onDisk,
  };
}

const seedChange: IdentityChange = {
  part: 'cloud-init',
  path: `${seedFile}, a cloud-init seed in a drive of its own`,
  action: 'write',
  before: null,
  after: 'what you wrote, with the planned name and host keys',
};

async function previewOf(
  disks: readonly SourceDisk[],
  request: CloneRequest,
  policy: ImagePolicy,
  ask: (tree: GuestTree) => Promise<IdentityPlanRequest>,
): Promise<{ changes: readonly IdentityChange[]; warnings: readonly string[]; onDisk: boolean }> {
  if (disks.length === 0)
    return {
      changes: [],
      warnings: ['The source has no disk: nothing in it identifies a system.'],
      onDisk: false,
    };
  try {
    const found = await previewIdentity({ disks, policy }, ask);
    return { changes: found.changes, warnings: found.warnings, onDisk: true };
  } catch (error) {
    if (!(error instanceof UnsupportedDiskError) || request.seed === null) throw error;
    return {
      changes: [],
      warnings: [
        `${error.why ?? error.message} So the identity is given by cloud-init at the first boot, if it is installed there; the new machine-id counts from the boot after that.`,
      ],
      onDisk: false,
    };
  }
}

async function planOne(
  domain: Domain,
  name: string,
  values: IdentityValues,
  around: PlanSurroundings,
): Promise<PlannedClone> {
  let uuid = randomUUID() as string;
  while (around.folderExists(folderName(name, uuid))) uuid = randomUUID();
  const macs = new Map<string, string>();
  for (const nic of domain.interfaces()) if (nic.mac) macs.set(nic.mac.toLowerCase(), randomMac());
  const ports = new Map<number, number>();
  for (const port of new Set(hostPorts(domain))) {
    const free = await choosePort(around.takenPorts);
    around.takenPorts.add(free);
    ports.set(port, free);
  }
  const sshPort = domain.metadata.ssh.hostPort;
  return {
    id: folderName(name, uuid),
    name,
    uuid,
    genid: randomUUID(),
    macs,
    ports,
    values,
    item: {
      name,
      identity: plannedIdentity(values, uuid, [...macs.values()]),
      sshPort: sshPort === null ? null : (ports.get(sshPort) ?? null),
    },
  };
}

/** What the identity engine is asked for one clone. */
export function identityRequest(
  clone: PlannedClone,
  parts: readonly IdentityPart[],
  request: CloneRequest,
): IdentityPlanRequest {
  return {
    mode: 'clone',
    parts,
    values: clone.values,
    macs: clone.macs,
    authorizedKeys:
      request.authorizedKeys.length > 0
        ? { user: request.loginUser ?? 'root', lines: request.authorizedKeys }
        : undefined,
  };
}

function notes(
  source: { readonly kind: 'template' | 'guest'; readonly name: string },
  request: CloneRequest,
  domain: Domain,
): string[] {
  const lines: string[] = [];
  if (!request.linked) lines.push('Full copies: each has its whole disk and needs nothing of its source.');
  else if (source.kind === 'template')
    lines.push(
      "Linked to the template's disk: small now, growing as they change. The template cannot be deleted while they exist.",
    );
  else
    lines.push(
      `Linked: the disk of ${source.name} becomes a hidden read-only base, and ${source.name} itself goes on in an overlay of it. Nothing changes inside it.`,
    );
  if (domain.has(domainProps.nvram) && !domain.has(domainProps.nvramTemplate))
    lines.push(
      'Each gets a copy of the firmware variable store: no template of it is named to start afresh.',
    );
  else if (domain.has(domainProps.nvram))
    lines.push('Each gets a fresh firmware variable store: boot entries made by hand are not copied.');
  return lines;
}
