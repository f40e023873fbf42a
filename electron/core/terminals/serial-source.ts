import * as net from 'node:net';
import { type LogCursor, missed } from './serial-log.ts';
import type { Source, SourceEvents } from './source.ts';

/** Milliseconds between tries to connect, and for how long: QEMU makes the socket soon after its start. */
const retryMs = 50;
const giveUpMs = 10_000;
/** Milliseconds between looks at the log, and for how long, until the socket has said something. */
const pollMs = 50;
const pollForMs = 5_000;
/** Milliseconds the first bytes from the socket wait for the log to hold them too. */
const settleMs = 5;

/** A guest's serial port. Shows also what was said before QEMU took us in: see {@link missed}. */
export class SerialSource implements Source {
  private socket: net.Socket | null = null;
  private closing = false;
  private closed = false;
  private connected = false;
  private error: string | null = null;
  /** The first bytes from the socket until they are matched with the log; null afterwards. */
  private first: Buffer[] | null = [];
  private timers: NodeJS.Timeout[] = [];
  private wantsPause = false;

  constructor(
    private readonly path: string,
    private readonly cursor: LogCursor,
    private readonly events: SourceEvents,
  ) {
    this.connect(Date.now() + giveUpMs);
  }

  write(data: string): void {
    this.socket?.write(data, 'utf8');
  }

  /** A serial line does not know its terminal's size. */
  resize(): void {}

  pause(): void {
    this.wantsPause = true;
    if (this.connected) this.socket?.pause();
  }

  resume(): void {
    this.wantsPause = false;
    this.socket?.resume();
  }

  close(): void {
    this.closing = true;
    if (this.socket) this.socket.destroy();
    else this.end();
  }

  private connect(deadline: number): void {
    const socket = net.connect(this.path);
    this.socket = socket;
    socket.on('connect', () => {
      this.connected = true;
      if (this.wantsPause) socket.pause();
      this.events.start();
      this.watchLog(Date.now() + pollForMs);
    });
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = this.connected ? error.message : `The serial port did not answer: ${error.message}`;
    });
    socket.on('close', () => {
      this.socket = null;
      if (this.connected || this.closing || Date.now() > deadline) this.end();
      else this.later(retryMs, () => this.connect(deadline));
    });
  }

  private receive(chunk: Buffer): void {
    if (!this.first) this.events.data(chunk);
    else if (this.first.push(chunk) === 1) this.later(settleMs, () => this.match());
  }

  private match(): void {
    if (!this.first) return;
    const received = Buffer.concat(this.first);
    this.first = null;
    const before = missed(this.cursor.next(), received);
    if (before.length > 0) this.events.data(before);
    this.events.data(received);
  }

  /**
   * While the socket is silent, shows what the log has: QEMU writes to the socket first, so what is logged and not
   * received one turn of the loop later was not sent to us.
   */
  private watchLog(until: number): void {
    if (!this.first || this.closed) return;
    const rest = () => {
      if (this.first && Date.now() < until) this.later(pollMs, () => this.watchLog(until));
    };
    if (this.first.length > 0) return;
    const grown = this.cursor.next();
    if (grown.length === 0) {
      rest();
      return;
    }
    setImmediate(() =>
      setImmediate(() => {
        if (this.closed) return;
        if (!this.first || this.first.length === 0) {
          this.events.data(grown);
          return rest();
        }
        const received = Buffer.concat(this.first);
        this.first = null;
        const before = missed(Buffer.concat([grown, this.cursor.next()]), received);
        if (before.length > 0) this.events.data(before);
        this.events.data(received);
      }),
    );
  }

  private later(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      this.timers = this.timers.filter((other) => other !== timer);
      if (!this.closed) what();
    }, ms);
    this.timers.push(timer);
  }

  private end(): void {
    if (this.closed) return;
    this.match();
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    // What comes next in the log is the next run's.
    if (this.connected) this.cursor.toEnd();
    this.events.end({ exitCode: null, signal: null, error: this.error });
  }
}
