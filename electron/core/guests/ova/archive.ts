import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar-stream';
import { CancelledError, GuesthouseError } from '../../../../shared/errors.ts';

/** A file of an archive: where its bytes are in the archive itself. */
export interface ArchiveFile {
  /** As the archive says, without a leading `./`; checked to stay inside. */
  readonly name: string;
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** An OVA has a descriptor, a manifest, a certificate and some disks: more than this is something else. */
const maxFiles = 200;
const blank = Buffer.alloc(1 << 20);

export const refusedArchive = (what: string, why: string) =>
  new GuesthouseError('disk-refused', what, {
    why,
    todo: 'Get the archive anew from where it comes from, and do not trust this one.',
  });

/**
 * The files of a tar archive, each judged by its header alone; nothing is unpacked and no content is read. What is no
 * plain file or folder, leads outside by its name, is there twice, or claims more bytes than the archive has, makes
 * the whole archive refused.
 * @throws {GuesthouseError} `disk-refused` with the reason, `disk-missing`
 */
export async function listArchive(file: string, signal?: AbortSignal): Promise<readonly ArchiveFile[]> {
  const handle = await fs.open(file, 'r').catch((cause) => {
    throw new GuesthouseError('disk-missing', 'The archive cannot be read.', {
      why: (cause as Error).message,
      cause,
    });
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile())
      throw new GuesthouseError('disk-refused', 'This is no archive.', {
        why: `${file} is no ordinary file.`,
      });
    return await walk(handle, stat.size, signal);
  } finally {
    await handle.close();
  }
}

async function walk(
  handle: fs.FileHandle,
  size: number,
  signal: AbortSignal | undefined,
): Promise<ArchiveFile[]> {
  const files = new Map<string, ArchiveFile>();
  const extract = tar.extract();
  let failure: Error | null = null;
  // Up to here the parser only skips: it is given zeros, and the archive need not be read.
  let contentEnd = 0;
  extract.on('error', (error: Error) => {
    failure ??= error;
  });
  extract.on('entry', (header, stream, next) => {
    stream.on('error', () => {});
    try {
      const offset = stream.offset + 512;
      const found = judge(header, offset, size);
      if (found) {
        if (files.has(found.name))
          throw refusedArchive(
            'The archive holds a file twice.',
            `${shown(found.name)} stands in it two times.`,
          );
        if (files.size >= maxFiles)
          throw refusedArchive('This is no OVA.', `It holds more than ${maxFiles} files.`);
        files.set(found.name, found);
        contentEnd = found.offset + found.size;
      }
    } catch (error) {
      failure ??= error as Error;
    }
    stream.on('end', () => next(null));
    stream.resume();
  });
  const closed = new Promise<void>((resolve) => extract.on('close', () => resolve()));
  for (let at = 0; at < size && failure === null; ) {
    if (signal?.aborted) throw new CancelledError();
    let chunk: Buffer;
    if (at < contentEnd) chunk = blank.subarray(0, Math.min(blank.length, contentEnd - at));
    else {
      chunk = Buffer.alloc(Math.min(512, size - at));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) break;
      chunk = chunk.subarray(0, bytesRead);
    }
    at += chunk.length;
    if (!extract.write(chunk))
      await Promise.race([closed, new Promise<void>((resolve) => extract.once('drain', () => resolve()))]);
  }
  if (failure === null) {
    extract.end(null);
    await closed;
  }
  extract.destroy();
  const broken = failure as Error | null;
  if (broken instanceof GuesthouseError) throw broken;
  if (broken !== null)
    throw refusedArchive('The archive is damaged.', `${broken.message.replace(/\.$/, '')}.`);
  return [...files.values()];
}

/** Null for what may be passed over: folders. */
function judge(header: tar.Header, offset: number, archive: number): ArchiveFile | null {
  const { name, type } = header;
  const size = header.size ?? 0;
  const kinds: Readonly<Record<string, string>> = {
    symlink: 'a symbolic link',
    link: 'a hard link',
    'character-device': 'a device',
    'block-device': 'a device',
    fifo: 'a pipe',
  };
  if (type !== 'file' && type !== 'contiguous-file' && type !== 'directory')
    throw refusedArchive(
      `The archive holds ${kinds[String(type)] ?? 'something that is no file'}.`,
      `${shown(name)}${header.linkname ? ` leads to ${shown(header.linkname)}` : ' is not a plain file'}.`,
    );
  const plain = name.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  if (name.startsWith('/'))
    throw refusedArchive('The archive holds an absolute path.', `${shown(name)} is outside of it.`);
  if (plain.split('/').includes('..'))
    throw refusedArchive('The archive holds a path that leads outside.', `${shown(name)} is outside of it.`);
  if (/[\0-\x1f\x7f\\]/.test(plain) || Buffer.byteLength(plain) > 512)
    throw refusedArchive('The archive holds an impossible file name.', `It is ${shown(name)}.`);
  if (!Number.isSafeInteger(size) || size < 0 || offset + size > archive)
    throw refusedArchive(
      'The archive claims more than it holds.',
      `${shown(name)} is said to have ${size} bytes; the archive has ${archive}.`,
    );
  if (type === 'directory' || plain === '' || plain === '.') return null;
  return { name: plain, offset, size };
}

const shown = (text: string) => JSON.stringify(text.slice(0, 200));

/** A small file of the archive as text. @throws {GuesthouseError} `disk-refused` when it is larger than `most` bytes */
export async function readArchiveText(archive: string, file: ArchiveFile, most: number): Promise<string> {
  if (file.size > most)
    throw refusedArchive(
      `${file.name} is too large.`,
      `It has ${file.size} bytes; ${most} are read at most.`,
    );
  const handle = await fs.open(archive, 'r');
  try {
    const bytes = Buffer.alloc(file.size);
    const { bytesRead } = await handle.read(bytes, 0, file.size, file.offset);
    if (bytesRead !== file.size)
      throw refusedArchive('The archive is damaged.', `${file.name} ends too early.`);
    return bytes.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** Reads a file of the archive once, for its checksum, and writes it to `target` when one is given (0600, on the disk). */
export async function readArchiveFile(
  archive: string,
  file: ArchiveFile,
  how: {
    readonly target?: string;
    readonly algorithm: string;
    readonly signal?: AbortSignal;
    /** Bytes read since the last call. */
    readonly onBytes?: (count: number) => void;
  },
): Promise<string> {
  const hash = createHash(how.algorithm);
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      how.onBytes?.(chunk.length);
      done(null, chunk);
    },
  });
  if (file.size === 0) {
    if (how.target) await fs.writeFile(how.target, '', { mode: 0o600, flag: 'wx' });
    return hash.digest('hex');
  }
  const source = createReadStream(archive, {
    start: file.offset,
    end: file.offset + file.size - 1,
    highWaterMark: 1 << 20,
  });
  try {
    if (how.target)
      await pipeline(source, count, createWriteStream(how.target, { mode: 0o600, flags: 'wx' }), {
        signal: how.signal,
      });
    else {
      count.resume();
      await pipeline(source, count, { signal: how.signal });
    }
  } catch (error) {
    if (how.signal?.aborted) throw new CancelledError();
    throw error;
  }
  if (how.target) {
    const handle = await fs.open(how.target, 'r+');
    await handle.sync().finally(() => handle.close());
  }
  return hash.digest('hex');
}
