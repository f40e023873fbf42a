/**
 * How much output may be on its way to a view. Counted in bytes that the view has not yet said it drew: without this a
 * fast program fills the memory of both processes, and Ctrl-C comes after everything that was queued before it.
 */

/** Bytes not yet drawn above which the program is paused. */
export const highWater = 500_000;
/** Bytes not yet drawn below which it goes on. */
export const lowWater = 125_000;
/** Output is sent when it is this much… */
export const batchBytes = 64 << 10;
/** …or this many milliseconds old. Under a frame, and enough to make one message of a screenful. */
export const batchMs = 4;

/** What one view still has to draw. */
export class Backlog {
  private waiting = 0;
  private over = false;

  /** Bytes were sent to the view. */
  sent(bytes: number): void {
    this.waiting += bytes;
    if (this.waiting > highWater) this.over = true;
  }

  /** The view drew bytes. More than were sent (it may count the replay too) is all of them. */
  acked(bytes: number): void {
    if (!(bytes > 0)) return;
    this.waiting = Math.max(0, this.waiting - bytes);
    if (this.waiting < lowWater) this.over = false;
  }

  /** True from the high mark until the low mark: the source must not send on. */
  get full(): boolean {
    return this.over;
  }

  get unacked(): number {
    return this.waiting;
  }
}

/** Collects small pieces of output into one message. */
export class Batch {
  private chunks: Uint8Array[] = [];
  private size = 0;

  /** Takes a piece; true when there is enough to be sent at once. */
  add(chunk: Uint8Array): boolean {
    this.chunks.push(chunk);
    this.size += chunk.length;
    return this.size >= batchBytes;
  }

  get empty(): boolean {
    return this.size === 0;
  }

  /** Everything collected, in memory of its own that can be handed to another process. */
  take(): Uint8Array {
    const all = new Uint8Array(this.size);
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.chunks = [];
    this.size = 0;
    return all;
  }
}
