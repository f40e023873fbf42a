import { GuesthouseError } from '../../../../shared/errors.ts';
import { BlockCache } from '../chunks.ts';
import { type BlockReader, checkRange, damaged, readBytes } from '../reader.ts';
import { type BlockSource, fileRuns } from './blocks.ts';
import { type DirectoryEntry, type EntryVisitor, walkEntries } from './directory.ts';
import { type Inode, inodeFlags, type NodeType, parseInode } from './inode.ts';
import { type Replay, readReplay } from './journal.ts';
import {
  descriptorPlace,
  incompatBits,
  parseSuperblock,
  readSuperblock,
  type Superblock,
} from './superblock.ts';
import { blockXattrs, inodeXattrs } from './xattrs.ts';

/** Folders larger than this are refused: a million entries take less. */
const maxDirectoryBytes = 64 << 20;
const maxXattrBytes = 1 << 20;
export const rootInode = 2;

type Folder = Map<string, { readonly inode: number; readonly type: NodeType }>;

/**
 * A read-only ext2/3/4 file system. An unclean journal is replayed in memory, so that what is read is what a mount
 * would show. All sizes, offsets and counts found on the disk are hostile until checked.
 */
export class Ext4 implements BlockSource {
  private cache = new BlockCache(16 << 20);
  private readonly inodes = new Map<number, Inode>();
  private readonly folders = new Map<number, Folder>();
  private replay: Replay | null = null;

  private constructor(
    private readonly part: BlockReader,
    private sb: Superblock,
    /** The superblock's 1024 bytes as they were on the disk when it was opened. */
    readonly rawSuperblock: Buffer,
  ) {}

  /** @throws {GuesthouseError} `disk-damaged`, `unsupported` */
  static async open(part: BlockReader): Promise<Ext4> {
    const { superblock, raw } = await readSuperblock(part);
    const fs = new Ext4(part, superblock, raw);
    if (fs.sb.incompat & incompatBits.recover && fs.sb.journalInode !== 0) {
      const journal = await fs.readInode(fs.sb.journalInode);
      const replay = await readReplay(fs, journal);
      fs.forget(); // what was read so far is from before the replay
      fs.replay = replay;
      fs.sb = { ...parseSuperblock(await fs.bytes(1024, 1024), part.size), incompat: fs.sb.incompat };
    }
    return fs;
  }

  /** Drops everything remembered: for a file system that was just changed by someone else. */
  forget(): void {
    this.inodes.clear();
    this.folders.clear();
    this.cache = new BlockCache(16 << 20);
  }

  get superblock(): Superblock {
    return this.sb;
  }

  /** True when the journal holds changes that the disk does not have yet. */
  get needsReplay(): boolean {
    return (this.sb.incompat & incompatBits.recover) !== 0;
  }

  /** True when e2fsck should see it before anything is written: unclean journal, or errors noted by the kernel. */
  get needsCheck(): boolean {
    return this.needsReplay || (this.sb.state & 2) !== 0;
  }

  get blockSize(): number {
    return this.sb.blockSize;
  }

  get blocks(): number {
    return this.sb.blocks;
  }

  async readBlock(block: number): Promise<Buffer> {
    const known = this.cache.get(block);
    if (known) return known;
    if (block === 0 || block >= this.sb.blocks)
      throw damaged('The file system is damaged.', `It refers to block ${block} of ${this.sb.blocks}.`);
    const bytes = await this.bytes(block * this.sb.blockSize, this.sb.blockSize);
    this.cache.set(block, bytes);
    return bytes;
  }

  /** Where an inode is stored, in bytes from the start of the file system. */
  async inodeOffset(number: number): Promise<number> {
    const { sb } = this;
    if (!Number.isInteger(number) || number < 1 || number > sb.inodes)
      throw damaged('The file system is damaged.', `It refers to inode ${number} of ${sb.inodes}.`);
    const group = Math.floor((number - 1) / sb.inodesPerGroup);
    const place = descriptorPlace(sb, group);
    const descriptors = await this.readBlock(place.block);
    const low = descriptors.readUInt32LE(place.byte + 8);
    const high = sb.descriptorSize >= 64 ? descriptors.readUInt32LE(place.byte + 0x28) : 0;
    return (high * 2 ** 32 + low) * sb.blockSize + ((number - 1) % sb.inodesPerGroup) * sb.inodeSize;
  }

