import type { TerminalFromView, TerminalToView } from '../../../shared/model/terminal.ts';
import type { Core } from '../api.ts';
import { TerminalHost } from '../terminals/host.ts';
import type { ForkTerminalHost } from '../terminals/host-process.ts';

/** Real terminals, held by the test's own process. */
export const terminalsHere: ForkTerminalHost = () => {
  const listeners: ((message: unknown) => void)[] = [];
  const host = new TerminalHost((message) => {
    setImmediate(() => {
      for (const listener of listeners) listener(message);
    });
  });
  return {
    takesPorts: false,
    postMessage: (message) => host.handle(message as Parameters<TerminalHost['handle']>[0], null),
    onMessage: (listener) => void listeners.push(listener),
    onExit: () => {},
    kill: () => host.closeAll(),
  };
};

/** Looks on at a terminal, as a page does. */
export async function viewOf(core: Core, id: string) {
  let seen = '';
  let hear: (message: TerminalFromView) => void = () => {};
  await core.openPort('terminal', id, {
    postMessage: (message) => {
      const said = message as TerminalToView;
      if (said.t !== 'data' && said.t !== 'replay') return;
      seen += Buffer.from(said.bytes).toString();
      if (said.t === 'data') hear({ t: 'ack', bytes: said.bytes.length });
    },
    onMessage: (listener) => {
      hear = listener;
    },
    onClose: () => {},
    close: () => {},
  });
  return {
    seen: () => seen,
    type: (text: string) => hear({ t: 'input', text }),
  };
}
