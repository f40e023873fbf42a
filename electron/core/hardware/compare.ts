import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError, isCancelled, toWire } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { CompareResult, Comparison, GuestKindName } from '../../../shared/model/hardware.ts';
import type { CreateDeps } from '../guests/create-spec.ts';
import { lockOf } from '../guests/lifecycle.ts';
import { refresh } from '../guests/loading.ts';
import type { Entry } from '../guests/registry.ts';
import { nameOf } from '../guests/store.ts';
import type { OperationContext } from '../operations/runner.ts';
import { makePrivateDir, readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { SshSurroundings } from '../ssh/remote.ts';
import { findDirectBoot } from './direct-boot.ts';
import { toKind } from './kinds.ts';
import { measureDisk, measureNetwork } from './measure.ts';
import { bootThrowaway, makeThrowaway } from './throwaway.ts';

export type CompareSurroundings = () => SshSurroundings;

/** The last comparison, in the guest's folder and gone with it. */
const resultFile = (folder: string) => path.join(folder, 'comparison.json');

const number = z.number().nullable();
const saved = z.object({
  at: z.number(),
  accelerator: z.enum(['kvm', 'tcg']),
  vcpus: z.number(),
  memory: z.number(),
  busy: z.boolean(),
  results: z.array(
    z.object({
      kind: z.enum(['full', 'hybrid', 'paravirtual']),
      boot: number,
      diskRead: number,
      diskWrite: number,
      netOut: number,
      netIn: number,
      problem: z.string().nullable(),
    }),
  ),
});

const nothing = { boot: null, diskRead: null, diskWrite: null, netOut: null, netIn: null };

/** Measures what each kind of hardware is worth to one guest on this computer. */
export function createCompare(deps: CreateDeps & { readonly compare: CompareSurroundings }) {
  async function start(ref: string, kinds: readonly GuestKindName[]): Promise<Started> {
    const entry = await refresh(deps, deps.registry.get(ref).id);
    mustBeOff(entry);
    const { operation, result } = deps.runner.start(
      {
        kind: 'hardware.compare',
        title: `Comparing kinds of hardware with ${nameOf(entry.stored)}`,
        subject: entry.id,
        lock: lockOf(entry.id),
      },
      (op) => run(entry, [...new Set(kinds)], op),
    );
    result.catch(() => {});
    return { operation: operation.id };
  }

  async function run(entry: Entry, kinds: readonly GuestKindName[], op: OperationContext): Promise<void> {
    const results: CompareResult[] = [];
    for (const [n, kind] of kinds.entries()) {
      const tell = (text: string, part: number) => {
        op.phase(`${kind[0]!.toUpperCase()}${kind.slice(1)}: ${text}`);
        op.progress((n + part) / kinds.length);
      };
      results.push(await one(entry, kind, op, tell));
    }
    const domain = entry.stored.domain!;
    const { chosen } = await deps.accelerators.report();
    const comparison: Comparison = {
      at: deps.clock.now(),
      accelerator: chosen,
      vcpus: domain.vcpus,
      memory: domain.memoryMiB,
      // Over the last five minutes: what is beyond the copy's own processors is somebody else's.
      busy: loadavg()[1]! > availableParallelism() + domain.vcpus,
      results,
    };
    await writeAtomic(resultFile(entry.stored.folder), `${JSON.stringify(comparison, null, 1)}\n`);
    if (results.every(({ boot }) => boot === null))
      throw new GuesthouseError('qemu-failed', 'No kind could be measured.', {
        why: results[0]?.problem ?? undefined,
        todo: 'Start the guest and see on its console how far it gets.',
      });
  }

  /** What fails of one kind is its result, and hinders no other. */
  async function one(
    entry: Entry,
    kind: GuestKindName,
    op: OperationContext,
    tell: (text: string, part: number) => void,
  ): Promise<CompareResult> {
    op.check();
    tell('preparing', 0);
    const dir = path.join(deps.paths.staging, `compare-${randomBytes(4).toString('hex')}`);
    await makePrivateDir(dir);
    try {
      const stored = entry.stored.domain!;
      const domain = toKind(stored, kind, await findDirectBoot(deps.paths, entry, stored, kind));
      const copy = await makeThrowaway(deps, entry, domain, dir, op);
      const booted = await bootThrowaway(deps, copy, op, (seconds) => tell(`booting, ${seconds} s`, 0.1));
      try {
        const result: CompareResult = { kind, ...nothing, boot: booted.seconds, problem: booted.problem };
        if (booted.problem !== null) return result;
        tell('measuring its disk', 0.6);
        const around = deps.compare();
        const disk = await measureDisk(around, copy.target, op.signal);
        tell('measuring its network', 0.8);
        const restricted = domain.metadata.restrict;
        const net = restricted ? null : await measureNetwork(around, copy.target, op.signal);
        return {
          ...result,
          ...disk,
          netOut: net?.out ?? null,
          netIn: net?.in ?? null,
          problem: restricted ? 'Its network is cut off from this computer, so it was not measured.' : null,
        };
      } finally {
        await booted.end();
      }
    } catch (error) {
      if (isCancelled(error) || op.signal.aborted) throw error;
      const { message, why } = toWire(error);
      return { kind, ...nothing, problem: [message, why].filter(Boolean).join(' ') };
    } finally {
      await fs.rm(dir, { recursive: true, force: true });
    }
  }

  async function last(ref: string): Promise<Comparison | null> {
    const text = await readTextIfAny(resultFile(deps.registry.get(ref).stored.folder));
    if (text === null) return null;
    try {
      return saved.parse(JSON.parse(text));
    } catch {
      return null; // an older or torn file is no result
    }
  }

  return { start, last };
}

function mustBeOff(entry: Entry): void {
  if (['off', 'crashed', 'saved'].includes(entry.state) && entry.stored.domain) return;
  throw new GuesthouseError('wrong-state', 'Only a guest that is off can be compared.', {
    why: 'Throw-away copies of its disk are booted, and a running guest changes its disk.',
    todo: 'Shut it down first.',
    subject: entry.id,
  });
}
