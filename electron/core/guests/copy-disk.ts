import * as fs from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import { run } from '../platform/exec.ts';
import { syncPath } from '../platform/fs.ts';

/**
 * Copies a disk image as a file of its own: by reflink where the file system can, else with its holes kept. The copy is
 * writable, on the disk when this resolves, and gone when it fails or is cancelled.
 *
 * @param progress called with the done part, 0 to 1
 * @throws {GuesthouseError} `no-space` before anything is written when it cannot fit
 */
export async function copyDisk(
  source: string,
  target: string,
  op: Pick<OperationContext, 'signal' | 'check'>,
  progress: (fraction: number) => void,
): Promise<void> {
  const { blocks } = await fs.stat(source);
  const bytes = blocks * 512;
  const room = await fs.statfs(target.slice(0, target.lastIndexOf('/')));
  if (room.bavail * room.bsize < bytes)
    throw new GuesthouseError('no-space', 'There is not enough room for the guest’s disk.', {
      why: `It needs ${Math.ceil(bytes / 2 ** 20)} MiB; ${Math.floor((room.bavail * room.bsize) / 2 ** 20)} MiB are free.`,
      todo: 'Free some space, or delete a guest you no longer need.',
    });
  op.check();
  const timer = setInterval(() => {
    fs.stat(target).then(
      (stat) => progress(Math.min(0.99, (stat.blocks * 512) / Math.max(1, bytes))),
      () => {},
    );
  }, 100);
  try {
    await run(['cp', '--reflink=auto', '--sparse=auto', '--', source, target], { signal: op.signal }).catch(
      (error) => {
        throw error instanceof GuesthouseError && /No space left/.test(error.detail ?? '')
          ? new GuesthouseError('no-space', 'The disk of this computer is full.', {
              todo: 'Free some space and try again.',
              detail: error.detail,
              cause: error,
            })
          : error;
      },
    );
    await fs.chmod(target, 0o600);
    await syncPath(target);
  } catch (error) {
    await fs.rm(target, { force: true });
    throw error;
  } finally {
    clearInterval(timer);
  }
}
