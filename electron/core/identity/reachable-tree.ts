import { UnreadableMountError } from '../disks/index.ts';
import type { GuestTree, TreeStat } from './tree.ts';

/**
 * A guest's files without those on file systems that cannot be read: below such a mount nothing is there. Which mounts
 * were asked about is noted, so that a person learns of what stays.
 */
export class ReachableTree implements GuestTree {
  /** The file system of each mount that was met, by its path. */
  readonly met = new Map<string, string>();

  constructor(private readonly whole: GuestTree) {}

  stat(path: string): Promise<TreeStat | null> {
    return this.orNothing(this.whole.stat(path), null);
  }

  lstat(path: string): Promise<TreeStat | null> {
    return this.orNothing(this.whole.lstat(path), null);
  }

  readFile(path: string, max: number): Promise<Buffer | null> {
    return this.orNothing(this.whole.readFile(path, max), null);
  }

  readdir(path: string): Promise<readonly string[]> {
    return this.orNothing(this.whole.readdir(path), []);
  }

  readlink(path: string): Promise<string | null> {
    return this.orNothing(this.whole.readlink(path), null);
  }

  /** Whether an edit could find the place of a path, be something there or not. */
  reaches(path: string): Promise<boolean> {
    return this.orNothing(
      this.whole.lstat(path).then(() => true),
      false,
    );
  }

  private async orNothing<T>(asked: Promise<T>, nothing: T): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof UnreadableMountError)) throw error;
      this.met.set(error.mount.path, error.mount.name);
      return nothing;
    }
  }
}
