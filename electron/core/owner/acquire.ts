import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import * as net from 'node:net';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { CallName } from '../../../shared/ipc/channels.ts';
import type { CallInput, CallOutput } from '../../../shared/ipc/contract.ts';
import type { EventEnvelope } from '../../../shared/ipc/events.ts';
import type { Operation } from '../../../shared/model/operation.ts';
import type { CallContext, Core, PortLike } from '../api.ts';
import { systemClock } from '../platform/clock.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { ClientCore, NotBegun } from './client.ts';
import { withFileLock } from './lock.ts';
import { securePrivateDir } from './runtime-dir.ts';
import { OwnerServer } from './server.ts';

export type Role = 'owner' | 'client';

export interface AcquireOptions {
  readonly paths: LibraryPaths;
  readonly log: Log;
  /** Reads the library and adopts its guests: called when this process has become its owner, and only then. */
  readonly createCore: () => Promise<Core>;
}

interface Held {
  readonly role: Role;
  readonly core: Core;
  /** Of an owner: see OwnerServer. */
  hold?(): Promise<void>;
  go?(): void;
  release(): Promise<void>;
}

/**
 * Opens the library: as its owner when nobody is, else as a client of who is.
 * The result lives on through changes of owner: see {@link SharedCore}.
 *
 * @throws {GuesthouseError} `no-permission` for a runtime folder that cannot be trusted, `not-owner` when the owner does
 *   not answer, `unsupported` when it is another version; and whatever createCore throws
 */
export async function acquireCore(options: AcquireOptions): Promise<SharedCore> {
  return new SharedCore(options, await acquire(options));
}

/**
 * A core that stays when its owner goes. Calls that were under way then fail with `not-owner`; later ones wait for the
 * next owner, which may be this process; listeners hear `reset`.
 */
export class SharedCore implements Core {
  private readonly listeners = new Set<(envelope: EventEnvelope) => void>();
  private held: Promise<Held>;
  private now: Held | null = null;
  private off: (() => void) | null = null;
  private closed = false;

  constructor(
    private readonly options: AcquireOptions,
    held: Held,
  ) {
    this.held = Promise.resolve(held);
    this.adopt(held);
  }

  /** What this process is at the moment; `client` while the owner changes. */
  get role(): Role {
    return this.now?.role ?? 'client';
  }

  async call<N extends CallName>(
    name: N,
    input: CallInput<N>,
    context?: CallContext,
  ): Promise<CallOutput<N>> {
    return await this.withOwner((core) => core.call(name, input, context), context?.signal);
  }

  onEvent(listener: (envelope: EventEnvelope) => void): () => void {
    this.listeners.add(listener);
    this.listen();
    return () => {
      this.listeners.delete(listener);
      this.listen();
    };
  }

  async openPort(kind: 'terminal' | 'screen', id: string, port: PortLike): Promise<void> {
    // Not again with the next owner: a channel that was joined once is spent.
    const { core } = await this.current();
    return core.openPort(kind, id, port);
  }

  /**
   * Closes, but as owner not before all operations have ended, also those of clients.
   * @param busy waits for a moment to look again; told what runs. Rejects to close in spite of them
   */
  async closeWhenIdle(busy: (running: readonly Operation[]) => Promise<void>): Promise<void> {
    for (;;) {
      const held = this.now;
      if (!held?.hold || this.closed) break;
      // No call may begin an operation between the look and the close.
      await held.hold();
      const { operations } = await held.core.call('core.snapshot', undefined);
      const running = operations.filter((operation) => operation.endedAt === null);
      if (running.length === 0) break;
      held.go?.();
      try {
        await busy(running);
      } catch {
        break;
      }
    }
    await this.close();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const held = await this.held.catch(() => null);
    await held?.release();
  }

