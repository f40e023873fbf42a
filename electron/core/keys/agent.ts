import { CancelledError, GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import { run } from '../platform/exec.ts';
import { type AskpassOptions, openAskpass } from '../ssh/askpass.ts';

/** Fingerprints of the keys the agent holds; null when there is no agent (ssh-add(1): exit 2; exit 1: it holds none). */
export async function agentFingerprints(): Promise<ReadonlySet<string> | null> {
  if (!process.env.SSH_AUTH_SOCK) return null;
  try {
    const result = await run(['ssh-add', '-l', '-E', 'sha256'], { okCodes: [0, 1], timeoutMs: 5000 });
    return new Set([...result.stdout.matchAll(/^\d+ (SHA256:\S+)/gm)].map((match) => match[1]!));
  } catch {
    return null;
  }
}

function noAgent(): GuesthouseError {
  return new GuesthouseError('wrong-state', 'No SSH agent is running.', {
    why: 'SSH_AUTH_SOCK does not lead to one.',
    todo: 'Start Guesthouse from a session that has one, or run: eval $(ssh-agent)',
  });
}

/**
 * Puts a private key into the agent; its passphrase is asked for by a prompt.
 * @param lifetime seconds, null: until removed
 * @param confirm the agent asks before each use
 */
export async function addToAgent(
  file: string,
  options: { lifetime: number | null; confirm: boolean; askpass: AskpassOptions },
): Promise<void> {
  if ((await agentFingerprints()) === null) throw noAgent();
  const session = await openAskpass(options.askpass);
  try {
    await run(
      [
        'ssh-add',
        '-q',
        ...(options.lifetime === null ? [] : ['-t', String(options.lifetime)]),
        ...(options.confirm ? ['-c'] : []),
        '--',
        file,
      ],
      { env: session.env, signal: session.signal },
    );
  } catch (error) {
    if (isCancelled(error)) throw new CancelledError();
    const detail = error instanceof GuesthouseError ? (error.detail ?? '') : '';
    if (/UNPROTECTED PRIVATE KEY/.test(detail))
      throw new GuesthouseError('no-permission', 'ssh-add refuses this key, because others can read it.', {
        todo: 'Repair its permissions first.',
        detail,
        subject: file,
      });
    throw error;
  } finally {
    await session.close();
  }
}

/** @param publicFile the public key (or the private one, when it shows its public half) */
export async function removeFromAgent(publicFile: string): Promise<void> {
  if ((await agentFingerprints()) === null) throw noAgent();
  await run(['ssh-add', '-q', '-d', '--', publicFile], { timeoutMs: 10_000 });
}
