/**
 * How messages travel on the owner's socket: a 4-byte big-endian length, a type byte, and that many bytes less one.
 * Type 0 is JSON. Type 1 is a message of a byte channel: 4 bytes channel, 1 byte form, 4 bytes header length, a JSON
 * header, then raw bytes, so that a terminal's output is never turned into text.
 */

/** Raised when the number changes its meaning; both ends must have the same. */
export const protocolVersion = 1;

/** Bytes of one frame; more ends the connection. A snapshot of 300 guests is under 1 MiB. */
export const maxFrame = 32 << 20;
/** Bytes of the first frame, from a peer that has not said what it is. */
export const maxHello = 64 << 10;

export type Frame =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'port'; readonly port: number; readonly message: unknown };

/** The peer sent what is no frame of ours: the connection ends. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

enum Form {
  /** The message is the bytes. */
  Raw = 0,
  /** The message is the header. */
  Plain = 1,
  /** The message is the header with the bytes as `bytes`. */
  WithBytes = 2,
}

export function encodeJson(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value), 'utf8');
  const head = Buffer.alloc(5);
  head.writeUInt32BE(text.length + 1, 0);
  return Buffer.concat([head, text]);
}

/** @param message bytes, or an object whose `bytes`, if any, are bytes and whose rest is JSON */
export function encodePort(port: number, message: unknown): Buffer {
  const { form, header, bytes } = split(message);
  const head = Buffer.alloc(14);
  head.writeUInt32BE(10 + header.length + bytes.length, 0);
  head[4] = 1;
  head.writeUInt32BE(port, 5);
  head[9] = form;
  head.writeUInt32BE(header.length, 10);
  return Buffer.concat([head, header, bytes]);
}

const none = Buffer.alloc(0);

function split(message: unknown): { form: Form; header: Buffer; bytes: Uint8Array } {
  const raw = asBytes(message);
  if (raw) return { form: Form.Raw, header: none, bytes: raw };
  const { bytes, ...rest } = (message ?? {}) as Record<string, unknown>;
  const inner = asBytes(bytes);
  if (inner) return { form: Form.WithBytes, header: Buffer.from(JSON.stringify(rest)), bytes: inner };
  return { form: Form.Plain, header: Buffer.from(JSON.stringify(message ?? null)), bytes: none };
}

function asBytes(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return null;
}

/** Cuts a stream of bytes into frames, however it arrives in parts. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private size = 0;
  private limit: number;

  /** @param limit bytes of one frame, until {@link allow} */
  constructor(limit: number = maxFrame) {
    this.limit = limit;
  }

  allow(limit: number): void {
    this.limit = limit;
  }

  /**
   * Takes the next bytes and yields the frames they complete, one by one, so that a limit raised by the first holds for
   * the next.
   * @throws {FrameError} on a frame that is too large or malformed
   */
  *push(chunk: Buffer): Generator<Frame> {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size >= 4) {
      const head = this.peek(4);
      const length = head.readUInt32BE(0);
      if (length < 1 || length > this.limit) throw new FrameError(`a frame of ${length} bytes`);
      if (this.size < 4 + length) return;
      const all = this.peek(4 + length);
      const rest = all.subarray(4 + length);
      this.chunks = rest.length > 0 ? [rest] : [];
      this.size = rest.length;
      yield decode(all.subarray(4, 4 + length));
    }
  }

  /** The buffered bytes as one buffer of at least `count`; joins chunks only as often as a frame completes. */
  private peek(count: number): Buffer {
    if (this.chunks[0]!.length >= count) return this.chunks[0]!;
    if (count > 4 || this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0]!;
  }
}

function decode(body: Buffer): Frame {
  if (body[0] === 0) return { kind: 'json', value: parse(body.subarray(1)) };
  if (body[0] !== 1 || body.length < 10) throw new FrameError('a frame of no known type');
  const port = body.readUInt32BE(1);
  const form = body[5];
  const headerLength = body.readUInt32BE(6);
  if (10 + headerLength > body.length) throw new FrameError('a header longer than its frame');
  const header = body.subarray(10, 10 + headerLength);
  // Copied: the frame's memory is shared with its neighbours, and the message goes on to other processes.
  const bytes = new Uint8Array(body.subarray(10 + headerLength));
  if (form === Form.Raw) return { kind: 'port', port, message: bytes };
  const value = parse(header);
  if (form === Form.Plain) return { kind: 'port', port, message: value };
  if (form === Form.WithBytes && typeof value === 'object' && value !== null)
    return { kind: 'port', port, message: { ...value, bytes } };
  throw new FrameError('a channel message of no known form');
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    throw new FrameError('a frame that is not JSON');
  }
}
