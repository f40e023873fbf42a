import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type DiskRef, type ImageFormat, type ImagePolicy, inspectChain } from './image.ts';
import { qcow2Magic } from './qcow2-header.ts';

/** 64 TiB: by far what qcow2 with 64 KiB clusters holds within QEMU's limit on tables. */
export const maxDiskSize = 2 ** 46;

const clusterBits = 16;
const cluster = 2 ** clusterBits;
/** What one level-2 table maps: 8,192 clusters. */
const perL1Entry = cluster * (cluster / 8);

export interface OverlayOptions {
  /** Bytes; default the size of the backing disk. Smaller is refused: it would cut the file system off. */
  size?: number;
  /** Name the backing file relative to the overlay, so that both can move together; default false. */
  relative?: boolean;
  /** False leaves it to the caller to flush the file, as for one that is only staged; default true. */
  flush?: boolean;
}

/**
 * Makes a qcow2 overlay: all that is written goes into it, the backing disk stays as it is. The backing format is
 * written down, never left to be guessed. Written by our own code: an overlay without data is a header and three
 * tables, and to start qemu-img for it takes longer than all else that is done for a clone's disk.
 * @throws {GuesthouseError} `name-taken` when the file exists; errors of {@link inspectChain} about the backing disk
 */
export async function createOverlay(
  overlay: string,
  backing: DiskRef,
  policy: ImagePolicy,
  options: OverlayOptions = {},
): Promise<void> {
  const target = path.resolve(overlay);
  const base = path.resolve(backing.path);
  const [top] = await inspectChain({ ...backing, path: base }, policy);
  const size = checkSize(options.size ?? top!.virtualSize);
  if (size < top!.virtualSize)
    throw new GuesthouseError('invalid-input', 'A disk cannot be made smaller than the one it is based on.');
  const name = options.relative ? path.relative(path.dirname(target), base) : base;
  if (/^[^/]*:/.test(name))
    throw new GuesthouseError(
      'invalid-input',
      'A disk with a colon in its name cannot be a relative backing file.',
    );
  const image = overlayImage(size, name, backing.format);
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(target, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new GuesthouseError('name-taken', `${target} is there already.`, { subject: target });
    throw noSpace(error);
  }
  try {
    try {
      for (const { at, bytes } of image.parts) await handle.write(bytes, 0, bytes.length, at);
      await handle.truncate(image.length);
      if (options.flush !== false) await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await fs.rm(target, { force: true });
    throw noSpace(error);
  }
}

/**
 * The bytes of an empty qcow2 overlay (QEMU's docs/interop/qcow2.rst), laid out as qemu-img does: header, refcount
 * table, refcount block, level-1 table. What is between the parts is zero.
 * @param size bytes, a multiple of 512
 */
export function overlayImage(
  size: number,
  backingName: string,
  backingFormat: ImageFormat,
): { readonly length: number; readonly parts: readonly { readonly at: number; readonly bytes: Buffer }[] } {
  const name = Buffer.from(backingName);
  if (name.length > 1023)
    throw new GuesthouseError('invalid-input', 'The path of the disk below is too long for an overlay.', {
      why: `It has ${name.length} bytes; at most 1,023 fit.`,
    });
  const l1Entries = Math.ceil(size / perL1Entry);
  const l1At = 3 * cluster;
  const used = 3 + Math.ceil((l1Entries * 8) / cluster);

  const header = Buffer.alloc(104);
  const extension = Buffer.alloc(8 + 8 + 8); // the backing format, padded to 8, and the end
  const format = Buffer.from(backingFormat);
  extension.writeUInt32BE(0xe2792aca, 0);
  extension.writeUInt32BE(format.length, 4);
  extension.set(format, 8);
  header.writeUInt32BE(qcow2Magic, 0);
  header.writeUInt32BE(3, 4);
  header.writeBigUInt64BE(BigInt(header.length + extension.length), 8);
  header.writeUInt32BE(name.length, 16);
  header.writeUInt32BE(clusterBits, 20);
  header.writeBigUInt64BE(BigInt(size), 24);
  header.writeUInt32BE(l1Entries, 36);
  header.writeBigUInt64BE(BigInt(l1At), 40);
  header.writeBigUInt64BE(BigInt(cluster), 48); // refcount table
  header.writeUInt32BE(1, 56); // of one cluster
  header.writeUInt32BE(4, 96); // refcounts of 16 bits
  header.writeUInt32BE(header.length, 100);

  const table = Buffer.alloc(8);
  table.writeBigUInt64BE(BigInt(2 * cluster));
  const counts = Buffer.alloc(used * 2);
  for (let n = 0; n < used; n++) counts.writeUInt16BE(1, n * 2);
  return {
    length: l1At + l1Entries * 8,
    parts: [
      { at: 0, bytes: Buffer.concat([header, extension, name]) },
      { at: cluster, bytes: table },
      { at: 2 * cluster, bytes: counts },
    ],
  };
}

/** @returns bytes, rounded up to 512 */
export function checkSize(size: number): number {
  if (!Number.isSafeInteger(size) || size <= 0 || size > maxDiskSize)
    throw new GuesthouseError('invalid-input', 'That is not a possible size for a disk.', {
      why: `${size} bytes; at most ${maxDiskSize / 2 ** 40} TiB.`,
    });
  return Math.ceil(size / 512) * 512;
}

/** What a full disk looks like: in what a program says, or from the system itself. */
export function noSpace(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const said = error instanceof GuesthouseError ? (error.detail ?? '') : '';
  if (code === 'ENOSPC' || code === 'EDQUOT' || /No space left|Disk quota exceeded/.test(said))
    return new GuesthouseError('no-space', 'The disk of this computer is full.', {
      detail: said || undefined,
      todo: 'Free some space and try again.',
      cause: error,
    });
  return error;
}
