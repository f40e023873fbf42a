import { createServer, type Server, type Socket } from 'node:net';
import { encodeFrame, FrameDecoder } from '../networks/framing.ts';
import { udpFrame } from '../networks/packets.ts';

/** A guest's end of a shared network: the socket its QEMU would listen on. It can lie as no system would. */
export class Cable {
  readonly frames: Buffer[] = [];
  private socket: Socket | null = null;
  private server: Server | null = null;
  private wake = () => {};

  constructor(
    readonly file: string,
    readonly mac: string,
    readonly ip: string,
  ) {}

  listen(): Promise<void> {
    this.server = createServer((socket) => {
      this.socket = socket;
      const decoder = new FrameDecoder();
      socket.on('data', (chunk) => {
        this.frames.push(...decoder.push(chunk));
        this.wake();
      });
      socket.on('error', () => {});
      this.wake();
    });
    return new Promise((resolve) => this.server!.listen(this.file, resolve));
  }

  async plugged(): Promise<void> {
    while (!this.socket || this.socket.destroyed) await this.next();
  }

  async unplugged(): Promise<void> {
    const { socket } = this;
    while (this.socket === socket && !socket!.destroyed) await this.next();
  }

  raw(bytes: Uint8Array): void {
    this.socket!.write(bytes);
  }
  send(frame: Uint8Array): void {
    this.raw(encodeFrame(frame));
  }
  udp(
    to: { mac: string; ip: string; port: number },
    data: Uint8Array,
    from = { mac: this.mac, ip: this.ip, port: 68 },
  ) {
    this.send(udpFrame({ from, to, data }));
  }

  /** The first frame that `accept` takes; frames before it are dropped. */
  async heard<T>(accept: (frame: Buffer) => T | null | false | undefined): Promise<T> {
    for (;;) {
      for (let frame = this.frames.shift(); frame; frame = this.frames.shift()) {
        const found = accept(frame);
        if (found) return found;
      }
      await this.next();
    }
  }

  close(): void {
    this.socket?.destroy();
    this.server?.close();
  }

  private next(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 50);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
