import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { releaseAttributeBlocks } from './attribute-blocks.ts';
import { replayJournal, runDebugfs, verifyFilesystem, writeScript } from './debugfs.ts';
import type { PlannedChange } from './edit-places.ts';
import { EditPlan } from './edit-plan.ts';
import { type ExportDaemon, exportBy } from './export-daemon.ts';
import { Ext4, rootInode } from './ext4/ext4.ts';
import type { ExportedPartition } from './fuse-export.ts';
import { type GuestRoot, openGuestDisk, type Volume } from './guestfs.ts';
import type { DiskRef, ImagePolicy } from './image.ts';
import { FileReader, readBytes } from './reader.ts';
import { scrub } from './scrub.ts';

export interface EditOptions {
  /** A private folder of ours for mounts and temporary files, such as `LibraryPaths.runtime` + `/exports`. */
  readonly runtimeDir: string;
  /** Exports the disk where it runs; else a daemon is started for this edit. */
  readonly daemon?: ExportDaemon | null;
  /** False leaves it to the caller to flush the image, as for one that is only staged; default true. */
  readonly flush?: boolean;
  /** Check the whole file system afterwards with `e2fsck -fn`; default false. Planned paths are always read back. */
  readonly verify?: boolean;
  /** Honoured until the first byte is written. */
  readonly signal?: AbortSignal;
}

export interface EditReport {
  /** Canonical paths that were changed. */
  readonly changed: readonly string[];
  /** Mount points whose unclean journal was replayed first. */
  readonly replayed: readonly string[];
}

const queues = new Map<string, Promise<unknown>>();

/**
 * Changes files on the disks of a guest that does not run, without booting it and without root. `plan` looks at the
 * guest as it is and collects changes; all of them are made in one go, read back, and flushed to the disk. An unclean
 * journal is replayed first. Two edits of one image in this process wait for each other.
 *
 * ```ts
 * await editDisk(disk, policy, { runtimeDir }, async (edit) => {
 *   await edit.write('/etc/machine-id', `${id}\n`, { mode: 0o444 });
 *   await edit.remove('/etc/ssh/ssh_host_rsa_key', { overwrite: true });
 * });
 * ```
 * @throws {GuesthouseError} `disk-in-use` when a QEMU holds the image, `disk-damaged`, `unsupported` (no ext root, or
 *   no FUSE), `wrong-state` when a folder stands where a file should be, `no-space`, `disk-refused`
 */
export async function editDisk(
  images: DiskRef | readonly DiskRef[],
  policy: ImagePolicy,
  options: EditOptions,
  plan: (edit: EditPlan) => Promise<void> | void,
): Promise<EditReport> {
  const refs = Array.isArray(images) ? (images as readonly DiskRef[]) : [images as DiskRef];
  const key = await fs.realpath(refs[0]?.path ?? '').catch(() => refs[0]?.path ?? '');
  const before = queues.get(key) ?? Promise.resolve();
  const work = before.catch(() => {}).then(() => edit(refs, policy, options, plan));
  const settled = work.catch(() => {});
  queues.set(key, settled);
  try {
    return await work;
  } finally {
    if (queues.get(key) === settled) queues.delete(key);
  }
}

async function edit(
  refs: readonly DiskRef[],
  policy: ImagePolicy,
  options: EditOptions,
  plan: (edit: EditPlan) => Promise<void> | void,
): Promise<EditReport> {
  const replayed: string[] = [];
  let guest = await openGuestDisk(refs, policy);
  try {
    const unclean = [...guest.uncleanMounts()];
    if (unclean.length > 0) {
      for (const { path, volume } of unclean) {
        await withExport(guest, volume, options, (target) => replayJournal(target.file, target.dir));
        replayed.push(path);
      }
      await guest.close();
      guest = await openGuestDisk(refs, policy);
    }
    // The daemon takes some 20 ms to start; the plan is made meanwhile and holds only if the disk stayed the same.
    const starting = openExport(guest, guest.rootVolume, options);
    starting.catch(() => {});
    const edits = new EditPlan(guest);
    let changes: readonly PlannedChange[];
    try {
      await plan(edits);
      changes = await edits.changes();
    } catch (error) {
      await starting.then((target) => target.close()).catch(() => {});
      throw error;
    }
    const byMount = new Map<string, PlannedChange[]>();
    for (const change of changes) {
      const list = byMount.get(change.mountPath) ?? [];
      list.push(change);
      byMount.set(change.mountPath, list);
    }
    const root = await starting;
    try {
      const own = byMount.get('/');
      if (own) await apply(root, own, options);
    } finally {
      await root.close();
    }
    byMount.delete('/');
    for (const [mountPath, changes] of byMount)
      await withExport(guest, guest.volumeAt(mountPath)!, options, (target) =>
        apply(target, changes, options),
      );
    return { changed: changes.map((change) => change.path), replayed };
  } finally {
    await guest.close();
  }
}

