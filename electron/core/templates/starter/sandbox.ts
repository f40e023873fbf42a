/**
 * Where the tree of a guest is made: in a mount and PID namespace of its own, so that whatever ends the build also ends
 * every process and mount of it, and without root in a user namespace where the caller is root and their
 * subordinate ids (subuid(5)) are everybody else. unshare(1), setpriv(1), user_namespaces(7).
 */
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import { GuesthouseError, isCancelled } from '../../../../shared/errors.ts';
import { run } from '../../platform/exec.ts';

/**
 * The command line that runs `argv` as root of a tree under construction.
 *
 * setpriv kills it when this process dies, even by SIGKILL; unshare's `--kill-child` then ends all that is in the
 * namespace. Files get ordinary modes whatever the app's umask is.
 * @param asRoot true when this process is root already; no user namespace is needed then
 */
export function inSandbox(argv: readonly string[], asRoot: boolean): [string, ...string[]] {
  return [
    'setpriv',
    '--pdeathsig=KILL',
    'unshare',
    ...(asRoot ? [] : ['--user', '--map-root-user', '--map-auto']),
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--',
    // The words of argv are arguments here, not text: nothing in them is read by the shell.
    'sh',
    '-c',
    'umask 022; exec "$@"',
    'sh',
    ...argv,
  ];
}

/** True when a line of subuid(5) or subgid(5) gives `user` (or `uid`) at least 65536 ids in one range. */
export function hasSubordinateIds(text: string, user: string, uid: number): boolean {
  return text.split('\n').some((line) => {
    const [name, , count] = line.split(':');
    return (name === user || name === String(uid)) && Number(count) >= 65536;
  });
}

/**
 * Tries the namespace before anything is downloaded.
 * @throws {GuesthouseError} `no-permission` or `program-missing` naming the exact thing and the command that mends it
 */
export async function checkSandbox(asRoot: boolean, signal?: AbortSignal): Promise<void> {
  if (!asRoot) {
    const { username, uid } = os.userInfo();
    for (const file of ['/etc/subuid', '/etc/subgid']) {
      const text = await fs.readFile(file, 'utf8').catch(() => '');
      if (hasSubordinateIds(text, username, uid)) continue;
      throw new GuesthouseError(
        'no-permission',
        'A guest cannot be built without root on this account yet.',
        {
          why: `${file} gives ${username} no range of 65536 subordinate ids.`,
          todo: `Run: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
        },
      );
    }
    await needProgram('newuidmap', 'uidmap');
  }
  try {
    await run(inSandbox(['true'], asRoot), { signal, timeoutMs: 20_000 });
  } catch (cause) {
    if (isCancelled(cause)) throw cause;
    const detail = cause instanceof GuesthouseError ? (cause.detail ?? cause.message) : String(cause);
    throw new GuesthouseError('no-permission', 'This system does not let a guest be built here.', {
      why: asRoot
        ? 'Namespaces cannot be made, although this is root: a container without CAP_SYS_ADMIN.'
        : 'User namespaces are switched off for ordinary users.',
      todo: asRoot
        ? 'Build on the machine itself, or give the container CAP_SYS_ADMIN.'
        : 'See the settings kernel.unprivileged_userns_clone, user.max_user_namespaces and (Ubuntu) kernel.apparmor_restrict_unprivileged_userns, or build as root.',
      detail,
      cause,
    });
  }
}

/** @throws {GuesthouseError} `program-missing` naming the Debian package that holds `program` */
export async function needProgram(program: string, debianPackage: string): Promise<void> {
  const dirs = `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`.split(':');
  for (const dir of dirs) {
    if (!dir) continue;
    try {
      await fs.access(`${dir}/${program}`, fs.constants.X_OK);
      return;
    } catch {}
  }
  throw new GuesthouseError('program-missing', `${program} is not installed.`, {
    why: 'It is needed to build a guest from Debian packages.',
    todo: `On Debian and Ubuntu: sudo apt install ${debianPackage}`,
    subject: program,
  });
}
