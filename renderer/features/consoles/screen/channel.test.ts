import { expect, it, vi } from 'vitest';
import { channelOf, type Wire } from './channel.ts';

const make = () => {
  const sent: Uint8Array[] = [];
  const port: Wire & { closed: boolean } = {
    closed: false,
    onmessage: null,
    postMessage: (bytes) => void sent.push(bytes),
    close: () => {
      port.closed = true;
    },
  };
  const onError = vi.fn();
  const channel = channelOf(port, onError);
  const closes: boolean[] = [];
  channel.onclose = ({ wasClean }) => void closes.push(wasClean);
  const tell = (data: unknown) => port.onmessage?.({ data } as MessageEvent);
  return { port, channel, sent, onError, closes, tell };
};

it('copies what it sends: noVNC fills its buffer again', () => {
  const { channel, sent } = make();
  const buffer = Uint8Array.from([1, 2, 3, 4]);
  channel.send(buffer.subarray(1, 3));
  buffer.fill(9);
  expect([...sent[0]!]).toEqual([2, 3]);
  expect(sent[0]!.buffer.byteLength).toBe(2);
});

it('passes bytes on, and nothing else', () => {
  const { channel, tell } = make();
  const got: unknown[] = [];
  channel.onmessage = ({ data }) => void got.push(data);
  tell(Uint8Array.from([7]));
  tell('text');
  tell(null);
  expect(got).toEqual([Uint8Array.from([7])]);
});

it('closes once, a moment later: when told so, or by itself, and sends nothing afterwards', async () => {
  const { port, channel, closes, sent, tell } = make();
  tell({ t: 'closed' });
  tell({ t: 'closed' });
  channel.close();
  channel.send(Uint8Array.from([1]));
  expect(closes).toEqual([]);
  await Promise.resolve();
  expect(closes).toEqual([true]);
  expect(port.closed).toBe(true);
  expect(channel.readyState).toBe('closed');
  expect(sent).toEqual([]);
});

it('tells why there was nothing to join', async () => {
  const { onError, closes, tell } = make();
  tell({ t: 'error', error: { code: 'unsupported', message: 'It has no screen.' } });
  expect(onError).toHaveBeenCalledWith({ code: 'unsupported', message: 'It has no screen.' });
  await Promise.resolve();
  expect(closes).toEqual([false]);
});
