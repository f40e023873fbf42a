import * as net from 'node:net';
import { CancelledError, fromWire, GuesthouseError } from '../../../shared/errors.ts';
import type { CallName } from '../../../shared/ipc/channels.ts';
import type { CallInput, CallOutput } from '../../../shared/ipc/contract.ts';
import type { EventEnvelope } from '../../../shared/ipc/events.ts';
import type { CallContext, Core, PortLike } from '../api.ts';
import { FramePort, joinPorts } from './frame-port.ts';
import { encodeJson, FrameReader, protocolVersion } from './framing.ts';
import { type FromClient, type FromOwner, type Hello, helloSchema } from './wire.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const ownerGone = () =>
  new GuesthouseError('not-owner', 'The Guesthouse that held the library went away.', {
    why: 'The call was under way when it ended: whether it was carried out is not known.',
    todo: 'Look at the state and try again.',
  });

/** The owner left before it began a call: the next one may be asked. */
export class NotBegun extends GuesthouseError {
  constructor() {
    super('not-owner', 'The Guesthouse that held the library left.', { todo: 'Try again.' });
    this.name = 'NotBegun';
  }
}

/** A core in another process: the same calls, over its socket. */
export class ClientCore implements Core {
  private readonly calls = new Map<number, Waiting>();
  private readonly opening = new Map<number, Waiting>();
  private readonly ports = new Map<number, FramePort>();
  private readonly listeners = new Set<(envelope: EventEnvelope) => void>();
  private readonly goneListeners: (() => void)[] = [];
  private next = 1;
  private gone = false;
  /** The calls the owner had begun when it said goodbye; null when it has not. */
  private begun: ReadonlySet<number> | null = null;

  private constructor(
    private readonly socket: net.Socket,
    readonly ownerPid: number,
  ) {}

  /**
   * Connects to the owner of `data` at `socketPath`; null when nobody listens there.
   * @param timeoutMs until the owner must have answered, which it does when its library is read
   * @throws {GuesthouseError} `unsupported` for another version or library, `not-owner` when it does not answer
   */
  static connect(socketPath: string, data: string, timeoutMs = 15_000): Promise<ClientCore | null> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(socketPath);
      const reader = new FrameReader();
      let client: ClientCore | null = null;
      let connected = false;
      const fail = (error: unknown) => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () =>
          fail(
            new GuesthouseError('not-owner', 'The Guesthouse that holds the library does not answer.', {
              todo: 'End it, then try again.',
            }),
          ),
        timeoutMs,
      );
      socket.on('connect', () => {
        connected = true;
        const hello: Hello = { t: 'hello', protocol: protocolVersion, data, pid: process.pid };
        socket.write(encodeJson(hello));
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (client) return;
        clearTimeout(timer);
        // Nobody there, or there no more: the caller tries to own the library.
        if (
          !connected &&
          !['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EAGAIN'].includes(error.code ?? '')
        )
          reject(error);
        else resolve(null);
      });
      socket.on('close', () => {
        clearTimeout(timer);
        if (client) client.ended();
        else resolve(null);
      });
      socket.on('data', (chunk: Buffer) => {
        try {
          for (const frame of reader.push(chunk)) {
            if (frame.kind === 'port') client?.ports.get(frame.port)?.received(frame.message);
            else if (client) client.handle(frame.value as FromOwner);
            else {
              const refused = frame.value as FromOwner;
              if (refused.t === 'refused') return fail(fromWire(refused.error));
              const hello = helloSchema.parse(frame.value);
              clearTimeout(timer);
              client = new ClientCore(socket, hello.pid);
              resolve(client);
            }
          }
        } catch (error) {
          if (client) socket.destroy();
          else
            fail(
              new GuesthouseError('unsupported', 'What listens there is no Guesthouse.', { cause: error }),
            );
        }
      });
    });
  }

  call<N extends CallName>(name: N, input: CallInput<N>, context?: CallContext): Promise<CallOutput<N>> {
    const signal = context?.signal;
    if (signal?.aborted) return Promise.reject(new CancelledError());
    const id = this.next++;
    return new Promise<unknown>((resolve, reject) => {
      const onAbort = () => {
        this.send({ t: 'cancel', id });
        this.calls.delete(id);
        reject(new CancelledError());
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const done = () => signal?.removeEventListener('abort', onAbort);
      this.calls.set(id, {
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      if (!this.send({ t: 'call', id, name, input })) {
        this.calls.delete(id);
        done();
        reject(new NotBegun());
      }
    }) as Promise<CallOutput<N>>;
  }

  onEvent(listener: (envelope: EventEnvelope) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async openPort(kind: 'terminal' | 'screen', id: string, port: PortLike): Promise<void> {
    const number = this.next++;
    const far = new FramePort(
      number,
      (frame) => void (this.gone || this.socket.write(frame)),
      () => {
        this.ports.delete(number);
        this.send({ t: 'close', port: number });
      },
    );
    this.ports.set(number, far);
    joinPorts(port, far);
    await new Promise<unknown>((resolve, reject) => {
      this.opening.set(number, { resolve, reject });
      if (!this.send({ t: 'open', port: number, kind, id })) reject(new NotBegun());
    }).finally(() => this.opening.delete(number));
  }

  async close(): Promise<void> {
    if (this.gone) return;
    await new Promise<void>((resolve) => {
      this.socket.once('close', () => resolve());
      this.socket.destroy();
    });
  }

  /** The owner ended, or this side closed. */
  onGone(listener: () => void): void {
    if (this.gone) listener();
    else this.goneListeners.push(listener);
  }

  private send(message: FromClient): boolean {
    if (this.gone || this.socket.destroyed) return false;
    this.socket.write(encodeJson(message));
    return true;
  }

  private handle(message: FromOwner): void {
    switch (message.t) {
      case 'reply': {
        const call = this.calls.get(message.id);
        this.calls.delete(message.id);
        if (message.ok) call?.resolve(message.value);
        else call?.reject(fromWire(message.error));
        return;
      }
      case 'event':
        for (const listener of this.listeners) listener(message.envelope);
        return;
      case 'opened': {
        const waiting = this.opening.get(message.port);
        if (message.error) {
          this.ports.delete(message.port);
          waiting?.reject(fromWire(message.error));
        } else waiting?.resolve(undefined);
        return;
      }
      case 'close':
        this.ports.get(message.port)?.ended();
        this.ports.delete(message.port);
        return;
      case 'bye':
        this.begun = new Set(message.begun);
        return;
      case 'refused':
        this.socket.destroy();
    }
  }

  private ended(): void {
    if (this.gone) return;
    this.gone = true;
    for (const [id, waiting] of [...this.calls, ...this.opening])
      waiting.reject(this.begun && !this.begun.has(id) ? new NotBegun() : ownerGone());
    this.calls.clear();
    for (const port of this.ports.values()) port.ended();
    this.ports.clear();
    for (const listener of this.goneListeners) listener();
  }
}
