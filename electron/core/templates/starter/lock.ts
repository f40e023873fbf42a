/** One build at a time, over all processes: a kernel lock that ends with its holder, however that one ends. */
import { spawn } from 'node:child_process';
import { CancelledError, GuesthouseError } from '../../../../shared/errors.ts';
import { withoutInherited } from '../../platform/descriptors.ts';
import { baseEnv } from '../../platform/exec.ts';

/**
 * Takes the lock on `file` (flock(1)), waiting for another holder.
 *
 * The lock is held by a child that reads our pipe: when this process is killed, the pipe closes, the child ends and
 * the kernel frees the lock. So a held lock always means a living owner, which a file with a process id in it does not.
 * @param onWait called once when somebody else holds it
 * @returns a function that frees it
 * @throws {CancelledError} when `signal` fires while waiting
 */
export function holdLock(
  file: string,
  signal: AbortSignal,
  onWait: () => void,
): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new CancelledError());
    const env = baseEnv();
    const [program, ...args] = withoutInherited(['flock', '--exclusive', '--no-fork', file, 'cat'], env);
    const child = spawn(program, args, {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true, // a Ctrl-C for the app must not free the lock before the clean-up
    });
    let held = false;
    let errors = '';
    const ended = new Promise<void>((done) => child.once('close', () => done()));
    const release = async () => {
      child.stdin.end();
      await ended;
    };
    const waiting = setTimeout(onWait, 300);
    const onAbort = () => {
      if (!held) child.kill('SIGKILL');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      clearTimeout(waiting);
      signal.removeEventListener('abort', onAbort);
    };
    child.stdin.on('error', () => {});
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    // cat starts, and echoes, only once flock has the lock.
    child.stdout.once('data', () => {
      held = true;
      settle();
      resolve(release);
    });
    child.stdin.write('held\n');
    child.once('error', (cause) => {
      settle();
      reject(
        new GuesthouseError('program-missing', 'flock is not installed.', {
          todo: 'Install util-linux.',
          subject: 'flock',
          cause,
        }),
      );
    });
    void ended.then(() => {
      settle();
      if (held) return;
      reject(
        signal.aborted
          ? new CancelledError()
          : new GuesthouseError('program-failed', `${file} could not be locked.`, {
              why: errors.trim() || undefined,
            }),
      );
    });
  });
}
