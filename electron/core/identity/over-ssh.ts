import { GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { RepairPlan } from '../../../shared/model/identity.ts';
import { refresh } from '../guests/loading.ts';
import { makePrivateDir } from '../platform/fs.ts';
import type { PublicHostKey } from '../ssh/known-hosts.ts';
import { domainOf } from '../templates/sources.ts';
import { publicHostKeys } from './facts.ts';
import { MemoryTree } from './memory-tree.ts';
import type { IdentityOverview, OverviewDeps } from './overview.ts';
import { type IdentityPlanRequest, planIdentity } from './plan.ts';
import {
  type IdentityRecord,
  keptBefore,
  readRecord,
  restoreEdits,
  saveBefore,
  writeRecord,
} from './record.ts';
import { applyInput, applyScript, withinReach } from './remote.ts';
import {
  labelsBack,
  labelsOf,
  type PlannedRepair,
  recordOf,
  restoredRecord,
  withIdentity,
} from './repair.ts';
import type { GuestTree, TreeEdit } from './tree.ts';

/**
 * Repairs of machines that run, guests and servers, over SSH. Nobody is locked out by one that ends half-way: the new
 * host keys are pinned beside the old ones before the first byte is sent, what is sent takes effect whole or not at all,
 * and the old keys go only when a connection was made without them.
 */

type Item = Pick<RepairPlan['items'][number], 'kind' | 'id' | 'name'>;
type Before = NonNullable<IdentityRecord['before']>;

/** Plans with what is sent of a machine. */
export async function planOverSsh(tree: GuestTree, request: IdentityPlanRequest) {
  const { parts, warnings } = withinReach(request.parts);
  const plan = await planIdentity(tree, { ...request, parts });
  return {
    steps: plan.steps,
    changes: plan.steps.map((step) => step.change),
    warnings: [...plan.warnings, ...warnings],
  };
}

/** Errors as ssh, and `program-failed` when the machine did not take it whole. */
export async function repairOverSsh(
  deps: OverviewDeps,
  overview: IdentityOverview,
  repair: PlannedRepair,
  signal: AbortSignal,
): Promise<void> {
  const { item, parts, values, macs, uuid } = repair;
  const sudoPassword = { text: null };
  const snapshot = await overview.read(item.id, { ask: true, sudo: true, whole: true, signal, sudoPassword });
  const { steps } = await planOverSsh(snapshot.tree, { mode: 'repair', parts, values, macs });
  const domain = await domainFor(deps, item);
  const folder = overview.recordFolder(item);
  await makePrivateDir(folder);
  const now: Before = {
    files: await saveBefore(snapshot.tree, steps),
    ...(domain ? labelsOf(domain) : { uuid: null, macs: [] }),
  };
  const record = recordOf(repair, deps.clock.now(), {
    bootIdThen: snapshot.facts.bootId,
    verification: 'restart-needed',
    before: keptBefore(await readRecord(folder), now),
  });
  await apply(deps, overview, {
    item,
    edits: steps.map((step) => step.edit),
    keys: parts.includes('host-keys') ? values.hostKeys.map(publicOf) : [],
    labels: { uuid, macs },
    // The old values are on this machine before the first byte changes there.
    begin: () => writeRecord(folder, record),
    sudoPassword,
    signal,
  });
}

/** Puts the values from before the last repair back. Errors as {@link repairOverSsh}. */
export async function restoreOverSsh(
  deps: OverviewDeps,
  overview: IdentityOverview,
  item: Item,
  before: Before,
  signal: AbortSignal,
): Promise<void> {
  const sudoPassword = { text: null };
  const { facts } = await overview.read(item.id, { ask: true, sudo: true, signal, sudoPassword });
  const domain = await domainFor(deps, item);
  const old = new MemoryTree();
  for (const { path, kind, content, ...owner } of before.files)
    if (kind === 'file') old.put(path, Buffer.from(content, 'base64'), owner);
  await apply(deps, overview, {
    item,
    edits: restoreEdits(before.files),
    keys: await publicHostKeys(old),
    labels: domain ? labelsBack(domain, before) : { uuid: null, macs: new Map() },
    begin: async () => {},
    sudoPassword,
    signal,
  });
  await writeRecord(overview.recordFolder(item), restoredRecord(deps.clock.now(), facts.bootId));
}

interface Change {
  readonly item: Item;
  readonly edits: readonly TreeEdit[];
  /** Host keys the machine has afterwards; none: they stay. */
  readonly keys: readonly PublicHostKey[];
  /** What its definition gets. */
  readonly labels: { readonly uuid: string | null; readonly macs: ReadonlyMap<string, string> };
  readonly begin: () => Promise<void>;
  readonly sudoPassword: { text: string | null };
  readonly signal: AbortSignal;
}

async function apply(deps: OverviewDeps, overview: IdentityOverview, change: Change): Promise<void> {
  const { item, edits, keys, labels, sudoPassword } = change;
  const { remote } = deps;
  change.signal.throwIfAborted();
  await change.begin();
  const old = keys.length > 0 ? await remote.pin(item.id, keys, { keep: true }) : [];
  // From here on a cancel comes too late: half an identity is worse than one too many.
  const output = await remote.run(item.id, ['sh', '-c', applyScript], {
    input: applyInput(edits),
    sudo: true,
    ask: true,
    sudoPassword,
  });
  if (!output.trimEnd().endsWith('applied'))
    throw new GuesthouseError('program-failed', `The identity of ${item.name} was not written whole.`, {
      todo: 'Repair it again, or put the old values back.',
      detail: output.slice(-2000),
    });
  if (item.kind === 'guest' && (labels.uuid !== null || labels.macs.size > 0)) {
    // Its keys are looked up by its UUID: under the new one, too, before that counts.
    if (labels.uuid !== null) await remote.pin(item.id, keys, { keep: true, name: labels.uuid });
    await deps.store.inTurn(item.id, async () => {
      const { stored } = await refresh(deps, item.id);
      await deps.store.write(item.id, withIdentity(domainOf(stored), labels.uuid, labels.macs));
      await refresh(deps, item.id);
    });
  }
  if (keys.length > 0) await remote.pin(item.id, keys);
  try {
    await overview.read(item.id, { ask: true, sudo: false });
  } catch (error) {
    if (keys.length > 0) await remote.pin(item.id, [...old, ...keys]);
    if (isCancelled(error)) throw error;
    // An sshd that keeps its keys in memory shows the old ones until it is started anew.
    if (!(error instanceof GuesthouseError) || error.code !== 'host-key-changed') throw error;
  }
}

async function domainFor(deps: OverviewDeps, item: Item) {
  return item.kind === 'guest' ? domainOf((await refresh(deps, item.id)).stored) : null;
}

function publicOf({ publicKey }: { readonly publicKey: string }): PublicHostKey {
  const [type, key] = publicKey.split(' ');
  return { type: type!, key: key! };
}
