import { createServer, type Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { BannerWatch, lookEvery } from './ready.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
});

/** A server of the loopback, and a look at it for as many seconds of its timers. */
async function watched(onConnection: (socket: Socket, count: number) => void) {
  let count = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    ends.push(() => socket.destroy());
    onConnection(socket, ++count);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const watch = new BannerWatch('127.0.0.1', (server.address() as { port: number }).port);
  ends.push(
    () => watch.close(),
    () => server.close(),
  );
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return {
    count: () => count,
    async look(seconds: number) {
      for (let ms = 0; ms < seconds * 1000; ms += lookEvery) {
        if (watch.look()) return true;
        await vi.advanceTimersByTimeAsync(lookEvery);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return false;
    },
  };
}

it('does not fill up the sshd of a system that takes minutes to start', async () => {
  const silent = await watched(() => {});
  expect(await silent.look(75)).toBe(false);
  expect(silent.count()).toBeGreaterThanOrEqual(4);
  expect(silent.count()).toBeLessThanOrEqual(8);
  const before = silent.count();
  await silent.look(75);
  expect(silent.count() - before).toBeLessThanOrEqual(5);
});

it('looks often again as soon as somebody hangs up, whatever silence was before', async () => {
  const late = await watched((socket, count) => {
    if (count >= 7) socket.destroy();
  });
  await late.look(120);
  expect(late.count()).toBeGreaterThan(12);
});