  /** Does it, and again when an owner left before it began. */
  private async withOwner<T>(body: (core: Core) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      const held = await this.current(signal);
      try {
        return await body(held.core);
      } catch (error) {
        if (!(error instanceof NotBegun)) throw error;
        // Its end is under way: the next current() waits for the next owner.
        if (this.now === held) await systemClock.sleep(10);
      }
    }
  }

  private async current(signal?: AbortSignal): Promise<Held> {
    if (this.closed) throw new GuesthouseError('not-owner', 'Guesthouse is closing.');
    if (signal?.aborted) throw new CancelledError();
    if (this.now) return this.now;
    return await this.held.catch((error: unknown) => {
      // The last try failed; this call is the reason for another.
      if (!this.now) this.again();
      throw error;
    });
  }

  private adopt(held: Held): void {
    this.now = held;
    this.listen();
    if (held.core instanceof ClientCore)
      held.core.onGone(() => {
        if (this.now !== held) return;
        this.now = null;
        this.off = null;
        if (!this.closed) this.again();
      });
  }

  /** Listens to core only while somebody listens here: core measures guests only for those who look. */
  private listen(): void {
    if (this.listeners.size === 0) {
      this.off?.();
      this.off = null;
    } else this.off ??= this.now?.core.onEvent((envelope) => this.emit(envelope)) ?? null;
  }

  private again(): void {
    this.options.log.info('the owner of the library went away');
    this.held = acquire(this.options).then(async (held) => {
      if (this.closed) {
        await held.release();
        return held;
      }
      this.adopt(held);
      this.options.log.info(
        held.role === 'owner' ? 'this process owns the library now' : 'joined the new owner',
      );
      this.emit({ revision: 0, event: { type: 'reset' } });
      return held;
    });
    this.held.catch((error: unknown) =>
      this.options.log.error('the library could not be opened again', error),
    );
  }

  private emit(envelope: EventEnvelope): void {
    for (const listener of this.listeners) listener(envelope);
  }
}

/** Rounds of asking and claiming; each fails only when an owner came or went in between. */
const maxRounds = 50;

async function acquire(options: AcquireOptions): Promise<Held> {
  const { paths } = options;
  process.umask(0o077);
  securePrivateDir(paths.runtime, paths.socket);
  mkdirSync(paths.data, { recursive: true, mode: 0o700 });
  for (let round = 0; round < maxRounds; round++) {
    for (const socketPath of await candidates(paths)) {
      const client = await ClientCore.connect(socketPath, paths.data);
      if (client) return { role: 'client', core: client, release: () => client.close() };
    }
    const held = await claim(options);
    if (held) return held;
    await systemClock.sleep(20 + 10 * round);
  }
  throw new GuesthouseError('not-owner', 'The library could not be opened.', {
    why: 'Its owner changed again and again.',
    todo: 'Try again.',
  });
}

const ownerFile = (paths: LibraryPaths) => path.join(paths.data, '.owner');

/**
 * Where an owner may listen: in our runtime folder, or in the one that the last owner named in the library itself,
 * since two sessions of one person (a desktop, cron, su) can differ in XDG_RUNTIME_DIR and share the data.
 */
async function candidates(paths: LibraryPaths): Promise<string[]> {
  const named = (await readTextIfAny(ownerFile(paths)))?.trim();
  return named && path.isAbsolute(named) && named !== paths.socket ? [paths.socket, named] : [paths.socket];
}

/**
 * Becomes the owner, or returns null when someone else is. All that look at, remove and bind the socket do so under one
 * lock in the library, so a stale socket is removed by one of them alone and never when it is another's new one.
 */
async function claim({ paths, log, createCore }: AcquireOptions): Promise<Held | null> {
  const server = await withFileLock(path.join(paths.data, '.lock'), 20, async () => {
    for (const socketPath of await candidates(paths)) if (await listening(socketPath)) return null;
    await rm(paths.socket, { force: true });
    const bound = await OwnerServer.listen(paths.socket, paths.data, log);
    await writeAtomic(ownerFile(paths), `${paths.socket}\n`);
    return bound;
  });
  if (!server) return null;
  try {
    const core = await createCore();
    server.serve(core);
    return {
      role: 'owner',
      core,
      hold: () => server.hold(),
      go: () => server.go(),
      release: async () => {
        await server.hold();
        await core.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Whether anybody listens. Only "nothing there" and "refused" say no: a full backlog (EAGAIN) is an owner too. */
function listening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(socketPath);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(!['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(error.code ?? '')),
    );
  });
}
