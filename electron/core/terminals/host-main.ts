/**
 * The terminal host's process: no output, however much, can slow the window or the core. Runs as an Electron utility
 * process under the window and as a forked Node under the command line.
 */
import type { PortLike } from '../api.ts';
import { TerminalHost } from './host.ts';
import type { FromHost, ToHost } from './host-protocol.ts';

/** Electron's MessagePortMain, as far as it is needed: core does not know electron. */
interface NativePort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
  on(event: 'close', listener: () => void): void;
  start(): void;
  close(): void;
}

interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown; ports: NativePort[] }) => void): void;
}

function wrap(port: NativePort): PortLike {
  return {
    postMessage: (message) => port.postMessage(message),
    onMessage: (listener) => {
      port.on('message', (event) => listener(event.data));
      port.start();
    },
    onClose: (listener) => port.on('close', listener),
    close: () => port.close(),
  };
}

const parentPort = (process as unknown as { parentPort?: ParentPort }).parentPort;

if (parentPort) {
  const host = new TerminalHost((message) => parentPort.postMessage(message));
  parentPort.on('message', (event) => {
    const [port] = event.ports;
    host.handle(event.data as ToHost, port ? wrap(port) : null);
  });
} else {
  const host = new TerminalHost((message: FromHost) => {
    if (process.connected) process.send!(message);
  });
  process.on('message', (message) => host.handle(message as ToHost, null));
  process.on('disconnect', () => {
    host.closeAll();
    setTimeout(() => process.exit(0), 3000).unref();
  });
  // A Ctrl-C at the command line goes to the whole group: the owner decides what it means.
  process.on('SIGINT', () => {});
}
