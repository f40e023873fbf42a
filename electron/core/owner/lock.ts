import { spawn } from 'node:child_process';
import { GuesthouseError } from '../../../shared/errors.ts';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv } from '../platform/exec.ts';

/**
 * Runs `body` while holding an exclusive flock(2) on `file`, which is made when missing and never removed. Node has no
 * flock of its own: flock(1) of util-linux holds it, as a child that ends when its stdin does. So the lock is free
 * again at the moment this process ends, however it ends.
 *
 * @param waitSeconds until it fails with `busy`
 * @throws {GuesthouseError} `program-missing`, `busy`
 */
export async function withFileLock<T>(file: string, waitSeconds: number, body: () => Promise<T>): Promise<T> {
  const env = baseEnv();
  const flock = ['flock', '--exclusive', '--no-fork', '--wait', String(waitSeconds), file, 'cat'] as const;
  const [program, ...args] = withoutInherited([...flock], env);
  const child = spawn(program, args, {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
  child.stdin.on('error', () => {}); // it ended first: the wait below tells
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('error', (cause) =>
        reject(
          new GuesthouseError('program-missing', 'flock is not installed.', {
            why: 'It keeps two Guesthouses from holding one library.',
            todo: 'Install the package util-linux.',
            subject: 'flock',
            cause,
          }),
        ),
      );
      child.on('close', () =>
        reject(
          new GuesthouseError('busy', 'The library is being opened by another process.', {
            why: `${file} stayed locked for ${waitSeconds} s.`,
            todo: 'Wait a moment and try again.',
          }),
        ),
      );
      // `cat` says the byte back once flock has the lock and has become it.
      child.stdout.once('data', () => resolve());
      child.stdin.write('.');
    });
    return await body();
  } finally {
    child.stdin.end();
    await ended;
  }
}
