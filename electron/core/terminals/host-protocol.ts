import type { Terminal } from '../../../shared/model/terminal.ts';

/** What a session runs. */
export type SourceSpec =
  | {
      readonly kind: 'pty';
      readonly argv: readonly [string, ...string[]];
      /** The whole environment. */
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
    }
  /** QEMU's serial port: a unix socket that takes one client. */
  | { readonly kind: 'serial'; readonly socket: string };

/** From the owner to the terminal host. */
export type ToHost =
  /** A session without a source. `log`: the file a serial port's output is also written to, its history. */
  | { readonly t: 'create'; readonly id: string; readonly log: string | null }
  | { readonly t: 'start'; readonly id: string; readonly source: SourceSpec }
  /** Ends the source; the session and its history stay. */
  | { readonly t: 'stop'; readonly id: string }
  /** For the views. */
  | { readonly t: 'status'; readonly id: string; readonly terminal: Terminal }
  /** Joins a view: to the Electron port that comes along, or by `message`. */
  | { readonly t: 'attach'; readonly id: string; readonly port: number }
  | { readonly t: 'message'; readonly port: number; readonly message: unknown }
  | { readonly t: 'detach'; readonly port: number }
  | { readonly t: 'close'; readonly id: string };

/** From the terminal host to the owner. */
export type FromHost =
  | { readonly t: 'started'; readonly id: string }
  | { readonly t: 'ended'; readonly id: string; readonly end: SourceEnd }
  | { readonly t: 'message'; readonly port: number; readonly message: unknown }
  | { readonly t: 'detached'; readonly port: number };

export interface SourceEnd {
  /** Null for a socket, and for a program ended by a signal. */
  readonly exitCode: number | null;
  /** Signal number, or null. */
  readonly signal: number | null;
  /** Why it could not be started or broke off; null when it ended by itself. */
  readonly error: string | null;
}
