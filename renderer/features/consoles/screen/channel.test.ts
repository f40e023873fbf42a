import { expect, it } from 'vitest';
import { channelOf, firstBytes, type Wire } from './channel.ts';

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
  const tell = (data: unknown) => port.onmessage?.({ data } as MessageEvent);
  return { port, sent, tell };
};

it('copies what it sends: noVNC fills its buffer again', () => {
  const { port, sent } = make();
  const buffer = Uint8Array.from([1, 2, 3, 4]);
  channelOf(port).send(buffer.subarray(1, 3));
  buffer.fill(9);
  expect([...sent[0]!]).toEqual([2, 3]);
  expect(sent[0]!.buffer.byteLength).toBe(2);
});

it('passes bytes on, the first ones by themselves', async () => {
  const { port, tell } = make();
  const first = firstBytes(port);
  tell(Uint8Array.from([5, 6]));
  expect([...(await first)]).toEqual([5, 6]);
  const channel = channelOf(port);
  const got: unknown[] = [];
  channel.onmessage = ({ data }) => void got.push(data);
  tell(Uint8Array.from([7]));
  expect(got).toEqual([Uint8Array.from([7])]);
});

it('closes once, a moment later: when told so, or by itself, and sends nothing afterwards', async () => {
  const { port, sent, tell } = make();
  const channel = channelOf(port);
  let closes = 0;
  channel.onclose = () => void closes++;
  tell({ t: 'closed' });
  tell({ t: 'closed' });
  channel.close();
  channel.send(Uint8Array.from([1]));
  expect(closes).toBe(0);
  await Promise.resolve();
  expect(closes).toBe(1);
  expect(port.closed).toBe(true);
  expect(channel.readyState).toBe('closed');
  expect(sent).toEqual([]);
});

it('tells why there was nothing to join', async () => {
  const refused = make();
  const first = firstBytes(refused.port);
  refused.tell({ t: 'error', error: { code: 'unsupported', message: 'It has no screen.' } });
  await expect(first).rejects.toMatchObject({ code: 'unsupported', message: 'It has no screen.' });
  expect(refused.port.closed).toBe(true);
  const gone = make();
  const none = firstBytes(gone.port);
  gone.tell({ t: 'closed' });
  await expect(none).rejects.toMatchObject({ code: 'unreachable' });
});
