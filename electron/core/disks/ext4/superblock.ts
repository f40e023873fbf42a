import { GuesthouseError } from '../../../../shared/errors.ts';
import { crc32c } from '../crc.ts';
import { type BlockReader, damaged, readBytes } from '../reader.ts';

/** The ext2/3/4 superblock, checked. Layout: Linux Documentation/filesystems/ext4/super.rst. */
export interface Superblock {
  readonly blockSize: number;
  readonly blocks: number;
  readonly inodes: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly groups: number;
  readonly firstDataBlock: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  readonly firstMetaGroup: number;
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
  /** Bit 1: cleanly unmounted; bit 2: errors were found. */
  readonly state: number;
  readonly uuid: string;
  readonly label: string;
  readonly journalInode: number;
  /** Start value of all metadata checksums. */
  readonly checksumSeed: number;
  readonly kind: 'ext2' | 'ext3' | 'ext4';
}

export const compatBits = { hasJournal: 0x4, sparseSuper2: 0x200 } as const;
export const incompatBits = {
  recover: 0x4, journalDevice: 0x8, metaBg: 0x10, extents: 0x40, is64: 0x80, eaInode: 0x400, csumSeed: 0x2000,
  inlineData: 0x8000, encrypt: 0x10000, casefold: 0x20000,
} as const; // biome-ignore format: a table
export const roCompatBits = { sparseSuper: 0x1, bigalloc: 0x200, metadataCsum: 0x400 } as const;

/** Features that change nothing for a reader, or that we know: everything else may mean another layout. */
const knownIncompat =
  0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000;

export const superblockOffset = 1024;

/** @throws {GuesthouseError} `disk-damaged`, `unsupported` */
export async function readSuperblock(part: BlockReader): Promise<{ superblock: Superblock; raw: Buffer }> {
  if (part.size < 2048) throw damaged('The file system is damaged.', 'The partition is too small for one.');
  const raw = await readBytes(part, superblockOffset, 1024);
  return { superblock: parseSuperblock(raw, part.size), raw };
}

/** @param size bytes of the partition: a file system that claims more is damaged */
export function parseSuperblock(raw: Buffer, size: number): Superblock {
  const bad = (why: string) => damaged('The file system is damaged.', why);
  const u32 = (at: number) => raw.readUInt32LE(at);
  if (raw.readUInt16LE(0x38) !== 0xef53) throw bad('It has no ext superblock.');
  const incompat = u32(0x60);
  if (incompat & ~knownIncompat)
    throw new GuesthouseError('unsupported', 'The file system uses ext4 features that are not known.', {
      why: `incompat is 0x${incompat.toString(16)}.`,
    });
  const is64 = (incompat & incompatBits.is64) !== 0;
  if (u32(0x18) > 6) throw bad('Its block size is impossible.');
  const blockSize = 1024 << u32(0x18);
  const blocks = u32(4) + (is64 ? u32(0x150) * 2 ** 32 : 0);
  const firstDataBlock = u32(0x14);
  const blocksPerGroup = u32(0x20);
  const inodesPerGroup = u32(0x28);
  const inodes = u32(0);
  const dynamic = u32(0x4c) >= 1;
  const inodeSize = dynamic ? raw.readUInt16LE(0x58) : 128;
  // With clusters (bigalloc) counting starts at 0 also for the smallest blocks.
  const small = blockSize === 1024 && !(u32(0x64) & roCompatBits.bigalloc);
  if (firstDataBlock !== (small ? 1 : 0)) throw bad('Its first block is impossible.');
  if (blocks === 0 || blocks * blockSize > size)
    throw bad(`It claims ${blocks * blockSize} bytes of a partition of ${size}.`);
  if (blocksPerGroup === 0 || inodesPerGroup === 0) throw bad('Its groups are empty.');
  if (inodeSize < 128 || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0)
    throw bad(`Its inodes have ${inodeSize} bytes.`);
  const descriptorSize = is64 ? raw.readUInt16LE(0xfe) : 32;
  if (
    descriptorSize < (is64 ? 64 : 32) ||
    descriptorSize > blockSize ||
    descriptorSize & (descriptorSize - 1)
  )
    throw bad(`Its group descriptors have ${descriptorSize} bytes.`);
  const groups = Math.ceil((blocks - firstDataBlock) / blocksPerGroup);
  if (groups * inodesPerGroup < inodes) throw bad('It has more inodes than places for them.');
  const compat = u32(0x5c);
  const uuidBytes = raw.subarray(0x68, 0x78);
  const label = raw.subarray(0x78, 0x88);
  return {
    blockSize,
    blocks,
    inodes,
    blocksPerGroup,
    inodesPerGroup,
    groups,
    firstDataBlock,
    inodeSize,
    descriptorSize,
    firstMetaGroup: u32(0x104),
    compat,
    incompat,
    roCompat: u32(0x64),
    state: raw.readUInt16LE(0x3a),
    uuid: uuidBytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    label: label.toString('utf8').replace(/\0.*$/s, ''),
    journalInode: u32(0xe0),
    checksumSeed: incompat & incompatBits.csumSeed ? u32(0x270) : crc32c(0xffffffff, uuidBytes),
    kind: incompat & 0x2c0 ? 'ext4' : compat & compatBits.hasJournal ? 'ext3' : 'ext2',
  };
}

/** Whether a group carries a copy of the superblock, which shifts what follows it. */
function hasSuper(sb: Superblock, group: number): boolean {
  if (group === 0) return true;
  if (sb.compat & compatBits.sparseSuper2) return false; // its one or two copies do not matter without meta_bg
  if (group === 1 || !(sb.roCompat & roCompatBits.sparseSuper)) return true;
  for (const base of [3, 5, 7]) {
    let power = base;
    while (power < group) power *= base;
    if (power === group) return true;
  }
  return false;
}

/** The block that holds a group's descriptor, and the byte in it. */
export function descriptorPlace(sb: Superblock, group: number): { block: number; byte: number } {
  const perBlock = sb.blockSize / sb.descriptorSize;
  const index = Math.floor(group / perBlock);
  const byte = (group % perBlock) * sb.descriptorSize;
  const superBlock = sb.blockSize === 1024 ? 1 : 0; // the block that holds byte 1024
  if (!(sb.incompat & incompatBits.metaBg) || index < sb.firstMetaGroup)
    return { block: superBlock + 1 + index, byte };
  const first = index * perBlock;
  return { block: sb.firstDataBlock + first * sb.blocksPerGroup + (hasSuper(sb, first) ? 1 : 0), byte };
}
