/** Bytes that are read at once where fewer are asked for: a usual cluster of qcow2. */
export const chunkSize = 64 << 10;

/** Most bytes kept of one file. */
const maxBytes = 8 << 20;
/** How long bytes of a file are kept that nobody reads: the clones of a batch and an audit open it again and again. */
const keptMs = 2000;

/** Keeps the most recently used byte blocks, up to `maxBytes`. */
export class BlockCache {
  private readonly blocks = new Map<number, Buffer>();
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(key: number): Buffer | undefined {
    const block = this.blocks.get(key);
    if (block !== undefined) {
      this.blocks.delete(key);
      this.blocks.set(key, block);
    }
    return block;
  }

  set(key: number, block: Buffer): void {
    this.bytes += block.length - (this.blocks.get(key)?.length ?? 0);
    this.blocks.set(key, block);
    for (const [oldest, old] of this.blocks) {
      if (this.bytes <= this.maxBytes || oldest === key) break;
      this.blocks.delete(oldest);
      this.bytes -= old.length;
    }
  }
}

const known = new Map<string, Chunks>();

/** Chunks of one file, of one reader or of all that read it. */
export class Chunks {
  private readonly blocks = new BlockCache(maxBytes);
  private readers = 1;
  private timer: NodeJS.Timeout | undefined;

  /** @param key what they are shared by; null: by nobody */
  constructor(private readonly key: string | null = null) {}

  /** Those of the file that has this place, size and time; {@link leave} ends the use. */
  static join(stamp: readonly number[]): Chunks {
    const key = stamp.join(':');
    const found = known.get(key);
    if (!found) {
      const made = new Chunks(key);
      known.set(key, made);
      return made;
    }
    clearTimeout(found.timer);
    found.readers++;
    return found;
  }

  get(start: number): Buffer | undefined {
    return this.blocks.get(start);
  }

  set(start: number, chunk: Buffer): void {
    this.blocks.set(start, chunk);
  }

  leave(): void {
    const { key } = this;
    if (--this.readers > 0 || key === null) return;
    this.timer = setTimeout(() => known.delete(key), keptMs);
    this.timer.unref();
  }
}
