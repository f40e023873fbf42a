import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import {
  type IdentityPart,
  identityPartIds,
  identityParts,
  type RepairPlan,
} from '../../../shared/model/identity.ts';
import type { Announce, Handlers } from '../api.ts';
import { guestPolicy, refresh } from '../guests/loading.ts';
import { nameOf, type StoredGuest } from '../guests/store.ts';
import { isLive } from '../guests/transitions.ts';
import { makePrivateDir } from '../platform/fs.ts';
import { domainOf, sourceDisks } from '../templates/sources.ts';
import { previewIdentity } from './apply.ts';
import { IdentityOverview, type OverviewDeps } from './overview.ts';
import { planIdentity } from './plan.ts';
import { type IdentityRecord, readRecord, saveBefore, writeRecord } from './record.ts';
import { applyInput, applyScript } from './remote.ts';
import {
  definitionChanges,
  type PlannedRepair,
  repairOnDisk,
  restoreOnDisk,
  shownIdentity,
  withIdentity,
} from './repair.ts';
import { makeValues } from './values.ts';

export interface IdentityDeps extends OverviewDeps {
  readonly announce: Announce;
}

type IdentityCall = Extract<keyof Handlers, `identity.${string}`>;

const keptPlans = 10;

/** The Identity page's engine: reads, compares, repairs, puts back, confirms. */
export function createIdentity(deps: IdentityDeps) {
  const { paths, registry, runner, remote, clock } = deps;
  const overview = new IdentityOverview(deps);
  const plans = new Map<string, PlannedRepair[]>();
  const exportsDir = path.join(paths.runtime, 'exports');
  const changed = () => deps.announce({ type: 'identity' });

  const disksOf = (stored: StoredGuest) => ({
    disks: sourceDisks(stored),
    policy: guestPolicy(paths, stored.folder),
  });

  /** UUIDs and MACs of all machines but one. */
  function takenBy(others: Iterable<StoredGuest>, own: string) {
    const uuids = new Set<string>();
    const macs = new Set<string>();
    for (const stored of others) {
      if (stored.id === own || !stored.domain) continue;
      if (stored.domain.uuid) uuids.add(stored.domain.uuid);
      for (const nic of stored.domain.interfaces()) if (nic.mac) macs.add(nic.mac.toLowerCase());
    }
    return { uuids, macs };
  }

  async function planOne(ref: string, parts: readonly IdentityPart[]): Promise<PlannedRepair> {
    const server = remote.servers().find((one) => one.id === ref || one.name === ref);
    const entry = server ? null : await refresh(deps, registry.get(ref).id);
    const target = server ?? { id: entry!.id, name: nameOf(entry!.stored) };
    const via = server || isLive(entry!.state) ? ('ssh' as const) : ('disk' as const);
    const domain = entry?.stored.domain ?? null;
    const everyone = [...registry.all().map((one) => one.stored), ...(await deps.templates.list())];
    const { uuid, macs } = domain
      ? definitionChanges(domain, takenBy(everyone, target.id))
      : { uuid: null, macs: new Map<string, string>() };
    const base = {
      kind: server ? ('server' as const) : ('guest' as const),
      id: target.id,
      name: target.name,
      via,
    };
    try {
      if (entry?.state === 'saved')
        throw new GuesthouseError(
          'wrong-state',
          `${target.name} is saved: its memory holds the old identity.`,
          {
            todo: 'Start it and shut it down, then repair it.',
          },
        );
      const snapshot = via === 'ssh' ? await overview.read(target.id, { ask: true, sudo: true }) : null;
      const hostname = snapshot?.facts.hostname ?? domain?.name ?? null;
      const values = await makeValues(hostname, ['ed25519', 'ecdsa']);
      const request = { mode: 'repair' as const, parts, values, macs };
      const plan = snapshot
        ? await planOverSsh(snapshot.tree, request)
        : await previewIdentity(disksOf(entry!.stored), request);
      const repair = { values, parts, uuid, macs };
      return {
        ...repair,
        item: {
          ...base,
          identity: shownIdentity(repair, domain),
          changes: plan.changes,
          error: null,
          warnings: plan.warnings,
        },
      };
    } catch (error) {
      const values = await makeValues(null, ['ed25519']);
      const nothing = { machineId: null, hostname: null, uuid: null, macs: [], hostKeys: [] };
      return {
        values,
        parts,
        uuid: null,
        macs: new Map(),
        item: { ...base, identity: nothing, changes: [], error: toWire(error), warnings: [] },
      };
    }
  }

  async function planOverSsh(...[tree, request]: Parameters<typeof planIdentity>) {
    const plan = await planIdentity(tree, request);
    return { ...plan, changes: plan.steps.map((step) => step.change) };
  }

  async function repairOverSsh(repair: PlannedRepair, signal: AbortSignal): Promise<void> {
    const { item } = repair;
    const snapshot = await overview.read(item.id, { ask: true, sudo: true, signal });
    const plan = await planIdentity(snapshot.tree, {
      mode: 'repair',
      parts: repair.parts,
      values: repair.values,
      macs: repair.macs,
    });
    const edits = plan.steps.map((step) => step.edit);
    const folder = overview.recordFolder(item);
    await makePrivateDir(folder);
    const record: IdentityRecord = {
      version: 1,
      writtenAt: clock.now(),
      machineId: repair.parts.includes('machine-id') ? repair.values.machineId : null,
      hostname: repair.parts.includes('hostname') ? repair.values.hostname : null,
      hostKeys: repair.parts.includes('host-keys')
        ? repair.values.hostKeys.map((key) => key.fingerprint)
        : [],
      bootIdThen: snapshot.facts.bootId,
      verification: 'restart-needed',
      before: { files: await saveBefore(snapshot.tree, edits), uuid: null, macs: [] },
    };
    // The old values are on this machine before the first byte changes there.
    await writeRecord(folder, record);
    const output = await remote.run(item.id, ['sh', '-c', applyScript], {
      input: applyInput(edits),
      sudo: true,
      ask: true,
      signal,
    });
    if (!output.trimEnd().endsWith('applied'))
      throw new GuesthouseError('program-failed', `The identity of ${item.name} was not written whole.`, {
        todo: 'Repair it again, or put the old values back.',
        detail: output.slice(-2000),
      });
    if (repair.parts.includes('host-keys'))
      await remote.pin(
        item.id,
        repair.values.hostKeys.map((key) => {
          const [type, base64] = key.publicKey.split(' ');
          return { type: type!, key: base64! };
        }),
      );
    const entry = item.kind === 'guest' ? registry.find(item.id) : undefined;
    if (entry?.stored.domain && (repair.uuid !== null || repair.macs.size > 0))
      await deps.store.inTurn(entry.id, async () => {
        const { domain } = await deps.store.read(entry.id);
        if (domain) await deps.store.write(entry.id, withIdentity(domain, repair.uuid, repair.macs));
        await refresh(deps, entry.id);
      });
    await overview.read(item.id, { ask: true, sudo: false, signal });
  }

  async function runRepair(repair: PlannedRepair, signal: AbortSignal): Promise<void> {
    if (repair.item.via === 'ssh') return repairOverSsh(repair, signal);
    const entry = await refresh(deps, repair.item.id);
    if (isLive(entry.state))
      throw new GuesthouseError('wrong-state', `${repair.item.name} was started meanwhile.`, {
        todo: 'Plan its repair again.',
      });
    await repairOnDisk({ ...entry.stored, domain: domainOf(entry.stored) }, disksOf(entry.stored), repair, {
      runtimeDir: exportsDir,
      now: clock.now(),
      signal,
    });
    await refresh(deps, entry.id);
  }

  /** Compares a running machine with what was written; only a boot later than the edit counts. */
  async function verify(ref: string, signal: AbortSignal): Promise<void> {
    const server = remote.servers().find((one) => one.id === ref || one.name === ref);
    const row = server
      ? { kind: 'server' as const, id: server.id }
      : { kind: 'guest' as const, id: registry.get(ref).id };
    const folder = overview.recordFolder(row);
    const record = await readRecord(folder);
    const { facts } = await overview.read(row.id, { ask: true, sudo: false, signal });
    if (record) {
      const same =
        (record.machineId === null || record.machineId === facts.machineId) &&
        (record.hostname === null || record.hostname === facts.hostname) &&
        record.hostKeys.every((fingerprint) => facts.hostKeys.some((key) => key.fingerprint === fingerprint));
      const sameBoot = record.bootIdThen !== null && record.bootIdThen === facts.bootId;
      const verification = !same ? 'differs' : sameBoot ? 'restart-needed' : 'verified';
      if (verification !== record.verification) await writeRecord(folder, { ...record, verification });
    }
    changed();
  }

  const start = (
    kind: string,
    title: string,
    subject: string | null,
    lock: string | undefined,
    job: Parameters<typeof runner.start>[1],
  ) => {
    const { operation, result } = runner.start({ kind, title, subject, lock }, job);
    result.catch(() => {}).finally(changed);
    return { operation: operation.id };
  };

  const handlers: Handlers<IdentityCall> = {
    'identity.audit': (options, { signal }) => overview.report({ ...options, signal }),
    'identity.planRepair': async ({ ids, parts }) => {
      const chosen = parts ?? identityPartIds.filter((part) => identityParts[part].repair);
      const repairs: PlannedRepair[] = [];
      for (const id of ids) repairs.push(await planOne(id, chosen));
      const planId = randomUUID();
      plans.set(planId, repairs);
      for (const key of [...plans.keys()].slice(0, Math.max(0, plans.size - keptPlans))) plans.delete(key);
      return { planId, items: repairs.map((repair) => repair.item) } satisfies RepairPlan;
    },
    'identity.repair': async ({ planId }) => {
      const repairs = plans.get(planId)?.filter((repair) => repair.item.error === null);
      if (!repairs)
        throw new GuesthouseError('not-found', 'That plan is gone.', { todo: 'Plan the repair again.' });
      plans.delete(planId);
      const [only] = repairs;
      return start(
        'identity.repair',
        repairs.length === 1 ? `Repairing ${only!.item.name}` : `Repairing ${repairs.length} machines`,
        repairs.length === 1 ? only!.item.id : null,
        repairs.length === 1 && only!.item.kind === 'guest' ? `guest:${only!.item.id}` : 'identity.repair',
        async (op) => {
          const failed: { name: string; error: WireError }[] = [];
          for (const [index, repair] of repairs.entries()) {
            op.check();
            op.phase(repair.item.name);
            op.progress(index / repairs.length);
            await runRepair(repair, op.signal).catch((error: unknown) => {
              op.check();
              failed.push({ name: repair.item.name, error: toWire(error) });
            });
          }
          if (failed.length > 0) {
            const { code, message, why, todo, detail } = failed[0]!.error;
            throw new GuesthouseError(
              code,
              repairs.length === 1
                ? message
                : `${failed.length} of ${repairs.length} machines were not repaired.`,
              { why: repairs.length === 1 ? why : `${failed[0]!.name}: ${message}`, todo, detail },
            );
          }
        },
      );
    },
    'identity.restore': async ({ id: ref }) => {
      const entry = await refresh(deps, registry.get(ref).id);
      const record = await readRecord(entry.stored.folder);
      if (!record?.before)
        throw new GuesthouseError(
          'not-found',
          `There are no old values of ${nameOf(entry.stored)} to put back.`,
        );
      if (isLive(entry.state) || entry.state === 'saved')
        throw new GuesthouseError('wrong-state', `${nameOf(entry.stored)} must be off for that.`, {
          todo: 'Shut it down first.',
        });
      const { before } = record;
      return start(
        'identity.restore',
        `Putting back the old identity of ${nameOf(entry.stored)}`,
        entry.id,
        `guest:${entry.id}`,
        async (op) => {
          await restoreOnDisk(
            { ...entry.stored, domain: domainOf(entry.stored) },
            disksOf(entry.stored),
            { ...record, before },
            { runtimeDir: exportsDir, now: clock.now(), signal: op.signal },
          );
          await refresh(deps, entry.id);
        },
      );
    },
    'identity.verify': async ({ id }) =>
      start('identity.verify', 'Reading its identity over SSH', id, undefined, (op) => verify(id, op.signal)),
  };

  return {
    handlers,
    /** For other parts that wrote an identity. */
    changed,
  };
}
