import { damaged } from '../reader.ts';
import type { NodeType } from './inode.ts';

export interface DirectoryEntry {
  /** Bytes as UTF-8; bytes that are none show as replacement characters. */
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly inode: number;
  /** As the entry says; `unknown` on old file systems. */
  readonly type: NodeType;
}

const types: readonly NodeType[] = [
  'unknown',
  'file',
  'directory',
  'char',
  'block',
  'fifo',
  'socket',
  'symlink',
];

export type EntryVisitor = (name: Buffer, inode: number, type: NodeType) => void;

/**
 * Walks the entries in one directory block, `.` and `..` included. The blocks of a hashed directory's index look
 * like empty entries here, which is what they were made for.
 */
export function walkEntries(block: Buffer, visit: EntryVisitor): void {
  for (let at = 0; at + 8 <= block.length; ) {
    const inode = block.readUInt32LE(at);
    let length = block.readUInt16LE(at + 4);
    const nameLength = block.readUInt8(at + 6);
    // In blocks of 64 KiB a whole block does not fit the field.
    if (block.length >= 65536 && (length === 65535 || length === 0)) length = block.length - at;
    if (length < 8 || at + length > block.length || (inode !== 0 && 8 + nameLength > length))
      throw damaged('A folder in the file system is damaged.', 'An entry has an impossible length.');
    const type = types[block.readUInt8(at + 7)] ?? 'unknown';
    if (inode !== 0 && nameLength > 0) visit(block.subarray(at + 8, at + 8 + nameLength), inode, type);
    at += length;
  }
}
