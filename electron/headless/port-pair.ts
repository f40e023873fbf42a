import type { PortLike } from '../core/index.ts';

/** Two ends of a channel within this process, for a view that is no page: what one posts, the other hears later. */
export function portPair(): [PortLike, PortLike] {
  const a = new End();
  const b = new End();
  a.other = b;
  b.other = a;
  return [a, b];
}

class End implements PortLike {
  other!: End;
  private readonly messageListeners: ((message: unknown) => void)[] = [];
  private readonly closeListeners: (() => void)[] = [];
  private early: unknown[] = [];
  private closed = false;

  postMessage(message: unknown): void {
    if (!this.closed) setImmediate(() => this.other.receive(message));
  }

  onMessage(listener: (message: unknown) => void): void {
    this.messageListeners.push(listener);
    const early = this.early;
    this.early = [];
    for (const message of early) listener(message);
  }

  onClose(listener: () => void): void {
    this.closeListeners.push(listener);
  }

  close(): void {
    if (this.closed) return;
    this.end();
    setImmediate(() => this.other.end());
  }

  private receive(message: unknown): void {
    if (this.closed) return;
    if (this.messageListeners.length === 0) this.early.push(message);
    for (const listener of this.messageListeners) listener(message);
  }

  private end(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.closeListeners) listener();
  }
}
