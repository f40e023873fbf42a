import { GuesthouseError } from '../../../shared/errors.ts';
import { crc32c } from './crc.ts';
import type { PlannedChange } from './edit-places.ts';
import type { Ext4 } from './ext4/ext4.ts';
import { roCompatBits } from './ext4/superblock.ts';
import { blockXattrs } from './ext4/xattrs.ts';

/**
 * What must happen to the blocks that hold extended attributes of files which go. debugfs's `rm` forgets them, so
 * that fsck would find blocks used by nobody. A block is shared by files with equal attributes and counts them.
 */
export async function releaseAttributeBlocks(
  changes: readonly PlannedChange[],
  ext4: Ext4,
): Promise<{ free: number[]; rewrite: { offset: number; bytes: Buffer }[] }> {
  const leaving = new Map<number, number>();
  for (const { existing, change } of changes) {
    if (
      !existing ||
      existing.attributeBlock === 0 ||
      change.kind === 'attributes' ||
      change.kind === 'folder'
    )
      continue;
    if (existing.type !== 'directory' && existing.links > 1) continue; // the inode stays under its other name
    leaving.set(existing.attributeBlock, (leaving.get(existing.attributeBlock) ?? 0) + 1);
  }
  const free: number[] = [];
  const rewrite: { offset: number; bytes: Buffer }[] = [];
  for (const [block, users] of leaving) {
    const bytes = Buffer.from(await ext4.readBlock(block));
    if (
      blockXattrs(bytes).some((attribute) => attribute.valueInode !== 0) ||
      ext4.superblock.roCompat & roCompatBits.bigalloc
    )
      throw new GuesthouseError('unsupported', 'A file with large extended attributes cannot be replaced.', {
        why: 'Their values are kept in a way that debugfs does not clean up.',
      });
    const count = bytes.readUInt32LE(4);
    if (count <= users) free.push(block);
    else {
      bytes.writeUInt32LE(count - users, 4);
      if (ext4.superblock.roCompat & roCompatBits.metadataCsum)
        setChecksum(bytes, block, ext4.superblock.checksumSeed);
      rewrite.push({ offset: block * ext4.blockSize, bytes });
    }
  }
  return { free, rewrite };
}

/** Linux: ext4_xattr_block_csum(): over the block's number and its bytes with the checksum zeroed. */
function setChecksum(bytes: Buffer, block: number, seed: number): void {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(block));
  bytes.writeUInt32LE(0, 16);
  bytes.writeUInt32LE(crc32c(crc32c(seed, number), bytes), 16);
}
