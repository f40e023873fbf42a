import * as fs from 'node:fs/promises';

/** Bytes above which a log is set aside before the next start. */
const rotateAbove = 1 << 20;

/** Moves a grown log to `.1`, once; the one before goes. */
export async function rotateLog(file: string, above = rotateAbove): Promise<void> {
  const stat = await fs.stat(file).catch(() => null);
  if (stat && stat.size > above) await fs.rename(file, `${file}.1`);
}

/** The last lines of a log, read from its end; '' when there is none. */
export async function tailLog(file: string, lines: number, maxBytes = 256 << 10): Promise<string> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, maxBytes);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await handle.read(buffer, 0, length, size - length);
    const all = buffer.subarray(0, bytesRead).toString('utf8').replace(/\n$/, '').split('\n');
    // The first line may be cut.
    return (size > length ? all.slice(1) : all).slice(-lines).join('\n');
  } finally {
    await handle.close();
  }
}

/** What was written since `offset` (a size before), at most the last `maxBytes`. */
export async function logSince(file: string, offset: number, maxBytes = 64 << 10): Promise<string> {
  const handle = await fs.open(file, 'r').catch(() => null);
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const from = Math.max(offset, size - maxBytes);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    await handle.read(buffer, 0, buffer.length, from);
    return buffer.toString('utf8');
  } finally {
    await handle.close();
  }
}
