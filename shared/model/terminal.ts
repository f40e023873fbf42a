import type { ErrorCode } from '../errors.ts';

/** A console in the dock: a session of the terminal host that outlives window reloads. */
export interface Terminal {
  readonly id: string;
  readonly kind: 'serial' | 'ssh' | 'exec';
  /** Tab title: the machine's name, and a number behind it for a second console of the same kind. */
  readonly title: string;
  /** Guest, server or container id. */
  readonly subject: string | null;
  readonly status: 'waiting' | 'open' | 'ended';
  /** What it waits for or why it ended, for people: "starting sshd, 4 s", "the guest shut down". */
  readonly reason: string | null;
  readonly exitCode: number | null;
  /** What kept it from working, when it ended by a failure that has a code; null else. `reason` says it in words. */
  readonly error: ErrorCode | null;
}

/** Messages over a terminal's port. Data is UTF-8 bytes; the view acknowledges what it has drawn. */
export type TerminalToView =
  | { readonly t: 'replay'; readonly bytes: Uint8Array } // history; input is muted until `live`
  | { readonly t: 'live' }
  | { readonly t: 'data'; readonly bytes: Uint8Array }
  | { readonly t: 'status'; readonly terminal: Terminal };
export type TerminalFromView =
  | { readonly t: 'input'; readonly text: string }
  | { readonly t: 'resize'; readonly cols: number; readonly rows: number }
  /** Bytes drawn since the last acknowledgement. */
  | { readonly t: 'ack'; readonly bytes: number };
