/** The part of noVNC 1.7 (docs/API.md in its package) that is used here; it brings no types. */
declare module '@novnc/novnc' {
  /** What noVNC needs of a WebSocket or RTCDataChannel. Each must be the object's own property. */
  export interface Channel {
    binaryType: string;
    readonly protocol: string;
    readyState: string;
    onopen: (() => void) | null;
    onmessage: ((event: { data: ArrayBuffer | Uint8Array }) => void) | null;
    onerror: ((event: unknown) => void) | null;
    onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null;
    /** Gets a view on a buffer that is used again. */
    send(data: Uint8Array): void;
    close(): void;
  }
  interface Events {
    connect: CustomEvent<object>;
    disconnect: CustomEvent<{ clean: boolean }>;
    clipboard: CustomEvent<{ text: string }>;
    desktopname: CustomEvent<{ name: string }>;
  }
  export default class RFB {
    constructor(target: HTMLElement, channel: Channel, options?: { shared?: boolean });
    viewOnly: boolean;
    scaleViewport: boolean;
    clipViewport: boolean;
    resizeSession: boolean;
    showDotCursor: boolean;
    background: string;
    qualityLevel: number;
    compressionLevel: number;
    addEventListener<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): void;
    disconnect(): void;
    focus(options?: FocusOptions): void;
    blur(): void;
    /** Without `down`: pressed and released. `keysym` counts where the server knows no scancodes. */
    sendKey(keysym: number, code: string, down?: boolean): void;
    clipboardPasteFrom(text: string): void;
  }
}
