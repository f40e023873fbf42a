import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { makeSeed, withSeedDrive } from '../cloud-init/seed.ts';
import type { SeedValues } from '../cloud-init/user-data.ts';
import {
  convertImage,
  createOverlay,
  type DiskRef,
  type ExportDaemon,
  growDisk,
  type ImagePolicy,
  inspectChain,
} from '../disks/index.ts';
import { type Domain, domainProps, nvramOf } from '../domain/index.ts';
import { addAgreed, readAgreed, withRealPaths } from '../guests/consent.ts';
import { guestPolicy } from '../guests/loading.ts';
import { domainFile, type GuestStore, type StoredGuest } from '../guests/store.ts';
import { applyIdentity } from '../identity/apply.ts';
import { type IdentityRecord, writeRecord } from '../identity/record.ts';
import { givenKeys, stageGivenKeys } from '../keys/given.ts';
import { faultPoint } from '../platform/fault.ts';
import { writeStaged } from '../platform/fs.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { pinHost } from '../ssh/known-hosts.ts';
import { batchDomain, type CloneDomainSpec, oneOfBatch } from './clone-domain.ts';
import { copyWhole } from './copy-whole.ts';
import { type ClonePlanSecret, identityRequest, type PlannedClone } from './plan-clones.ts';
import { domainOf } from './sources.ts';

export interface MakeDeps {
  readonly paths: LibraryPaths;
  readonly store: GuestStore;
  readonly now: () => number;
  /** Serves the edits of this batch; null: each starts its own. */
  readonly daemon: Promise<ExportDaemon | null>;
  /** The domain of all clones of this batch, but for what differs between them. */
  readonly domain: (disks: CloneDomainSpec['disks']) => Domain;
}

/** {@link MakeDeps.domain}: made for the first clone that asks, since the images' formats show only then. */
export function domainOfBatch(batch: ClonePlanSecret): MakeDeps['domain'] {
  let made: Domain | null = null;
  const { request, plan } = batch;
  return (disks) => {
    if (made) return made;
    const source = domainOf(batch.source);
    made = batchDomain(source, {
      disks,
      origin: { uuid: source.uuid, name: plan.source.name, linked: request.linked },
      sshUser: request.loginUser,
      vcpus: request.vcpus,
      memory: request.memory,
      tags: request.tags,
    });
    return made;
  };
}

/**
 * Makes one planned clone: in a staged folder, and by one rename it is there. Killed or failed at any moment, there is
 * the whole clone or nothing; what is left in staging is removed by the next owner.
 * @param disks what the clone's disks stand on: the source's own, or the hidden bases they became
 */
export async function makeClone(
  deps: MakeDeps,
  batch: ClonePlanSecret,
  clone: PlannedClone,
  disks: ReadonlyMap<string, DiskRef>,
  signal: AbortSignal,
): Promise<StoredGuest> {
  const { store, paths } = deps;
  const policy = guestPolicy(paths, batch.source.folder);
  const { request } = batch;
  const staged = await store.stage(clone.id);
  try {
    faultPoint('clone:staged');
    const images = new Map<string, { file: string; format: 'qcow2' | 'raw' }>();
    const refs: DiskRef[] = [];
    for (const [index, { target }] of batch.disks.entries()) {
      const source = disks.get(target)!;
      const grown = index === 0 && request.diskSize !== null ? request.diskSize * 2 ** 30 : undefined;
      const made = request.linked
        ? await linkDisk(source, staged, target, grown, policy)
        : await copyWhole(source, staged, target, policy, { signal });
      if (!request.linked && grown !== undefined) await growDisk(made, grown, policy);
      refs.push(made);
      images.set(target, {
        file: path.join(store.folder(clone.id), path.basename(made.path)),
        format: made.format,
      });
    }
    faultPoint('clone:disks');
    signal.throwIfAborted();
    if (refs.length > 0 && batch.onDisk)
      await applyIdentity({ disks: refs, policy }, identityRequest(clone, batch.parts, request), {
        runtimeDir: path.join(paths.runtime, 'exports'),
        daemon: await deps.daemon,
        signal,
        flush: false, // publishing flushes all that is staged, at once
      });
    faultPoint('clone:identity');
    const source = domainOf(batch.source);
    await freshNvram(source, batch.source.folder, staged, policy);
    let domain = oneOfBatch(deps.domain(images), {
      name: clone.name,
      uuid: clone.uuid,
      genid: clone.genid,
      macs: clone.macs,
      disks: images,
      sourceFolder: batch.source.folder,
      folder: store.folder(clone.id),
      ports: clone.ports,
    });
    if (request.seed !== null) {
      await makeSeed(staged, request.seed.userData, seedValues(batch, clone), deps.now());
      domain = withSeedDrive(domain, store.folder(clone.id));
    }
    await writeStaged(path.join(staged, domainFile), domain.text);
    if (batch.parts.includes('host-keys'))
      await writeStaged(path.join(staged, 'known_hosts'), pinnedKeys(clone));
    await stageGivenKeys(staged, await keysOf(batch, source.metadata.ssh.user));
    if (request.linked) await passOnConsent(batch.source.folder, staged, refs, policy);
    await writeRecord(staged, recordOf(batch, clone, deps.now()), writeStaged);
    faultPoint('clone:written');
    signal.throwIfAborted();
    const stored = await store.publish(staged, clone.id);
    faultPoint('clone:published');
    return stored;
  } catch (error) {
    const full = await nearlyFull(staged);
    await store.discard(staged);
    throw full && error instanceof GuesthouseError && error.code === 'disk-damaged'
      ? outOfRoom(error)
      : error;
  }
}

