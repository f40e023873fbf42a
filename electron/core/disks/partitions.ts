import { crc32 } from './crc.ts';
import { type BlockReader, damaged, readBytes } from './reader.ts';

/** A partition, or the whole disk of an unpartitioned one. */
export interface Partition {
  /** 1 for the first; 0 when the disk has no partition table. */
  readonly number: number;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** GPT: the type GUID in lower case. MBR: two hex digits. Null without a table. */
  readonly type: string | null;
  /** What Linux calls PARTUUID, lower case. */
  readonly partUuid: string | null;
  readonly label: string | null;
}

export interface PartitionTable {
  readonly kind: 'gpt' | 'mbr' | 'none';
  readonly partitions: readonly Partition[];
  /** True when the first GPT was damaged and the one at the disk's end was used. */
  readonly fromBackup: boolean;
}

const sector = 512;
const maxPartitions = 256;

/**
 * Reads the partition table: GPT (UEFI specification 5.3; checksums verified, the backup used when the first is
 * damaged), MBR with logical partitions, or none. Sectors of 512 bytes, and of 4096 for GPT.
 */
export async function readPartitions(disk: BlockReader): Promise<PartitionTable> {
  const none: PartitionTable = {
    kind: 'none',
    partitions: [{ number: 0, offset: 0, size: disk.size, type: null, partUuid: null, label: null }],
    fromBackup: false,
  };
  if (disk.size < 1024) return none;
  const mbr = await readBytes(disk, 0, sector);
  const protective =
    mbr.readUInt16LE(510) === 0xaa55 && [0, 1, 2, 3].some((i) => mbr[446 + i * 16 + 4] === 0xee);
  for (const size of [512, 4096]) {
    const first = await readGpt(disk, size, size);
    if (first) return { kind: 'gpt', partitions: first, fromBackup: false };
    if (!protective || disk.size < size * 34) continue;
    const backup = await readGpt(disk, disk.size - (disk.size % size) - size, size);
    if (backup) return { kind: 'gpt', partitions: backup, fromBackup: true };
  }
  if (protective) throw damaged('The partition table is damaged.', 'Neither GPT has a right checksum.');
  if (mbr.readUInt16LE(510) !== 0xaa55) return none;
  const partitions = await readMbr(disk, mbr);
  return partitions ? { kind: 'mbr', partitions, fromBackup: false } : none;
}

async function readGpt(disk: BlockReader, at: number, sectorSize: number): Promise<Partition[] | null> {
  if (at < 0 || at + sectorSize > disk.size) return null;
  const header = await readBytes(disk, at, sectorSize);
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return null;
  const headerSize = header.readUInt32LE(12);
  if (headerSize < 92 || headerSize > sectorSize) return null;
  const sum = header.readUInt32LE(16);
  const copy = Buffer.from(header.subarray(0, headerSize));
  copy.writeUInt32LE(0, 16);
  if (crc32(copy) !== sum) return null;
  const entriesAt = Number(header.readBigUInt64LE(72)) * sectorSize;
  const count = header.readUInt32LE(80);
  const entrySize = header.readUInt32LE(84);
  if (entrySize < 128 || entrySize > 4096 || count * entrySize > 1 << 20) return null;
  if (!Number.isSafeInteger(entriesAt) || entriesAt + count * entrySize > disk.size) return null;
  const entries = await readBytes(disk, entriesAt, count * entrySize);
  if (crc32(entries) !== header.readUInt32LE(88)) return null;
  const partitions: Partition[] = [];
  for (let i = 0; i < count && partitions.length < maxPartitions; i++) {
    const entry = entries.subarray(i * entrySize, (i + 1) * entrySize);
    const type = guid(entry, 0);
    if (/^[0-]+$/.test(type)) continue;
    const offset = Number(entry.readBigUInt64LE(32)) * sectorSize;
    const end = (Number(entry.readBigUInt64LE(40)) + 1) * sectorSize;
    if (end <= offset || end > disk.size) continue;
    const label = entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '');
    partitions.push({
      number: i + 1,
      offset,
      size: end - offset,
      type,
      partUuid: guid(entry, 16),
      label: label || null,
    });
  }
  return partitions;
}

/** Null when this is no MBR but a boot sector of a file system, which carries the same mark. */
async function readMbr(disk: BlockReader, mbr: Buffer): Promise<Partition[] | null> {
  const diskId = mbr.readUInt32LE(440).toString(16).padStart(8, '0');
  const partitions: Partition[] = [];
  const add = (number: number, type: number, start: number, sectors: number) => {
    partitions.push({
      number,
      offset: start * sector,
      size: sectors * sector,
      type: type.toString(16).padStart(2, '0'),
      partUuid: `${diskId}-${number.toString(16).padStart(2, '0')}`,
      label: null,
    });
  };
  let extended = 0;
  for (let i = 0; i < 4; i++) {
    const { active, type, start, sectors } = mbrEntry(mbr, i);
    if ((active & 0x7f) !== 0) return null;
    if (type === 0 || sectors === 0) continue;
    if (start === 0 || (start + sectors) * sector > disk.size) return null;
    if (isExtended(type)) extended ||= start;
    else add(i + 1, type, start, sectors);
  }
  let number = 5;
  const seen = new Set<number>();
  for (let at = extended; at !== 0 && !seen.has(at) && number < maxPartitions; ) {
    seen.add(at);
    if ((at + 1) * sector > disk.size) break;
    const ebr = await readBytes(disk, at * sector, sector);
    if (ebr.readUInt16LE(510) !== 0xaa55) break;
    const own = mbrEntry(ebr, 0);
    const next = mbrEntry(ebr, 1);
    if (own.type !== 0 && own.sectors !== 0 && (at + own.start + own.sectors) * sector <= disk.size)
      add(number++, own.type, at + own.start, own.sectors);
    at = isExtended(next.type) && next.start !== 0 ? extended + next.start : 0;
  }
  return partitions.length > 0 ? partitions : null;
}

const isExtended = (type: number) => type === 0x05 || type === 0x0f || type === 0x85;

function mbrEntry(table: Buffer, index: number) {
  const at = 446 + index * 16;
  return {
    active: table[at]!,
    type: table[at + 4]!,
    start: table.readUInt32LE(at + 8),
    sectors: table.readUInt32LE(at + 12),
  };
}

/** A GUID as written by people: the first three fields are little-endian on disk. */
function guid(bytes: Buffer, at: number): string {
  const hex = (from: number, to: number) => bytes.toString('hex', at + from, at + to);
  const swap = (from: number, to: number) =>
    Buffer.from(bytes.subarray(at + from, at + to))
      .reverse()
      .toString('hex');
  return `${swap(0, 4)}-${swap(4, 6)}-${swap(6, 8)}-${hex(8, 10)}-${hex(10, 16)}`;
}
