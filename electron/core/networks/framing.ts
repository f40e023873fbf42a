import { maxFrame } from './packets.ts';

/** A frame as QEMU's stream back end sends it: its length in four bytes, then the frame (qemu, net/stream.c). */
export function encodeFrame(frame: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(4 + frame.length);
  out.writeUInt32BE(frame.length, 0);
  out.set(frame, 4);
  return out;
}

/** Cuts a stream into frames. Keeps at most one unfinished frame. */
export class FrameDecoder {
  private rest: Buffer = Buffer.alloc(0);

  /**
   * The frames that are whole with `chunk`; they share its memory.
   * @throws {RangeError} a frame claims a length no network card sends: the stream cannot be read on
   */
  push(chunk: Buffer): Buffer[] {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    while (data.length >= 4) {
      const length = data.readUInt32BE(0);
      if (length > maxFrame) throw new RangeError(`a frame of ${length} bytes`);
      if (data.length < 4 + length) break;
      frames.push(data.subarray(4, 4 + length));
      data = data.subarray(4 + length);
    }
    this.rest = data.length === 0 ? Buffer.alloc(0) : Buffer.from(data);
    return frames;
  }
}