function recordOf({ parts }: ClonePlanSecret, { values }: PlannedClone, now: number): IdentityRecord {
  return {
    version: 1,
    writtenAt: now,
    machineId: parts.includes('machine-id') ? values.machineId : null,
    hostname: parts.includes('hostname') ? values.hostname : null,
    hostKeys: parts.includes('host-keys') ? values.hostKeys.map((key) => key.fingerprint) : [],
    bootIdThen: null,
    verification: 'planned',
    before: null,
  };
}

/** What the clone's login user accepts: what the source's did, unless that is cleared, and what it is given. */
async function keysOf(
  { source, parts, onDisk, request }: ClonePlanSecret,
  user: string | null,
): Promise<readonly string[]> {
  const kept = request.loginUser === user && !parts.includes('user-ssh');
  return [...(kept ? await givenKeys(source.folder) : []), ...(onDisk ? request.authorizedKeys : [])];
}

/** The planned values for cloud-init, so that it sets what is on the disk already, or what could not be put there. */
function seedValues({ parts, onDisk }: ClonePlanSecret, { values }: PlannedClone): SeedValues {
  return {
    instanceId: values.instanceId,
    hostname: parts.includes('hostname') ? values.hostname : null,
    hostKeys: parts.includes('host-keys') ? values.hostKeys : [],
    ...(!onDisk && parts.includes('machine-id') ? { machineId: values.machineId } : {}),
  };
}

/** What the source may stand on outside the library, its linked clone stands on too: the person agreed to it. */
async function passOnConsent(
  source: string,
  staged: string,
  refs: readonly DiskRef[],
  policy: ImagePolicy,
): Promise<void> {
  const agreed = await readAgreed(source);
  if (agreed.length === 0) return;
  const below = (await Promise.all(refs.map((ref) => inspectChain(ref, policy)))).flat();
  const files = new Set(await withRealPaths(below.map((image) => image.path)));
  const needed = agreed.filter((file) => files.has(file));
  if (needed.length > 0) await addAgreed(staged, needed);
}

async function linkDisk(
  source: DiskRef,
  staged: string,
  target: string,
  size: number | undefined,
  policy: ImagePolicy,
) {
  const file = path.join(staged, `${target}.qcow2`);
  // Relative: staging, guests, templates and bases are neighbours, so the link holds after the rename, and when the
  // whole library moves.
  await createOverlay(file, source, policy, { relative: true, size, flush: false });
  return { path: file, format: 'qcow2' } as const;
}

/** The firmware's variables hold boot entries and tokens of the old machine: a clone starts from the template's. */
async function freshNvram(
  source: Domain,
  folder: string,
  staged: string,
  policy: ImagePolicy,
): Promise<void> {
  const template = source.get(domainProps.nvramTemplate);
  const nvram = nvramOf(source);
  if (nvram === null || template === null || !nvram.file.startsWith(`${folder}/`)) return;
  await convertImage(
    { path: template, format: source.get(domainProps.nvramTemplateFormat) ?? 'raw' },
    { path: path.join(staged, nvram.file.slice(folder.length + 1)), format: nvram.format },
    policy,
  );
}

function pinnedKeys(clone: PlannedClone): string {
  return pinHost(
    '',
    clone.uuid,
    clone.values.hostKeys.map((key) => {
      const [type, base64] = key.publicKey.split(' ');
      return { type: type!, key: base64! };
    }),
  );
}

/** Bytes below which an edit that went wrong went wrong for want of room: what failed beside it may just have given some back. */
const littleRoom = 8 << 20;

async function nearlyFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await fs.statfs(folder);
  return bavail * bsize < littleRoom;
}

/** On a full disk a write may end in the middle: the fresh overlay then reads back as a damaged one. */
const outOfRoom = (cause: GuesthouseError) =>
  new GuesthouseError('no-space', 'The disk of this computer is full.', {
    why: cause.message,
    todo: 'Free some space, then make the rest.',
    cause,
  });
