import { createHash, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** An SSH host key made on this machine, ready to be written into a guest. */
export interface HostKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  readonly type: string;
  readonly kind: HostKeyKind;
  /** The private key file's whole text (openssh-key-v1, PROTOCOL.key). Secret. */
  readonly privateKey: string;
  /** The `.pub` file's whole text. */
  readonly publicKey: string;
  /** `SHA256:…` as ssh-keygen -l prints it. */
  readonly fingerprint: string;
}

export const hostKeyKinds = ['ed25519', 'ecdsa', 'rsa'] as const;
export type HostKeyKind = (typeof hostKeyKinds)[number];

const generate = promisify(generateKeyPair);
/** Bits of a new RSA host key, as ssh-keygen -A makes them. */
const rsaBits = 3072;

/**
 * Makes a host key pair with OpenSSL's generator, in the thread pool. Made here and not by a hundred ssh-keygen
 * processes since a batch of clones needs them in milliseconds; ssh-keygen reads the result (tested).
 * @param comment last field of the public key, e.g. `root@web-01`; one line
 */
export async function makeHostKey(kind: HostKeyKind, comment: string): Promise<HostKey> {
  const words = comment.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  const { type, publicBlob, privateFields } = await makeFields(kind);
  const privateKey = openSshPrivateKey(publicBlob, Buffer.concat([str(type), privateFields, str(words)]));
  return {
    type,
    kind,
    privateKey,
    publicKey: `${type} ${publicBlob.toString('base64')} ${words}\n`,
    fingerprint: fingerprintOf(publicBlob),
  };
}

/** `SHA256:` and the unpadded base64 of the blob's SHA-256, as ssh-keygen(1) -l prints it. */
export function fingerprintOf(publicBlob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(publicBlob).digest('base64').replace(/=+$/, '')}`;
}

/**
 * Reads a public key line (`type base64 [comment]`), or null when it is none. The type inside the blob must be the
 * one outside: a line that lies about itself is no key.
 */
export function parsePublicKey(line: string): { type: string; blob: Buffer; fingerprint: string } | null {
  const [type, base64] = line.trim().split(/\s+/);
  if (!type || !base64 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  const blob = Buffer.from(base64, 'base64');
  if (blob.length < 8) return null;
  const length = blob.readUInt32BE(0);
  if (length > 64 || blob.subarray(4, 4 + length).toString('latin1') !== type) return null;
  return { type, blob, fingerprint: fingerprintOf(blob) };
}

/**
 * Reads the public half out of an unencrypted openssh-key-v1 private key file (PROTOCOL.key), or null. A disk may
 * hold a private key whose `.pub` is missing or someone else's.
 */
export function publicBlobOfPrivateKey(text: string): Buffer | null {
  const match =
    /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(text);
  if (!match) return null;
  const bytes = Buffer.from(match[1]!, 'base64');
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) return null;
  let at = magic.length;
  const next = () => {
    if (at + 4 > bytes.length) return null;
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) return null;
    const value = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  for (let field = 0; field < 3; field++) if (next() === null) return null; // cipher, kdf, kdf options
  if (at + 4 > bytes.length || bytes.readUInt32BE(at) !== 1) return null;
  at += 4;
  const blob = next();
  return blob ? Buffer.from(blob) : null;
}

const magic = 'openssh-key-v1\0';

async function makeFields(
  kind: HostKeyKind,
): Promise<{ type: string; publicBlob: Buffer; privateFields: Buffer }> {
  switch (kind) {
    case 'ed25519': {
      const { publicKey, privateKey } = await generate('ed25519');
      const pub = jwkField(publicKey, 'x');
      const seed = jwkField(privateKey, 'd');
      return {
        type: 'ssh-ed25519',
        publicBlob: Buffer.concat([str('ssh-ed25519'), str(pub)]),
        privateFields: Buffer.concat([str(pub), str(Buffer.concat([seed, pub]))]),
      };
    }
    case 'ecdsa': {
      const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' });
      const point = Buffer.concat([Buffer.from([4]), jwkField(publicKey, 'x'), jwkField(publicKey, 'y')]);
      const head = Buffer.concat([str('nistp256'), str(point)]);
      return {
        type: 'ecdsa-sha2-nistp256',
        publicBlob: Buffer.concat([str('ecdsa-sha2-nistp256'), head]),
        privateFields: Buffer.concat([head, mpint(jwkField(privateKey, 'd'))]),
      };
    }
    case 'rsa': {
      const { publicKey, privateKey } = await generate('rsa', { modulusLength: rsaBits });
      const [n, e] = [jwkField(publicKey, 'n'), jwkField(publicKey, 'e')];
      const secret = (name: 'd' | 'qi' | 'p' | 'q') => mpint(jwkField(privateKey, name));
      return {
        type: 'ssh-rsa',
        publicBlob: Buffer.concat([str('ssh-rsa'), mpint(e), mpint(n)]),
        privateFields: Buffer.concat([
          mpint(n),
          mpint(e),
          secret('d'),
          secret('qi'),
          secret('p'),
          secret('q'),
        ]),
      };
    }
  }
}

function jwkField(key: KeyObject, name: string): Buffer {
  const value = (key.export({ format: 'jwk' }) as Record<string, unknown>)[name];
  if (typeof value !== 'string') throw new Error(`key without ${name}`);
  return Buffer.from(value, 'base64url');
}

/** RFC 4251 string. */
function str(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** RFC 4251 mpint: no leading zeros, one zero byte when the high bit is set. */
function mpint(value: Buffer): Buffer {
  let at = 0;
  while (at < value.length - 1 && value[at] === 0) at++;
  const trimmed = value.subarray(at);
  return str(trimmed[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed);
}

function openSshPrivateKey(publicBlob: Buffer, fields: Buffer): string {
  const check = randomBytes(4);
  let secret = Buffer.concat([check, check, fields]);
  const padding = (8 - (secret.length % 8)) % 8;
  secret = Buffer.concat([secret, Buffer.from(Array.from({ length: padding }, (_, i) => i + 1))]);
  const one = Buffer.alloc(4);
  one.writeUInt32BE(1);
  const all = Buffer.concat([
    Buffer.from(magic, 'latin1'),
    str('none'),
    str('none'),
    str(''),
    one,
    str(publicBlob),
    str(secret),
  ]);
  const lines = all.toString('base64').match(/.{1,70}/g)!;
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
