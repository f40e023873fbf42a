/**
 * The file system of a guest as the identity engine needs it: read from a disk, never mounted, links resolved inside
 * the guest and never on this machine. Paths are absolute inside the guest.
 */
export interface GuestTree {
  /** Follows symbolic links; null when nothing is there. */
  stat(path: string): Promise<TreeStat | null>;
  /** Does not follow the last link. */
  lstat(path: string): Promise<TreeStat | null>;
  /** The file's bytes, null when it is no regular file or is not there. Fails when larger than `max` bytes. */
  readFile(path: string, max: number): Promise<Buffer | null>;
  /** Names in a folder without `.` and `..`; empty when it is no folder. Names that are not UTF-8 are left out. */
  readdir(path: string): Promise<readonly string[]>;
  /** The link's text, null when it is no link. */
  readlink(path: string): Promise<string | null>;
}

export interface TreeStat {
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits, e.g. 0o644. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** One edit of a guest's files. `mode`, `uid`, `gid` left out keep what the replaced file had, or root's 0644. */
export type TreeEdit =
  | {
      readonly action: 'write';
      readonly path: string;
      readonly content: Buffer;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      /** Overwrite the old content's blocks first: it was a secret. */
      readonly shred?: boolean;
    }
  | {
      readonly action: 'remove';
      readonly path: string;
      readonly shred?: boolean;
      readonly recursive?: boolean;
    }
  | { readonly action: 'link'; readonly path: string; readonly target: string }
  | {
      readonly action: 'directory';
      readonly path: string;
      readonly mode: number;
      readonly uid?: number;
      readonly gid?: number;
    };
