import { connect as connectSocket, type Socket } from 'node:net';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { encodeCommand, QmpDecoder, type QmpEvent, type QmpGreeting, type QmpMessage } from './codec.ts';

export interface ExecuteOptions {
  /** Milliseconds to wait for the answer; default 10 000. snapshot and memory commands want more. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

interface Pending {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
  done(): void;
}

/** QEMU's own error class beside our code, for callers that go on after a certain failure. */
export class QmpCommandError extends GuesthouseError {
  constructor(
    readonly command: string,
    readonly qmpClass: string,
    readonly desc: string,
  ) {
    super('qmp-error', `QEMU refused ${command}.`, { why: desc });
  }
}

const closedError = (why?: string) =>
  new GuesthouseError('qmp-closed', 'The connection to QEMU ended.', { why });

/**
 * One connection to a QMP socket. QEMU serves one client a socket (the next one waits without a greeting), so whoever
 * needs another connection needs another socket.
 */
export class QmpClient {
  private readonly decoder = new QmpDecoder();
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Set<(event: QmpEvent) => void>();
  private nextId = 1;
  private ended: GuesthouseError | null = null;
  private greet: ((greeting: QmpGreeting) => void) | null = null;
  private resolveClosed!: (why: GuesthouseError) => void;
  /** Resolves (never rejects) with the reason once the connection is gone. */
  readonly closed: Promise<GuesthouseError>;

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
    socket.on('data', (chunk) => this.receive(chunk as Buffer));
    socket.on('error', (error) => this.end(closedError(error.message)));
    socket.on('close', () => this.end(closedError()));
  }

  /**
   * Connects, waits for the greeting and leaves capabilities negotiation.
   *
   * @throws {GuesthouseError} `qmp-closed` when nobody listens, `timeout` when no greeting comes (another client holds
   *   the socket, or QEMU hangs); {@link CancelledError}
   */
  static async connect(
    path: string,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<QmpClient> {
    const { timeoutMs = 5000, signal } = options;
    if (signal?.aborted) throw new CancelledError();
    const client = new QmpClient(connectSocket(path));
    const greeting = new Promise<QmpGreeting>((resolve) => {
      client.greet = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      await Promise.race([
        greeting,
        client.closed.then((why) => Promise.reject(why)),
        new Promise((_, reject) => {
          timer = setTimeout(
            () =>
              reject(
                new GuesthouseError('timeout', 'QEMU did not greet.', {
                  why: 'Its control socket is held by someone else, or QEMU hangs.',
                }),
              ),
            timeoutMs,
          );
          onAbort = () => reject(new CancelledError());
          signal?.addEventListener('abort', onAbort, { once: true });
        }),
      ]);
      await client.execute('qmp_capabilities', undefined, { timeoutMs, signal });
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      clearTimeout(timer);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Runs a command and gives its `return`.
   *
   * @throws {QmpCommandError} QEMU's own refusal; {@link GuesthouseError} `qmp-closed`, `timeout`
   */
  execute<T = unknown>(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options: ExecuteOptions = {},
  ): Promise<T> {
    const { timeoutMs = 10_000, signal } = options;
    return new Promise<T>((resolve, reject) => {
      if (this.ended) return reject(this.ended);
      if (signal?.aborted) return reject(new CancelledError());
      const id = this.nextId++;
      const fail = (error: Error) => {
        entry.done();
        reject(error);
      };
      const timer = setTimeout(
        () =>
          fail(
            new GuesthouseError('timeout', `QEMU did not answer ${command} in ${timeoutMs / 1000} s.`, {
              todo: 'Try again; if it goes on, force the guest off.',
            }),
          ),
        timeoutMs,
      );
      const onAbort = () => fail(new CancelledError());
      signal?.addEventListener('abort', onAbort, { once: true });
      const entry: Pending = {
        command,
        resolve: (value) => {
          entry.done();
          resolve(value as T);
        },
        reject: fail,
        done: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          this.pending.delete(id);
        },
      };
      this.pending.set(id, entry);
      this.socket.write(encodeCommand(command, args, id));
    });
  }

  /** A command of the human monitor: its text output, mostly empty when done. */
  monitor(line: string, options?: ExecuteOptions): Promise<string> {
    return this.execute<string>('human-monitor-command', { 'command-line': line }, options);
  }

  /** Calls `listener` for each event until the returned function is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Waits for an event. Listen before causing it. @throws `timeout`, `qmp-closed` */
  waitFor(
    accept: (event: QmpEvent) => boolean,
    options: { timeoutMs: number; signal?: AbortSignal; what: string },
  ): Promise<QmpEvent> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(this.ended);
      const finish = () => {
        clearTimeout(timer);
        off();
        options.signal?.removeEventListener('abort', onAbort);
      };
      const off = this.onEvent((event) => {
        if (!accept(event)) return;
        finish();
        resolve(event);
      });
      const timer = setTimeout(() => {
        finish();
        reject(
          new GuesthouseError('timeout', `${options.what} did not come in ${options.timeoutMs / 1000} s.`),
        );
      }, options.timeoutMs);
      const onAbort = () => {
        finish();
        reject(new CancelledError());
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      void this.closed.then((why) => {
        finish();
        reject(why);
      });
    });
  }

  get open(): boolean {
    return this.ended === null;
  }

  /** Lets go of the socket; QEMU goes on. */
  close(): void {
    this.end(closedError('Guesthouse let go of it.'));
  }

  private receive(chunk: Buffer) {
    let messages: QmpMessage[];
    try {
      messages = this.decoder.push(chunk);
    } catch (error) {
      return this.end(error instanceof GuesthouseError ? error : closedError(String(error)));
    }
    for (const message of messages) this.take(message);
  }

  private take(message: QmpMessage) {
    if ('QMP' in message) {
      this.greet?.(message);
      this.greet = null;
    } else if ('event' in message) {
      for (const listener of [...this.listeners]) listener(message);
    } else {
      // An answer without a pending command came after its deadline, and is dropped.
      const entry = typeof message.id === 'number' ? this.pending.get(message.id) : undefined;
      if (!entry) return;
      if ('error' in message)
        entry.reject(new QmpCommandError(entry.command, message.error.class, message.error.desc));
      else entry.resolve(message.return);
    }
  }

  private end(why: GuesthouseError) {
    if (this.ended) return;
    this.ended = why;
    this.socket.destroy();
    for (const entry of [...this.pending.values()]) entry.reject(why);
    this.resolveClosed(why);
  }
}
