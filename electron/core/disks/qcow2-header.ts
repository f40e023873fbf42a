import { GuesthouseError } from '../../../shared/errors.ts';
import { damaged, type FileReader, maxOffset, refused } from './reader.ts';

/**
 * The header of a qcow2 image, read and judged by our own code before any program opens the file.
 * Layout: QEMU's docs/interop/qcow2.rst.
 */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Bytes the guest sees. */
  readonly virtualSize: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly snapshots: number;
  /** Names exactly as stored; null when there is none. */
  readonly backingName: string | null;
  readonly backingFormat: string | null;
  /** True when the clusters are in another file; its name, or null when the header has none. */
  readonly externalData: boolean;
  readonly dataFileName: string | null;
  readonly extendedL2: boolean;
  readonly compression: 'zlib' | 'zstd';
  /** The refcounts may be wrong since the image was not closed (lazy refcounts); harmless for reading. */
  readonly dirty: boolean;
  readonly bitmaps: boolean;
}

export const qcow2Magic = 0x514649fb;
const incompatible = { dirty: 1, corrupt: 2, externalData: 4, compression: 8, extendedL2: 16 } as const;
const extension = { backingFormat: 0xe2792aca, dataFile: 0x44415441, luks: 0x0537be77, bitmaps: 0x23852875 };
/** As QEMU: block/qcow2.h QCOW_MAX_L1_SIZE. */
const maxL1Bytes = 32 << 20;

/** @throws {GuesthouseError} `disk-refused` for hostile or impossible values, `unsupported` for features unknown */
export async function readQcow2Header(file: FileReader): Promise<Qcow2Header> {
  const head = Buffer.alloc(512);
  await file.readPadded(head, 0);
  if (file.size < 72 || head.readUInt32BE(0) !== qcow2Magic)
    throw refused('This is not a qcow2 image.', `${file.path} does not start as one.`);
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3)
    throw new GuesthouseError('unsupported', `qcow2 version ${version} is not known.`, {
      subject: file.path,
    });
  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21)
    throw refused('The qcow2 header is not valid.', `cluster_bits is ${clusterBits}, allowed are 9 to 21.`);
  const clusterSize = 2 ** clusterBits;
  const features = version === 3 ? u64(head, 72, 'features') : 0;
  const headerLength = version === 3 ? head.readUInt32BE(100) : 72;
  if (headerLength < (version === 3 ? 104 : 72) || headerLength > clusterSize)
    throw refused('The qcow2 header is not valid.', `header_length is ${headerLength}.`);
  if (features >= 32)
    throw new GuesthouseError('unsupported', 'The qcow2 image uses features that are not known.', {
      why: `incompatible_features is 0x${features.toString(16)}.`,
    });
  if (features & incompatible.corrupt)
    throw damaged('The qcow2 image is marked as corrupt.', 'QEMU found it damaged and set its corrupt bit.');
  if (head.readUInt32BE(32) !== 0)
    throw new GuesthouseError('unsupported', 'The qcow2 image is encrypted.', {
      why: 'Its content cannot be read or edited without its key.',
      todo: 'Convert it to an image without encryption first.',
    });

  const virtualSize = u64(head, 24, 'size');
  const extendedL2 = (features & incompatible.extendedL2) !== 0;
  if (extendedL2 && clusterBits < 14)
    throw refused('The qcow2 header is not valid.', 'Subclusters need clusters of 16 KiB or more.');
  const l2Entries = clusterSize / (extendedL2 ? 16 : 8);
  const l1Entries = head.readUInt32BE(36);
  const l1Offset = u64(head, 40, 'l1_table_offset');
  const l1Needed = Math.ceil(virtualSize / (l2Entries * clusterSize));
  if (l1Entries * 8 > maxL1Bytes || l1Needed * 8 > maxL1Bytes)
    throw refused('The qcow2 image claims to be too large.', `Its first table would take more than 32 MiB.`);
  if (l1Entries < l1Needed)
    throw refused('The qcow2 header is not valid.', 'Its first table is too small for its size.');
  if (l1Entries > 0 && (l1Offset % clusterSize !== 0 || l1Offset === 0))
    throw refused('The qcow2 header is not valid.', 'Its first table is not at a cluster.');
  if (l1Offset + l1Needed * 8 > file.size)
    throw damaged('The qcow2 image ends too early.', 'Its first table lies past the end of the file.');

  const ext = await readExtensions(file, headerLength, clusterSize, u64(head, 8, 'backing_file_offset'));
  const backingOffset = u64(head, 8, 'backing_file_offset');
  const backingSize = head.readUInt32BE(16);
  let backingName: string | null = null;
  if (backingOffset !== 0 && backingSize !== 0) {
    if (backingSize > 1023 || backingOffset + backingSize > clusterSize)
      throw refused(
        'The qcow2 header is not valid.',
        'The name of its backing file lies outside the header.',
      );
    const name = Buffer.alloc(backingSize);
    await file.readPadded(name, backingOffset);
    backingName = plainText(name, 'backing file');
  }
  const externalData = (features & incompatible.externalData) !== 0;
  const compressionType = version === 3 && headerLength > 104 ? head.readUInt8(104) : 0;
  if (compressionType > 1 || ((features & incompatible.compression) !== 0) !== (compressionType !== 0))
    throw new GuesthouseError('unsupported', `qcow2 compression type ${compressionType} is not known.`);
  return {
    version,
    clusterBits,
    virtualSize,
    l1Offset,
    l1Entries,
    snapshots: head.readUInt32BE(60),
    backingName,
    backingFormat: ext.backingFormat,
    externalData,
    dataFileName: ext.dataFile,
    extendedL2,
    compression: compressionType === 1 ? 'zstd' : 'zlib',
    dirty: (features & incompatible.dirty) !== 0,
    bitmaps: ext.bitmaps,
  };
}

