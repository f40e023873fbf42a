import { type BlockReader, damaged, readBytes } from './reader.ts';

/** Where a file of a FAT file system is: enough to overwrite it in place. */
export interface FatFile {
  /** Bytes. */
  readonly size: number;
  /** Byte ranges of the partition, in order, `size` bytes in all. */
  readonly extents: readonly { readonly offset: number; readonly length: number }[];
}

interface Geometry {
  readonly bits: 12 | 16 | 32;
  readonly clusterSize: number;
  readonly clusters: number;
  readonly fatOffset: number;
  readonly fatSize: number;
  readonly dataOffset: number;
  /** The fixed root folder of FAT12 and FAT16, or the cluster where that of FAT32 starts. */
  readonly root: { readonly offset: number; readonly length: number } | number;
}

const maxFolder = 2 << 20; // 65,536 entries, as the specification allows
const bad = (why: string) => damaged('The FAT file system is damaged.', why);

/**
 * Finds a file by its path, names compared without case (Microsoft's FAT specification, long names included).
 * @returns null when there is none
 */
export async function findFatFile(part: BlockReader, path: readonly string[]): Promise<FatFile | null> {
  const geometry = readGeometry(await readBytes(part, 0, 512), part.size);
  const fat = await readBytes(part, geometry.fatOffset, geometry.fatSize);
  let folder =
    typeof geometry.root === 'number'
      ? await readChain(part, geometry, fat, geometry.root)
      : await readBytes(part, geometry.root.offset, geometry.root.length);
  for (const [i, name] of path.entries()) {
    const entry = findEntry(folder, name);
    const last = i === path.length - 1;
    if (!entry || entry.isFolder === last) return null;
    if (last) return { size: entry.size, extents: fileExtents(geometry, fat, entry) };
    folder = await readChain(part, geometry, fat, entry.cluster);
  }
  return null;
}

function readGeometry(boot: Buffer, size: number): Geometry {
  const sector = boot.readUInt16LE(11);
  const perCluster = boot.readUInt8(13);
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  const fatSectors = boot.readUInt16LE(22) || boot.readUInt32LE(36);
  const reserved = boot.readUInt16LE(14);
  const rootBytes = boot.readUInt16LE(17) * 32;
  if (![512, 1024, 2048, 4096].includes(sector) || perCluster === 0 || perCluster & (perCluster - 1))
    throw bad('Its sectors or clusters have an impossible size.');
  const rootOffset = (reserved + boot.readUInt8(16) * fatSectors) * sector;
  const dataOffset = rootOffset + Math.ceil(rootBytes / sector) * sector;
  const clusterSize = sector * perCluster;
  if (sectors * sector > size || dataOffset >= sectors * sector || reserved === 0)
    throw bad('It is larger than its partition.');
  const clusters = Math.floor((sectors * sector - dataOffset) / clusterSize);
  const bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
  const fatSize = Math.ceil(((clusters + 2) * bits) / 8);
  if (fatSize > fatSectors * sector || fatSize > 64 << 20) throw bad('Its table is too small or too large.');
  const root = bits === 32 ? boot.readUInt32LE(44) : { offset: rootOffset, length: rootBytes };
  return { bits, clusterSize, clusters, fatOffset: reserved * sector, fatSize, dataOffset, root };
}

/** The clusters of a chain, at most as many as fit in `limit` bytes. */
function chain(
  { bits, clusterSize, clusters }: Geometry,
  fat: Buffer,
  start: number,
  limit: number,
): number[] {
  const found: number[] = [];
  let cluster = start;
  while (found.length * clusterSize < limit) {
    if (cluster < 2 || cluster >= clusters + 2) break;
    found.push(cluster);
    if (bits === 32) cluster = fat.readUInt32LE(cluster * 4) & 0x0fffffff;
    else if (bits === 16) cluster = fat.readUInt16LE(cluster * 2);
    else {
      const at = Math.floor((cluster * 3) / 2);
      const pair = fat[at]! | ((fat[at + 1] ?? 0) << 8);
      cluster = cluster % 2 === 0 ? pair & 0xfff : pair >> 4;
    }
  }
  return found;
}

async function readChain(part: BlockReader, geometry: Geometry, fat: Buffer, start: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const cluster of chain(geometry, fat, start, maxFolder))
    pieces.push(await readBytes(part, clusterOffset(geometry, cluster), geometry.clusterSize));
  return Buffer.concat(pieces);
}

const clusterOffset = ({ dataOffset, clusterSize }: Geometry, cluster: number) =>
  dataOffset + (cluster - 2) * clusterSize;

function fileExtents(geometry: Geometry, fat: Buffer, { cluster, size }: { cluster: number; size: number }) {
  const extents: { offset: number; length: number }[] = [];
  let left = size;
  for (const next of chain(geometry, fat, cluster, size)) {
    const length = Math.min(left, geometry.clusterSize);
    extents.push({ offset: clusterOffset(geometry, next), length });
    left -= length;
  }
  if (left > 0) throw bad('A file is shorter than its folder says.');
  return extents;
}

function findEntry(folder: Buffer, name: string) {
  let long = '';
  for (let at = 0; at + 32 <= folder.length; at += 32) {
    const entry = folder.subarray(at, at + 32);
    if (entry[0] === 0) return null;
    if (entry[0] === 0xe5) {
      long = '';
      continue;
    }
    const attributes = entry[11]!;
    if (attributes === 0x0f) {
      // Pieces of a long name stand before their entry, the last piece first.
      const piece = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]);
      long = piece.toString('utf16le').replace(/[\0\uffff].*$/s, '') + long;
      continue;
    }
    const base = entry.toString('latin1', 0, 8).trimEnd();
    const extension = entry.toString('latin1', 8, 11).trimEnd();
    const short = extension === '' ? base : `${base}.${extension}`;
    const wanted = name.toLowerCase();
    if ((attributes & 0x08) === 0 && (long.toLowerCase() === wanted || short.toLowerCase() === wanted))
      return {
        isFolder: (attributes & 0x10) !== 0,
        cluster: entry.readUInt16LE(20) * 65536 + entry.readUInt16LE(26),
        size: entry.readUInt32LE(28),
      };
    long = '';
  }
  return null;
}
