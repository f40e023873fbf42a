import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type ImagePolicy, realPathIfAny } from './policy.ts';
import { Qcow2Reader } from './qcow2.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { type BlockReader, FileReader, type FileStamp, type Reading, refused } from './reader.ts';

export type { ImagePolicy } from './policy.ts';
export { standAlone, withinFolders } from './policy.ts';

/** The formats guests run from. Others are converted when they are imported. */
export type ImageFormat = 'raw' | 'qcow2';

/** A disk image and its format, which is always stated and never guessed. */
export interface DiskRef {
  readonly path: string;
  readonly format: ImageFormat;
}

/** What an image's own header says; nothing but the header was read, and no program was run. */
export interface ImageInfo {
  /** Absolute, as given. */
  readonly path: string;
  readonly format: ImageFormat;
  /** Bytes the guest sees. */
  readonly virtualSize: number;
  /** Bytes on the host's disk, this file alone. */
  readonly allocatedSize: number;
  /** The image below this one, absolute; its format is null when the header does not state it. */
  readonly backing: { readonly path: string; readonly format: string | null } | null;
  /** The file that holds the clusters, when it is not this one. */
  readonly dataFile: string | null;
  /** Bytes; null for raw. */
  readonly clusterSize: number | null;
  /** Snapshots inside the image. */
  readonly snapshots: number;
  readonly stamp: FileStamp;
}

/** A backing chain longer than this is refused: nobody makes one, and opening it costs a file each. */
export const maxChain = 64;

/**
 * Reads one image's header. References to other files are resolved as QEMU would and put before `policy`.
 * @throws {GuesthouseError} `disk-missing`, `disk-refused` (with the reason), `unsupported`, `disk-damaged`
 */
export async function inspectImage(ref: DiskRef, policy: ImagePolicy): Promise<ImageInfo> {
  const file = await FileReader.open(path.resolve(ref.path), 'at-once');
  try {
    return (await inspectOpen(file, ref.format, policy)).info;
  } finally {
    await file.close();
  }
}

/** The image and everything below it, topmost first. Every file exists, every format is stated, none comes twice. */
export async function inspectChain(ref: DiskRef, policy: ImagePolicy): Promise<ImageInfo[]> {
  const chain: ImageInfo[] = [];
  const seen = new Set<string>();
  for (let next: DiskRef | null = ref; next; ) {
    const info: ImageInfo = await inspectImage(next, policy);
    noteOnce(seen, info);
    chain.push(info);
    next = nextOf(info);
  }
  return chain;
}

/** Opens a disk for reading, its whole chain. The caller closes it. Errors as {@link inspectImage}. */
export async function openImage(ref: DiskRef, policy: ImagePolicy): Promise<BlockReader> {
  return (await openImageChain(ref, policy)).reader;
}

/** As {@link openImage}, with what the headers said, topmost first. */
export async function openImageChain(
  ref: DiskRef,
  policy: ImagePolicy,
): Promise<{ reader: BlockReader; chain: readonly ImageInfo[] }> {
  const chain: ImageInfo[] = [];
  const reader = await openLayer(ref, policy, 'own', new Set(), chain);
  return { reader, chain };
}

async function openLayer(
  ref: DiskRef,
  policy: ImagePolicy,
  reading: Reading,
  seen: Set<string>,
  chain: ImageInfo[],
): Promise<BlockReader> {
  const opened: BlockReader[] = [];
  try {
    const file = await FileReader.open(path.resolve(ref.path), reading);
    opened.push(file);
    const { info, header } = await inspectOpen(file, ref.format, policy);
    noteOnce(seen, info);
    chain.push(info);
    if (!header) return file;
    let data = file;
    if (info.dataFile !== null) {
      data = await FileReader.open(info.dataFile, reading);
      opened.push(data);
    }
    const below = nextOf(info);
    const backing = below ? await openLayer(below, policy, 'shared', seen, chain) : null;
    return new Qcow2Reader(file, header, data, backing);
  } catch (error) {
    for (const reader of opened) await reader.close();
    throw error;
  }
}

async function inspectOpen(file: FileReader, format: ImageFormat, policy: ImagePolicy) {
  const common = { path: file.path, format, allocatedSize: file.stamp.allocated, stamp: file.stamp };
  if (format === 'raw') {
    const info: ImageInfo = {
      ...common,
      virtualSize: file.size,
      backing: null,
      dataFile: null,
      clusterSize: null,
      snapshots: 0,
    };
    return { info, header: null };
  }
  if (format !== 'qcow2')
    throw new GuesthouseError('unsupported', `Disks of format ${String(format)} cannot be opened.`, {
      todo: 'Import the image: that converts it.',
    });
  const header = await readQcow2Header(file);
  let dataFile: string | null = null;
  if (header.externalData) {
    if (header.dataFileName === null)
      throw refused('The image keeps its data elsewhere and does not say where.', file.path);
    dataFile = await resolveReference(file.path, header.dataFileName, 'data file', policy);
  }
  const info: ImageInfo = {
    ...common,
    virtualSize: header.virtualSize,
    backing:
      header.backingName === null
        ? null
        : {
            path: await resolveReference(file.path, header.backingName, 'backing file', policy),
            format: header.backingFormat,
          },
    dataFile,
    clusterSize: 2 ** header.clusterBits,
    snapshots: header.snapshots,
  };
  return { info, header };
}

/**
 * The absolute path an image means by a name in its header, if it may be opened at all.
 * QEMU takes what stands before the first colon for a protocol (`nbd:`, `json:`, `file:`): all refused.
 */
export async function resolveReference(
  image: string,
  name: string,
  what: string,
  policy: ImagePolicy,
): Promise<string> {
  if (/^[^/]*:/.test(name))
    throw refused(
      `The image's ${what} is not a plain file.`,
      `${image} names ${JSON.stringify(name)}, which QEMU would open by a protocol.`,
    );
  const target = path.resolve(path.dirname(image), name);
  if (!(await policy.allow(await realPathIfAny(target))))
    throw refused(
      `The image refers to a file outside.`,
      `${image} names ${target} as its ${what}. Its content would become readable in the guest.`,
      'Import the image as a stand-alone copy from someone you trust, or put both files into one folder.',
    );
  return target;
}

function noteOnce(seen: Set<string>, info: ImageInfo): void {
  const key = `${info.stamp.dev}:${info.stamp.ino}`;
  if (seen.has(key))
    throw refused('The image is its own backing file.', `${info.path} comes twice in the chain.`);
  if (seen.size >= maxChain)
    throw refused('The chain of backing files is too long.', `It has more than ${maxChain} images.`);
  seen.add(key);
}

function nextOf(info: ImageInfo): DiskRef | null {
  if (!info.backing) return null;
  const { format } = info.backing;
  if (format !== 'raw' && format !== 'qcow2')
    throw format === null
      ? refused(
          'The image does not say what format its backing file has.',
          `Guessing the format of ${info.backing.path} would let a guest choose it.`,
          `State it: qemu-img rebase -u -b ${info.backing.path} -F FORMAT ${info.path}`,
        )
      : new GuesthouseError(
          'unsupported',
          `A backing file of format ${JSON.stringify(format)} is not supported.`,
        );
  return { path: info.backing.path, format };
}
