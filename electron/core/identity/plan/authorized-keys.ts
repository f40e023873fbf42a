import { GuesthouseError } from '../../../../shared/errors.ts';
import { parsePublicKey } from '../hostkeys.ts';
import type { GuestTree } from '../tree.ts';
import { mustBeFile, readText, type Step, write } from './context.ts';
import { homes } from './state.ts';

/**
 * Adds public keys to a user's authorized_keys (sshd(8)), keeping every line that is there; `~/.ssh` 0700, the file
 * 0600, both the user's.
 * @throws {GuesthouseError} `not-found` when the disk has no such user, `invalid-input` for a line that is no key
 */
export async function planAuthorizedKeys(
  tree: GuestTree,
  user: string,
  lines: readonly string[],
): Promise<readonly Step[]> {
  if (lines.length === 0) return [];
  const account = (await homes(tree)).find((entry) => entry.user === user);
  if (!account)
    throw new GuesthouseError('not-found', `There is no user ${user} on the disk.`, {
      todo: 'Choose a login user that exists there.',
    });
  for (const line of lines)
    if (parsePublicKey(line) === null || /[\n\r]/.test(line.trim()))
      throw new GuesthouseError('invalid-input', 'That is not an SSH public key.', {
        why: 'A public key is one line: its type, its base64 text, a comment.',
      });
  const folder = `${account.home}/.ssh`;
  const path = `${folder}/authorized_keys`;
  const steps: Step[] = [];
  if ((await tree.stat(folder))?.type !== 'directory')
    steps.push({
      edit: { action: 'directory', path: folder, mode: 0o700, uid: account.uid, gid: account.gid },
      change: { part: 'authorized-keys', path: folder, action: 'directory', before: null, after: '0700' },
    });
  await mustBeFile(tree, path);
  const old = (await readText(tree, path)) ?? '';
  const known = new Set(old.split('\n').map((l) => parsePublicKey(l)?.fingerprint));
  const added = lines.map((l) => l.trim()).filter((l) => !known.has(parsePublicKey(l)!.fingerprint));
  if (added.length === 0) return steps;
  const glue = old === '' || old.endsWith('\n') ? '' : '\n';
  steps.push(
    write(
      'authorized-keys',
      path,
      `${old}${glue}${added.join('\n')}\n`,
      { after: added.map((l) => parsePublicKey(l)!.fingerprint).join(', ') },
      { mode: 0o600, uid: account.uid, gid: account.gid },
    ),
  );
  return steps;
}
