import type { PortLike } from '../api.ts';
import { encodePort } from './framing.ts';

/** A byte channel over the socket, at either end of it. */
export class FramePort implements PortLike {
  private readonly messageListeners: ((message: unknown) => void)[] = [];
  private readonly closeListeners: (() => void)[] = [];
  private early: unknown[] | null = [];
  private closed = false;

  /**
   * @param write puts a frame on the socket
   * @param sayClosed tells the far end
   */
  constructor(
    private readonly id: number,
    private readonly write: (frame: Buffer) => void,
    private readonly sayClosed: () => void,
  ) {}

  postMessage(message: unknown): void {
    if (!this.closed) this.write(encodePort(this.id, message));
  }

  /** What came before the first listener is kept for it. */
  onMessage(listener: (message: unknown) => void): void {
    this.messageListeners.push(listener);
    const early = this.early;
    this.early = null;
    for (const message of early ?? []) listener(message);
  }

  onClose(listener: () => void): void {
    if (this.closed) listener();
    else this.closeListeners.push(listener);
  }

  close(): void {
    if (this.closed) return;
    this.sayClosed();
    this.ended();
  }

  /** A message came from the far end. */
  received(message: unknown): void {
    if (this.closed) return;
    if (this.early) this.early.push(message);
    else for (const listener of this.messageListeners) listener(message);
  }

  /** The far end closed it, or the socket went away. */
  ended(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.closeListeners) listener();
  }
}

/** Joins two channels: what comes out of one goes into the other, and they close together. */
export function joinPorts(a: PortLike, b: PortLike): void {
  a.onMessage((message) => b.postMessage(message));
  b.onMessage((message) => a.postMessage(message));
  a.onClose(() => b.close());
  b.onClose(() => a.close());
}
