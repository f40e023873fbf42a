import { GuesthouseError } from '../../../shared/errors.ts';
import { type IdentityPart, identityParts, type PlannedIdentity } from '../../../shared/model/identity.ts';
import { UnreadableMountError } from '../disks/index.ts';
import { readHostname } from './facts.ts';
import { planAuthorizedKeys } from './plan/authorized-keys.ts';
import { planCloudInit, planSeedAgain } from './plan/cloud-init.ts';
import type { PartPlan, PartPlanners, PlanMode, Step } from './plan/context.ts';
import { planHostKeys } from './plan/host-keys.ts';
import { planHostname } from './plan/hostname.ts';
import { planMachineId } from './plan/machine-id.ts';
import { planNetworkConfig } from './plan/network-config.ts';
import { planHistories, planLeases, planLogs, planRandomSeed, planTmp, planUserSsh } from './plan/state.ts';
import { ReachableTree } from './reachable-tree.ts';
import type { GuestTree } from './tree.ts';
import type { IdentityValues } from './values.ts';

const planners: PartPlanners = {
  'machine-id': planMachineId,
  'host-keys': planHostKeys,
  hostname: planHostname,
  'random-seed': planRandomSeed,
  leases: planLeases,
  'network-config': planNetworkConfig,
  'cloud-init': planCloudInit,
  logs: planLogs,
  histories: planHistories,
  tmp: planTmp,
  'user-ssh': planUserSsh,
};

/** Two machines with one of these are one to others: done wholly or not at all. */
const whole: ReadonlySet<IdentityPart> = new Set(['machine-id', 'host-keys']);

export interface IdentityPlanRequest {
  readonly mode: PlanMode;
  readonly parts: readonly IdentityPart[];
  /** Required unless sealing. */
  readonly values: IdentityValues | null;
  /** Old MAC to new MAC, lower case with colons. */
  readonly macs?: ReadonlyMap<string, string>;
  readonly authorizedKeys?: { readonly user: string; readonly lines: readonly string[] };
}

/**
 * Says what must change on a disk so that it is a machine of its own (or, sealed, none yet). Reads, never writes.
 * The steps carry secrets; their `change` half does not and is what people see. What is on file systems that cannot be
 * read stays, with a warning.
 * @throws {GuesthouseError} `unsupported` when files of the machine-id or the host keys are on such a one
 */
export async function planIdentity(tree: GuestTree, request: IdentityPlanRequest): Promise<PartPlan> {
  if (request.mode !== 'seal' && request.values === null)
    throw new GuesthouseError('internal', 'No values to write.');
  const reachable = new ReachableTree(tree);
  const context = {
    tree: reachable,
    mode: request.mode,
    values: request.values,
    oldHostname: await readHostname(reachable),
    macs: request.macs ?? new Map<string, string>(),
  };
  const steps: Step[] = [];
  const warnings: string[] = [];
  const missed = new Map<string, { name: string; parts: IdentityPart[] }>();
  const note = (part: IdentityPart) => {
    for (const [mount, name] of reachable.met)
      missed.set(mount, { name, parts: [...(missed.get(mount)?.parts ?? []), part] });
    reachable.met.clear();
  };
  for (const part of request.parts) {
    const plan = await planners[part](whole.has(part) ? { ...context, tree: strict(tree, part) } : context);
    for (const step of plan.steps) if (await reachable.reaches(step.edit.path)) steps.push(step);
    warnings.push(...plan.warnings);
    note(part);
  }
  const changing = { keys: request.parts.includes('host-keys'), name: request.parts.includes('hostname') };
  if (!request.parts.includes('cloud-init') && (changing.keys || changing.name)) {
    steps.push(...(await planSeedAgain(context, changing)));
    note('cloud-init');
  }
  for (const [mount, { name, parts }] of missed)
    warnings.push(
      `${mount} of the guest is on ${name}, and cannot be looked into: what is there stays as it is (${parts.map((part) => identityParts[part].title).join(', ')}).`,
    );
  if (request.authorizedKeys)
    steps.push(
      ...(await planAuthorizedKeys(tree, request.authorizedKeys.user, request.authorizedKeys.lines)),
    );
  return { steps, warnings };
}

/** The tree for a part that is refused, by name, when it meets a file system that cannot be read. */
function strict(tree: GuestTree, part: IdentityPart): GuestTree {
  const named = <T>(asked: Promise<T>): Promise<T> =>
    asked.catch((error: unknown) => {
      if (!(error instanceof UnreadableMountError)) throw error;
      const { title } = identityParts[part];
      throw new GuesthouseError('unsupported', error.message, {
        why: `Files of “${title}” are there, and it cannot be looked into without starting the guest.`,
        todo: `Leave “${title}” out, or start the guest and work over SSH.`,
        cause: error,
      });
    });
  return {
    stat: (path) => named(tree.stat(path)),
    lstat: (path) => named(tree.lstat(path)),
    readFile: (path, max) => named(tree.readFile(path, max)),
    readdir: (path) => named(tree.readdir(path)),
    readlink: (path) => named(tree.readlink(path)),
  };
}

/** The public half of planned values, for the last page of a wizard. */
export function plannedIdentity(
  values: IdentityValues,
  uuid: string | null,
  macs: readonly string[],
): PlannedIdentity {
  return {
    machineId: values.machineId,
    hostname: values.hostname,
    uuid,
    macs,
    hostKeys: values.hostKeys.map(({ type, fingerprint }) => ({ type, fingerprint, path: null })),
  };
}
