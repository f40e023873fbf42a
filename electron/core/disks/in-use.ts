import * as fs from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import { run } from '../platform/exec.ts';
import type { DiskRef } from './image.ts';
import { openError } from './reader.ts';

/** `written`: a QEMU (or an edit of ours) may write to it; `read`: it is held unchanged, as a backing file is. */
export type ImageUse = 'free' | 'read' | 'written';

/** QEMU's lock bytes: 100 + permission for what is done, 200 + permission for what others may not (file-posix.c). */
const writeByte = 101;
const firstLockByte = 100;
const lastLockByte = 207;

/**
 * Who holds an image, by the locks QEMU takes on it, seen in /proc/locks (proc_locks(5)): costs well under a
 * millisecond and disturbs nobody. On file systems that report other device numbers there (Btrfs, overlayfs) qemu-img
 * is asked to be sure.
 */
export async function imageUse(ref: DiskRef): Promise<ImageUse> {
  let stat: Awaited<ReturnType<typeof fs.stat>>;
  try {
    stat = await fs.stat(ref.path);
  } catch (cause) {
    throw openError(ref.path, cause);
  }
  let table: string;
  try {
    table = await fs.readFile('/proc/locks', 'utf8');
  } catch {
    return askQemuImg(ref);
  }
  const held = parseLocks(table).filter((lock) => lock.inode === stat.ino);
  if (held.length === 0) return 'free';
  const device = deviceName(stat.dev);
  const here = held.filter((lock) => lock.device === device);
  if (here.length === 0) return askQemuImg(ref);
  if (here.some((lock) => lock.from <= writeByte && lock.to >= writeByte)) return 'written';
  return here.some((lock) => lock.from <= lastLockByte && lock.to >= firstLockByte) ? 'read' : 'free';
}

/** True when any QEMU holds the image, even only as a backing file. */
export async function isInUse(ref: DiskRef): Promise<boolean> {
  return (await imageUse(ref)) !== 'free';
}

interface FileLock {
  readonly device: string;
  readonly inode: number;
  readonly from: number;
  readonly to: number;
}

/** Lines such as `1: OFDLCK ADVISORY  READ -1 fe:00:2146535 203 203`; blocked ones (`1: -> …`) hold nothing. */
export function parseLocks(table: string): FileLock[] {
  const locks: FileLock[] = [];
  for (const line of table.split('\n')) {
    const match =
      /^\d+: (?:OFDLCK|POSIX)\s+\S+\s+(?:READ|WRITE)\s+-?\d+\s+([0-9a-f]+:[0-9a-f]+):(\d+)\s+(\d+)\s+(\d+|EOF)/.exec(
        line,
      );
    if (!match) continue;
    const [, device, inode, from, to] = match;
    locks.push({
      device: device!,
      inode: Number(inode),
      from: Number(from),
      to: to === 'EOF' ? Number.POSITIVE_INFINITY : Number(to),
    });
  }
  return locks;
}

/** A device number as /proc/locks writes it: two hexadecimal digits of major and minor (glibc's gnu_dev_major). */
function deviceName(dev: number): string {
  const n = BigInt(dev);
  const major = ((n >> 8n) & 0xfffn) | ((n >> 32n) & 0xfffff000n);
  const minor = (n & 0xffn) | ((n >> 12n) & 0xffffff00n);
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`;
}

async function askQemuImg({ path }: DiskRef): Promise<ImageUse> {
  // Without -U qemu-img wants a shared lock, which a writer does not grant. Raw on purpose: nothing is parsed.
  const { code, stderr } = await run(
    [
      'qemu-img',
      'info',
      '--image-opts',
      `driver=raw,file.driver=file,file.filename=${path.replaceAll(',', ',,')}`,
    ],
    { okCodes: [0, 1], timeoutMs: 10_000 },
  );
  if (code === 0) return 'free';
  if (/lock/.test(stderr)) return 'written';
  throw new GuesthouseError('program-failed', 'qemu-img could not open the image.', { detail: stderr });
}
