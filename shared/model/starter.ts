/** A system Guesthouse can build itself from a distribution's packages. */
export interface Starter {
  readonly id: 'debian-12';
  readonly title: string;
  /** What it is, one sentence. */
  readonly summary: string;
  readonly status: 'absent' | 'building' | 'built';
  /** Bytes on disk when built. */
  readonly size: number | null;
  readonly builtAt: number | null;
  readonly user: string;
  /** How one logs in at the console, one sentence. */
  readonly login: string;
}
