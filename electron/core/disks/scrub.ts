import type { FileHandle } from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import { crc32c } from './crc.ts';
import type { Ext4 } from './ext4/ext4.ts';
import { type Inode, inodeFlags } from './ext4/inode.ts';
import { roCompatBits } from './ext4/superblock.ts';
import { inodeXattrs } from './ext4/xattrs.ts';

/**
 * Overwrites a file's bytes with zeros where they are on the partition, so that unlinking a private key does not
 * leave its text in the image. A file with other names (hard links) is refused: they would lose it too.
 */
export async function scrub(device: FileHandle, ext4: Ext4, inode: Inode): Promise<void> {
  if (inode.type !== 'file') return;
  if (inode.links > 1)
    throw new GuesthouseError('wrong-state', 'A file to be overwritten has a second name on the disk.', {
      why: `Inode ${inode.number} has ${inode.links} hard links, and all of them would lose their content.`,
    });
  for (const { offset, length } of await ext4.fileExtents(inode)) await zero(device, offset, length);
  if (inode.flags & inodeFlags.inlineData) await scrubInline(device, ext4, inode);
}

async function zero(device: FileHandle, offset: number, length: number): Promise<void> {
  const chunk = Buffer.alloc(Math.min(length, 1 << 20));
  for (let done = 0; done < length; ) {
    const { bytesWritten } = await device.write(
      chunk,
      0,
      Math.min(chunk.length, length - done),
      offset + done,
    );
    done += bytesWritten;
  }
}

/** Content inside the inode: 60 bytes in place of the block map, the rest as the attribute system.data. */
async function scrubInline(device: FileHandle, ext4: Ext4, inode: Inode): Promise<void> {
  const sb = ext4.superblock;
  const at = await ext4.inodeOffset(inode.number);
  const raw = Buffer.alloc(sb.inodeSize);
  await device.read(raw, 0, raw.length, at);
  raw.fill(0, 40, 100);
  const rest = inodeXattrs(inode.extra).find((attribute) => attribute.name === 'system.data');
  if (rest) raw.fill(0, inode.extraAt + rest.valueAt, inode.extraAt + rest.valueAt + rest.valueSize);
  if (sb.roCompat & roCompatBits.metadataCsum) setInodeChecksum(raw, sb.checksumSeed, inode);
  await device.write(raw, 0, raw.length, at);
}

/** Linux: ext4_inode_csum(): over number, generation and the inode with its checksum fields zeroed. */
export function setInodeChecksum(
  raw: Buffer,
  seed: number,
  inode: Pick<Inode, 'number' | 'generation'>,
): void {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(inode.number, 0);
  head.writeUInt32LE(inode.generation, 4);
  const hasHigh = raw.length > 128 && raw.readUInt16LE(128) >= 4;
  raw.writeUInt16LE(0, 124);
  if (hasHigh) raw.writeUInt16LE(0, 130);
  const sum = crc32c(crc32c(seed, head), raw);
  raw.writeUInt16LE(sum & 0xffff, 124);
  if (hasHigh) raw.writeUInt16LE(sum >>> 16, 130);
}
