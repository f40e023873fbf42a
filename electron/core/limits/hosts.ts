import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { GuesthouseError, isCancelled, toWire, type WireError } from '../../../shared/errors.ts';
import type { GroupHost } from '../../../shared/model/group.ts';
import type { RunResult } from '../platform/exec.ts';
import { ensurePinned } from '../ssh/hostkeys.ts';
import { askpassFor, type RemoteOptions, runRemote, type SshSurroundings } from '../ssh/remote.ts';
import type { Targets } from '../ssh/targets.ts';
import type { Backend } from './backend.ts';
import { chooseBackend } from './choose.ts';
import { type Facts, factsScript, parseFacts } from './facts.ts';
import { farMachine, type Machine, thisMachine } from './machine.ts';

/** A machine that was looked at. */
export interface HostContext {
  readonly machine: Machine;
  readonly facts: Facts;
  /** Null: no groups can be made there; `problem` says why. */
  readonly backend: Backend | null;
  readonly problem: WireError | null;
}

export interface HostsDeps {
  readonly around: SshSurroundings;
  readonly targets: Pick<Targets, 'resolve'>;
  /** Private folder for the shared connections' sockets. */
  readonly runtime: string;
}

/** How the person is reached while a machine is looked at. */
export interface Asking {
  readonly operation: string;
  readonly signal: AbortSignal;
}

/** This machine and those over SSH, each looked at once until told to forget. */
export class Hosts {
  private readonly known = new Map<string, HostContext>();
  private readonly looking = new Map<string, Promise<HostContext>>();

  constructor(private readonly deps: HostsDeps) {}

  /** What is known, without looking. */
  peek(host: string | null): HostContext | null {
    return this.known.get(host ?? '') ?? null;
  }

  /** It went away, or must be looked at anew. */
  forget(host: string | null): void {
    this.known.delete(host ?? '');
  }

  /**
   * @param asking null: the person is not asked for anything; what needs an answer fails
   * @throws {GuesthouseError} when it cannot be reached
   */
  look(host: string | null, asking: Asking | null): Promise<HostContext> {
    const key = host ?? '';
    const before = this.known.get(key);
    if (before) return Promise.resolve(before);
    const under = this.looking.get(key);
    if (under) return under;
    const next = (host === null ? this.lookHere() : this.lookFar(host, asking))
      .then((context) => {
        this.known.set(key, context);
        return context;
      })
      .finally(() => this.looking.delete(key));
    this.looking.set(key, next);
    return next;
  }

  /** @throws {GuesthouseError} why there can be no groups there */
  async backend(host: string | null, asking: Asking | null): Promise<HostContext & { backend: Backend }> {
    const context = await this.look(host, asking);
    if (context.backend) return { ...context, backend: context.backend };
    const { code, message, why, todo } = context.problem!;
    throw new GuesthouseError(code, message, { why, todo, subject: host ?? undefined });
  }

  private async lookHere(): Promise<HostContext> {
    const { stdout } = await thisMachine.exec(['sh', '-c', factsScript, 'sh', 'here']);
    return contextOf(thisMachine, parseFacts(stdout));
  }

  private async lookFar(host: string, asking: Asking | null): Promise<HostContext> {
    const { around, targets } = this.deps;
    const target = await targets.resolve(host).catch((error) => {
      // Deleted, off or without an address: whoever asks cares that it cannot be reached.
      if (!(error instanceof GuesthouseError)) throw error;
      const { message, why, todo } = error;
      throw new GuesthouseError('unreachable', message, { why, todo, subject: host });
    });
    const title = `Looking at ${target.name}`;
    const controlPath = path.join(
      this.deps.runtime,
      `cg-${createHash('sha256').update(`${target.id} ${target.address} ${target.port}`).digest('hex').slice(0, 10)}`,
    );
    const session = asking ? await askpassFor(around, target, { title, ...asking }) : null;
    const send = (command: readonly string[], options: RemoteOptions): Promise<RunResult> =>
      runRemote(around, target, command, { controlPath, connectTimeout: 15, ...options });
    let sudo = false;
    const machine = farMachine(
      host,
      target.name,
      (command, options) => send(command, { ask: false, timeoutMs: 60_000, ...options }),
      () => sudo,
    );
    try {
      if (session) await ensurePinned(target, session);
      const { stdout } = await send(['sh', '-c', factsScript, 'sh', 'far'], {
        ...(session ? { askpass: session } : { ask: false }),
        timeoutMs: 120_000,
      });
      const facts = parseFacts(stdout);
      sudo = facts.sudo;
      return contextOf(machine, facts);
    } finally {
      await session?.close();
    }
  }
}

function contextOf(machine: Machine, facts: Facts): HostContext {
  try {
    return { machine, facts, backend: chooseBackend(facts), problem: null };
  } catch (error) {
    if (isCancelled(error)) throw error;
    return { machine, facts, backend: null, problem: toWire(error) };
  }
}

/** For people. */
export function describeHost(host: string | null, { facts, backend, problem }: HostContext): GroupHost {
  return {
    host,
    backend: backend?.kind ?? 'none',
    summary: backend?.summary ?? problem?.message ?? '',
    problem,
    abilities: backend?.abilities ?? [],
    ends: backend?.ends ?? null,
    devices: facts.disks.map(({ path: file, size, model }) => ({ path: file, size, model })),
    cores: facts.cores,
    memory: facts.memory,
  };
}
