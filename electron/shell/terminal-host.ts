import { type MessagePortMain, utilityProcess } from 'electron';
import type { ForkTerminalHost } from '../core/index.ts';

/** The terminal host as a utility process, which takes the page's ports. @param file the built `terminal-host.cjs` */
export function forkInElectron(file: string): ForkTerminalHost {
  return () => {
    const child = utilityProcess.fork(file, [], { serviceName: 'Guesthouse terminals', stdio: 'inherit' });
    return {
      takesPorts: true,
      postMessage: (message, transfer = []) => child.postMessage(message, transfer as MessagePortMain[]),
      onMessage: (listener) => void child.on('message', listener),
      onExit: (listener) => void child.on('exit', (code) => listener(code)),
      kill: () => void child.kill(),
    };
  };
}
