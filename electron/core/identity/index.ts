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
import { Domain } from '../domain/index.ts';
import { lockOf } from '../guests/lifecycle.ts';
import { guestPolicy, refresh } from '../guests/loading.ts';
import type { Entry } from '../guests/registry.ts';
import { nameOf, type StoredGuest } from '../guests/store.ts';
import { isLive } from '../guests/transitions.ts';
import { domainOf, sourceDisks } from '../templates/sources.ts';
import { previewIdentity } from './apply.ts';
import { confirm } from './confirm.ts';
import { planOverSsh, repairOverSsh, restoreOverSsh } from './over-ssh.ts';
import { IdentityOverview, type OverviewDeps } from './overview.ts';
import { neededKinds } from './plan/host-keys.ts';
import { readRecord, writeRecord } from './record.ts';
import {
  definitionChanges,
  labelsOf,
  type PlannedRepair,
  repairOnDisk,
  restoreOnDisk,
  shownIdentity,
} from './repair.ts';
import type { GuestTree } from './tree.ts';
import { type IdentityValues, makeValues } from './values.ts';

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
      const snapshot =
        via === 'ssh' ? await overview.read(target.id, { ask: true, sudo: true, whole: true }) : null;
      const hostname = snapshot?.facts.hostname ?? domain?.name ?? null;
      let values!: IdentityValues;
      const ask = async (tree: GuestTree) => {
        values = await makeValues(hostname, await neededKinds(tree, ['ed25519', 'ecdsa']));
        return { mode: 'repair' as const, parts, values, macs };
      };
      const plan = snapshot
        ? await planOverSsh(snapshot.tree, await ask(snapshot.tree))
        : await previewIdentity(disksOf(entry!.stored), ask);
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

  async function runRepair(repair: PlannedRepair, signal: AbortSignal): Promise<void> {
    if (repair.item.via === 'ssh') return repairOverSsh(deps, overview, repair, signal);
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

  /** What a running guest's definition and its QEMU say of its hardware; null while the definition is broken. */
  function hardwareOf({ stored, runningText }: Entry) {
    if (!stored.domain) return null;
    const defined = labelsOf(stored.domain);
    return { defined, running: runningText === null ? defined : labelsOf(Domain.parse(runningText)) };
  }

  /** Keeps whether a running machine is what was written. */
  async function verify(ref: string, signal: AbortSignal): Promise<void> {
    const server = remote.servers().find((one) => one.id === ref || one.name === ref);
    const row = server
      ? { kind: 'server' as const, id: server.id }
      : { kind: 'guest' as const, id: registry.get(ref).id };
    const folder = overview.recordFolder(row);
    const record = await readRecord(folder);
    const facts = await overview.readRunning(row.id, { ask: true, uuid: true, signal });
    if (record) {
      const verification = confirm(record, facts, server ? null : hardwareOf(registry.get(row.id)));
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
        repairs.length === 1 && only!.item.kind === 'guest' ? lockOf(only!.item.id) : 'identity.repair',
        async (op) => {
          const failed: { name: string; error: WireError }[] = [];
          for (const [index, repair] of repairs.entries()) {
            op.check();
            op.phase(repair.item.name);
            op.progress(index / repairs.length);
            const { kind, id, name } = repair.item;
            const run = () => runRepair(repair, op.signal);
            // Alone it has the lock already; of many, each is held while its turn lasts.
            const mine = repairs.length === 1 || kind === 'server';
            await (mine ? run() : runner.hold(lockOf(id), `Repairing ${name}`, run)).catch(
              (error: unknown) => {
                op.check();
                failed.push({ name: repair.item.name, error: toWire(error) });
              },
            );
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
      const server = remote.servers().find((one) => one.id === ref || one.name === ref);
      const entry = server ? null : await refresh(deps, registry.get(ref).id);
      const item = server
        ? { kind: 'server' as const, ...server }
        : { kind: 'guest' as const, id: entry!.id, name: nameOf(entry!.stored) };
      const record = await readRecord(overview.recordFolder(item));
      if (!record?.before)
        throw new GuesthouseError('not-found', `There are no old values of ${item.name} to put back.`);
      if (entry?.state === 'saved')
        throw new GuesthouseError('wrong-state', `${item.name} is saved: its memory holds its identity.`, {
          todo: 'Start it, or start it and shut it down, first.',
        });
      const { before } = record;
      return start(
        'identity.restore',
        `Putting back the old identity of ${item.name}`,
        item.id,
        server ? 'identity.repair' : lockOf(item.id),
        async (op) => {
          if (!entry || isLive(entry.state)) return restoreOverSsh(deps, overview, item, before, op.signal);
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
      start('identity.verify', 'Reading its identity', id, undefined, (op) => verify(id, op.signal)),
  };

  return {
    handlers,
    /** For other parts that wrote an identity. */
    changed,
  };
}
