import { accessSync, constants } from 'node:fs';
import * as path from 'node:path';

/**
 * The command line that runs `argv` without the descriptors an Electron process has open.
 *
 * Chromium does not mark all its files close-on-exec (it closes them itself in the children it makes), and Node's
 * spawn closes none: a QEMU started from the window would hold the window's X connection, its cache files and
 * the pipes of Chromium's own helpers for as long as the guest runs, and mmdebstrap fails, since dash takes no
 * descriptor above 9 in a redirection. Under plain Node `argv` is returned as it is.
 *
 * @param argv program and arguments; the words are arguments of bash, never text it reads
 * @param env where PATH is looked up; a program that is not there is left to fail as it does without this
 * @param keep descriptors below this one stay open
 */
export function withoutInherited(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
  keep = 3,
): [string, ...string[]] {
  if (process.versions.electron === undefined || !isThere(argv[0], env) || !isThere('bash', env))
    return [...argv];
  const close = `for f in /proc/self/fd/*; do f=\${f##*/}; [ "$f" -ge ${keep} ] && eval "exec $f>&-"; done; exec "$@"`;
  return ['bash', '--norc', '--noprofile', '-c', close, 'bash', ...argv];
}

function isThere(program: string, env: Readonly<Record<string, string | undefined>>): boolean {
  const candidates = program.includes('/')
    ? [program]
    : (env.PATH ?? '').split(':').map((dir) => path.join(dir, program));
  return candidates.some((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