/** Bytes of the header's cluster that hold all extensions, but for very long names. */
const usualHeader = 4096;

/** Whether the list of extensions ends within `area`. */
function endsIn(area: Buffer): boolean {
  for (let at = 0; at + 8 <= area.length; at += 8 + Math.ceil(area.readUInt32BE(at + 4) / 8) * 8)
    if (area.readUInt32BE(at) === 0) return true;
  return false;
}

async function readExtensions(file: FileReader, start: number, clusterSize: number, backingOffset: number) {
  const end = backingOffset > start && backingOffset <= clusterSize ? backingOffset : clusterSize;
  let area: Buffer = Buffer.alloc(Math.min(end - start, usualHeader));
  await file.readPadded(area, start);
  // They end with a zero type: hardly ever is more than the first of the cluster needed.
  if (area.length < end - start && !endsIn(area)) {
    area = Buffer.alloc(end - start);
    await file.readPadded(area, start);
  }
  let backingFormat: string | null = null;
  let dataFile: string | null = null;
  let bitmaps = false;
  for (let at = 0; at + 8 <= area.length; ) {
    const type = area.readUInt32BE(at);
    const length = area.readUInt32BE(at + 4);
    if (type === 0) break;
    if (length > area.length - at - 8)
      throw refused('The qcow2 header is not valid.', 'A header extension is longer than the header.');
    const data = area.subarray(at + 8, at + 8 + length);
    if (type === extension.backingFormat) backingFormat = plainText(data, 'backing format');
    else if (type === extension.dataFile) dataFile = plainText(data, 'data file');
    else if (type === extension.bitmaps) bitmaps = true;
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return { backingFormat, dataFile, bitmaps };
}

function u64(buffer: Buffer, at: number, name: string): number {
  const value = buffer.readUInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
  if (value > maxOffset) throw refused('The qcow2 header is not valid.', `${name} is larger than any disk.`);
  return value;
}

function plainText(bytes: Buffer, what: string): string {
  const text = bytes.toString('utf8');
  if (/[\0-\x1f\x7f\ufffd]/.test(text))
    throw refused(`The name of the ${what} in the qcow2 header is not text.`, JSON.stringify(text));
  return text;
}
