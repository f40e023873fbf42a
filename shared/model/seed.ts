/** What the seed's form asks; everything else is written into its YAML. */
export interface SeedForm {
  /** A user to make; null: the keys and the password are those of the image's own default user. */
  readonly user: string | null;
  /** Public key lines. */
  readonly authorizedKeys: readonly string[];
  /** As crypt(5) prints it, such as `$6$…`; null: no password. */
  readonly passwordHash: string | null;
  /** Names of packages to install at the first boot. */
  readonly packages: readonly string[];
  /** Shell lines run once, at the end of the first boot. */
  readonly commands: readonly string[];
}

/** Something wrong with a seed's YAML. */
export interface SeedProblem {
  /** 1-based. */
  readonly line: number;
  readonly message: string;
  /** With an error no seed is made; a warning is said and no more. */
  readonly severity: 'error' | 'warning';
}
