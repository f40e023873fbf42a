import { GuesthouseError } from '../../../shared/errors.ts';
import type { Ext4 } from './ext4/ext4.ts';
import type { Inode } from './ext4/inode.ts';
import type { GuestRoot } from './guestfs.ts';

/** One change to one name, as it will be. */
export type Change =
  | {
      readonly kind: 'file';
      readonly content: Buffer;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly xattrs: ReadonlyMap<string, Buffer>;
    }
  | { readonly kind: 'symlink'; readonly target: string; readonly xattrs: ReadonlyMap<string, Buffer> }
  | { readonly kind: 'folder'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly kind: 'removed'; readonly folder: boolean }
  | { readonly kind: 'attributes'; readonly mode: number; readonly uid: number; readonly gid: number };

export interface PlannedChange {
  /** Canonical path in the guest. */
  readonly path: string;
  /** The file system it is on. */
  readonly mountPath: string;
  readonly fs: Ext4;
  /** The existing folder nearest above. */
  readonly folderInode: number;
  /** Folders between that one and the name which this transaction makes. */
  readonly newFolders: readonly string[];
  readonly name: string;
  /** What stands there now. */
  readonly existing: Inode | null;
  readonly overwrite: boolean;
  readonly change: Change;
}

interface Folder {
  readonly path: string;
  readonly mountPath: string;
  readonly fs: Ext4;
  readonly inode: number;
  readonly newFolders: readonly string[];
}

/** A name in a folder, what stands there now and what was planned for it. */
interface Place extends Omit<PlannedChange, 'overwrite' | 'change'> {
  readonly before: PlannedChange | null;
}

/** Finds names on a guest's disk as they will be with the changes planned so far. */
export class Places {
  /** By canonical path, in the order they must be made. */
  readonly planned = new Map<string, PlannedChange>();

  /** @param guest the disk as it is before the edit */
  constructor(private readonly guest: GuestRoot) {}

  /** A later change to the same name replaces an earlier one. */
  put(place: Place, what: Pick<PlannedChange, 'overwrite' | 'change'>): void {
    const { path, mountPath, fs, folderInode, newFolders, name, existing } = place;
    this.planned.set(path, {
      path,
      mountPath,
      fs,
      folderInode,
      newFolders,
      name,
      existing,
      ...what,
    });
  }

  /** @param parents make missing folders */
  async locate(path: string, parents: boolean): Promise<Place> {
    return this.locateIn(await this.folder(dirOf(path), parents), baseOf(path));
  }

  /** @throws {GuesthouseError} `invalid-input` for a name that cannot be one; `wrong-state` for a mount point */
  async locateIn(folder: Folder, name: string): Promise<Place> {
    checkName(name, 'A file name');
    const path = join(folder.path, name);
    if (this.guest.isMountPoint(path))
      throw new GuesthouseError('wrong-state', `${path} is a mount point of the guest and stays.`);
    const number =
      folder.newFolders.length > 0
        ? null
        : await folder.fs.lookup(await folder.fs.readInode(folder.inode), name);
    const existing = number === null ? null : await folder.fs.readInode(number);
    return {
      path,
      name,
      fs: folder.fs,
      mountPath: folder.mountPath,
      folderInode: folder.inode,
      newFolders: folder.newFolders,
      existing,
      before: this.planned.get(path) ?? null,
    };
  }

  /** A folder that is there or, with `parents`, will be. */
  async folder(path: string, parents: boolean): Promise<Folder> {
    const place = await this.guest.resolveIfAny(path);
    if (place) {
      if (place.inode.type !== 'directory')
        throw new GuesthouseError('wrong-state', `${path} on the guest's disk is not a folder.`);
      const { mount, inode } = place;
      if (this.planned.get(place.path)?.change.kind === 'removed')
        throw new GuesthouseError('wrong-state', `${path} is to be removed in the same edit.`);
      return { path: place.path, mountPath: mount.path, fs: mount.fs, inode: inode.number, newFolders: [] };
    }
    if (path === '/') throw new GuesthouseError('not-found', 'The guest has no root folder.');
    const above = await this.folder(dirOf(path), parents);
    const name = baseOf(path);
    const own = join(above.path, name);
    if (this.planned.get(own)?.change.kind !== 'folder') {
      if (!parents) throw new GuesthouseError('not-found', `${path} is not on the guest's disk.`);
      const target = await this.locateIn(above, name);
      // A name that exists but did not resolve is a link to nowhere: making a folder over it would surprise.
      if (target.existing)
        throw new GuesthouseError('wrong-state', `${path} on the guest's disk leads nowhere.`, {
          why: 'It is a symbolic link whose target is missing.',
        });
      this.put(target, { overwrite: false, change: { kind: 'folder', mode: 0o755, uid: 0, gid: 0 } });
    }
    return { ...above, path: own, newFolders: [...above.newFolders, name] };
  }
}

/**
 * Names go into debugfs commands, whose parser knows quotes, lines and `<inode>`: whatever means something to it is
 * refused, wherever the name came from.
 */
export function checkName(name: string, what: string): void {
  if (
    /[\0-\x1f\x7f"'\\<>\ufffd]/.test(name) ||
    (what === 'A file name' && (name === '' || /^\.{0,2}$/.test(name)))
  )
    throw new GuesthouseError('invalid-input', `${what} on the guest's disk cannot be edited.`, {
      why: `${JSON.stringify(name)} holds characters that are not allowed here.`,
    });
  if (what === 'A file name' && Buffer.byteLength(name) > 255)
    throw new GuesthouseError('invalid-input', 'The file name is too long.');
}

function parts(path: string): string[] {
  if (!path.startsWith('/'))
    throw new GuesthouseError('invalid-input', `${JSON.stringify(path)} is no absolute path.`);
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

export const dirOf = (path: string) => `/${parts(path).slice(0, -1).join('/')}`;
const join = (dir: string, name: string) => (dir === '/' ? `/${name}` : `${dir}/${name}`);

export function baseOf(path: string): string {
  const name = parts(path).at(-1);
  if (name === undefined)
    throw new GuesthouseError('invalid-input', 'The root folder itself cannot be changed.');
  return name;
}
