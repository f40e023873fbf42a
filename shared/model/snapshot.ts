/** A moment of a guest one can go back to: its disks as they were then and, when it ran, its memory. */
export interface GuestSnapshot {
  readonly id: string;
  /** What a person calls it. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Bytes of the memory beside the disks; null: the disks alone, as of a guest that was off. */
  readonly memory: number | null;
  /** Targets of the disks in it, such as `vda`. */
  readonly disks: readonly string[];
  /** The snapshot the guest went on from when this one was taken; null for the first. */
  readonly parent: string | null;
}

export interface SnapshotView {
  /** Newest first. */
  readonly snapshots: readonly GuestSnapshot[];
  /** The one the guest went on from last: taken or gone back to. */
  readonly current: string | null;
  /** Why none can be taken, and what to do; null when one can. */
  readonly refusal: { readonly why: string; readonly todo: string | null } | null;
}
