import type { Key } from '../../../shared/model/key.ts';
import type { Identities } from '../ssh/targets.ts';

/** sshd stops after six tries (MaxAuthTries); a password must still fit in. */
const maxOffered = 4;

/**
 * Which keys a guest or server is offered, the likeliest first. Pure.
 * @param target `keyId`: the one it is set to use; `given`: fingerprints of keys a guest was given
 */
export function keysToOffer(
  target: {
    readonly kind: 'guest' | 'server';
    readonly id: string;
    readonly keyId: string | null;
    readonly given: readonly string[];
  },
  keys: readonly Key[],
): Identities {
  const { kind, id, keyId, given } = target;
  const file = (key: Key) => key.path ?? key.publicPath!;
  if (keyId !== null) {
    const key = keys.find((k) => k.id === keyId);
    if (key) return { files: [file(key)], only: true };
  }
  const used = keys.filter(
    (key) => key.usedBy.includes(id) || (key.fingerprint !== null && given.includes(key.fingerprint)),
  );
  // A server without a word of ours about keys: ssh's own choice, from the person's configuration.
  if (kind === 'server' && used.length === 0) return { files: [], only: false };
  const usual = keys.filter(({ location, name }) => location === 'app' || /^id_/.test(name));
  // A guest may have been given any key when it was made. Those without a public half would be asked about first.
  const others = kind === 'guest' ? keys.filter((key) => key.path !== null && key.publicPath !== null) : [];
  const offered = new Set([...used, ...usual, ...others].map(file));
  // ssh offers all that an agent holds before what is in files, and sshd hangs up at the sixth: where a key is known to
  // do, and can be used, the agent's others stay away.
  const only = kind === 'guest' && used.some((key) => key.path !== null || key.inAgent);
  return { files: [...offered].slice(0, maxOffered), only };
}
