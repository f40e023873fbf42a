import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type EditOptions, type EditPlan, editDisk } from '../disks/edit.ts';
import { countEspSeeds, openGuestDisk, refreshEspSeed, UnsupportedDiskError } from '../disks/index.ts';
import { type DiskSet, DiskTree } from './disk-tree.ts';
import { editByGuestfish, guestfishOpens, readByGuestfish, slowWarning } from './guestfish.ts';
import type { PartPlan, Step } from './plan/context.ts';
import { type IdentityPlanRequest, planIdentity } from './plan.ts';
import { withinReach } from './remote.ts';
import type { GuestTree, TreeEdit } from './tree.ts';

type Change = Step['change'];

/**
 * Says what would change, without touching the disk.
 * @param ask makes the request, once, from what is on the disk
 */
export async function previewIdentity(
  set: DiskSet,
  ask: IdentityPlanRequest | ((tree: GuestTree) => Promise<IdentityPlanRequest>),
): Promise<PartPlan & { readonly changes: readonly Change[] }> {
  return withTree(set, async (tree, reach) => {
    const request = typeof ask === 'function' ? await ask(tree) : ask;
    const plan = await planWithin(tree, request, reach);
    return {
      ...plan,
      changes: [...plan.steps.map((step) => step.change), ...(await espChanges(set, request))],
    };
  });
}

/** The boot loader's seed is in no tree: it stands on the EFI system partition (bootctl(1)). */
async function espChanges(set: DiskSet, request: IdentityPlanRequest): Promise<Change[]> {
  if (!request.parts.includes('random-seed')) return [];
  const changes: Change[] = [];
  for (const disk of set.disks)
    for (let n = await countEspSeeds(disk, set.policy); n > 0; n--)
      changes.push({
        part: 'random-seed',
        path: 'loader/random-seed on the EFI system partition',
        action: 'write',
        before: null,
        after: 'new random bytes',
      });
  return changes;
}

/** How the files are reached: by our own code, or, where that cannot, by guestfish. */
type Reach = 'own' | 'guestfish';

async function planWithin(tree: GuestTree, request: IdentityPlanRequest, reach: Reach): Promise<PartPlan> {
  if (reach === 'own') return planIdentity(tree, request);
  const { parts, warnings } = withinReach(request.parts);
  const plan = await planIdentity(tree, { ...request, parts });
  return { ...plan, warnings: [...plan.warnings, slowWarning, ...warnings] };
}

/** The error of a disk that guestfish opens where ours cannot; else it is thrown. */
async function unlessGuestfish(error: unknown): Promise<UnsupportedDiskError> {
  if (!(error instanceof UnsupportedDiskError) || !(await guestfishOpens(error))) throw error;
  return error;
}

/** Reads by guestfish what our own code could not; where that fails too, the person learns of both. */
async function readInstead(error: unknown, set: DiskSet, signal?: AbortSignal): Promise<GuestTree> {
  const ours = await unlessGuestfish(error);
  try {
    return await readByGuestfish(set, signal);
  } catch (cause) {
    if (!(cause instanceof GuesthouseError) || cause.code !== 'program-failed') throw cause;
    throw new GuesthouseError(ours.code, ours.message, {
      why: `${ours.why} guestfish could not open it either.`,
      todo: ours.todo,
      detail: [cause.why, cause.detail].filter(Boolean).join('\n'),
      cause,
    });
  }
}

/** Opens the disks for reading while `use` runs. */
export async function withTree<T>(
  set: DiskSet,
  use: (tree: GuestTree, reach: Reach) => Promise<T>,
): Promise<T> {
  let root: Awaited<ReturnType<typeof openGuestDisk>>;
  try {
    root = await openGuestDisk(set.disks, set.policy);
  } catch (error) {
    return use(await readInstead(error, set), 'guestfish');
  }
  try {
    return await use(new DiskTree(root), 'own');
  } finally {
    await root.close();
  }
}

/** Plans on the disk as it is and writes in the same breath. Errors as {@link editDisk} and {@link planIdentity}. */
export async function applyIdentity(
  set: DiskSet,
  request: IdentityPlanRequest,
  options: EditOptions,
): Promise<PartPlan> {
  let plan: PartPlan = { steps: [], warnings: [] };
  try {
    await editDisk(set.disks, set.policy, options, async (edit) => {
      plan = await planIdentity(new DiskTree(edit.guest), request);
      await putEdits(
        edit,
        plan.steps.map((step) => step.edit),
      );
    });
  } catch (error) {
    plan = await planWithin(await readInstead(error, set, options.signal), request, 'guestfish');
    await editByGuestfish(
      set,
      plan.steps.map((step) => step.edit),
      options.signal,
    );
  }
  if (request.parts.includes('random-seed'))
    for (const disk of set.disks) await refreshEspSeed(disk, set.policy, options, randomBytes);
  return plan;
}

/** Writes ready edits, as when old values are put back. */
export async function applyEdits(
  set: DiskSet,
  edits: readonly TreeEdit[],
  options: EditOptions,
): Promise<void> {
  try {
    await editDisk(set.disks, set.policy, options, (edit) => putEdits(edit, edits));
  } catch (error) {
    await unlessGuestfish(error);
    await editByGuestfish(set, edits, options.signal);
  }
}

async function putEdits(edit: EditPlan, edits: readonly TreeEdit[]): Promise<void> {
  for (const one of edits)
    switch (one.action) {
      case 'write':
        await edit.write(one.path, one.content, {
          mode: one.mode,
          uid: one.uid,
          gid: one.gid,
          overwrite: one.shred,
          labelFrom: await labelledSibling(edit, one.path),
        });
        break;
      case 'remove':
        await edit.remove(one.path, { overwrite: one.shred, recursive: one.recursive });
        break;
      case 'link':
        await edit.symlink(one.target, one.path);
        break;
      case 'directory':
        await edit.mkdir(one.path, { mode: one.mode, uid: one.uid, gid: one.gid });
        break;
    }
}

/**
 * A file whose SELinux label suits a new one at `path`: without one an enforcing system keeps sshd from its own key.
 * What stands in the same folder has it mostly, and the folder's label else (a new file inherits that).
 */
async function labelledSibling(edit: EditPlan, path: string): Promise<string | undefined> {
  const folder = posix.dirname(path);
  const keys = ['ed25519', 'ecdsa', 'rsa'].map((kind) => `${folder}/ssh_host_${kind}_key`);
  const likely = [...keys, `${folder}/sshd_config`, folder];
  for (const file of likely) {
    if (file === path) continue;
    if (await edit.guest.resolveIfAny(file, false)) return file;
  }
  return undefined;
}
