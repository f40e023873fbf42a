import { GuesthouseError } from '../../../shared/errors.ts';
import { Ext4 } from './ext4/ext4.ts';
import { type DiskRef, type ImageInfo, type ImagePolicy, openImageChain } from './image.ts';
import {
  type ExtractedKernel,
  type ExtractOptions,
  extractKernel,
  type GuestKernel,
  listKernels,
} from './kernels.ts';
import { type Partition, readPartitions } from './partitions.ts';
import { type BlockReader, SliceReader } from './reader.ts';
import { type FilesystemKind, isExt, kindNames, readSignature, type Signature } from './signatures.ts';
import { type Mount, Tree } from './tree.ts';

/** One partition of a guest and what it holds. */
export interface Volume extends Signature {
  /** Index into the images given. */
  readonly disk: number;
  readonly partition: Partition;
}

/** Thrown when no Linux root could be opened; `volumes` is what the disks hold, for a page to show. */
export class UnsupportedDiskError extends GuesthouseError {
  constructor(
    readonly volumes: readonly Volume[],
    readonly kinds: readonly FilesystemKind[],
    why: string,
  ) {
    super('unsupported', "The guest's files cannot be reached without starting it.", {
      why,
      todo: 'Start the guest and work over SSH, or give it a cloud-init seed.',
    });
  }
}

/** The files of a guest that does not run, as one read-only tree. */
export class GuestRoot extends Tree {
  constructor(
    mounts: readonly Mount[],
    private readonly readers: readonly BlockReader[],
    readonly images: readonly DiskRef[],
    /** The images and what is below each, topmost first. */
    readonly chains: readonly (readonly ImageInfo[])[],
    readonly volumes: readonly Volume[],
    /** The one that holds `/`. */
    readonly rootVolume: Volume,
    private readonly volumeByMount: ReadonlyMap<string, Volume>,
  ) {
    super(mounts);
    this.allMounts = mounts;
  }

  private readonly allMounts: readonly Mount[];

  /** File systems that e2fsck should see before anything is written to them. */
  uncleanMounts(): { path: string; volume: Volume }[] {
    return this.allMounts
      .filter((mount) => mount.fs?.needsCheck)
      .map((mount) => ({ path: mount.path, volume: this.volumeByMount.get(mount.path)! }));
  }

  /** The partition mounted at a canonical path such as `/` or `/var`. */
  volumeAt(mountPath: string): Volume | undefined {
    return this.volumeByMount.get(mountPath);
  }

  /** What `root=` on the kernel's command line should say: `UUID=…`, or `PARTUUID=…` when there is no UUID. */
  get rootArgument(): string {
    const { uuid, partition } = this.rootVolume;
    return uuid ? `UUID=${uuid}` : `PARTUUID=${partition.partUuid ?? ''}`;
  }

  /** Kernels in `/boot`, newest first. */
  kernels(): Promise<GuestKernel[]> {
    return listKernels(this);
  }

  /** Copies a kernel and its initrd to `destDir` for a direct boot. Cheap when they are there already. */
  extractKernel(destDir: string, options?: ExtractOptions): Promise<ExtractedKernel> {
    return extractKernel(this, this.rootArgument, destDir, options);
  }

  async close(): Promise<void> {
    for (const reader of this.readers) await reader.close();
  }
}

/**
 * Opens the disks of a guest that does not run and finds its Linux root; `/etc/fstab` tells what else belongs to the
 * tree. The caller closes the result. Nothing on the host is changed or mounted, no program is run.
 *
 * @throws {UnsupportedDiskError} when the root is on LUKS, LVM, XFS, Btrfs, NTFS … or there is none
 * @throws {GuesthouseError} `disk-missing`, `disk-refused`, `disk-damaged`, `no-permission`
 */
export async function openGuestDisk(
  images: DiskRef | readonly DiskRef[],
  policy: ImagePolicy,
): Promise<GuestRoot> {
  const refs = Array.isArray(images) ? (images as readonly DiskRef[]) : [images as DiskRef];
  const readers: BlockReader[] = [];
  try {
    const chains: (readonly ImageInfo[])[] = [];
    const volumes: Volume[] = [];
    for (const [disk, ref] of refs.entries()) {
      const { reader, chain } = await openImageChain(ref, policy);
      readers.push(reader);
      chains.push(chain);
      volumes.push(...(await readVolumes(reader, disk)));
    }
    return await assemble(refs, readers, chains, volumes);
  } catch (error) {
    for (const reader of readers) await reader.close();
    throw error;
  }
}

/** What the disks hold, partition by partition. Errors as {@link openGuestDisk}, but any content is fine. */
export async function surveyDisks(images: readonly DiskRef[], policy: ImagePolicy): Promise<Volume[]> {
  const volumes: Volume[] = [];
  for (const [disk, ref] of images.entries()) {
    const { reader } = await openImageChain(ref, policy);
    try {
      volumes.push(...(await readVolumes(reader, disk)));
    } finally {
      await reader.close();
    }
  }
  return volumes;
}

export async function readVolumes(reader: BlockReader, disk: number): Promise<Volume[]> {
  const table = await readPartitions(reader);
  const volumes: Volume[] = [];
  for (const partition of table.partitions) {
    const signature = await readSignature(new SliceReader(reader, partition.offset, partition.size));
    volumes.push({ disk, partition, ...signature });
  }
  return volumes;
}

