import { GuesthouseError } from '../../../shared/errors.ts';
import type { IdentityPart, PlannedIdentity } from '../../../shared/model/identity.ts';
import { readHostname } from './facts.ts';
import { planAuthorizedKeys } from './plan/authorized-keys.ts';
import { planCloudInit, planSeedAgain } from './plan/cloud-init.ts';
import type { PartPlan, PartPlanners, PlanMode, Step } from './plan/context.ts';
import { planHostKeys } from './plan/host-keys.ts';
import { planHostname } from './plan/hostname.ts';
import { planMachineId } from './plan/machine-id.ts';
import { planNetworkConfig } from './plan/network-config.ts';
import { planHistories, planLeases, planLogs, planRandomSeed, planTmp, planUserSsh } from './plan/state.ts';
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
 * The steps carry secrets; their `change` half does not and is what people see.
 */
export async function planIdentity(tree: GuestTree, request: IdentityPlanRequest): Promise<PartPlan> {
  if (request.mode !== 'seal' && request.values === null)
    throw new GuesthouseError('internal', 'No values to write.');
  const context = {
    tree,
    mode: request.mode,
    values: request.values,
    oldHostname: await readHostname(tree),
    macs: request.macs ?? new Map<string, string>(),
  };
  const steps: Step[] = [];
  const warnings: string[] = [];
  for (const part of request.parts) {
    const plan = await planners[part](context);
    steps.push(...plan.steps);
    warnings.push(...plan.warnings);
  }
  if (!request.parts.includes('cloud-init'))
    steps.push(
      ...(await planSeedAgain(context, {
        keys: request.parts.includes('host-keys'),
        name: request.parts.includes('hostname'),
      })),
    );
  if (request.authorizedKeys)
    steps.push(
      ...(await planAuthorizedKeys(tree, request.authorizedKeys.user, request.authorizedKeys.lines)),
    );
  return { steps, warnings };
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
