import * as electron from 'electron';
import { callNames, shellCallNames } from '../shared/ipc/channels.ts';
import type { Bridge } from '../shared/ipc/contract.ts';

const { contextBridge, ipcRenderer } = electron;
// Not there before Electron 29, where a File carries its path itself.
const { webUtils } = electron as object as { webUtils?: { getPathForFile(file: File): string } };

const names: ReadonlySet<string> = new Set([...callNames, ...shellCallNames]);

const bridge: Bridge = {
  call(name, input) {
    if (names.has(name)) return ipcRenderer.invoke('guesthouse:call', name, input);
    const error = { code: 'invalid-input', message: `There is no call named ${String(name)}.` } as const;
    return Promise.resolve({ ok: false, error });
  },
  onEvent(listener) {
    const forward = (_event: unknown, envelopes: Parameters<typeof listener>[0][]) => {
      for (const envelope of envelopes) listener(envelope);
    };
    ipcRenderer.on('guesthouse:events', forward);
    return () => void ipcRenderer.off('guesthouse:events', forward);
  },
  openPort(kind, id, token) {
    const { port1, port2 } = new MessageChannel();
    ipcRenderer.postMessage('guesthouse:port', { kind, id }, [port2]);
    window.postMessage({ guesthouse: 'port', token }, location.origin, [port1]);
  },
  pathForFile(file) {
    if (!(file instanceof File)) return '';
    return webUtils?.getPathForFile(file) ?? (file as { path?: string }).path ?? '';
  },
};

contextBridge.exposeInMainWorld('guesthouse', bridge);
