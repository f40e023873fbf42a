import { chmod } from 'node:fs/promises';
import * as net from 'node:net';
import { CancelledError, GuesthouseError, toWire } from '../../../shared/errors.ts';
import type { Core } from '../api.ts';
import type { Log } from '../platform/log.ts';
import { FramePort } from './frame-port.ts';
import { encodeJson, FrameError, FrameReader, maxFrame, maxHello, protocolVersion } from './framing.ts';
import { type FromClient, type FromOwner, fromClient, type Hello, helloSchema } from './wire.ts';

/** Bytes a client may leave unread before it is let go: one that stopped reading must not fill the owner's memory. */
const maxUnread = 64 << 20;
/** Calls and channels one client may have open. */
const maxOpen = 10_000;
/** Milliseconds that calls under way have to end before the owner leaves. */
const settleMs = 5_000;
/** Milliseconds in which a peer must say hello. */
const helloMs = 10_000;

/** The owner's end of the socket. Clients that come before {@link serve} wait. */
export class OwnerServer {
  private readonly connections = new Set<Connection>();
  private core: Core | null = null;
  private off: (() => void) | null = null;
  private holding = false;

  private constructor(
    private readonly server: net.Server,
    private readonly hello: Hello,
    private readonly log: Log,
  ) {}

  /**
   * Binds `socketPath`, which must not exist. Only with the library's lock held (acquire.ts).
   * @throws the system's error when it cannot be bound, e.g. EADDRINUSE
   */
  static async listen(socketPath: string, data: string, log: Log): Promise<OwnerServer> {
    const server = net.createServer();
    const hello: Hello = { t: 'hello', protocol: protocolVersion, data, pid: process.pid };
    const owner = new OwnerServer(server, hello, log);
    server.on('connection', (socket) => owner.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, () => {
        server.off('error', reject);
        server.on('error', (error) => log.error('the owner socket', error));
        resolve();
      });
    });
    await chmod(socketPath, 0o600);
    return owner;
  }

  get clients(): number {
    return this.connections.size;
  }

  serve(core: Core): void {
    this.core = core;
    for (const connection of this.connections) connection.serve(core);
    this.watch();
  }

  /** Listens to events only while there is somebody to tell: core measures guests only while it is listened to. */
  private watch(): void {
    if (this.connections.size === 0) {
      this.off?.();
      this.off = null;
    } else
      this.off ??=
        this.core?.onEvent((envelope) => {
          const frame = encodeJson({ t: 'event', envelope } satisfies FromOwner);
          for (const connection of this.connections) connection.event(frame);
        }) ?? null;
  }

  /**
   * Begins no more calls, keeps those that come, and resolves when those under way have ended. Then the owner may look
   * whether it can leave: {@link close}, after which clients ask the next owner, or {@link go}.
   */
  async hold(): Promise<void> {
    this.holding = true;
    const calls = [...this.connections].flatMap((connection) => connection.hold());
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, settleMs);
    });
    await Promise.race([Promise.allSettled(calls), enough]);
    clearTimeout(timer);
  }

  /** Goes on, with what came meanwhile. */
  go(): void {
    this.holding = false;
    for (const connection of this.connections) connection.go();
  }

  /** Unbinds the path and lets all clients go. libuv unlinks before it closes, so no successor's socket is removed. */
  async close(): Promise<void> {
    this.off?.();
    this.off = null;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const connection of this.connections) connection.bye();
    await closed;
  }

  private accept(socket: net.Socket): void {
    const connection = new Connection(socket, this.hello, this.log, () => {
      this.connections.delete(connection);
      this.watch();
    });
    this.connections.add(connection);
    if (this.holding) connection.hold();
    if (this.core) connection.serve(this.core);
    this.watch();
  }
}

class Connection {
  private readonly reader = new FrameReader(maxHello);
  private readonly calls = new Map<number, AbortController>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly ports = new Map<number, FramePort>();
  private readonly timer: NodeJS.Timeout;
  /** What came while calls are held; null while they are not. */
  private held: FromClient[] | null = null;
  private greeted = false;
  private ready = false;
  private core: Core | null = null;

