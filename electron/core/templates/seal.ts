import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type IdentityPart, identityPartIds, identityParts } from '../../../shared/model/identity.ts';
import type { SealPlan } from '../../../shared/model/template.ts';
import { type DiskRef, imageUse } from '../disks/index.ts';
import { domainProps, el, metaProps } from '../domain/index.ts';
import { guestPolicy } from '../guests/loading.ts';
import { domainFile, folderName, type GuestStore, nameOf, type StoredGuest } from '../guests/store.ts';
import { applyIdentity, previewIdentity } from '../identity/apply.ts';
import { givenKeys, stageGivenKeys } from '../keys/given.ts';
import type { OperationContext } from '../operations/runner.ts';
import { faultPoint } from '../platform/fault.ts';
import { writeAtomic } from '../platform/fs.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { cloneDomain, withHardware } from './clone-domain.ts';
import { copyWhole } from './copy-whole.ts';
import { writeSealed } from './sealed.ts';
import { domainOf, type SourceDisk, sourceDisks } from './sources.ts';

/** What a person asked for, parsed by the contract. */
export interface SealRequest {
  readonly name?: string;
  readonly keep: boolean;
  readonly parts?: readonly IdentityPart[];
  readonly description: string;
  readonly tags: readonly string[];
}

export interface SealPlanSecret {
  readonly plan: SealPlan;
  readonly request: SealRequest;
  readonly source: StoredGuest;
  readonly disks: readonly SourceDisk[];
  /** The template's folder name. */
  readonly id: string;
  readonly uuid: string;
}

/** Reads the guest's disk and says which very paths sealing would change. Writes nothing. */
export async function planSeal(
  source: StoredGuest,
  request: SealRequest,
  paths: LibraryPaths,
): Promise<SealPlanSecret> {
  const domain = domainOf(source);
  const disks = sourceDisks(source);
  if (disks.length === 0)
    throw new GuesthouseError('unsupported', `${nameOf(source)} has no disk to make a template of.`);
  const parts = request.parts ?? identityPartIds.filter((part) => identityParts[part].seal);
  const policy = guestPolicy(paths, source.folder);
  const preview = await previewIdentity({ disks, policy }, { mode: 'seal', parts, values: null });
  const warnings = [...preview.warnings];
  if (!parts.includes('machine-id'))
    warnings.push('The machine-id stays: clones made elsewhere from this disk would share it.');
  if (!parts.includes('host-keys')) warnings.push('The SSH host keys stay in the template.');
  // A template that replaces its guest keeps its UUID; a copy must not share it.
  const uuid = request.keep || domain.uuid === null ? randomUUID() : domain.uuid;
  const name = request.name ?? nameOf(source);
  return {
    plan: {
      planId: randomUUID(),
      name,
      parts,
      changes: preview.changes,
      warnings,
    },
    request,
    source,
    disks,
    id: folderName(name, uuid),
    uuid,
  };
}

/**
 * Makes the template: a copy of the disks is sealed in a staged folder and appears whole by one rename. The guest's own
 * disk is only read, so a kill at any moment loses nothing.
 */
export async function makeTemplate(
  deps: { readonly paths: LibraryPaths; readonly templates: GuestStore; readonly now: () => number },
  secret: SealPlanSecret,
  op: OperationContext,
): Promise<StoredGuest> {
  const { paths, templates } = deps;
  const policy = guestPolicy(paths, secret.source.folder);
  const source = domainOf(secret.source);
  const staged = await templates.stage(secret.id);
  try {
    const images: { target: string; ref: DiskRef }[] = [];
    for (const [index, disk] of secret.disks.entries()) {
      if ((await imageUse(disk)) === 'written')
        throw new GuesthouseError('disk-in-use', `The disk of ${nameOf(secret.source)} is in use.`, {
          todo: 'Shut the guest down first.',
        });
      op.phase('Copying the disk');
      const made = await copyWhole(disk, staged, disk.target, policy, {
        signal: op.signal,
        progress: (fraction: number | null) =>
          op.progress(fraction === null ? null : (0.9 * (index + fraction)) / secret.disks.length),
      });
      images.push({ target: disk.target, ref: made });
    }
    faultPoint('seal:copied');
    op.phase('Sealing');
    op.progress(0.92);
    op.check();
    await applyIdentity(
      { disks: images.map((image) => image.ref), policy },
      { mode: 'seal', parts: secret.plan.parts, values: null },
      { runtimeDir: path.join(paths.runtime, 'exports'), verify: true, signal: op.signal },
    );
    faultPoint('seal:sealed');
    const folder = templates.folder(secret.id);
    let domain = cloneDomain(source, {
      name: secret.plan.name,
      uuid: secret.uuid,
      genid: randomUUID(),
      macs: new Map(),
      disks: new Map(
        images.map(({ target, ref }) => [
          target,
          { file: path.join(folder, path.basename(ref.path)), format: ref.format },
        ]),
      ),
      sourceFolder: secret.source.folder,
      folder,
      origin: {
        uuid: source.metadata.origin?.uuid ?? null,
        name: source.metadata.origin?.name ?? nameOf(secret.source),
        linked: false,
      },
      ports: new Map(),
      sshUser: null,
      vcpus: null,
      memory: null,
      tags: secret.request.tags.length > 0 ? secret.request.tags : source.metadata.tags,
    }).set(metaProps.template, true);
    if (secret.request.description !== '')
      domain = domain.set(domainProps.description, secret.request.description);
    await writeAtomic(path.join(staged, domainFile), domain.text);
    if (!secret.plan.parts.includes('user-ssh'))
      await stageGivenKeys(staged, await givenKeys(secret.source.folder));
    for (const { ref } of images) await fs.chmod(ref.path, 0o444);
    await writeSealed(
      staged,
      images.map(({ ref }) => ref.path),
      deps.now(),
    );
    faultPoint('seal:written');
    op.check();
    return await templates.publish(staged, secret.id);
  } catch (error) {
    await templates.discard(staged);
    throw error;
  }
}

/** A template's definition with other labels, or other hardware and log-in for the clones to come. */
export function edited(
  stored: StoredGuest,
  changes: {
    readonly name?: string;
    readonly tags?: readonly string[];
    readonly description?: string;
    readonly vcpus?: number;
    /** MiB */
    readonly memory?: number;
    readonly loginUser?: string | null;
  },
) {
  const { name, tags, description, vcpus, memory, loginUser } = changes;
  let domain = withHardware(domainOf(stored), vcpus ?? null, memory ?? null);
  if (name !== undefined) domain = domain.set(domainProps.name, name);
  if (loginUser !== undefined) domain = domain.set(metaProps.sshUser, loginUser);
  if (description !== undefined)
    domain = domain.set(domainProps.description, description === '' ? null : description);
  if (tags !== undefined) {
    while (domain.count('tag') > 0) domain = domain.remove('tag', 0);
    for (const tag of new Set(tags)) domain = domain.add('tag', el('gh:tag', {}, tag));
  }
  return domain;
}
