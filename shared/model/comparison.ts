import type { GuestState } from './guest.ts';

/** A guest and a container of the same application, measured here. */
export interface Comparison {
  readonly guest: ComparisonSide;
  readonly container: ComparisonSide;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface ComparisonSide {
  readonly id: string;
  readonly name: string;
  /** Bytes of memory of this computer it takes. */
  readonly memory: number | null;
  /** Milliseconds from the order to start until it was up (a guest: until SSH answers); null when not measured. */
  readonly start: number | null;
  /** Bytes on the disk, with its image or backing files. */
  readonly disk: number | null;
  /** What was measured how, for people. */
  readonly notes: readonly string[];
}

/** Why a guest in this state is not measured, or null: only what runs or is off can be put back as it was found. */
export function comparisonProblem(state: GuestState): { readonly why: string; readonly todo: string } | null {
  switch (state) {
    case 'off':
    case 'crashed':
    case 'running':
    case 'paused':
    case 'suspended':
    case 'io-error':
    case 'guest-panicked':
    case 'internal-error':
    case 'watchdog':
    case 'debug':
      return null;
    case 'saved':
      return {
        why: 'Its memory is saved: a start would use that up, and the shutdown after it would lose it.',
        todo: 'Resume it and compare while it runs, or discard what is saved.',
      };
    case 'broken':
      return { why: 'Its definition or a disk cannot be read.', todo: 'Mend it first.' };
    case 'unreachable':
      return { why: 'Its QEMU does not answer.', todo: 'Wait until it answers, or force it off.' };
    case 'starting':
    case 'shutting-down':
    case 'saving':
    case 'restoring':
    case 'migrating':
    case 'prelaunch':
      return { why: 'It is on its way to another state.', todo: 'Wait until it runs or is off.' };
  }
}
