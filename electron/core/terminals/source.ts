import type { SourceEnd } from './host-protocol.ts';

/** Where a session's bytes come from and go to: a program in a pty, or a serial port. */
export interface Source {
  write(data: string): void;
  resize(cols: number, rows: number): void;
  /** Stops reading; the program or guest is held back by the system's own buffers. */
  pause(): void;
  resume(): void;
  /** Ends it; `end` follows. */
  close(): void;
}

export interface SourceEvents {
  start(): void;
  data(chunk: Buffer): void;
  /** The last event, after the last data. */
  end(end: SourceEnd): void;
}
