import type { MessagePortMain } from 'electron';
import type { PortLike } from '../core/index.ts';

/** An Electron port as core knows ports. It starts with the first listener; until then it may be posted on. */
export function portFromElectron(port: MessagePortMain): PortLike {
  return {
    native: port,
    postMessage: (message) => port.postMessage(detached(message)),
    onMessage: (listener) => {
      port.on('message', (event) => listener(event.data));
      port.start();
    },
    onClose: (listener) => void port.on('close', listener),
    close: () => port.close(),
  };
}

/** A Buffer is often a view on a shared pool, and the far side would see the pool: copy it. */
function detached(message: unknown): unknown {
  if (Buffer.isBuffer(message)) return new Uint8Array(message);
  const bytes = (message as { bytes?: unknown } | null)?.bytes;
  return Buffer.isBuffer(bytes) ? { ...(message as object), bytes: new Uint8Array(bytes) } : message;
}
