import { fork } from 'node:child_process';

/** The process that holds the terminals, as seen from the owner of the library. */
export interface HostProcess {
  /** @param transfer Electron ports that move along; only when {@link takesPorts} */
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** It ended, for whatever reason. */
  onExit(listener: (code: number | null) => void): void;
  kill(): void;
  /** True for an Electron utility process: ports can be handed to it, and bytes then bypass this process. */
  readonly takesPorts: boolean;
}

/** Starts a terminal host. The window starts a utility process, the command line forks Node. */
export type ForkTerminalHost = () => HostProcess;

/** A terminal host under plain Node. @param file absolute path of the built `terminal-host.cjs` */
export function forkWithNode(file: string): ForkTerminalHost {
  return () => {
    const child = fork(file, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return {
      takesPorts: false,
      postMessage: (message) => {
        if (child.connected) child.send(message as object, () => {}); // gone meanwhile: onExit tells
      },
      onMessage: (listener) => void child.on('message', listener),
      onExit: (listener) => {
        child.on('exit', (code) => listener(code));
        child.on('error', () => listener(null));
      },
      kill: () => void child.kill(),
    };
  };
}
