import { GuesthouseError } from '../../../shared/errors.ts';
import type { DirectoryEntry } from './ext4/directory.ts';
import { type Ext4, rootInode } from './ext4/ext4.ts';
import type { Inode, NodeType } from './ext4/inode.ts';
import { damaged } from './reader.ts';

/** What stat(2) would say inside the guest. */
export interface GuestStat {
  readonly type: NodeType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly inode: number;
  readonly links: number;
}

/** A file system at its place in the tree. `fs` is null where there is one we cannot read or find. */
export interface Mount {
  /** Canonical, such as `/` or `/boot`. */
  readonly path: string;
  readonly fs: Ext4 | null;
  /** For sentences: `XFS`, `/dev/mapper/vg-home`. */
  readonly name: string;
}

/** A path of the guest leads into a file system that we cannot read. */
export class UnreadableMountError extends GuesthouseError {
  constructor(readonly mount: Pick<Mount, 'path' | 'name'>) {
    super('unsupported', `${mount.path} of the guest is on ${mount.name}.`, {
      why: 'Only ext2, ext3 and ext4 on its own disks can be looked into without starting the guest.',
      todo: 'Start the guest and work over SSH.',
    });
  }
}

/** Where a path led. */
export interface Place {
  readonly mount: Mount & { readonly fs: Ext4 };
  readonly inode: Inode;
  /** Canonical: no symbolic links but, where it was not followed, the last. */
  readonly path: string;
}

/** As Linux: MAXSYMLINKS. */
const maxLinks = 40;
const maxDepth = 1024;

/**
 * The file systems of one guest as one tree. Symbolic links are followed inside it: an absolute target or any number
 * of `..` leads to the guest's root at most, never to a file of the host.
 */
export class Tree {
  private readonly mounts = new Map<string, Mount>();

  constructor(mounts: readonly Mount[]) {
    for (const mount of mounts) this.mounts.set(mount.path, mount);
  }

  /**
   * @param follow whether a symbolic link at the very end is followed; default true
   * @throws {GuesthouseError} `not-found`; `unsupported` where the path enters a file system we cannot read
   */
  async resolve(path: string, follow = true): Promise<Place> {
    const place = await this.resolveIfAny(path, follow);
    if (!place) throw new GuesthouseError('not-found', `${path} is not on the guest's disk.`);
    return place;
  }

  async resolveIfAny(path: string, follow = true): Promise<Place | null> {
    const pending = split(path).reverse();
    const stack: Place[] = [await this.rootOf(this.mounts.get('/')!)];
    let links = 0;
    while (pending.length > 0) {
      const name = pending.pop()!;
      const here = stack.at(-1)!;
      if (here.inode.type !== 'directory') return null;
      if (name === '.') continue;
      if (name === '..') {
        if (stack.length > 1) stack.pop();
        continue;
      }
      if (stack.length > maxDepth) throw new GuesthouseError('invalid-input', 'The path is too long.');
      const canonical = here.path === '/' ? `/${name}` : `${here.path}/${name}`;
      const mount = this.mounts.get(canonical);
      if (mount) {
        stack.push(await this.rootOf(mount));
        continue;
      }
      const number = await here.mount.fs.lookup(here.inode, name);
      if (number === null) return null;
      const inode = await here.mount.fs.readInode(number);
      if (inode.type === 'symlink' && (follow || pending.length > 0)) {
        if (++links > maxLinks)
          throw new GuesthouseError('invalid-input', `${path} leads through too many symbolic links.`);
        const target = await here.mount.fs.readLink(inode);
        if (target.startsWith('/')) stack.length = 1;
        pending.push(...split(target).reverse());
        if (pending.length > maxDepth) throw new GuesthouseError('invalid-input', 'The path is too long.');
        continue;
      }
      stack.push({ mount: here.mount, inode, path: canonical });
    }
    return stack.at(-1)!;
  }

  private async rootOf(mount: Mount): Promise<Place> {
    const { fs } = mount;
    if (!fs) throw new UnreadableMountError(mount);
    const inode = await fs.readInode(rootInode);
    if (inode.type !== 'directory') throw damaged('The file system is damaged.', 'It has no root folder.');
    return { mount: { ...mount, fs }, inode, path: mount.path };
  }

  /** Whether a file system is mounted at a canonical path. */
  isMountPoint(path: string): boolean {
    return this.mounts.has(path);
  }

  /**
   * A file's whole content.
   * @param max bytes; a larger file is an error, never cut off
   */
  async readFile(path: string, max = 1 << 20): Promise<Buffer> {
    return readPlace(await this.resolve(path), path, max);
  }

  /** As {@link readFile}, or null when there is no such file. */
  async readFileIfAny(path: string, max = 1 << 20): Promise<Buffer | null> {
    const place = await this.resolveIfAny(path);
    return place ? readPlace(place, path, max) : null;
  }

  async readTextIfAny(path: string, max = 1 << 20): Promise<string | null> {
    return (await this.readFileIfAny(path, max))?.toString('utf8') ?? null;
  }

  /** The entries of a folder but `.` and `..`. Names may hold any byte but `/` and NUL: they are the guest's. */
  async readdir(path: string): Promise<DirectoryEntry[]> {
    const place = await this.resolve(path);
    if (place.inode.type !== 'directory')
      throw new GuesthouseError('invalid-input', `${path} is not a folder.`);
    return place.mount.fs.entries(place.inode);
  }

  async stat(path: string): Promise<GuestStat> {
    return toStat((await this.resolve(path)).inode);
  }

  /** As {@link stat}, of a symbolic link itself. */
  async lstat(path: string): Promise<GuestStat> {
    return toStat((await this.resolve(path, false)).inode);
  }

  async lstatIfAny(path: string): Promise<GuestStat | null> {
    const place = await this.resolveIfAny(path, false);
    return place ? toStat(place.inode) : null;
  }

  async readlink(path: string): Promise<string> {
    const place = await this.resolve(path, false);
    return place.mount.fs.readLink(place.inode);
  }

  /** True when the path leads to something, symbolic links followed. */
  async exists(path: string): Promise<boolean> {
    return (await this.resolveIfAny(path)) !== null;
  }

  async realpath(path: string): Promise<string> {
    return (await this.resolve(path)).path;
  }

  /** Extended attributes of the file itself, by full name; access lists in their on-disk form. */
  async xattrs(path: string): Promise<Map<string, Buffer>> {
    const place = await this.resolve(path, false);
    return place.mount.fs.xattrs(place.inode);
  }
}

function readPlace(place: Place, path: string, max: number): Promise<Buffer> {
  const { inode, mount } = place;
  if (inode.type !== 'file')
    throw new GuesthouseError('invalid-input', `${path} is not a file on the guest's disk.`, {
      why: `It is a ${inode.type}.`,
    });
  if (inode.size > max)
    throw new GuesthouseError('invalid-input', `${path} on the guest's disk is too large.`, {
      why: `It has ${inode.size} bytes; at most ${max} are read.`,
    });
  return mount.fs.readRange(inode, 0, inode.size);
}

export function toStat(inode: Inode): GuestStat {
  const { type, mode, uid, gid, size, mtime, number, links } = inode;
  return { type, mode: mode & 0o7777, uid, gid, size, mtime, inode: number, links };
}

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}
