import type { Channel } from '@novnc/novnc';
import { toWire, type WireError } from '../../../../shared/errors.ts';

/** What it needs of a MessagePort. */
export interface Wire {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: Uint8Array): void;
  close(): void;
}

/**
 * A screen's port as noVNC knows channels. Bytes come as Uint8Array; `{ t: 'closed' }` says that the far end hung up
 * (a port itself does not tell in Chromium 114), `{ t: 'error', error }` that there was nothing to join.
 */
export function channelOf(port: Wire, onError: (error: WireError) => void): Channel {
  const channel: Channel = {
    binaryType: 'arraybuffer',
    protocol: '',
    readyState: 'open',
    onopen: null,
    onmessage: null,
    onerror: null,
    onclose: null,
    // noVNC sends views on a buffer it fills again: what is posted must be a copy.
    send: (data) => {
      if (channel.readyState === 'open') port.postMessage(data.slice());
    },
    close: () => end(true),
  };
  const end = (wasClean: boolean) => {
    if (channel.readyState === 'closed') return;
    channel.readyState = 'closed';
    port.close();
    // Later, as a socket does: noVNC is still at work on the close that it asked for.
    queueMicrotask(() => channel.onclose?.({ code: wasClean ? 1000 : 1006, reason: '', wasClean }));
  };
  port.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (data instanceof Uint8Array) return channel.onmessage?.({ data });
    const told = data as { t?: unknown; error?: unknown } | null;
    if (told?.t === 'error') onError(wireError(told.error));
    if (told?.t === 'error' || told?.t === 'closed') end(told.t === 'closed');
  };
  return channel;
}

/** What came over the port as an error, as the bridge's own calls tell it. */
function wireError(value: unknown): WireError {
  const { code, message } = (value ?? {}) as Partial<WireError>;
  return typeof code === 'string' && typeof message === 'string'
    ? (value as WireError)
    : toWire(new Error('The screen did not answer.'));
}
