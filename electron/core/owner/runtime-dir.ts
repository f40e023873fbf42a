import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';

/** Bytes of sun_path with its final zero, unix(7). */
const maxSocketPath = 107;

/**
 * Makes the folder of the sockets and makes sure that nobody else can have put anything there: a real folder, ours, and
 * open to us alone. In /tmp anybody can make the name first.
 *
 * @throws {GuesthouseError} `no-permission` when it is another's or a symbolic link, `unsupported` when its path is too
 *   long for a socket
 */
export function securePrivateDir(dir: string, socketPath: string): void {
  if (Buffer.byteLength(socketPath) > maxSocketPath)
    throw new GuesthouseError('unsupported', 'The path of the runtime folder is too long.', {
      why: `A socket's path can have ${maxSocketPath} bytes; ${socketPath} has more.`,
      todo: 'Set XDG_RUNTIME_DIR to a shorter path.',
    });
  const parent = path.dirname(dir);
  if (parent !== '/tmp') mkdirSync(parent, { recursive: true, mode: 0o700 });
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stat = lstatSync(dir);
  const problem = stat.isSymbolicLink()
    ? 'It is a symbolic link.'
    : !stat.isDirectory()
      ? 'It is not a folder.'
      : stat.uid !== process.getuid?.()
        ? `It belongs to user ${stat.uid}.`
        : null;
  if (problem)
    throw new GuesthouseError('no-permission', `The runtime folder ${dir} cannot be trusted.`, {
      why: problem,
      todo: 'Remove it, or set XDG_RUNTIME_DIR to a folder of your own.',
    });
  if ((stat.mode & 0o077) !== 0) chmodSync(dir, 0o700);
}