function openExport(guest: GuestRoot, volume: Volume, options: EditOptions): Promise<ExportedPartition> {
  const { number, offset, size } = volume.partition;
  const slice = number === 0 ? null : { offset, size };
  return exportBy(guest.chains[volume.disk]!, slice, options);
}

async function withExport<T>(
  guest: GuestRoot,
  volume: Volume,
  options: EditOptions,
  work: (target: ExportedPartition) => Promise<T>,
): Promise<T> {
  const target = await openExport(guest, volume, options);
  try {
    return await work(target);
  } finally {
    await target.close();
  }
}

async function apply(
  target: ExportedPartition,
  changes: readonly PlannedChange[],
  options: EditOptions,
): Promise<void> {
  const device = await fs.open(target.file, 'r+');
  try {
    const ext4 = changes[0]!.fs;
    await checkUnchanged(target.file, ext4);
    if (options.signal?.aborted) throw new CancelledError(); // the last moment: from here it runs to its end
    const attributes = await releaseAttributeBlocks(changes, ext4);
    const script = await writeScript(changes, attributes.free, ext4.blockSize / 512, target.dir);
    for (const { overwrite, existing } of changes)
      if (overwrite && existing) await scrub(device, ext4, existing);
    for (const { offset, bytes } of attributes.rewrite) await device.write(bytes, 0, bytes.length, offset);
    await runDebugfs(target.file, script, target.dir);
    await readBack(target.file, changes);
    if (options.verify) await verifyFilesystem(target.file, options.signal);
    await device.sync(); // reaches the daemon; the image itself is flushed when the export closes
  } finally {
    await device.close();
  }
}

/** The plan was made from the image while nobody locked it: it holds only when nobody wrote meanwhile. */
async function checkUnchanged(file: string, ext4: Ext4): Promise<void> {
  const reader = await FileReader.open(file);
  try {
    if (!(await readBytes(reader, 1024, 1024)).equals(ext4.rawSuperblock))
      throw new GuesthouseError('disk-in-use', 'The disk was changed by someone else just now.', {
        todo: 'Try again.',
      });
  } finally {
    await reader.close();
  }
}

/** Reads every planned path with our own reader: debugfs's word is not enough. */
async function readBack(file: string, changes: readonly PlannedChange[]): Promise<void> {
  const reader = await FileReader.open(file);
  try {
    const ext4 = await Ext4.open(reader);
    const last = new Map(changes.map((change) => [change.path, change]));
    for (const change of last.values()) {
      // Its folder went too, and that folder's inode may be another file by now.
      if (last.get(dirname(change.path))?.change.kind === 'removed') continue;
      let folder = await ext4.readInode(change.folderInode || rootInode);
      for (const name of change.newFolders)
        folder = await ext4.readInode((await ext4.lookup(folder, name)) ?? 0);
      const number = await ext4.lookup(folder, change.name);
      if (!(await matches(ext4, number, change)))
        throw new GuesthouseError(
          'disk-damaged',
          `${change.path} on the guest's disk is not what was written.`,
          {
            why: 'Reading it back gave something else.',
          },
        );
    }
  } finally {
    await reader.close();
  }
}

async function matches(ext4: Ext4, number: number | null, { change }: PlannedChange): Promise<boolean> {
  if (change.kind === 'removed' || number === null) return change.kind === 'removed' && number === null;
  const inode = await ext4.readInode(number);
  if ('mode' in change) {
    const { mode, uid, gid } = change;
    if ((inode.mode & 0o7777) !== mode || inode.uid !== uid || inode.gid !== gid) return false;
  }
  if ('xattrs' in change) {
    const found = await ext4.xattrs(inode);
    for (const [name, value] of change.xattrs) if (!found.get(name)?.equals(value)) return false;
  }
  switch (change.kind) {
    case 'file':
      return inode.type === 'file' && (await ext4.readRange(inode, 0, inode.size)).equals(change.content);
    case 'symlink':
      return inode.type === 'symlink' && (await ext4.readLink(inode)) === change.target;
    case 'folder':
      return inode.type === 'directory';
    case 'attributes':
      return true;
  }
}

export type { EditPlan, WriteOptions } from './edit-plan.ts';
