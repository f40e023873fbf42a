/** Bytes of output kept for a view that comes later. Some 10,000 full lines, as much as a view scrolls back. */
export const replayBytes = 1 << 20;
const blockBytes = 16 << 10;

/**
 * The last output of a session, so that a reloaded window shows what was there.
 *
 * Raw bytes rather than an emulated screen that is serialized (@xterm/headless): they cost a memcpy where emulation
 * would halve the throughput, any view at any width draws them right, and nothing is lost that an emulator does not
 * model. The price: what was set before the first kept byte. So private modes (alternate screen, mouse, bracketed
 * paste, cursor keys) are noted as they drop out, and set again before the rest; and it begins at a line's start, never
 * inside a sequence or a character.
 */
export class ReplayBuffer {
  /** Filled one after the other; a keystroke's echo is not an object of its own. */
  private blocks: Buffer[] = [];
  /** Bytes used of the last block. */
  private used = blockBytes;
  private readonly modes = new ModeTracker();
  private trimmed = false;

  constructor(private readonly max: number = replayBytes) {}

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.used === blockBytes) {
        this.blocks.push(Buffer.allocUnsafeSlow(blockBytes));
        this.used = 0;
      }
      const count = Math.min(chunk.length - at, blockBytes - this.used);
      this.blocks.at(-1)!.set(chunk.subarray(at, at + count), this.used);
      this.used += count;
      at += count;
    }
    while ((this.blocks.length - 2) * blockBytes + this.used >= this.max) {
      this.modes.see(this.blocks.shift()!);
      this.trimmed = true;
    }
  }

  /** What a new view is to draw: at most the size given and one block. */
  bytes(): Uint8Array {
    const last = this.blocks.at(-1);
    if (!last) return new Uint8Array(0);
    const all = Buffer.concat([...this.blocks.slice(0, -1), last.subarray(0, this.used)]);
    if (!this.trimmed) return new Uint8Array(all);
    const start = all.indexOf(10) + 1;
    const rest = start < all.length ? all.subarray(start) : all;
    const left = all.subarray(0, all.length - rest.length);
    return new Uint8Array(Buffer.concat([Buffer.from(this.modes.prefix(left), 'latin1'), rest]));
  }
}

/** Longest tail of a piece that can be the beginning of a mode sequence. */
const carryBytes = 32;

/** Which DEC private modes are set, by the sequences `CSI ? n ; … h` and `l` (xterm's ctlseqs, DECSET). */
class ModeTracker {
  private readonly set = new Map<string, 'h' | 'l'>();
  private carry = '';

  see(bytes: Buffer): void {
    const text = this.carry + bytes.toString('latin1');
    note(text, this.set);
    const start = text.lastIndexOf('\x1b');
    this.carry = start >= 0 && text.length - start <= carryBytes ? text.slice(start) : '';
  }

  /** The sequences that set again what was set, with `next` (bytes left out of the replay) seen too. */
  prefix(next: Buffer): string {
    const set = new Map(this.set);
    note(this.carry + next.toString('latin1'), set);
    return [...set].map(([mode, how]) => `\x1b[?${mode}${how}`).join('');
  }
}

function note(text: string, set: Map<string, 'h' | 'l'>): void {
  for (const match of text.matchAll(/\x1b\[\?([\d;]{1,24})([hl])/g))
    for (const mode of match[1]!.split(';')) {
      set.delete(mode); // so that the order is that of the last time
      set.set(mode, match[2] as 'h' | 'l');
    }
}
