import type { BlockReader } from './reader.ts';

export type FilesystemKind =
  | 'ext2' | 'ext3' | 'ext4' | 'xfs' | 'btrfs' | 'ntfs' | 'vfat' | 'exfat' | 'f2fs' | 'zfs' | 'bcachefs' | 'luks'
  | 'lvm' | 'mdraid' | 'swap' | 'squashfs' | 'erofs' | 'iso9660' | 'unknown'; // biome-ignore format: a list

export interface Signature {
  readonly kind: FilesystemKind;
  /** As Linux shows it under /dev/disk/by-uuid; null where the kind has none or we do not read it. */
  readonly uuid: string | null;
  readonly label: string | null;
}

/** How the kinds are called in sentences for people. */
export const kindNames: Readonly<Record<FilesystemKind, string>> = {
  ext2: 'ext2', ext3: 'ext3', ext4: 'ext4', xfs: 'XFS', btrfs: 'Btrfs', ntfs: 'NTFS', vfat: 'FAT', exfat: 'exFAT',
  f2fs: 'F2FS', zfs: 'ZFS', bcachefs: 'bcachefs', luks: 'LUKS (encrypted)', lvm: 'LVM', mdraid: 'Linux RAID',
  swap: 'swap', squashfs: 'SquashFS', erofs: 'EROFS', iso9660: 'ISO 9660', unknown: 'an unknown file system',
}; // biome-ignore format: a table

export const isExt = (kind: FilesystemKind) => kind === 'ext2' || kind === 'ext3' || kind === 'ext4';

/** Recognises what a partition holds by its magic numbers, as blkid(8) does. Never throws on odd content. */
export async function readSignature(part: BlockReader): Promise<Signature> {
  const head = await upTo(part, 0, 8192);
  const at = (text: string, offset: number) => head.toString('latin1', offset, offset + text.length) === text;
  const plain = (kind: FilesystemKind, uuid: string | null = null, label: string | null = null) =>
    ({ kind, uuid, label }) as const;

  if (at('LUKS\xba\xbe', 0)) return plain('luks', text(head, 168, 40));
  if (at('XFSB', 0)) return plain('xfs', uuidAt(head, 32), text(head, 108, 12));
  for (let n = 0; n < 4; n++) if (at('LABELONE', 512 * n)) return plain('lvm');
  if (at('hsqs', 0)) return plain('squashfs');
  if (at('NTFS    ', 3)) return plain('ntfs', hexReversed(head, 72, 8).toUpperCase());
  if (at('EXFAT   ', 3)) return plain('exfat');
  if (head.length >= 1024 + 264 && head.readUInt16LE(1080) === 0xef53) {
    const compat = head.readUInt32LE(1024 + 0x5c);
    const incompat = head.readUInt32LE(1024 + 0x60);
    const kind = incompat & 0x2c0 ? 'ext4' : compat & 4 ? 'ext3' : 'ext2';
    return plain(kind, uuidAt(head, 1024 + 0x68), text(head, 1024 + 0x78, 16));
  }
  if (at('SWAPSPACE2', 4086)) return plain('swap', uuidAt(head, 1036), text(head, 1052, 16));
  if (head.length >= 1028 && head.readUInt32LE(1024) === 0xf2f52010) return plain('f2fs');
  if (head.length >= 1028 && head.readUInt32LE(1024) === 0xe0f5e1e2) return plain('erofs');
  if (head.length >= 4100 && head.readUInt32LE(4096) === 0xa92b4efc) return plain('mdraid');
  if (head.length >= 512 && head.readUInt16LE(510) === 0xaa55) {
    if (at('FAT32', 82)) return plain('vfat', fatId(head, 67), fatLabel(head, 71));
    if (at('FAT', 54)) return plain('vfat', fatId(head, 39), fatLabel(head, 43));
  }
  const far = await upTo(part, 65536, 4096);
  if (far.toString('latin1', 64, 72) === '_BHRfS_M')
    return plain('btrfs', uuidAt(far, 32), text(far, 299, 256));
  const volume = await upTo(part, 32768, 2048);
  if (volume.toString('latin1', 1, 6) === 'CD001')
    return plain('iso9660', null, volume.toString('latin1', 40, 72).trim() || null);
  return plain('unknown');
}

async function upTo(part: BlockReader, offset: number, length: number): Promise<Buffer> {
  const there = Math.max(0, Math.min(length, part.size - offset));
  const bytes = Buffer.alloc(there);
  if (there > 0) await part.readInto(bytes, offset);
  return bytes;
}

function text(bytes: Buffer, at: number, length: number): string | null {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return (end < 0 ? field : field.subarray(0, end)).toString('utf8') || null;
}

function uuidAt(bytes: Buffer, at: number): string | null {
  const hex = bytes.toString('hex', at, at + 16);
  if (hex.length < 32 || /^0*$/.test(hex)) return null;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function hexReversed(bytes: Buffer, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length))
    .reverse()
    .toString('hex');
}

function fatId(bytes: Buffer, at: number): string {
  return hexReversed(bytes, at, 4)
    .toUpperCase()
    .replace(/^(.{4})/, '$1-');
}

function fatLabel(bytes: Buffer, at: number): string | null {
  const label = bytes.toString('latin1', at, at + 11).trim();
  return label === '' || label === 'NO NAME' ? null : label;
}