  constructor(
    private readonly socket: net.Socket,
    private readonly hello: Hello,
    private readonly log: Log,
    private readonly onGone: () => void,
  ) {
    this.timer = setTimeout(() => this.end(), helloMs);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.gone());
  }

  serve(core: Core): void {
    this.core = core;
    this.greet();
  }

  event(frame: Buffer): void {
    if (this.ready) this.write(frame);
  }

  end(): void {
    this.socket.destroy();
  }

  /** The calls under way; later ones are kept. */
  hold(): readonly Promise<void>[] {
    this.held ??= [];
    return [...this.underWay];
  }

  go(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const message of held) this.carryOut(message);
  }

  bye(): void {
    if (!this.ready || this.socket.destroyed) {
      this.end();
      return;
    }
    this.held ??= [];
    this.socket.end(encodeJson({ t: 'bye', begun: [...this.calls.keys()] } satisfies FromOwner));
    // One that does not read would keep the owner.
    setTimeout(() => this.end(), 1000).unref();
  }

  private receive(chunk: Buffer): void {
    try {
      for (const frame of this.reader.push(chunk)) {
        if (this.socket.destroyed) return;
        if (frame.kind === 'port') this.ports.get(frame.port)?.received(frame.message);
        else if (!this.greeted) this.checkHello(frame.value);
        else if (!this.ready) throw new FrameError('a call before the answer to hello');
        else this.handle(frame.value);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) this.log.error('a client', error);
      this.end();
    }
  }

  private checkHello(value: unknown): void {
    const parsed = helloSchema.safeParse(value);
    if (!parsed.success) throw new FrameError('no hello');
    clearTimeout(this.timer);
    const { protocol, data } = parsed.data;
    if (protocol !== protocolVersion) {
      this.refuse(
        new GuesthouseError('unsupported', 'Another version of Guesthouse is running.', {
          why: `It speaks version ${protocolVersion} of the protocol, this one ${protocol}.`,
          todo: 'Close the other one, or use the same version.',
        }),
      );
      return;
    }
    if (data !== this.hello.data) {
      this.refuse(
        new GuesthouseError('unsupported', 'Guesthouse runs here with another library.', {
          why: `It holds ${this.hello.data}, not ${data}.`,
          todo: 'Choose a runtime folder of its own for each library (XDG_RUNTIME_DIR).',
        }),
      );
      return;
    }
    this.greeted = true;
    this.reader.allow(maxFrame);
    this.greet();
  }

  private greet(): void {
    if (!this.core || !this.greeted || this.ready) return;
    this.ready = true;
    this.write(encodeJson(this.hello));
  }

  private refuse(error: GuesthouseError): void {
    this.socket.end(encodeJson({ t: 'refused', error: toWire(error) } satisfies FromOwner));
  }

  private handle(value: unknown): void {
    const parsed = fromClient.safeParse(value);
    if (!parsed.success) throw new FrameError('no message of ours');
    if (this.held && (parsed.data.t === 'call' || parsed.data.t === 'open')) {
      if (this.held.push(parsed.data) > maxOpen) this.end();
    } else this.carryOut(parsed.data);
  }

  private carryOut(message: FromClient): void {
    const track = (work: Promise<void>) => {
      this.underWay.add(work);
      void work.finally(() => this.underWay.delete(work));
    };
    switch (message.t) {
      case 'call':
        track(this.call(message));
        return;
      case 'cancel':
        this.calls.get(message.id)?.abort(new CancelledError());
        this.held = this.held?.filter((one) => one.t !== 'call' || one.id !== message.id) ?? null;
        return;
      case 'open':
        track(this.open(message));
        return;
      case 'close':
        this.ports.get(message.port)?.ended();
        this.ports.delete(message.port);
    }
  }

  private async call({ id, name, input }: FromClient & { t: 'call' }): Promise<void> {
    if (this.calls.has(id) || this.calls.size >= maxOpen) return this.end();
    const controller = new AbortController();
    this.calls.set(id, controller);
    try {
      // Core checks the name and the input, whoever asks.
      const value = await this.core!.call(name as never, input as never, { signal: controller.signal });
      this.send({ t: 'reply', id, ok: true, value });
    } catch (error) {
      this.send({ t: 'reply', id, ok: false, error: toWire(error) });
    } finally {
      this.calls.delete(id);
    }
  }

  private async open({ port: number, kind, id }: FromClient & { t: 'open' }): Promise<void> {
    if (this.ports.has(number) || this.ports.size >= maxOpen) return this.end();
    const port = new FramePort(
      number,
      (frame) => this.write(frame),
      () => {
        this.ports.delete(number);
        this.send({ t: 'close', port: number });
      },
    );
    this.ports.set(number, port);
    try {
      await this.core!.openPort(kind, id, port);
      this.send({ t: 'opened', port: number });
    } catch (error) {
      this.ports.delete(number);
      port.ended();
      this.send({ t: 'opened', port: number, error: toWire(error) });
    }
  }

  private send(message: FromOwner): void {
    this.write(encodeJson(message));
  }

  private write(frame: Buffer): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (frame.length > maxFrame + 4) {
      this.log.error(`an answer of ${frame.length} bytes is too large for the socket`);
      this.end();
      return;
    }
    this.socket.write(frame);
    if (this.socket.writableLength > maxUnread) {
      this.log.warn('a client does not read what it is sent: let go');
      this.end();
    }
  }

  private gone(): void {
    clearTimeout(this.timer);
    this.onGone();
    for (const controller of this.calls.values())
      controller.abort(new CancelledError('The caller went away.'));
    for (const port of this.ports.values()) port.ended();
    this.ports.clear();
  }
}
