import { GuesthouseError } from '../../../shared/errors.ts';
import type { SshTarget } from './command.ts';
import { visible } from './prompts.ts';

/**
 * What went wrong, from the words of ssh(1) in the C locale, or null when they name no failure of the connection
 * (the remote program failed by itself).
 */
export function sshFailure(target: SshTarget, stderr: string): GuesthouseError | null {
  const detail = visible(stderr.trim(), 4000);
  const subject = target.id;
  const where = `${target.name} (${target.address}, port ${target.port})`;
  const make = (
    code: ConstructorParameters<typeof GuesthouseError>[0],
    what: string,
    why: string,
    todo: string,
  ) => new GuesthouseError(code, what, { why, todo, detail, subject });

  if (
    /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|REVOKED HOST KEY DETECTED/i.test(
      stderr,
    )
  ) {
    const shown = /fingerprint for the (\S+) key sent by the remote host is\s+(SHA256:\S+?)\.?\s/.exec(
      stderr,
    );
    return make(
      'host-key-changed',
      `${target.name} shows another host key than the one pinned for it. The connection was stopped.`,
      `Someone may be posing as ${target.name}, or it was installed anew.${
        shown ? ` It now shows ${shown[1]} ${shown[2]}.` : ''
      }`,
      'Compare the fingerprint on the machine itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). Only when it is the same, forget the pinned key and connect again.',
    );
  }
  if (/No \S+ host key is known for|Host key verification failed|authenticity of host/i.test(stderr))
    return make(
      'host-key-unknown',
      `The host key of ${target.name} is not known.`,
      'Guesthouse only connects to machines whose key was pinned.',
      'Connect once and compare the fingerprint shown.',
    );
  if (/UNPROTECTED PRIVATE KEY FILE|bad permissions/i.test(stderr) && /Permission denied/.test(stderr))
    return make(
      'auth-failed',
      `${target.name} did not let you in.`,
      'ssh ignored a private key, because others can read it.',
      'Repair its permissions on the Keys page.',
    );
  if (/Bad owner or permissions on/i.test(stderr))
    return make(
      'no-permission',
      'ssh refuses to read its configuration.',
      'Others can change ~/.ssh/config.',
      'Repair its permissions on the Keys page.',
    );
  if (
    /Permission denied \(|Permission denied, please try again|Too many authentication failures|No more authentication methods/i.test(
      stderr,
    )
  ) {
    const methods = /Permission denied \(([^)]*)\)/.exec(stderr)?.[1];
    return make(
      'auth-failed',
      `${target.name} did not let ${target.user ?? 'you'} in.`,
      methods ? `None of the ways it offers worked: ${methods}.` : 'It refused every key and answer.',
      'Check the user name, and that the host accepts your key or password.',
    );
  }
  const reason =
    /Could not resolve hostname[^\n]*|Connection refused|No route to host|Network is unreachable|Connection timed out[^\n]*|Operation timed out|Connection reset[^\n]*|Connection closed[^\n]*|kex_exchange_identification[^\n]*|Timeout, server[^\n]*|client_loop: send disconnect[^\n]*|Broken pipe|banner exchange[^\n]*|Connection to \S+ port \d+ timed out/i.exec(
      stderr,
    );
  if (reason)
    return make(
      'unreachable',
      `${where} cannot be reached.`,
      `${visible(reason[0], 300).replace(/[.\s]+$/, '')}.`,
      target.kind === 'guest'
        ? 'See that it runs and that its sshd is started.'
        : 'Check the address and port, and that the machine runs.',
    );
  return null;
}
