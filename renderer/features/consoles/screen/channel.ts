import type { Channel } from '@novnc/novnc';
import { fromWire, GuesthouseError, type WireError } from '../../../../shared/errors.ts';

/** What it needs of a MessagePort. */
export interface Wire {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: Uint8Array): void;
  close(): void;
}

/** Bytes are the screen's; all else is said by the core: see joinScreen. A port tells no end in Chromium 114. */
type FromCore = Uint8Array | { readonly t: 'closed' } | { readonly t: 'error'; readonly error: WireError };

/**
 * Waits for the first bytes of a screen, which RFB has the far end send. Nothing may be awaited between this and
 * {@link channelOf}, which takes the port over.
 * @throws {GuesthouseError} why there is no screen; `unreachable` when it hung up at once
 */
export function firstBytes(port: Wire): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    port.onmessage = ({ data }: MessageEvent<FromCore>) => {
      port.onmessage = null;
      if (data instanceof Uint8Array) return resolve(data);
      port.close();
      reject(
        data.t === 'error'
          ? fromWire(data.error)
          : new GuesthouseError('unreachable', 'The screen of the guest did not answer.'),
      );
    };
  });
}

/** A screen's port as noVNC knows channels. */
export function channelOf(port: Wire): Channel {
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
    close: () => {
      if (channel.readyState === 'closed') return;
      channel.readyState = 'closed';
      port.close();
      // Later, as a socket does: noVNC is still at work on the close that it asked for.
      queueMicrotask(() => channel.onclose?.({ code: 1000, reason: '', wasClean: true }));
    },
  };
  port.onmessage = ({ data }: MessageEvent<FromCore>) => {
    if (data instanceof Uint8Array) channel.onmessage?.({ data });
    else channel.close();
  };
  return channel;
}
