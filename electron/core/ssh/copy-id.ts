import { GuesthouseError } from '../../../shared/errors.ts';
import type { SshTarget } from './command.ts';
import { fingerprint } from './known-hosts.ts';
import { type RemoteOptions, runRemote, type SshSurroundings } from './remote.ts';

/** A public key's line, taken apart. */
export interface PublicKeyLine {
  readonly type: string;
  readonly blob: string;
  readonly line: string;
}

/** @throws {GuesthouseError} `invalid-input` unless the text is exactly one public key (sshd(8), AUTHORIZED_KEYS) */
export function publicKeyLine(text: string): PublicKeyLine {
  const line = text.replace(/\r?\n$/, '');
  const match = /^([a-z0-9@.-]+) ([A-Za-z0-9+/]{20,}={0,2})(?: (.*))?$/.exec(line);
  if (!match || /[\p{Cc}]/u.test(line))
    throw new GuesthouseError('invalid-input', 'This is not one public key.', {
      why: 'A public key is a single line of type, key and comment.',
    });
  return { type: match[1]!, blob: match[2]!, line };
}

/*
 * What ssh-copy-id does, in one script for the far /bin/sh, which works on a copy and renames it, and which can be run
 * by any POSIX shell. ssh-copy-id itself is not used: it writes into the person's ~/.ssh, takes its options apart in
 * sh, and logs in three times. The key comes on stdin. A line is ours when it holds the key's blob; comments are not.
 */
const prelude = `umask 077
cd || exit 3
if [ -L .ssh/authorized_keys ]; then f=$(readlink -f .ssh/authorized_keys) || exit 3; else f=.ssh/authorized_keys; fi
t=$f.guesthouse.$$
trap 'rm -f "$t"' EXIT
trap 'exit 4' HUP INT TERM
blob=$1
own() { LC_ALL=C sed -e '/^[[:space:]]*#/b' -e "\\\\,$blob,d" "$f"; }
mine() { LC_ALL=C sed -n -e '/^[[:space:]]*#/d' -e "\\\\,$blob,p" "$f"; }
settle() {
  chmod 600 "$t" && mv -f "$t" "$f" || exit 3
  if command -v restorecon >/dev/null 2>&1; then restorecon -F .ssh "$f" >/dev/null 2>&1 || :; fi
}
`;

/** Prints `already` or `added`. sshd's StrictModes wants the folder and file unwritable for others; it never loosens. */
export const addScript = `${prelude}
IFS= read -r key || exit 3
[ -d .ssh ] || mkdir .ssh || exit 3
chmod go-rwx .ssh || exit 3
if [ -e "$f" ]; then
  chmod go-rwx "$f" || exit 3
  if [ -n "$(mine)" ]; then echo already; exit 0; fi
  cat "$f" >"$t" || exit 3
  if [ -s "$t" ] && [ -n "$(tail -c 1 "$t")" ]; then echo >>"$t"; fi
fi
printf '%s\\n' "$key" >>"$t" || exit 3
settle
echo added
`;

/** Prints `absent` or `removed`. Every other line stays byte for byte. */
export const removeScript = `${prelude}
if [ ! -e "$f" ] || [ -z "$(mine)" ]; then echo absent; exit 0; fi
own >"$t" || exit 3
settle
echo removed
`;

/** Adds the key to the login user's authorized_keys. @throws as {@link runRemote} */
export async function addKey(
  around: SshSurroundings,
  target: SshTarget,
  key: PublicKeyLine,
  options: RemoteOptions = {},
): Promise<'added' | 'already'> {
  const result = await runRemote(around, target, ['sh', '-c', addScript, 'sh', key.blob], {
    ...options,
    input: `${key.line}\n`,
  });
  return result.stdout.trim().split('\n').at(-1) === 'already' ? 'already' : 'added';
}

/** Takes the key out of the login user's authorized_keys. @throws as {@link runRemote} */
export async function removeKey(
  around: SshSurroundings,
  target: SshTarget,
  key: PublicKeyLine,
  options: RemoteOptions = {},
): Promise<'removed' | 'absent'> {
  const result = await runRemote(around, target, ['sh', '-c', removeScript, 'sh', key.blob], options);
  return result.stdout.trim().split('\n').at(-1) === 'absent' ? 'absent' : 'removed';
}

/**
 * Logs in with this key and nothing else, over a connection of its own. Resolves when the host accepts it: `second`
 * when it then asks for another factor too, which nobody is asked for here.
 * A person's configuration may add keys (IdentityFile accumulates), so ssh's own words decide which one was taken.
 * @param keyFile private key, or the public one when the private is in the agent
 * @throws {GuesthouseError} `auth-failed` when the host does not accept it; else as {@link runRemote}
 */
export async function checkKey(
  around: SshSurroundings,
  target: SshTarget,
  keyFile: string,
  key: PublicKeyLine,
  options: RemoteOptions = {},
): Promise<'in' | 'second'> {
  const tried = await tryKey(around, target, keyFile, key, options);
  if (tried !== 'other') return tried;
  // ssh offers what the agent holds before what is in files: without the agent this one comes first.
  const more = [...(options.options ?? []), 'IdentityAgent=none'];
  const again = keyFile.endsWith('.pub')
    ? tried
    : await tryKey(around, target, keyFile, key, { ...options, options: more });
  if (again !== 'other') return again;
  throw new GuesthouseError('auth-failed', `${target.name} let you in with another key.`, {
    why: 'A key named in your ssh configuration was taken before this one.',
    subject: target.id,
  });
}

async function tryKey(
  around: SshSurroundings,
  target: SshTarget,
  keyFile: string,
  key: PublicKeyLine,
  options: RemoteOptions,
): Promise<'in' | 'second' | 'other'> {
  const only = { ...target, identityFiles: [keyFile], identitiesOnly: true };
  let said = '';
  /** What ssh said after the host took this key last; null: it took another, or none. */
  const after = () => {
    const taken = [...said.matchAll(/Server accepts key: .* (SHA256:\S+)/g)].at(-1);
    return taken?.[1] === fingerprint(key.blob) ? said.slice(taken.index) : null;
  };
  try {
    await runRemote(around, only, ['true'], {
      ...options,
      options: [
        'LogLevel=DEBUG1',
        ...(options.options ?? []),
        'PreferredAuthentications=publickey',
        'PasswordAuthentication=no',
        'KbdInteractiveAuthentication=no',
      ],
      onStderr: (chunk) => {
        said += chunk;
        options.onStderr?.(chunk);
      },
    });
  } catch (error) {
    const refused = error instanceof GuesthouseError && error.code === 'auth-failed';
    if (refused && after()?.includes('Authenticated using "publickey" with partial success')) return 'second';
    throw error;
  }
  return after() === null ? 'other' : 'in';
}
