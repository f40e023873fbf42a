import type { DiskRef, ImagePolicy } from '../disks/index.ts';
import type { Tree } from '../disks/tree.ts';
import type { GuestTree, TreeStat } from './tree.ts';

/** Where a guest's files are: its disks in order, and what their headers may refer to. */
export interface DiskSet {
  readonly disks: readonly DiskRef[];
  readonly policy: ImagePolicy;
}

/** The identity engine's view of a disk that was opened for reading. */
export class DiskTree implements GuestTree {
  constructor(private readonly disk: Tree) {}

  stat(path: string): Promise<TreeStat | null> {
    return this.describe(path, true);
  }

  lstat(path: string): Promise<TreeStat | null> {
    return this.describe(path, false);
  }

  async readFile(path: string, max: number): Promise<Buffer | null> {
    const place = await this.disk.resolveIfAny(path);
    return place?.inode.type === 'file' ? this.disk.readFile(path, max) : null;
  }

  async readdir(path: string): Promise<readonly string[]> {
    const place = await this.disk.resolveIfAny(path);
    if (place?.inode.type !== 'directory') return [];
    const entries = await place.mount.fs.entries(place.inode);
    // A name that does not survive UTF-8 could not be named in an edit either.
    return entries
      .filter((entry) => Buffer.from(entry.name).equals(entry.nameBytes))
      .map((entry) => entry.name);
  }

  async readlink(path: string): Promise<string | null> {
    const place = await this.disk.resolveIfAny(path, false);
    return place?.inode.type === 'symlink' ? place.mount.fs.readLink(place.inode) : null;
  }

  private async describe(path: string, follow: boolean): Promise<TreeStat | null> {
    const place = await this.disk.resolveIfAny(path, follow);
    if (!place) return null;
    const { type, mode, uid, gid, size } = place.inode;
    return {
      type: type === 'file' || type === 'directory' || type === 'symlink' ? type : 'other',
      mode: mode & 0o7777,
      uid,
      gid,
      size,
    };
  }
}
