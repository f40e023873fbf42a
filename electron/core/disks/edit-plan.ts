import { GuesthouseError } from '../../../shared/errors.ts';
import { baseOf, checkName, dirOf, Places, type PlannedChange } from './edit-places.ts';
import type { Ext4 } from './ext4/ext4.ts';
import type { Inode } from './ext4/inode.ts';
import type { GuestRoot } from './guestfs.ts';
import { type GuestStat, toStat } from './tree.ts';

export interface WriteOptions {
  /** Permission bits; default those of the file replaced, 0644 for a new one. */
  mode?: number;
  /** Default those of the file replaced, 0 for a new one. */
  uid?: number;
  gid?: number;
  /** Keep the replaced file's extended attributes, such as its SELinux label; default true. */
  keepXattrs?: boolean;
  /** A file of the guest whose SELinux label a *new* file gets; its access lists and others are its own. */
  labelFrom?: string;
  /** Overwrite the replaced file's bytes on the disk with zeros first: for private keys. */
  overwrite?: boolean;
  /** Make missing folders (0755, root). */
  parents?: boolean;
}

/** Attributes that must not outlive the content they were made for (capabilities(7), IMA). */
const contentBound = new Set(['security.capability', 'security.ima', 'security.evm']);
const maxContent = 64 << 20;
const selinux = 'security.selinux';
const safeAttribute = /^[\w.:@-]+$/;

/**
 * Collects changes to a guest's files, each checked against the disk as it is when it is asked for. Paths are led
 * through the guest's symbolic links, never onto the host; a link at the end is replaced, not followed. Later changes
 * to the same path win. Nothing is written here. Calls are worked off in order whether awaited or not.
 */
export class EditPlan {
  private readonly places: Places;
  private tail: Promise<void> = Promise.resolve();
  private failure: { error: unknown } | null = null;

  /** @param guest the disk as it is before the edit, to be looked at */
  constructor(readonly guest: GuestRoot) {
    this.places = new Places(guest);
  }

  /** Writes a whole file, new or in place of the one there. */
  write(path: string, content: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    return this.queue(() => this.planWrite(path, content, options));
  }

  private async planWrite(path: string, content: Uint8Array | string, options: WriteOptions): Promise<void> {
    const bytes = Buffer.from(content);
    if (bytes.length > maxContent)
      throw new GuesthouseError('invalid-input', `${path} would become too large.`);
    const target = await this.places.locate(path, options.parents ?? false);
    const { existing, before } = target;
    if (existing?.type === 'directory') throw isFolder(path);
    const old = existing?.type === 'file' ? toStat(existing) : null;
    const xattrs = await this.xattrsFor(target.fs, existing, options);
    this.places.put(target, {
      overwrite: (options.overwrite ?? false) || before?.overwrite === true,
      change: {
        kind: 'file',
        content: bytes,
        mode: checkMode(options.mode ?? old?.mode ?? 0o644),
        uid: options.uid ?? old?.uid ?? 0,
        gid: options.gid ?? old?.gid ?? 0,
        xattrs,
      },
    });
  }

  /** Empties a file; it keeps its owner, mode and attributes. A missing one stays missing. */
  truncate(path: string, options: { overwrite?: boolean } = {}): Promise<void> {
    return this.queue(async () => {
      if ((await this.statPlanned(path)) !== null) await this.planWrite(path, '', options);
    });
  }

  /** Makes a symbolic link, in place of whatever file or link is there. */
  symlink(
    target: string,
    path: string,
    options: { parents?: boolean; overwrite?: boolean } = {},
  ): Promise<void> {
    return this.queue(() => this.planSymlink(target, path, options));
  }

  private async planSymlink(
    target: string,
    path: string,
    options: { parents?: boolean; overwrite?: boolean },
  ): Promise<void> {
    checkName(target, 'A link target');
    if (target === '' || target.length > 4095)
      throw new GuesthouseError('invalid-input', 'Not a link target.');
    const place = await this.places.locate(path, options.parents ?? false);
    if (place.existing?.type === 'directory') throw isFolder(path);
    const xattrs = await this.xattrsFor(place.fs, place.existing, {});
    this.places.put(place, {
      overwrite: (options.overwrite ?? false) || place.before?.overwrite === true,
      change: { kind: 'symlink', target, xattrs },
    });
  }

  /**
   * Removes a file or link; with `recursive` also a folder and all in it. What is not there is fine.
   * @param options `overwrite`: the file's bytes on the disk become zeros first
   */
  remove(path: string, options: { overwrite?: boolean; recursive?: boolean } = {}): Promise<void> {
    return this.queue(() => this.planRemove(path, options));
  }

  private async planRemove(
    path: string,
    options: { overwrite?: boolean; recursive?: boolean },
  ): Promise<void> {
    const parent = await this.places.folder(dirOf(path), false).catch((error) => {
      if (error instanceof GuesthouseError && error.code === 'not-found') return null;
      throw error;
    });
    if (!parent) return;
    const place = await this.places.locateIn(parent, baseOf(path));
    if (place.existing === null) {
      this.places.planned.delete(place.path);
      return;
    }
    // Named before, as by a list of all that is in a folder: gone with what was in it.
    if (place.before?.change.kind === 'removed') {
      if (options.overwrite) this.places.put(place, { overwrite: true, change: place.before.change });
      return;
    }
    if (place.existing.type === 'directory') {
      if (!options.recursive) throw isFolder(path);
      for (const entry of await place.fs.entries(place.existing))
        await this.planRemove(`${place.path}/${entry.name}`, options);
    }
    this.places.put(place, {
      overwrite: (options.overwrite ?? false) || place.before?.overwrite === true,
      change: { kind: 'removed', folder: place.existing.type === 'directory' },
    });
  }

