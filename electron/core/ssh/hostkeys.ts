import { GuesthouseError } from '../../../shared/errors.ts';
import type { HostKeyInfo } from '../../../shared/ipc/servers.ts';
import { run } from '../platform/exec.ts';
import { readTextIfAny } from '../platform/fs.ts';
import type { AskpassSession } from './askpass.ts';
import { type SshTarget, sshArgv } from './command.ts';
import { sshFailure } from './failures.ts';
import { fingerprint, forgetHostFile, type KnownHost, knownHostName, knownKeys } from './known-hosts.ts';
import { anyCode } from './remote.ts';

/** The name ssh files this target's key under, after `HostName`, `Port` and `HostKeyAlias` of the configuration. */
export async function hostKeyName(target: SshTarget): Promise<string> {
  if (target.hostKeyAlias !== null) return target.hostKeyAlias;
  const [, ...rest] = sshArgv(target, { how: 'batch' });
  const { stdout } = await run(['ssh', '-G', ...rest]);
  const value = (key: string) => new RegExp(`^${key} (.+)$`, 'm').exec(stdout)?.[1];
  const alias = value('hostkeyalias');
  if (alias && alias !== 'none') return alias;
  return knownHostName(value('hostname') ?? target.address, Number(value('port') ?? target.port));
}

/** Keys pinned for the target in its own files. */
export async function pinnedKeys(target: SshTarget): Promise<KnownHost[]> {
  const name = await hostKeyName(target);
  const texts = await Promise.all(target.knownHosts.map((file) => readTextIfAny(file)));
  return texts.flatMap((text) => (text === null ? [] : knownKeys(text, name)));
}

/**
 * Connects as far as the host key, with strict checking and without a log-in or a question.
 * @returns what stops a connection there, or null when nothing does (a log-in may still be refused)
 */
export async function connectionProblem(target: SshTarget): Promise<GuesthouseError | null> {
  const options = ['PreferredAuthentications=none', 'LogLevel=INFO', 'ConnectTimeout=10'];
  const { code, stderr } = await run(sshArgv(target, { how: 'batch', options }, ['true']), {
    okCodes: anyCode,
  });
  const failure = code === 255 ? sshFailure(target, stderr) : null;
  return failure?.code === 'auth-failed' ? null : failure;
}

/** {@link pinnedKeys} as people read them. */
export async function pinnedFingerprints(target: SshTarget): Promise<HostKeyInfo[]> {
  return (await pinnedKeys(target)).map(({ type, key }) => ({ type, fingerprint: fingerprint(key) }));
}

/** Takes the pinned keys out of the target's own files (a person's `~/.ssh/known_hosts` included: it would go on refusing). */
export async function forgetPinned(target: SshTarget): Promise<void> {
  const name = await hostKeyName(target);
  for (const file of target.knownHosts) await forgetHostFile(file, name);
}

/**
 * Makes sure that the host's key is known before anything else is sent. Where it is not, the person is asked once with
 * its fingerprint (ssh's own question, through `session`), and the key agreed to is pinned in the target's first file.
 * This is the only place that ever lets a new key in. No log-in is tried at the target itself.
 *
 * @returns whether it was known already
 * @throws {GuesthouseError} `host-key-changed`, `host-key-unknown` when the person says no, `unreachable`
 */
export async function ensurePinned(target: SshTarget, session: AskpassSession): Promise<'known' | 'pinned'> {
  if (!target.jump && (await pinnedKeys(target)).length > 0) return 'known';
  const argv = sshArgv(
    target,
    { how: 'ask', hostKeys: 'ask', options: ['PreferredAuthentications=none', 'LogLevel=INFO'] },
    ['true'],
  );
  const result = await run(argv, { env: session.env, signal: session.signal, okCodes: anyCode });
  if (result.code === 255) {
    const failure = sshFailure(target, result.stderr);
    if (failure && failure.code !== 'auth-failed') throw failure;
    // "Permission denied" by the target itself is what was meant to happen; by the jump host it is not.
    if (failure && target.jump && (await pinnedKeys(target)).length === 0) throw failure;
    if (!failure)
      throw new GuesthouseError('unreachable', `${target.name} cannot be reached.`, {
        why: result.stderr.trim().split('\n').at(-1),
        detail: result.stderr,
        subject: target.id,
      });
  }
  return 'pinned';
}
