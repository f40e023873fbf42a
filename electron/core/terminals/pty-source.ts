import * as fs from 'node:fs';
import * as tty from 'node:tty';
import * as nodePty from 'node-pty';
import type { SourceSpec } from './host-protocol.ts';
import type { Source, SourceEvents } from './source.ts';

/** node-pty's own binding (its `native` export, 1.2), whose reading we do ourselves: see {@link PtySource}. */
interface NativePty {
  fork(
    file: string,
    args: readonly string[],
    env: readonly string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helperPath: string,
    onExit: (code: number, signal: number) => void,
  ): { fd: number; pid: number; pty: string };
  resize(fd: number, cols: number, rows: number, pixelWidth: number, pixelHeight: number): void;
}

const { native } = nodePty as unknown as { native: NativePty };

/** Milliseconds from SIGHUP to SIGKILL. */
const killAfterMs = 2000;
/** Milliseconds until a write is tried again that the terminal's queue had no room for. */
const writeRetryMs = 3;

/**
 * A program in a pseudo-terminal.
 *
 * node-pty loses the end of the output: when the last slave closes, libuv takes the hang-up for the end although bytes
 * are still to be read (a pty gives 4 KiB a read), and its own time limit after the exit closes the master, read or
 * not, so a paused reader loses more. So here the slave is held open, which keeps the hang-up away, and after the exit
 * the master is read until it says EAGAIN: then the kernel's buffer is empty for sure (tty_ldisc flushes pending work
 * before it says so). However long a view takes, nothing is lost.
 */
export class PtySource implements Source {
  private readonly pid: number;
  private readonly fd: number;
  private readonly slave: number;
  private readonly stream: tty.ReadStream;
  private readonly queue: Buffer[] = [];
  private writing = false;
  private paused = false;
  private exit: { code: number; signal: number } | null = null;
  private draining = false;
  private ended = false;
  private killTimer: NodeJS.Timeout | undefined;

  /** @throws Error when there is no pty to be had or no process */
  constructor(
    spec: SourceSpec & { kind: 'pty' },
    size: { readonly cols: number; readonly rows: number },
    private readonly events: SourceEvents,
  ) {
    const [program, ...args] = spec.argv;
    const env = Object.entries({ ...spec.env, TERM: 'xterm-256color', COLORTERM: 'truecolor' });
    const child = native.fork(
      program,
      args,
      env.map(([name, value]) => `${name}=${value}`),
      spec.cwd,
      size.cols,
      size.rows,
      -1,
      -1,
      true,
      '', // macOS only
      (code, signal) => this.exited(code, signal),
    );
    this.pid = child.pid;
    this.fd = child.fd;
    this.slave = fs.openSync(child.pty, fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    this.stream = new tty.ReadStream(child.fd);
    this.stream.on('data', (chunk: Buffer) => this.events.data(chunk));
    this.stream.on('error', () => {}); // EIO: the end, which `exited` deals with
    events.start();
  }

  write(data: string): void {
    if (this.exit || data === '') return;
    this.queue.push(Buffer.from(data, 'utf8'));
    this.flush();
  }

  resize(cols: number, rows: number): void {
    if (!this.exit) native.resize(this.fd, cols, rows, 0, 0);
  }

  pause(): void {
    this.paused = true;
    this.stream.pause();
  }

  resume(): void {
    this.paused = false;
    if (this.draining) this.drain();
    else this.stream.resume();
  }

  close(): void {
    if (this.exit) return;
    this.signal('SIGHUP');
    this.killTimer ??= setTimeout(() => this.signal('SIGKILL'), killAfterMs);
    // Nobody will draw the rest.
    if (this.paused) this.resume();
  }

  private signal(name: NodeJS.Signals): void {
    try {
      process.kill(this.pid, name);
    } catch {} // it is gone: onExit is under way
  }

  private flush(): void {
    const chunk = this.queue[0];
    if (this.writing || !chunk || this.exit) return;
    this.writing = true;
    fs.write(this.fd, chunk, 0, chunk.length, null, (error, written) => {
      this.writing = false;
      if (this.exit) {
        this.queue.length = 0;
        return this.finishIfDrained();
      }
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.flush(), writeRetryMs);
        return;
      }
      if (error) this.queue.length = 0;
      else if (written < chunk.length) this.queue[0] = chunk.subarray(written);
      else this.queue.shift();
      this.flush();
    });
  }

  private exited(code: number, signal: number): void {
    clearTimeout(this.killTimer);
    this.exit = { code, signal };
    this.draining = true;
    this.drain();
  }

  /** Hands on what is left: first what the stream holds, then what the kernel holds, no faster than it is wanted. */
  private drain(): void {
    if (this.ended || this.paused) return;
    if (this.stream.readableLength > 0) {
      this.stream.resume();
      setImmediate(() => this.drain());
      return;
    }
    this.stream.pause();
    const chunk = Buffer.allocUnsafe(64 << 10);
    let read = 0;
    try {
      read = fs.readSync(this.fd, chunk, 0, chunk.length, null);
    } catch {} // EAGAIN: empty; EIO: hung up and empty
    if (read === 0) {
      this.draining = false;
      this.finishIfDrained();
      return;
    }
    this.events.data(chunk.subarray(0, read));
    setImmediate(() => this.drain());
  }

  /** The descriptor may only be closed when no write of ours is under way: its number could be another's by then. */
  private finishIfDrained(): void {
    if (this.ended || this.draining || this.writing || !this.exit) return;
    this.ended = true;
    this.stream.destroy();
    fs.closeSync(this.slave);
    const { code, signal } = this.exit;
    this.events.end({ exitCode: signal ? null : code, signal: signal || null, error: null });
  }
}
