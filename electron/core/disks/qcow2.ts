import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { GuesthouseError } from '../../../shared/errors.ts';
import { BlockCache } from './chunks.ts';
import type { Qcow2Header } from './qcow2-header.ts';
import { type BlockReader, checkRange, damaged, type FileReader, maxOffset } from './reader.ts';

const inflateRaw = promisify(zlib.inflateRaw) as (data: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;

/** Where a stretch of the guest's bytes comes from. */
type Source =
  | { readonly kind: 'data'; readonly hostOffset: number }
  | { readonly kind: 'zero' }
  | { readonly kind: 'backing' }
  | { readonly kind: 'compressed'; readonly hostOffset: number; readonly hostLength: number };

const high24 = 0x00ffffff;

/**
 * Reads a qcow2 image of which the header was already judged. Refcounts are not needed for reading. Snapshots inside
 * the image are not looked at: this is its active state. Layout: QEMU's docs/interop/qcow2.rst.
 */
export class Qcow2Reader implements BlockReader {
  readonly size: number;
  private readonly clusterSize: number;
  private readonly l2Entries: number;
  // Apart, since a hostile image may point a second table into the first.
  private readonly l1Pieces = new BlockCache(1 << 20);
  private readonly l2Tables = new BlockCache(8 << 20);
  private readonly unpacked = new BlockCache(4 << 20);

  /** @param data the external data file, or the image itself; closed together with this reader, as is `backing` */
  constructor(
    private readonly file: FileReader,
    private readonly header: Qcow2Header,
    private readonly data: FileReader,
    private readonly backing: BlockReader | null,
  ) {
    this.size = header.virtualSize;
    this.clusterSize = 2 ** header.clusterBits;
    this.l2Entries = this.clusterSize / (header.extendedL2 ? 16 : 8);
  }

  async readInto(target: Buffer, offset: number): Promise<void> {
    checkRange(this, offset, target.length);
    // The granularity of a mapping: a cluster, or a 32nd of one with extended L2 entries.
    const unit = this.header.extendedL2 ? this.clusterSize / 32 : this.clusterSize;
    let done = 0;
    while (done < target.length) {
      const from = offset + done;
      const source = await this.lookup(from);
      let length = Math.min(unit - (from % unit), target.length - done);
      // Neighbours that continue the same source are read in one go.
      while (done + length < target.length && source.kind !== 'compressed') {
        const next = await this.lookup(from + length);
        const continues =
          next.kind === source.kind &&
          (next.kind !== 'data' || source.kind !== 'data' || next.hostOffset === source.hostOffset + length);
        if (!continues) break;
        length = Math.min(length + unit, target.length - done);
      }
      await this.fetch(source, target.subarray(done, done + length), from);
      done += length;
    }
  }

  private async fetch(source: Source, part: Buffer, from: number): Promise<void> {
    switch (source.kind) {
      case 'data':
        return this.data.readPadded(part, source.hostOffset);
      case 'zero':
        part.fill(0);
        return;
      case 'backing': {
        const there = this.backing ? Math.max(0, Math.min(part.length, this.backing.size - from)) : 0;
        if (there > 0) await this.backing!.readInto(part.subarray(0, there), from);
        part.fill(0, there);
        return;
      }
      case 'compressed': {
        const cluster = await this.unpack(source.hostOffset, source.hostLength);
        cluster.copy(part, 0, from % this.clusterSize);
        return;
      }
    }
  }

  private async lookup(offset: number): Promise<Source> {
    const { extendedL2, clusterBits, version } = this.header;
    const cluster = Math.floor(offset / this.clusterSize);
    const within = offset % this.clusterSize;
    const l1Index = Math.floor(cluster / this.l2Entries);
    const l1 = await this.table(this.l1Pieces, this.header.l1Offset + Math.floor(l1Index / 512) * 4096, 4096);
    const l2Offset = pointer(l1, (l1Index % 512) * 8);
    if (l2Offset === 0) return { kind: 'backing' };
    if (l2Offset % this.clusterSize !== 0 || l2Offset >= this.file.size)
      throw damaged('The qcow2 image is damaged.', `A table of it is said to be at byte ${l2Offset}.`);
    const l2 = await this.table(this.l2Tables, l2Offset, this.clusterSize);
    const at = (cluster % this.l2Entries) * (extendedL2 ? 16 : 8);
    const top = l2.readUInt32BE(at);
    const low = l2.readUInt32BE(at + 4);
    if (top & 0x40000000) {
      // Compressed: the sector count stands in the bits above 62 - (cluster_bits - 8).
      const entry = ((BigInt(top) << 32n) | BigInt(low)) & 0x3fffffffffffffffn;
      const split = BigInt(62 - (clusterBits - 8));
      const hostOffset = Number(entry & ((1n << split) - 1n));
      const sectors = Number(entry >> split) + 1;
      return { kind: 'compressed', hostOffset, hostLength: sectors * 512 - (hostOffset % 512) };
    }
    const hostOffset = pointer(l2, at);
    if (hostOffset % this.clusterSize !== 0)
      throw damaged('The qcow2 image is damaged.', `A cluster of it is said to be at byte ${hostOffset}.`);
    if (extendedL2) {
      const bit = Math.floor(within / (this.clusterSize / 32));
      if ((l2.readUInt32BE(at + 8) >>> bit) & 1) return { kind: 'zero' };
      if (((l2.readUInt32BE(at + 12) >>> bit) & 1) === 0) return { kind: 'backing' };
      return { kind: 'data', hostOffset: hostOffset + within };
    }
    if (version === 3 && low & 1) return { kind: 'zero' };
    // In an external data file offset 0 is a place like any other; the copied bit tells it from "not there".
    if (hostOffset === 0 && !(this.header.externalData && (top & 0x80000000) !== 0))
      return { kind: 'backing' };
    return { kind: 'data', hostOffset: hostOffset + within };
  }

  private async table(cache: BlockCache, offset: number, length: number): Promise<Buffer> {
    const known = cache.get(offset);
    if (known) return known;
    const table = Buffer.allocUnsafe(length);
    await this.file.readPadded(table, offset);
    cache.set(offset, table);
    return table;
  }

  private async unpack(hostOffset: number, hostLength: number): Promise<Buffer> {
    const known = this.unpacked.get(hostOffset);
    if (known) return known;
    if (this.header.compression === 'zstd')
      throw new GuesthouseError('unsupported', 'The image is compressed with zstd.', {
        why: 'Only zlib-compressed qcow2 images can be looked into.',
        todo: 'Import it as a copy: that writes it uncompressed.',
        subject: this.file.path,
      });
    const packed = Buffer.allocUnsafe(hostLength);
    await this.file.readPadded(packed, hostOffset);
    let cluster: Buffer;
    try {
      // Raw deflate with a 4 KiB window; what follows the stream in its last sector is not part of it.
      cluster = await inflateRaw(packed, {
        windowBits: 12,
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
        maxOutputLength: this.clusterSize,
      });
    } catch (cause) {
      throw damaged('A compressed part of the qcow2 image is damaged.', (cause as Error).message);
    }
    if (cluster.length !== this.clusterSize)
      throw damaged('A compressed part of the qcow2 image is damaged.', 'It is too short.');
    this.unpacked.set(hostOffset, cluster);
    return cluster;
  }

  async close(): Promise<void> {
    await this.file.close();
    if (this.data !== this.file) await this.data.close();
    await this.backing?.close();
  }
}

/** Bits 9 to 55 of a table entry: an offset in the file. */
function pointer(table: Buffer, at: number): number {
  const offset =
    (table.readUInt32BE(at) & high24) * 2 ** 32 + ((table.readUInt32BE(at + 4) & 0xfffffe00) >>> 0);
  if (offset > maxOffset)
    throw damaged('The qcow2 image is damaged.', 'It refers to a place no file reaches.');
  return offset;
}
