import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { run } from '../platform/exec.ts';
import { replayBytes } from './replay.ts';

/** A place in the file to which QEMU writes everything a serial port says, whoever listens (chardev `logfile`). */
export class LogCursor {
  private offset = 0;
  /** Of the file the offset is in: the log is put aside and begun anew now and then, between runs. */
  private inode = 0;

  constructor(private readonly file: string) {}

  /** The last part of what is there, from a line's start; afterwards the cursor stands at the end. */
  history(): Buffer {
    const tail = this.read(Number.POSITIVE_INFINITY);
    if (tail.length < replayBytes) return tail;
    const newline = tail.indexOf(10);
    return newline >= 0 ? tail.subarray(newline + 1) : tail;
  }

  /** What came since: from its start in a new file, and from the new end in one that was cut. */
  next(): Buffer {
    return this.read(0);
  }

  /** Skips what is there. */
  toEnd(): void {
    this.withFile((_fd, size) => {
      this.offset = size;
    });
  }

  private read(back: number): Buffer {
    let result: Buffer = Buffer.alloc(0);
    this.withFile((fd, size) => {
      const from = Math.max(0, size - replayBytes, back > 0 ? 0 : Math.min(this.offset, size));
      const buffer = Buffer.alloc(size - from);
      const read = readSync(fd, buffer, 0, buffer.length, from);
      this.offset = from + read;
      result = buffer.subarray(0, read);
    });
    return result;
  }

  private withFile(body: (fd: number, size: number) => void): void {
    let fd: number;
    try {
      fd = openSync(this.file, 'r');
    } catch {
      this.offset = 0; // not there yet: the guest has never run
      return;
    }
    try {
      const { size, ino } = fstatSync(fd);
      if (ino !== this.inode) this.offset = 0;
      this.inode = ino;
      body(fd, size);
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * The part of the log that never came by the socket. QEMU takes a client in its main loop, some time after connect(2)
 * succeeded, and what the guest says until then is in the log alone. It logs right after it has written to the socket,
 * so the log ends with the first bytes received, or with the beginning of them.
 *
 * @param log what was logged since the place known to have been shown
 * @param received the first bytes from the socket
 */
export function missed(log: Buffer, received: Buffer): Buffer {
  const whole = log.length - received.length;
  if (whole >= 0 && log.subarray(whole).equals(received)) return log.subarray(0, whole);
  // The log may be ahead, by what is still to come from the socket.
  const at = received.length >= 8 ? log.indexOf(received) : -1;
  if (at >= 0) return log.subarray(0, at);
  for (let overlap = Math.min(log.length, received.length); overlap > 0; overlap--)
    if (log.subarray(log.length - overlap).equals(received.subarray(0, overlap)))
      return log.subarray(0, log.length - overlap);
  return log;
}

/** Bytes of a serial log above which it is cut, and to which. */
export const maxLogBytes = 4 << 20;
const keptLogBytes = 1 << 20;

/**
 * Keeps a serial log from growing without end, while QEMU writes to it (it appends, `logappend=on`): the beginning is
 * taken out of the file in one step, fallocate(2) FALLOC_FL_COLLAPSE_RANGE. Where the file system cannot (tmpfs, btrfs),
 * the end is copied to the front and the rest cut off, which can lose lines written in that instant from the history.
 * Returns whether it was cut.
 */
export async function trimSerialLog(file: string): Promise<boolean> {
  const info = await stat(file).catch(() => null);
  if (!info?.isFile() || info.size <= maxLogBytes) return false;
  // Whole blocks only.
  const unit = Math.max(info.blksize, 4096);
  const excess = Math.floor((info.size - keptLogBytes) / unit) * unit;
  try {
    await run(['fallocate', '--collapse-range', '--offset', '0', '--length', String(excess), file]);
    return true;
  } catch {}
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, keptLogBytes));
    await handle.read(tail, 0, tail.length, size - tail.length);
    await handle.truncate(0);
    await handle.write(tail, 0, tail.length, 0);
  } finally {
    await handle.close();
  }
  return true;
}
