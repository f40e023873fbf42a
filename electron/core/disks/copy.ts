import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { exists, syncDir, syncPath } from '../platform/fs.ts';
import type { JobControl } from './qemu-img.ts';

export interface CopyResult {
  /** True when the file system shared the blocks instead of copying them (reflink). */
  readonly shared: boolean;
}

const chunkSize = 4 << 20;
const holeUnit = 64 << 10;

/**
 * Copies an image file byte for byte: by reflink where the file system can (ioctl_ficlone(2)), else piece by piece,
 * leaving holes where there are zeros. The copy appears under its name when it is whole and on the disk. That nobody
 * writes to the source is up to the caller.
 * @throws {GuesthouseError} `name-taken`, `disk-missing`; cancelled when `signal` fires
 */
export async function copyImage(from: string, to: string, control: JobControl = {}): Promise<CopyResult> {
  const target = path.resolve(to);
  if (await exists(target)) throw new GuesthouseError('name-taken', `${target} is there already.`);
  const temp = `${target}.part`;
  await fs.rm(temp, { force: true });
  try {
    const shared = await reflink(from, temp);
    if (!shared) await copySparse(from, temp, control);
    await fs.chmod(temp, 0o600);
    await syncPath(temp);
    await fs.rename(temp, target);
    await syncDir(path.dirname(target));
    return { shared };
  } catch (error) {
    await fs.rm(temp, { force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new GuesthouseError('disk-missing', `The disk image ${from} is not there.`, { cause: error });
    throw error;
  }
}

async function reflink(from: string, to: string): Promise<boolean> {
  try {
    await fs.copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'ENOTTY', 'EINVAL'].includes(code)) throw error;
    await fs.rm(to, { force: true });
    return false;
  }
}

async function copySparse(from: string, to: string, { signal, progress }: JobControl): Promise<void> {
  const source = await fs.open(from, 'r');
  try {
    const target = await fs.open(to, 'wx', 0o600);
    try {
      const { size } = await source.stat();
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, Math.max(1, size)));
      await target.truncate(size);
      for (let at = 0; at < size; ) {
        if (signal?.aborted) throw new CancelledError();
        const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - at), at);
        if (bytesRead === 0)
          throw new GuesthouseError('disk-damaged', 'The image became shorter while it was copied.');
        await writeNonZero(target, buffer.subarray(0, bytesRead), at);
        at += bytesRead;
        progress?.(at / size);
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function writeNonZero(target: fs.FileHandle, bytes: Buffer, offset: number): Promise<void> {
  const zeros = Buffer.alloc(holeUnit);
  const isHole = (at: number) => {
    const piece = bytes.subarray(at, at + holeUnit);
    return piece.equals(zeros.subarray(0, piece.length));
  };
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const hole = isHole(at);
    while (at < bytes.length && isHole(at) === hole) at += holeUnit;
    const end = Math.min(at, bytes.length);
    for (let done = start; !hole && done < end; ) {
      const { bytesWritten } = await target.write(bytes, done, end - done, offset + done);
      done += bytesWritten;
    }
  }
}
