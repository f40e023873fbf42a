/** Reading of key files without a passphrase and without running anything. */

import { publicBlobOf } from './pem.ts';

export interface PrivateHeader {
  readonly encrypted: boolean;
  /** As in the blob: `ssh-ed25519`; without one from the PEM label (RSA, EC, DSA), null for PKCS#8. */
  readonly type: string | null;
  /** Base64 of the public key's blob; null for PEM with a passphrase, which hides it, or damaged. */
  readonly blob: string | null;
}

/** Bytes read of a file to judge it; OpenSSH refuses keys above 1 MiB (MAX_KEY_FILE_SIZE), ours stop far below. */
export const maxKeyFile = 64 << 10;

/** First line of every private key OpenSSH reads. */
export const privateKeyStart = /^-----BEGIN (?:OPENSSH |RSA |DSA |EC |ENCRYPTED )?PRIVATE KEY-----/;

/**
 * Reads the unencrypted part of a private key: PROTOCOL.key of OpenSSH ("openssh-key-v1": cipher name, KDF, public
 * key), the PEM headers of RFC 1421 (`Proc-Type: 4,ENCRYPTED`), or PKCS#8's label. Null when it is none of these.
 */
export function readPrivateHeader(text: string): PrivateHeader | null {
  const label = /^-----BEGIN ((?:[A-Z]+ )?)PRIVATE KEY-----\r?\n/.exec(text)?.[1]?.trim();
  if (label === undefined) return null;
  if (label === 'ENCRYPTED') return { encrypted: true, type: null, blob: null };
  if (label !== 'OPENSSH') {
    const encrypted = /^Proc-Type: 4,ENCRYPTED/m.test(text.slice(0, 300));
    const blob = encrypted ? null : publicBlobOf(text);
    return {
      encrypted,
      type: (blob && blobType(blob)) ?? (label || null),
      blob: blob?.toString('base64') ?? null,
    };
  }
  const end = text.indexOf('-----END OPENSSH PRIVATE KEY-----');
  if (end < 0) return null;
  const body = text.slice(text.indexOf('\n') + 1, end);
  const bytes = Buffer.from(body, 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.toString('latin1', 0, magic.length) !== magic) return null;
  let at = magic.length;
  const string = (): Buffer | null => {
    if (at + 4 > bytes.length) return null;
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) return null;
    const value = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  const cipher = string();
  if (!cipher || !string() || !string()) return null; // KDF name, KDF options
  at += 4; // number of keys, always 1
  const blob = string();
  // And the private part, whole.
  if (!blob || !string()) return null;
  return {
    encrypted: cipher.toString('latin1') !== 'none',
    type: blobType(blob),
    blob: blob.toString('base64'),
  };
}

/** The type a public key blob begins with (RFC 4253, 6.6), or null. */
export function blobType(blob: Uint8Array): string | null {
  const bytes = Buffer.from(blob);
  if (bytes.length < 5) return null;
  const length = bytes.readUInt32BE(0);
  if (length > 64 || 4 + length > bytes.length) return null;
  return bytes.toString('latin1', 4, 4 + length);
}

/** A .pub file: type, base64 blob, comment (everything after, as it is). Null unless the blob names the same type. */
export function readPublic(text: string): { type: string; blob: string; comment: string } | null {
  const line = text.split('\n', 1)[0]!.replace(/\r$/, '');
  const match = /^\s*([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?$/s.exec(line);
  if (!match) return null;
  if (blobType(Buffer.from(match[2]!, 'base64')) !== match[1]) return null;
  return { type: match[1]!, blob: match[2]!, comment: match[3] ?? '' };
}

/** ssh-keygen's word for a key type. */
export function typeWord(type: string): string {
  const words: Record<string, string> = {
    'ssh-ed25519': 'ED25519',
    'ssh-rsa': 'RSA',
    'ssh-dss': 'DSA',
    'sk-ssh-ed25519@openssh.com': 'ED25519-SK',
    'sk-ecdsa-sha2-nistp256@openssh.com': 'ECDSA-SK',
    RSA: 'RSA',
    DSA: 'DSA',
    EC: 'ECDSA',
  };
  return words[type] ?? (type.startsWith('ecdsa-sha2-') ? 'ECDSA' : type.toUpperCase());
}
