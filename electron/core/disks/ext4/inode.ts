import type { Superblock } from './superblock.ts';

export type NodeType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'unknown';

/** An inode as stored. Layout: Linux Documentation/filesystems/ext4/inodes.rst. */
export interface Inode {
  readonly number: number;
  readonly type: NodeType;
  /** All sixteen bits, the type included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Seconds since the epoch: changes with content, mode and owner alike. */
  readonly ctime: number;
  readonly links: number;
  readonly flags: number;
  readonly generation: number;
  /** The 60 bytes that hold the block map, the extent tree's root, a short link or inline data. */
  readonly block: Buffer;
  /** The block with further extended attributes, or 0. */
  readonly attributeBlock: number;
  /** What follows the inode proper: extended attributes. Empty in inodes of 128 bytes. */
  readonly extra: Buffer;
  /** Byte of `extra` in the inode. */
  readonly extraAt: number;
}

export const inodeFlags = {
  compressed: 0x4, encrypted: 0x800, index: 0x1000, extents: 0x80000, eaInode: 0x200000, inlineData: 0x10000000,
} as const; // biome-ignore format: a table

const types: Readonly<Record<number, NodeType>> = {
  1: 'fifo', 2: 'char', 4: 'directory', 6: 'block', 8: 'file', 10: 'symlink', 12: 'socket',
}; // biome-ignore format: a table

export function parseInode(sb: Superblock, number: number, raw: Buffer): Inode {
  const mode = raw.readUInt16LE(0);
  const type = types[mode >> 12] ?? 'unknown';
  const sizeHigh = type === 'file' || type === 'directory' ? raw.readUInt32LE(108) : 0;
  const extraSize = raw.length >= 132 ? raw.readUInt16LE(128) : 0;
  const extraAt = 128 + extraSize;
  // Bits 32 and 33 of the seconds, so that times up to 2446 can be said.
  const mtimeExtra = extraAt >= 140 && raw.length >= 140 ? raw.readUInt32LE(136) & 3 : 0;
  return {
    number,
    type,
    mode,
    uid: raw.readUInt16LE(2) + raw.readUInt16LE(120) * 65536,
    gid: raw.readUInt16LE(24) + raw.readUInt16LE(122) * 65536,
    size: raw.readUInt32LE(4) + sizeHigh * 2 ** 32,
    mtime: raw.readInt32LE(16) + mtimeExtra * 2 ** 32,
    ctime: raw.readInt32LE(12),
    links: raw.readUInt16LE(26),
    flags: raw.readUInt32LE(32),
    generation: raw.readUInt32LE(100),
    block: raw.subarray(40, 100),
    attributeBlock: raw.readUInt32LE(104) + (sb.incompat & 0x80 ? raw.readUInt16LE(118) * 2 ** 32 : 0),
    extra: extraSize >= 4 && extraAt < raw.length ? raw.subarray(extraAt) : Buffer.alloc(0),
    extraAt,
  };
}
