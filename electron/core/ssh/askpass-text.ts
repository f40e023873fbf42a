import type { Prompt } from '../../../shared/model/prompt.ts';

/** The host ssh itself names in a question (sshconnect.c, sshconnect2.c), or null. */
export function hostNamed(text: string): string | null {
  const match =
    /^The authenticity of host '\[?([^'\]\s]+)/.exec(text) ??
    /^\((?:[^()\s]+)@([^()\s]+)\) /.exec(text) ??
    /^\S+@(\S+)'s password: $/.exec(text);
  return match?.[1] ?? null;
}

/**
 * What a question of OpenSSH wants, judged by its text. The texts of ssh, ssh-add and sudo are their own; those of
 * keyboard-interactive come from the other side and are only guessed at, so they never become more than a field.
 * @param hint SSH_ASKPASS_PROMPT: `confirm` (yes or no), `none` (just shown), anything else: a line
 */
export function classify(text: string, hint: string): Pick<Prompt, 'kind' | 'text' | 'hostKey'> {
  if (hint === 'none') return { kind: 'notice', text, hostKey: null };
  if (hint === 'confirm') return { kind: 'confirm', text, hostKey: null };
  if (/Are you sure you want to continue connecting \(yes\/no/.test(text)) {
    const key = /^(\S+) key fingerprint is (SHA256:[A-Za-z0-9+/]+)/m.exec(text);
    return { kind: 'host-key', text, hostKey: key ? { type: key[1]!, fingerprint: key[2]! } : null };
  }
  if (/^Enter (passphrase for|PIN for)/.test(text) || /^Bad passphrase, try again/.test(text))
    return { kind: 'passphrase', text, hostKey: null };
  if (/code|one[- ]time|otp|token|factor|verification|authenticator/i.test(text))
    return { kind: 'otp', text, hostKey: null };
  if (/pass(word|phrase)?\b/i.test(text)) return { kind: 'password', text, hostKey: null };
  // Hidden all the same: an unknown question may ask for a secret.
  return { kind: 'text', text, hostKey: null };
}
