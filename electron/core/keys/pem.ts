import { createPublicKey, type JsonWebKey } from 'node:crypto';

const string = (bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
};
/** RFC 4251, 5: a number whose first bit is set gets a zero in front, or it would be negative. */
const mpint = (base64url: string): Buffer => {
  const bytes = Buffer.from(base64url, 'base64url');
  return string(bytes[0]! & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
};
const curves: Readonly<Record<string, string>> = {
  'P-256': 'nistp256',
  'P-384': 'nistp384',
  'P-521': 'nistp521',
};

/**
 * The public key's blob (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4) of a PEM private key without a passphrase. Read here
 * and not by `ssh-keygen -y`, which refuses a file whose mode is too open, and that is just what the page has to show.
 * @returns null when it is damaged, or a kind of key OpenSSH has no such blob for
 */
export function publicBlobOf(pem: string): Buffer | null {
  let jwk: JsonWebKey;
  try {
    jwk = createPublicKey(pem).export({ format: 'jwk' });
  } catch {
    return null;
  }
  if (jwk.kty === 'RSA' && jwk.e && jwk.n)
    return Buffer.concat([string('ssh-rsa'), mpint(jwk.e), mpint(jwk.n)]);
  const bytes = (text: string) => Buffer.from(text, 'base64url');
  const curve = curves[jwk.crv ?? ''];
  if (jwk.kty === 'EC' && curve && jwk.x && jwk.y) {
    const point = Buffer.concat([Buffer.from([4]), bytes(jwk.x), bytes(jwk.y)]);
    return Buffer.concat([string(`ecdsa-sha2-${curve}`), string(curve), string(point)]);
  }
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && jwk.x)
    return Buffer.concat([string('ssh-ed25519'), string(bytes(jwk.x))]);
  return null;
}