  async readInode(number: number): Promise<Inode> {
    const known = this.inodes.get(number);
    if (known) return known;
    const offset = await this.inodeOffset(number);
    checkRange(this.part, offset, this.sb.inodeSize);
    const block = await this.readBlock(Math.floor(offset / this.sb.blockSize));
    const at = offset % this.sb.blockSize;
    const inode = parseInode(this.sb, number, block.subarray(at, at + this.sb.inodeSize));
    if (this.inodes.size > 4096) this.inodes.clear();
    this.inodes.set(number, inode);
    return inode;
  }

  /** Reads a part of a file or folder; past its end nothing. */
  async readRange(inode: Inode, offset: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, inode.size - offset));
    if (inode.flags & inodeFlags.encrypted && inode.type !== 'directory') throw encrypted();
    if (inode.flags & inodeFlags.inlineData) {
      const all = await this.inlineData(inode);
      const part = Buffer.alloc(wanted);
      all.copy(part, 0, offset, offset + wanted);
      return part;
    }
    const target = Buffer.allocUnsafe(wanted);
    if (wanted === 0) return target;
    const size = this.sb.blockSize;
    const first = Math.floor(offset / size);
    const runs = await fileRuns(this, inode, first, Math.ceil((offset + wanted) / size));
    for (const run of runs) {
      const start = Math.max(run.logical * size, offset);
      const end = Math.min((run.logical + run.length) * size, offset + wanted);
      const part = target.subarray(start - offset, end - offset);
      if (run.physical === null) part.fill(0);
      else await this.bytesInto(part, run.physical * size + (start - run.logical * size));
    }
    return target;
  }

  /**
   * Where the bytes of a file are on the partition, for those who must overwrite them. Holes are left out; inline
   * data is inside its inode and not listed.
   */
  async fileExtents(inode: Inode): Promise<{ offset: number; length: number }[]> {
    if (inode.flags & inodeFlags.inlineData || inode.type === 'symlink') return [];
    const size = this.sb.blockSize;
    const runs = await fileRuns(this, inode, 0, Math.ceil(inode.size / size));
    return runs
      .filter((run) => run.physical !== null)
      .map((run) => ({ offset: run.physical! * size, length: run.length * size }));
  }

  /** The target of a symbolic link, as stored. */
  async readLink(inode: Inode): Promise<string> {
    if (inode.type !== 'symlink') throw new GuesthouseError('invalid-input', 'That is not a symbolic link.');
    if (inode.flags & inodeFlags.encrypted) throw encrypted();
    if (inode.size > 4096)
      throw damaged('A symbolic link is damaged.', `Its target has ${inode.size} bytes.`);
    const fast = inode.size < 60 && !(inode.flags & (inodeFlags.extents | inodeFlags.inlineData));
    const bytes = fast ? inode.block.subarray(0, inode.size) : await this.readRange(inode, 0, inode.size);
    return bytes.toString('utf8');
  }

  /** Every entry of a folder but `.` and `..`, in stored order. */
  async entries(inode: Inode): Promise<DirectoryEntry[]> {
    const list: DirectoryEntry[] = [];
    for (const [key, { inode: child, type }] of await this.folder(inode)) {
      if (key === '.' || key === '..') continue;
      const nameBytes = Buffer.from(key, 'latin1');
      list.push({ name: nameBytes.toString('utf8'), nameBytes, inode: child, type });
    }
    return list;
  }

  /** The inode of a name in a folder, or null. */
  async lookup(inode: Inode, name: string): Promise<number | null> {
    return (await this.folder(inode)).get(Buffer.from(name, 'utf8').toString('latin1'))?.inode ?? null;
  }

  /** A folder's names (a character a byte), the few used last kept. */
  private async folder(inode: Inode): Promise<Folder> {
    let names = this.folders.get(inode.number);
    if (!names) {
      const found: Folder = new Map();
      await this.eachEntry(inode, (name, child, type) => {
        const key = name.toString('latin1');
        if (!found.has(key)) found.set(key, { inode: child, type });
      });
      names = found;
    }
    this.folders.delete(inode.number);
    this.folders.set(inode.number, names);
    if (this.folders.size > 16) this.folders.delete(this.folders.keys().next().value!);
    return names;
  }

  private async eachEntry(inode: Inode, visit: EntryVisitor): Promise<void> {
    if (inode.type !== 'directory') throw new GuesthouseError('invalid-input', 'That is not a folder.');
    if (inode.flags & inodeFlags.encrypted) throw encrypted();
    if (inode.size > maxDirectoryBytes)
      throw damaged('A folder in the file system is damaged.', `It claims ${inode.size} bytes.`);
    if (inode.flags & inodeFlags.inlineData) {
      const data = await this.inlineData(inode);
      // First the parent's inode, then entries in what is left of the 60 bytes, then those in the attribute.
      walkEntries(data.subarray(4, 60), visit);
      if (data.length > 60) walkEntries(data.subarray(60), visit);
      return;
    }
    const size = this.sb.blockSize;
    const step = size * 64;
    for (let at = 0; at < inode.size; at += step) {
      const piece = await this.readRange(inode, at, step);
      for (let block = 0; block + size <= piece.length; block += size)
        walkEntries(piece.subarray(block, block + size), visit);
    }
  }

  /** Extended attributes as stored (access lists in their on-disk form), by full name. */
  async xattrs(inode: Inode): Promise<Map<string, Buffer>> {
    const stored = inodeXattrs(inode.extra);
    if (inode.attributeBlock !== 0) stored.push(...blockXattrs(await this.readBlock(inode.attributeBlock)));
    const found = new Map<string, Buffer>();
    for (const { name, value, valueInode, valueSize } of stored) {
      if (name === 'system.data') continue; // inline file content, no attribute
      if (valueInode === 0) found.set(name, Buffer.from(value));
      else if (valueSize > maxXattrBytes)
        throw damaged('Extended attributes are damaged.', 'One is too large.');
      else found.set(name, await this.readRange(await this.readInode(valueInode), 0, valueSize));
    }
    return found;
  }

  private async inlineData(inode: Inode): Promise<Buffer> {
    const rest = inodeXattrs(inode.extra).find((attribute) => attribute.name === 'system.data');
    return Buffer.concat([inode.block, rest?.value ?? Buffer.alloc(0)]);
  }

  private async bytes(offset: number, length: number): Promise<Buffer> {
    const target = await readBytes(this.part, offset, length);
    await this.patch(target, offset);
    return target;
  }

  private async bytesInto(target: Buffer, offset: number): Promise<void> {
    await this.part.readInto(target, offset);
    await this.patch(target, offset);
  }

  /** Puts the journal's newer blocks over what was read. */
  private async patch(target: Buffer, offset: number): Promise<void> {
    if (!this.replay || this.replay.size === 0) return;
    const size = this.sb.blockSize;
    const first = Math.floor(offset / size);
    const last = Math.floor((offset + target.length - 1) / size);
    for (let block = first; block <= last; block++) {
      const newer = this.replay.get(block);
      if (!newer) continue;
      const bytes = await readBytes(this.part, newer.physical * size, size);
      if (newer.escaped) bytes.writeUInt32BE(0xc03b3998, 0);
      const from = Math.max(offset, block * size);
      const to = Math.min(offset + target.length, (block + 1) * size);
      bytes.copy(target, from - offset, from - block * size, to - block * size);
    }
  }
}

function encrypted(): GuesthouseError {
  return new GuesthouseError('unsupported', 'The file is encrypted inside the guest (fscrypt).');
}
