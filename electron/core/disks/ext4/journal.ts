import { crc32c } from '../crc.ts';
import { damaged } from '../reader.ts';
import { type BlockSource, fileRuns } from './blocks.ts';
import type { Inode } from './inode.ts';

/** Newer contents of blocks: where in the file system the journal keeps them. */
export type Replay = Map<number, { readonly physical: number; readonly escaped: boolean }>;

const magic = 0xc03b3998;
const kinds = { descriptor: 1, commit: 2, superV1: 3, superV2: 4, revoke: 5 } as const;
const features = { revoke: 1, is64: 2, async: 4, csum2: 8, csum3: 16, fastCommit: 32 } as const;
const known = 0x3f;
const tagFlags = { escape: 1, sameUuid: 2, deleted: 4, last: 8 } as const;
const maxJournalBytes = 4 * 2 ** 30;

interface Journal {
  readonly blockSize: number;
  readonly first: number;
  readonly end: number;
  readonly sequence: number;
  readonly start: number;
  readonly features: number;
  readonly seed: number;
  /** The place in the file system of each block of the journal. */
  readonly places: readonly number[];
  read(index: number): Promise<Buffer>;
}

/**
 * Finds what replaying the journal would write, as jbd2's recovery does (fs/jbd2/recovery.c; layout: Linux
 * Documentation/filesystems/ext4/journal.rst): whole transactions only, up to the first that is not there or whose
 * checksum is wrong; revoked blocks left out. Fast commits are not replayed: what they hold is lost to the reader
 * (e2fsck replays them before an edit).
 */
export async function readReplay(source: BlockSource, inode: Inode): Promise<Replay> {
  const replay: Replay = new Map();
  const journal = await openJournal(source, inode);
  if (!journal) return replay;
  const end = await scan(journal);
  const revoked = new Map<number, number>();
  await walk(journal, end, async (_index, sequence, kind, block) => {
    if (kind === kinds.revoke) readRevokes(journal, block, sequence, revoked);
  });
  await walk(journal, end, async (index, sequence, kind, block) => {
    if (kind !== kinds.descriptor) return;
    let at = index;
    for (const tag of readTags(journal, block)) {
      at = following(journal, at);
      if ((revoked.get(tag.block) ?? -1) >= sequence || tag.block >= source.blocks) continue;
      if (journal.features & (features.csum2 | features.csum3)) {
        const data = await journal.read(at);
        const sum = crc32c(crc32c(journal.seed, be32(sequence)), data);
        const stored = journal.features & features.csum3 ? sum : sum & 0xffff;
        if (stored >>> 0 !== tag.checksum) continue; // jbd2 leaves such a block as it was
      }
      replay.set(tag.block, {
        physical: journal.places[at]!,
        escaped: (tag.flags & tagFlags.escape) !== 0,
      });
    }
  });
  return replay;
}

async function openJournal(source: BlockSource, inode: Inode): Promise<Journal | null> {
  const { blockSize } = source;
  const bad = (why: string) => damaged("The file system's journal is damaged.", why);
  if (inode.type !== 'file' || inode.size > maxJournalBytes) throw bad('Its inode is none of a journal.');
  const blocks = Math.floor(inode.size / blockSize);
  const places: number[] = [];
  for (const run of await fileRuns(source, inode, 0, blocks)) {
    if (run.physical === null) throw bad('It has holes.');
    for (let i = 0; i < run.length; i++) places.push(run.physical + i);
  }
  const read = async (index: number) => {
    const place = places[index];
    if (place === undefined) throw bad('It refers to a block past its end.');
    return source.readBlock(place);
  };
  const sb = await read(0);
  const kind = sb.readUInt32BE(4);
  if (sb.readUInt32BE(0) !== magic || (kind !== kinds.superV1 && kind !== kinds.superV2))
    throw bad('It has no superblock.');
  if (sb.readUInt32BE(12) !== blockSize) throw bad('Its block size is not that of the file system.');
  const v2 = kind === kinds.superV2;
  const flags = v2 ? sb.readUInt32BE(0x28) : 0;
  if (flags & ~known) throw bad(`It uses features that are not known (0x${flags.toString(16)}).`);
  const length = sb.readUInt32BE(16);
  const first = sb.readUInt32BE(20);
  const start = sb.readUInt32BE(28);
  // With fast commits the journal's end is theirs; 256 blocks unless it says otherwise.
  const fast = flags & features.fastCommit ? sb.readUInt32BE(0x54) || 256 : 0;
  const end = length - fast;
  if (start === 0) return null;
  if (length > blocks || first < 1 || start < first || start >= end)
    throw bad('Its superblock is impossible.');
  return {
    blockSize,
    first,
    end,
    sequence: sb.readUInt32BE(24),
    start,
    features: flags,
    seed: crc32c(0xffffffff, sb.subarray(0x30, 0x40)),
    places,
    read,
  };
}

