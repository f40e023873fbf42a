import { describe, expect, it } from 'vitest';
import { encodeJson, encodePort, type Frame, FrameError, FrameReader, maxFrame } from './framing.ts';

const read = (reader: FrameReader, bytes: Buffer): Frame[] => [...reader.push(bytes)];

describe('frames', () => {
  const messages: Frame[] = [
    { kind: 'json', value: { t: 'call', text: 'grüße 🏠', list: [1, null] } },
    { kind: 'port', port: 7, message: { t: 'data', bytes: new Uint8Array([0, 255, 10, 13]) } },
    { kind: 'port', port: 0xffffffff, message: { t: 'ack', bytes: 5000 } },
    { kind: 'port', port: 1, message: new Uint8Array([1, 2, 3]) },
    { kind: 'port', port: 1, message: { t: 'data', bytes: new Uint8Array(0) } },
    { kind: 'json', value: null },
  ];
  const wire = Buffer.concat(
    messages.map((one) => (one.kind === 'json' ? encodeJson(one.value) : encodePort(one.port, one.message))),
  );

  it('come out as they went in, together', () => {
    expect(read(new FrameReader(), wire)).toEqual(messages);
  });

  it('come out as they went in, byte by byte and in odd pieces', () => {
    for (const step of [1, 3, 5, 17]) {
      const reader = new FrameReader();
      const got: Frame[] = [];
      for (let at = 0; at < wire.length; at += step) got.push(...read(reader, wire.subarray(at, at + step)));
      expect(got).toEqual(messages);
    }
  });

  it('have memory of their own: what is posted on must not carry the neighbours', () => {
    const [frame] = read(new FrameReader(), encodePort(1, new Uint8Array([1, 2, 3])));
    expect((frame as { message: Uint8Array }).message.buffer.byteLength).toBe(3);
  });

  it('of 20 MB come through in small pieces', () => {
    const big = encodePort(1, new Uint8Array(20 << 20).fill(7));
    const reader = new FrameReader();
    const got: Frame[] = [];
    for (let at = 0; at < big.length; at += 65536) got.push(...read(reader, big.subarray(at, at + 65536)));
    expect(got).toHaveLength(1);
    expect((got[0] as { message: Uint8Array }).message.length).toBe(20 << 20);
  });
});

describe('what is no frame ends the connection', () => {
  const refuse = (bytes: Buffer, reader = new FrameReader()) =>
    expect(() => read(reader, bytes)).toThrow(FrameError);
  const head = (length: number, ...rest: number[]) => {
    const bytes = Buffer.alloc(4 + rest.length);
    bytes.writeUInt32BE(length, 0);
    Buffer.from(rest).copy(bytes, 4);
    return bytes;
  };

  it('too long, before its bytes are waited for', () => refuse(head(maxFrame + 1)));
  it('too long for a peer that has not said hello', () =>
    refuse(encodeJson('x'.repeat(200)), new FrameReader(100)));
  it('empty', () => refuse(head(0)));
  it('of an unknown type', () => refuse(head(2, 9, 9)));
  it('with broken JSON', () => refuse(head(3, 0, 0x7b, 0x7b)));
  it('with a header longer than itself', () => refuse(head(10, 1, 0, 0, 0, 1, 1, 0, 0, 0, 99)));
  it('of an unknown form', () => refuse(head(10, 1, 0, 0, 0, 1, 9, 0, 0, 0, 0)));
  it('with bytes to be put into what is no object', () => {
    refuse(head(11, 1, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0x35));
  });
});