  /** Makes a folder; one that is there already is fine and gets mode and owner where they are given. */
  mkdir(
    path: string,
    options: { mode?: number; uid?: number; gid?: number; parents?: boolean } = {},
  ): Promise<void> {
    return this.queue(() => this.planFolder(path, options));
  }

  private async planFolder(
    path: string,
    options: { mode?: number; uid?: number; gid?: number; parents?: boolean },
  ): Promise<void> {
    const place = await this.places.locate(path, options.parents ?? false);
    if (place.existing && place.existing.type !== 'directory')
      throw new GuesthouseError('wrong-state', `${path} on the guest's disk is not a folder.`, {
        why: `It is a ${place.existing.type}.`,
      });
    const { mode, uid, gid } = options;
    if (place.existing) {
      const old = toStat(place.existing);
      if (mode === undefined && uid === undefined && gid === undefined) return;
      this.places.put(place, {
        overwrite: false,
        change: {
          kind: 'attributes',
          mode: checkMode(mode ?? old.mode),
          uid: uid ?? old.uid,
          gid: gid ?? old.gid,
        },
      });
    } else {
      const change = {
        kind: 'folder',
        mode: checkMode(mode ?? 0o755),
        uid: uid ?? 0,
        gid: gid ?? 0,
      } as const;
      this.places.put(place, { overwrite: false, change });
    }
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.queue(() => this.attributes(path, { mode: checkMode(mode) }));
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.queue(() => this.attributes(path, { uid, gid }));
  }

  /** What `path` is with the changes so far; null when there is nothing. Links at the end are not followed. */
  async current(path: string): Promise<GuestStat | null> {
    await this.tail;
    return this.statPlanned(path);
  }

  private async statPlanned(path: string): Promise<GuestStat | null> {
    const parent = await this.places.folder(dirOf(path), false).catch(() => null);
    if (!parent) return null;
    const place = await this.places.locateIn(parent, baseOf(path));
    if (!place.before) return place.existing ? toStat(place.existing) : null;
    return place.before.change.kind === 'removed' ? null : plannedStat(place.before);
  }

  /** The changes in the order they must be made. Throws what any call before it threw. */
  async changes(): Promise<readonly PlannedChange[]> {
    await this.tail;
    if (this.failure) throw this.failure.error;
    return [...this.places.planned.values()];
  }

  private queue(work: () => Promise<void>): Promise<void> {
    const result = this.tail.then(work);
    this.tail = result.catch((error) => {
      this.failure ??= { error };
    });
    return result;
  }

  private async attributes(path: string, wish: { mode?: number; uid?: number; gid?: number }): Promise<void> {
    const place = await this.places.locate(path, false);
    const planned = place.before?.change;
    if (planned && 'mode' in planned) {
      this.places.put(place, { overwrite: place.before!.overwrite, change: { ...planned, ...wish } });
      return;
    }
    if (!place.existing || planned)
      throw new GuesthouseError('not-found', `${path} is not on the guest's disk.`);
    if (place.existing.type === 'symlink')
      throw new GuesthouseError('wrong-state', `${path} on the guest's disk is a symbolic link.`);
    const { mode, uid, gid } = toStat(place.existing);
    this.places.put(place, { overwrite: false, change: { kind: 'attributes', mode, uid, gid, ...wish } });
  }

  private async xattrsFor(
    fs: Ext4,
    existing: Inode | null,
    options: WriteOptions,
  ): Promise<ReadonlyMap<string, Buffer>> {
    let all = new Map<string, Buffer>();
    if (existing) {
      if (options.keepXattrs === false) return all;
      all = await fs.xattrs(existing);
    } else if (options.labelFrom !== undefined) {
      const model = await this.guest.resolveIfAny(options.labelFrom, false);
      const label = model ? (await model.mount.fs.xattrs(model.inode)).get(selinux) : undefined;
      if (label) all.set(selinux, label);
    }
    for (const [name, value] of all)
      if (value.length > fs.blockSize)
        throw new GuesthouseError(
          'unsupported',
          'A file with a large extended attribute cannot be replaced.',
          {
            why: `${JSON.stringify(name)} has ${value.length} bytes and would be lost.`,
          },
        );
    // Names come from the image: what debugfs could misread is left behind rather than passed on.
    return new Map([...all].filter(([name]) => safeAttribute.test(name) && !contentBound.has(name)));
  }
}

function plannedStat({ change, existing }: PlannedChange): GuestStat {
  const old = existing ? toStat(existing) : null;
  const base = { uid: 0, gid: 0, mode: 0o777, size: 0, mtime: 0, inode: 0, links: 1 };
  switch (change.kind) {
    case 'file':
      return { ...base, type: 'file', ...pick(change), size: change.content.length };
    case 'symlink':
      return { ...base, type: 'symlink', size: Buffer.byteLength(change.target) };
    case 'folder':
      return { ...base, type: 'directory', ...pick(change) };
    default:
      return { ...(old ?? { ...base, type: 'file' as const }), ...('mode' in change ? pick(change) : {}) };
  }
}

const pick = ({ mode, uid, gid }: { mode: number; uid: number; gid: number }) => ({ mode, uid, gid });

function isFolder(path: string): GuesthouseError {
  return new GuesthouseError(
    'wrong-state',
    `${path} on the guest's disk is a folder, where a file should be.`,
    {
      todo: 'Look at it inside the guest, and move it away.',
    },
  );
}

function checkMode(mode: number): number {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777)
    throw new GuesthouseError('invalid-input', `${mode} is not a file mode.`);
  return mode;
}
