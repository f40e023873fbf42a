/**
 * Asks for a byte channel and resolves with its port, already started. The port arrives as a window message, since
 * ports cannot cross the context bridge; the token tells which request it answers.
 */
export function openPort(kind: 'terminal' | 'screen', id: string, signal: AbortSignal): Promise<MessagePort> {
  const token = crypto.randomUUID();
  return new Promise((resolve, reject) => {
    const done = () => {
      window.removeEventListener('message', onMessage);
      signal.removeEventListener('abort', onAbort);
    };
    const onMessage = (event: MessageEvent) => {
      const data = event.data as { guesthouse?: unknown; token?: unknown } | null;
      const port = event.ports[0];
      if (event.source !== window || data?.guesthouse !== 'port' || data.token !== token || !port) return;
      done();
      resolve(port);
    };
    const onAbort = () => {
      done();
      reject(signal.reason);
    };
    window.addEventListener('message', onMessage);
    signal.addEventListener('abort', onAbort);
    window.guesthouse.openPort(kind, id, token);
  });
}
