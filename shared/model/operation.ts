import type { WireError } from '../errors.ts';

/** A long job. Everything over a second is one; `cancel` really stops it and cleans up. */
export interface Operation {
  /** Unique in this owner's life. */
  readonly id: string;
  /** What it does, e.g. `starter.build`, `guest.save`. */
  readonly kind: string;
  /** For people, e.g. "Building Debian 12". */
  readonly title: string;
  /** The guest, template, server or key it is about: its id, or null. */
  readonly subject: string | null;
  /** What it is doing now, for people, e.g. "Installing packages". */
  readonly phase: string;
  /** Done part, 0 to 1, or null when it cannot be known. */
  readonly fraction: number | null;
  readonly status: 'running' | 'cancelling' | 'done' | 'cancelled' | 'failed';
  readonly cancellable: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly error: WireError | null;
  /** True when `operations.undo` would put things back. */
  readonly undoable: boolean;
}
