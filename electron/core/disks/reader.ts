import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { GuesthouseError } from '../../../shared/errors.ts';
import { Chunks, chunkSize } from './chunks.ts';

/**
 * Random access to the bytes of a disk, a partition or a file. Everything above (partition tables, file systems)
 * reads through this, so that raw files, qcow2 chains and mounted exports look alike.
 */
export interface BlockReader {
  /** Bytes. */
  readonly size: number;
  /** Fills all of `target` with what is at `offset`. Reading past `size` is an error. */
  readInto(target: Buffer, offset: number): Promise<void>;
  close(): Promise<void>;
}

/** The largest offset we handle: exact integers of a JavaScript number. */
export const maxOffset = Number.MAX_SAFE_INTEGER;

export const damaged = (what: string, why?: string) =>
  new GuesthouseError('disk-damaged', what, {
    why,
    todo: 'Restore the disk from a copy, or repair it by hand.',
  });

export const refused = (what: string, why: string, todo?: string) =>
  new GuesthouseError('disk-refused', what, { why, todo });

export async function readBytes(reader: BlockReader, offset: number, length: number): Promise<Buffer> {
  const target = Buffer.allocUnsafe(length);
  await reader.readInto(target, offset);
  return target;
}

/** Throws unless `[offset, offset + length)` lies inside the reader. */
export function checkRange(reader: BlockReader, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > reader.size)
    throw damaged('The disk ends too early.', `It refers to byte ${offset + length} of ${reader.size}.`);
}

const read = promisify(fs.read);
const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const closeFd = promisify(fs.close);

/** What a file was when it was opened: enough to notice that it changed. */
export interface FileStamp {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** Bytes on the host's disk. */
  readonly allocated: number;
}

/**
 * How a file is read: `fresh` asks for its bytes each time, `own` remembers them for this reader's life, `shared` also
 * for those that open the same file soon after, which fits what lies below an overlay and so does not change. `at-once`
 * is for a header alone: hundreds of them stand between the start of the app and its list, and a turn through the
 * thread pool costs ten times such a read.
 */
export type Reading = 'fresh' | 'own' | 'shared' | 'at-once';

/** A host file (or block device) as it is. Past its end it reads as zeros when `padTo` says so. */
export class FileReader implements BlockReader {
  private chunks: Chunks | null = null;

  private constructor(
    private readonly fd: number,
    private readonly atOnce: boolean,
    readonly path: string,
    readonly size: number,
    readonly stamp: FileStamp,
  ) {}

  /**
   * Opens a file for reading. Pipes, sockets and folders are refused, and a pipe does not block the open.
   * @throws {GuesthouseError} `disk-missing`, `no-permission`, `disk-refused`
   */
  static async open(path: string, reading: Reading = 'fresh'): Promise<FileReader> {
    const atOnce = reading === 'at-once';
    const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
    let fd: number;
    try {
      fd = atOnce ? fs.openSync(path, flags) : await open(path, flags);
    } catch (cause) {
      throw openError(path, cause);
    }
    try {
      const stat = atOnce ? fs.fstatSync(fd) : await fstat(fd);
      if (!stat.isFile() && !stat.isBlockDevice())
        throw refused('This is not a disk image.', `${path} is neither a file nor a block device.`);
      const size = stat.isBlockDevice() ? await deviceSize(fd) : stat.size;
      const stamp = {
        dev: stat.dev,
        ino: stat.ino,
        size,
        mtimeMs: stat.mtimeMs,
        allocated: stat.blocks * 512,
      };
      const reader = new FileReader(fd, atOnce, path, size, stamp);
      if (reading === 'own') reader.chunks = new Chunks();
      else if (reading === 'shared') reader.chunks = Chunks.join([stamp.dev, stamp.ino, size, stat.mtimeMs]);
      return reader;
    } catch (error) {
      await closeFd(fd);
      throw error;
    }
  }

  async readInto(target: Buffer, offset: number): Promise<void> {
    checkRange(this, offset, target.length);
    await this.fill(target, offset);
  }

  /** As {@link readInto}, but bytes past the end of the file are zeros. */
  async readPadded(target: Buffer, offset: number): Promise<void> {
    const there = Math.max(0, Math.min(target.length, this.size - offset));
    if (there < target.length) target.fill(0, there);
    if (there > 0) await this.fill(target.subarray(0, there), offset);
  }

  /** Small reads come out of larger ones: a file system's tables lie close together, and each read has its price. */
  private async fill(target: Buffer, offset: number): Promise<void> {
    const { chunks } = this;
    if (chunks === null || target.length >= chunkSize) return this.fillFresh(target, offset);
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const start = at - (at % chunkSize);
      let chunk = chunks.get(start);
      if (chunk === undefined) {
        chunk = Buffer.allocUnsafe(Math.min(chunkSize, this.size - start));
        await this.fillFresh(chunk, start);
        chunks.set(start, chunk);
      }
      done += chunk.copy(target, done, at - start);
    }
  }

  private async fillFresh(target: Buffer, offset: number): Promise<void> {
    let done = 0;
    while (done < target.length) {
      const rest = [target, done, target.length - done, offset + done] as const;
      const bytesRead = this.atOnce
        ? fs.readSync(this.fd, ...rest)
        : (await read(this.fd, ...rest)).bytesRead;
      if (bytesRead === 0) throw damaged('The image became shorter while it was read.', this.path);
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    this.chunks?.leave();
    this.chunks = null;
    if (this.atOnce) fs.closeSync(this.fd);
    else await closeFd(this.fd);
  }
}

/** Turns the host's answer to an open into a {@link GuesthouseError} about a disk image. */
export function openError(path: string, cause: unknown): unknown {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new GuesthouseError('disk-missing', `The disk image ${path} is not there.`, { cause });
    case 'EACCES':
    case 'EPERM':
      return new GuesthouseError('no-permission', `The disk image ${path} may not be read.`, { cause });
    case 'ELOOP':
    case 'EISDIR':
    case 'ENXIO':
    case 'ENAMETOOLONG':
      return refused('This is not a disk image.', `${path}: ${(cause as Error).message}`);
    default:
      return cause;
  }
}

/** Block devices have no size in stat(2): find the end by halving, a read past it returns nothing. */
async function deviceSize(fd: number): Promise<number> {
  const probe = Buffer.allocUnsafe(512);
  const there = async (sector: number) => (await read(fd, probe, 0, 512, sector * 512)).bytesRead > 0;
  if (!(await there(0))) return 0;
  let low = 0;
  let high = 2 ** 43; // sectors; 4 EiB
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await there(middle)) low = middle;
    else high = middle;
  }
  return (low + 1) * 512;
}

/** A part of another reader, such as a partition. Closing it leaves the other open. */
export class SliceReader implements BlockReader {
  constructor(
    private readonly inner: BlockReader,
    private readonly start: number,
    readonly size: number,
  ) {}

  async readInto(target: Buffer, offset: number): Promise<void> {
    checkRange(this, offset, target.length);
    await this.inner.readInto(target, this.start + offset);
  }

  async close(): Promise<void> {}
}
