import { describe, expect, it } from 'vitest';
import { encodeCommand, QmpDecoder } from './codec.ts';

const bytes = (text: string) => Buffer.from(text);

describe('QmpDecoder', () => {
  it('gives the same messages however the bytes are cut, also inside a character', () => {
    const text =
      '{"return": {"a": "é€😀"}, "id": 1}\r\n\r\n{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}\r\n';
    const whole = new QmpDecoder().push(bytes(text));
    expect(whole).toHaveLength(2);
    for (const size of [1, 2, 3, 7]) {
      const decoder = new QmpDecoder();
      const got = [];
      const all = bytes(text);
      for (let at = 0; at < all.length; at += size) got.push(...decoder.push(all.subarray(at, at + size)));
      expect(got).toEqual(whole);
    }
  });

  it('keeps a part even when the caller reuses its buffer', () => {
    const decoder = new QmpDecoder();
    const buffer = bytes('{"return": 1');
    decoder.push(buffer);
    buffer.fill(0);
    expect(decoder.push(bytes(', "id": 4}\n'))).toEqual([{ return: 1, id: 4 }]);
  });

  it.each(['nonsense', '[]', '{}', '{"error": 3}', '"x"'])('refuses %s', (line) => {
    expect(() => new QmpDecoder().push(bytes(`${line}\r\n`))).toThrow(/QEMU sent something/);
  });

  it('does not hoard a line without end', () => {
    const decoder = new QmpDecoder(1000);
    decoder.push(Buffer.alloc(900, 32));
    expect(() => decoder.push(Buffer.alloc(101, 32))).toThrow(/too long/);
  });
});

describe('encodeCommand', () => {
  it('leaves arguments out when there are none', () => {
    expect(encodeCommand('stop', undefined, 3)).toBe('{"execute":"stop","id":3}\r\n');
    expect(encodeCommand('device_del', { id: 'a\nb' }, 4)).toBe(
      '{"execute":"device_del","arguments":{"id":"a\\nb"},"id":4}\r\n',
    );
  });
});
