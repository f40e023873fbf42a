import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { OperationContext } from '../operations/runner.ts';
import { systemClock } from '../platform/clock.ts';
import { waitForSsh } from './wait-ssh.ts';

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
});

/** A server on the loopback. @returns its port */
function serve(onConnection: (socket: Socket, count: number) => void): Promise<number> {
  let count = 0;
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    onConnection(socket, ++count);
  });
  return new Promise((resolve) => {
    server!.listen(0, '127.0.0.1', () => resolve((server!.address() as { port: number }).port));
  });
}

const op: OperationContext = {
  id: 'op',
  signal: new AbortController().signal,
  phase() {},
  progress() {},
  check() {},
  undo() {},
};
const wait = (port: number, alive = () => true, seconds = 60) =>
  waitForSsh({ address: '127.0.0.1', port }, seconds, alive, systemClock, op);

it('waits on the connection it has for a server that is slow to speak, and closes all of them', async () => {
  let most = 0;
  const port = await serve((socket, count) => {
    most = count;
    // Only the first ever speaks, and later than others are tried beside it.
    if (count === 1) setTimeout(() => socket.write('hello\r\nSSH-2.0-slow\r\n'), 3500);
  });
  await wait(port);
  expect(most).toBeLessThanOrEqual(4);
  await expect.poll(() => sockets.size, { timeout: 20_000 }).toBe(0);
});

it('tries again after being refused or dropped, and beside a connection nobody answers', async () => {
  const port = await serve((socket, count) => {
    if (count <= 3) socket.destroy();
    else if (count > 4) socket.write('SSH-2.0-late\r\n');
  });
  await wait(port);
});

it('is not content with another server, and ends with the guest or the time', async () => {
  const port = await serve((socket) => socket.write('220 mail\r\n'));
  await expect(wait(port, () => true, 1)).rejects.toMatchObject({ code: 'timeout' });
  await expect(wait(port, () => false)).rejects.toMatchObject({ code: 'wrong-state' });
});