async function assemble(
  refs: readonly DiskRef[],
  readers: readonly BlockReader[],
  chains: readonly (readonly ImageInfo[])[],
  volumes: readonly Volume[],
): Promise<GuestRoot> {
  const open = (volume: Volume) =>
    Ext4.open(new SliceReader(readers[volume.disk]!, volume.partition.offset, volume.partition.size));
  let best: { volume: Volume; fs: Ext4; sure: boolean } | null = null;
  let failure: unknown = null;
  for (const volume of volumes) {
    if (!isExt(volume.kind)) continue;
    try {
      const fs = await open(volume);
      const sure = await looksLikeRoot(fs);
      if (sure !== null && (!best || (sure && !best.sure))) best = { volume, fs, sure };
    } catch (error) {
      failure ??= error; // another partition may still hold the root
    }
    if (best?.sure) break;
  }
  if (!best) {
    if (failure) throw failure;
    throw new UnsupportedDiskError(volumes, distinctKinds(volumes), whyNoRoot(volumes));
  }
  const mounts: Mount[] = [{ path: '/', fs: best.fs, name: kindNames[best.volume.kind] }];
  const volumeByMount = new Map<string, Volume>([['/', best.volume]]);
  const rootOnly = new Tree(mounts);
  const fstab = (await rootOnly.readTextIfAny('/etc/fstab').catch(() => null)) ?? '';
  for (const { spec, path, type, options } of parseFstab(fstab)) {
    if (path === '/' || mounts.some((mount) => mount.path === path)) continue;
    const volume = findVolume(volumes, spec);
    if (!volume) {
      // What the root holds there is not what the guest sees: an edit of it would change nothing and look done.
      if (keepsFiles(type, options)) mounts.push({ path, fs: null, name: `${spec}, which was not found` });
      continue;
    }
    const fs = isExt(volume.kind) ? await open(volume) : null;
    mounts.push({ path, fs, name: kindNames[volume.kind] });
    volumeByMount.set(path, volume);
  }
  return new GuestRoot(mounts, readers, refs, chains, volumes, best.volume, volumeByMount);
}

/** True: surely a Linux root; false: maybe; null: no. */
async function looksLikeRoot(fs: Ext4): Promise<boolean | null> {
  const tree = new Tree([{ path: '/', fs, name: 'ext4' }]);
  const has = (path: string) => tree.exists(path).catch(() => false);
  if ((await has('/etc/os-release')) || (await has('/usr/lib/os-release'))) return true;
  if (!(await has('/etc'))) return null;
  return (await has('/usr')) || (await has('/bin')) || (await has('/sbin')) ? false : null;
}

function distinctKinds(volumes: readonly Volume[]): FilesystemKind[] {
  return [...new Set(volumes.map((volume) => volume.kind))];
}

/** Kinds that may hold a root, in the order worth naming. */
const telling: readonly FilesystemKind[] = [
  'luks', 'lvm', 'mdraid', 'xfs', 'btrfs', 'zfs', 'f2fs', 'bcachefs', 'ntfs', 'squashfs', 'erofs', 'iso9660',
]; // biome-ignore format: a list

function whyNoRoot(volumes: readonly Volume[]): string {
  const kinds = distinctKinds(volumes);
  const named = telling.filter((kind) => kinds.includes(kind)).map((kind) => kindNames[kind]);
  if (named.length > 0)
    return `Its disk holds ${named.join(' and ')}; only ext2, ext3 and ext4 can be opened.`;
  if (kinds.some(isExt)) return 'Its ext file system holds no Linux system.';
  return 'No file system was recognised on its disk.';
}

/** File systems that live in memory: what an edit leaves below them does no harm. */
const inMemory = new Set(['tmpfs', 'ramfs', 'devtmpfs', 'devpts', 'proc', 'sysfs', 'swap', 'none']);

/** Whether a mount that was not found holds files of the guest at every start. */
function keepsFiles(type: string, options: readonly string[]): boolean {
  const bind = options.includes('bind') || options.includes('rbind');
  return bind || !(inMemory.has(type) || options.includes('noauto'));
}

/** One line of fstab(5). */
interface FstabLine {
  readonly spec: string;
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Mount points of fstab(5) with `\040` and its like decoded; only absolute ones that name a device. */
export function parseFstab(text: string): FstabLine[] {
  const decode = (field: string) =>
    field.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  const found: FstabLine[] = [];
  for (const line of text.split('\n')) {
    const [spec, path, type, options] = line.trim().split(/\s+/);
    if (!spec || !path || !type || spec.startsWith('#') || !path.startsWith('/')) continue;
    const parts = decode(path)
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) continue;
    found.push({
      spec: decode(spec),
      path: `/${parts.join('/')}`,
      type,
      options: options?.split(',') ?? [],
    });
  }
  return found.sort((a, b) => a.path.length - b.path.length);
}

function findVolume(volumes: readonly Volume[], spec: string): Volume | undefined {
  const [, tag, value] = /^(UUID|LABEL|PARTUUID|PARTLABEL)="?([^"]*)"?$/.exec(spec) ?? [];
  const same = (a: string | null, b: string) => a !== null && a.toLowerCase() === b.toLowerCase();
  if (tag !== undefined && value)
    return volumes.find((volume) => {
      if (tag === 'UUID') return same(volume.uuid, value);
      if (tag === 'LABEL') return volume.label === value;
      if (tag === 'PARTUUID') return same(volume.partition.partUuid, value);
      return volume.partition.label === value;
    });
  const [, kind, key] = /^\/dev\/disk\/by-(uuid|label|partuuid)\/(.+)$/.exec(spec) ?? [];
  if (kind && key) return findVolume(volumes, `${kind.toUpperCase()}=${key}`);
  // Names such as /dev/vda2: the letter is the disk's place, as QEMU gives them out.
  const [, letter, number] = /^\/dev\/(?:sd|vd|xvd|hd)([a-z])(\d*)$/.exec(spec) ?? [];
  if (!letter) return undefined;
  return volumes.find(
    (volume) =>
      volume.disk === letter.charCodeAt(0) - 97 &&
      volume.partition.number === Number(number === '' ? 0 : number),
  );
}