/** The sequence number after the last whole transaction. */
async function scan(journal: Journal): Promise<number> {
  let last = journal.sequence;
  await walk(journal, null, async (_index, sequence, kind) => {
    if (kind === kinds.commit) last = (sequence + 1) >>> 0;
  });
  return last;
}

type Visit = (index: number, sequence: number, kind: number, block: Buffer) => Promise<void>;

/** Visits descriptor, revoke and commit blocks in order until the chain ends or the transaction `end` is reached. */
async function walk(journal: Journal, end: number | null, visit: Visit): Promise<void> {
  let sequence = journal.sequence;
  let index = journal.start;
  // No block is visited twice: a journal that comes round to its start is full.
  for (let steps = 0; steps < journal.end - journal.first && sequence !== end; ) {
    const block = await journal.read(index);
    const kind = block.readUInt32BE(4);
    if (block.readUInt32BE(0) !== magic || block.readUInt32BE(8) !== sequence) return;
    if (!checksumRight(journal, kind, block)) return;
    await visit(index, sequence, kind, block);
    let skip = 1;
    if (kind === kinds.descriptor) skip += readTags(journal, block).length;
    else if (kind === kinds.commit) sequence = (sequence + 1) >>> 0;
    else if (kind !== kinds.revoke) return;
    steps += skip;
    for (let i = 0; i < skip; i++) index = following(journal, index);
  }
}

const following = (journal: Journal, index: number) => (index + 1 >= journal.end ? journal.first : index + 1);

/** Version 2 and 3 checksums: in the last four bytes, of commit blocks at byte 16. */
function checksumRight(journal: Journal, kind: number, block: Buffer): boolean {
  if (!(journal.features & (features.csum2 | features.csum3))) return true;
  const at = kind === kinds.commit ? 16 : block.length - 4;
  const copy = Buffer.from(block);
  copy.writeUInt32BE(0, at);
  return crc32c(journal.seed, copy) === block.readUInt32BE(at);
}

interface Tag {
  readonly block: number;
  readonly flags: number;
  readonly checksum: number;
}

function readTags(journal: Journal, descriptor: Buffer): Tag[] {
  const { features: f } = journal;
  const csum3 = (f & features.csum3) !== 0;
  const is64 = (f & features.is64) !== 0;
  const size = csum3 ? 16 : 8 + (is64 ? 4 : 0) + (f & features.csum2 ? 2 : 0);
  const end = descriptor.length - (f & (features.csum2 | features.csum3) ? 4 : 0);
  const tags: Tag[] = [];
  for (let at = 12; at + size <= end; ) {
    const flags = csum3 ? descriptor.readUInt32BE(at + 4) : descriptor.readUInt16BE(at + 6);
    tags.push({
      block: descriptor.readUInt32BE(at) + (is64 ? descriptor.readUInt32BE(at + 8) * 2 ** 32 : 0),
      flags,
      checksum: csum3 ? descriptor.readUInt32BE(at + 12) : descriptor.readUInt16BE(at + 4),
    });
    at += size + (flags & tagFlags.sameUuid ? 0 : 16);
    if (flags & tagFlags.last) break;
  }
  return tags;
}

function readRevokes(journal: Journal, block: Buffer, sequence: number, revoked: Map<number, number>): void {
  const size = journal.features & features.is64 ? 8 : 4;
  const end = Math.min(block.readUInt32BE(12), block.length);
  for (let at = 16; at + size <= end; at += size) {
    const number =
      size === 8 ? block.readUInt32BE(at) * 2 ** 32 + block.readUInt32BE(at + 4) : block.readUInt32BE(at);
    revoked.set(number, Math.max(revoked.get(number) ?? 0, sequence));
  }
}

function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
