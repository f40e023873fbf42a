import type { WireError } from '../errors.ts';
import type { DiskSummary, VirtKind } from './guest.ts';
import type { IdentityChange, IdentityPart, PlannedIdentity } from './identity.ts';

/** A sealed guest: never started, its disks read-only, its identity emptied. */
export interface Template {
  /** Folder name in the library. */
  readonly id: string;
  readonly name: string;
  readonly uuid: string | null;
  readonly folder: string;
  readonly kind: VirtKind;
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  readonly disks: readonly DiskSummary[];
  readonly description: string;
  readonly tags: readonly string[];
  /** User the clones' SSH access names. */
  readonly loginUser: string | null;
  /** Linked clones on its disks, by guest id. */
  readonly linkedClones: readonly string[];
  /** Milliseconds since the epoch. */
  readonly sealedAt: number | null;
  readonly problem: WireError | null;
}

export interface SealPlan {
  readonly planId: string;
  readonly name: string;
  readonly parts: readonly IdentityPart[];
  /** The very paths that will change. */
  readonly changes: readonly IdentityChange[];
  readonly warnings: readonly string[];
}

export interface CloneItem {
  readonly name: string;
  readonly identity: PlannedIdentity;
  /** Port on this machine's loopback that leads to the clone's sshd; null without forwards. */
  readonly sshPort: number | null;
}

export interface ClonePlan {
  readonly planId: string;
  readonly source: { readonly kind: 'template' | 'guest'; readonly id: string; readonly name: string };
  readonly linked: boolean;
  readonly items: readonly CloneItem[];
  /** What will change on the first clone's disk; the others differ in values only. */
  readonly changes: readonly IdentityChange[];
  /** Plain sentences for the last page: what linked means, what the source becomes. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  /** Bytes each clone takes at first, an estimate from the disk chain. */
  readonly bytesEach: number;
}

/** Result of one clone, also of a batch that was cancelled. */
export interface CloneResult {
  readonly name: string;
  readonly id: string | null;
  readonly status: 'made' | 'cancelled' | 'failed';
  readonly error: WireError | null;
  readonly identity: PlannedIdentity;
}
