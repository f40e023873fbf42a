import * as net from 'node:net';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { PortLike } from '../api.ts';

/**
 * Joins a view to a guest's screen: the bytes of QEMU's VNC socket, both ways. The view's messages are Uint8Array or
 * ArrayBuffer; it gets Uint8Array, and `{ t: 'closed' }` when QEMU hangs up, since a page's port does not tell. RFB asks for
 * each update, so the view sets the pace.
 *
 * @throws {GuesthouseError} `unreachable` when QEMU does not take the connection
 */
export function joinScreen(socketPath: string, port: PortLike): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath);
    let joined = false;
    socket.on('connect', () => {
      joined = true;
      port.onMessage((message) => {
        if (message instanceof Uint8Array) socket.write(message);
        else if (message instanceof ArrayBuffer) socket.write(new Uint8Array(message));
      });
      port.onClose(() => socket.destroy());
      resolve();
    });
    // Copied: the chunk is a view on a pool that is used again.
    socket.on('data', (chunk: Buffer) => port.postMessage(new Uint8Array(chunk)));
    socket.on('error', (cause) => {
      if (joined) return;
      reject(
        new GuesthouseError('unreachable', 'The screen of the guest did not answer.', {
          why: cause.message,
          cause,
        }),
      );
    });
    socket.on('close', () => {
      if (!joined) return;
      port.postMessage({ t: 'closed' });
      port.close();
    });
  });
}
