import type { Terminal, TerminalFromView, TerminalToView } from '../../../shared/model/terminal.ts';

/** Bytes drawn before they are acknowledged, unless nothing more is waiting to be drawn. */
const ackEvery = 5000;

/** What the link needs of xterm: `done` is called when the bytes were parsed and drawn. */
export interface Screen {
  write(data: Uint8Array | string, done?: () => void): void;
}
/** What it needs of a MessagePort. */
export interface Wire {
  postMessage(message: TerminalFromView): void;
}

/**
 * Joins a screen to a terminal's port. History is drawn with the input muted, since a terminal answers questions it
 * finds in old output; data is acknowledged once it is drawn, so that a flood stops at the far end and not here.
 */
export class TerminalLink {
  private drawn = 0;
  private drawing = 0;
  private muted = true;

  constructor(
    private readonly screen: Screen,
    private readonly wire: Wire,
    private readonly onStatus: (terminal: Terminal) => void,
    /** Called at every sign of life. */
    private readonly onOutput: () => void = () => {},
  ) {}

  receive(message: TerminalToView): void {
    switch (message.t) {
      case 'replay':
        this.muted = true;
        if (message.bytes.length > 0) this.onOutput();
        this.screen.write(message.bytes);
        break;
      case 'live':
        // After everything queued before it, the replay included, was parsed.
        this.screen.write('', () => {
          this.muted = false;
        });
        break;
      case 'data':
        this.onOutput();
        this.draw(message.bytes);
        break;
      case 'status':
        this.onStatus(message.terminal);
        break;
    }
  }

  private draw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.drawing += length;
    this.screen.write(bytes, () => {
      this.drawing -= length;
      this.drawn += length;
      if (this.drawn < ackEvery && this.drawing > 0) return;
      this.wire.postMessage({ t: 'ack', bytes: this.drawn });
      this.drawn = 0;
    });
  }

  /** What was typed, or what the terminal itself answers. Dropped while history is drawn. */
  input(text: string): void {
    if (!this.muted) this.wire.postMessage({ t: 'input', text });
  }

  resize(cols: number, rows: number): void {
    this.wire.postMessage({ t: 'resize', cols, rows });
  }
}
