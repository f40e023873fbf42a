import { damaged } from '../reader.ts';

/** One extended attribute as stored. Layout: Linux Documentation/filesystems/ext4/attributes.rst. */
export interface StoredXattr {
  /** With its prefix, such as `security.selinux`. */
  readonly name: string;
  readonly value: Buffer;
  /** The inode that holds the value instead (feature ea_inode), or 0. */
  readonly valueInode: number;
  /** Bytes in that inode. */
  readonly valueSize: number;
  /** Byte of the value in the area given. */
  readonly valueAt: number;
}

const magic = 0xea020000;
const prefixes: Readonly<Record<number, string>> = {
  0: '', 1: 'user.', 2: 'system.posix_acl_access', 3: 'system.posix_acl_default', 4: 'trusted.', 6: 'security.',
  7: 'system.', 8: 'system.richacl',
}; // biome-ignore format: a table

/** @param area what follows the inode's own fields */
export function inodeXattrs(area: Buffer): StoredXattr[] {
  if (area.length < 8 || area.readUInt32LE(0) !== magic) return [];
  return parse(area, 4, 4);
}

/** @param block the inode's attribute block */
export function blockXattrs(block: Buffer): StoredXattr[] {
  if (block.readUInt32LE(0) !== magic)
    throw damaged('Extended attributes are damaged.', 'Wrong magic number.');
  return parse(block, 32, 0);
}

function parse(area: Buffer, start: number, base: number): StoredXattr[] {
  const found: StoredXattr[] = [];
  for (let at = start; at + 16 <= area.length && area.readUInt32LE(at) !== 0; ) {
    const nameLength = area.readUInt8(at);
    const valueInode = area.readUInt32LE(at + 4);
    const valueSize = area.readUInt32LE(at + 8);
    const valueAt = base + area.readUInt16LE(at + 2);
    if (at + 16 + nameLength > area.length || (valueInode === 0 && valueAt + valueSize > area.length))
      throw damaged('Extended attributes are damaged.', 'They reach beyond their place.');
    found.push({
      name:
        (prefixes[area.readUInt8(at + 1)] ?? 'unknown.') +
        area.toString('utf8', at + 16, at + 16 + nameLength),
      value: valueInode === 0 ? area.subarray(valueAt, valueAt + valueSize) : Buffer.alloc(0),
      valueInode,
      valueSize,
      valueAt,
    });
    at += 16 + Math.ceil(nameLength / 4) * 4;
  }
  return found;
}
