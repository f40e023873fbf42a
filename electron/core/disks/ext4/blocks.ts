import { damaged } from '../reader.ts';
import { type Inode, inodeFlags } from './inode.ts';

/** A stretch of a file: `length` blocks from `logical`, at `physical` or, when null, zeros. */
export interface Run {
  readonly logical: number;
  readonly physical: number | null;
  readonly length: number;
}

export interface BlockSource {
  readonly blockSize: number;
  /** Blocks in the file system. */
  readonly blocks: number;
  readBlock(block: number): Promise<Buffer>;
}

/** Nodes visited in one file's tree before it is called damaged: enough for the most fragmented honest file. */
const maxNodes = 65536;
const bad = (inode: Inode, why: string) => damaged(`The file with inode ${inode.number} is damaged.`, why);

/**
 * Where the blocks `[from, to)` of a file are, in order and without gaps (holes are runs of zeros).
 * @throws {GuesthouseError} `disk-damaged` when the tree loops, overlaps or leaves the file system
 */
export async function fileRuns(source: BlockSource, inode: Inode, from: number, to: number): Promise<Run[]> {
  const found: Run[] = [];
  const state = { nodes: 0 };
  if (inode.flags & inodeFlags.extents)
    await walkExtents(source, inode, inode.block, from, to, null, found, state);
  else await walkMap(source, inode, from, to, found, state);
  const runs: Run[] = [];
  let next = from;
  for (const run of found) {
    if (run.logical < next) throw bad(inode, 'Its extents overlap.');
    if (run.logical > next) runs.push({ logical: next, physical: null, length: run.logical - next });
    runs.push(run);
    next = run.logical + run.length;
  }
  if (next < to) runs.push({ logical: next, physical: null, length: to - next });
  return runs;
}

async function walkExtents(
  source: BlockSource,
  inode: Inode,
  node: Buffer,
  from: number,
  to: number,
  expectedDepth: number | null,
  found: Run[],
  state: { nodes: number },
): Promise<void> {
  if (++state.nodes > maxNodes) throw bad(inode, 'Its extent tree does not end.');
  const entries = node.readUInt16LE(2);
  const depth = node.readUInt16LE(6);
  if (node.readUInt16LE(0) !== 0xf30a) throw bad(inode, 'Its extent tree has no magic number.');
  if (12 + entries * 12 > node.length) throw bad(inode, 'Its extent tree has too many entries.');
  if (depth > 5 || (expectedDepth !== null && depth !== expectedDepth))
    throw bad(inode, 'Its extent tree is too deep.');
  for (let i = 0; i < entries; i++) {
    const at = 12 + i * 12;
    const logical = node.readUInt32LE(at);
    if (logical >= to) break;
    if (depth > 0) {
      const nextLogical = i + 1 < entries ? node.readUInt32LE(at + 12) : Number.POSITIVE_INFINITY;
      if (nextLogical <= from) continue;
      const child = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
      await walkExtents(source, inode, await source.readBlock(child), from, to, depth - 1, found, state);
      continue;
    }
    let length = node.readUInt16LE(at + 4);
    const unwritten = length > 32768; // allocated, reads as zeros
    if (unwritten) length -= 32768;
    const physical = node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8);
    if (physical + length > source.blocks) throw bad(inode, 'An extent lies outside the file system.');
    const start = Math.max(logical, from);
    const end = Math.min(logical + length, to);
    if (start >= end) continue;
    found.push({
      logical: start,
      physical: unwritten ? null : physical + (start - logical),
      length: end - start,
    });
  }
}

/** The classic map: twelve direct blocks, then one, two and three levels of tables. */
async function walkMap(
  source: BlockSource,
  inode: Inode,
  from: number,
  to: number,
  found: Run[],
  state: { nodes: number },
): Promise<void> {
  const perBlock = source.blockSize / 4;
  const add = (logical: number, physical: number) => {
    if (physical >= source.blocks) throw bad(inode, 'A block lies outside the file system.');
    const last = found.at(-1);
    if (last && last.logical + last.length === logical && last.physical! + last.length === physical)
      found[found.length - 1] = { ...last, length: last.length + 1 };
    else found.push({ logical, physical, length: 1 });
  };
  const walk = async (block: number, level: number, first: number): Promise<void> => {
    const span = perBlock ** level;
    if (block === 0 || first >= to || first + span <= from) return;
    if (level === 0) return add(first, block);
    if (++state.nodes > maxNodes) throw bad(inode, 'Its block map does not end.');
    const table = await source.readBlock(block);
    const step = perBlock ** (level - 1);
    const begin = Math.max(0, Math.floor((from - first) / step));
    for (let i = begin; i < perBlock && first + i * step < to; i++)
      await walk(table.readUInt32LE(i * 4), level - 1, first + i * step);
  };
  for (let i = 0; i < 12; i++) await walk(inode.block.readUInt32LE(i * 4), 0, i);
  let first = 12;
  for (let level = 1; level <= 3; level++) {
    await walk(inode.block.readUInt32LE((11 + level) * 4), level, first);
    first += perBlock ** level;
  }
}
