import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { run } from '../../platform/exec.ts';
import { findProgram } from '../../qemu/accelerators.ts';

/** The first of these keyrings that is there, when gpgv(1) is too; null: nothing can be checked. */
export async function findKeyring(keyrings: readonly string[]): Promise<string | null> {
  if ((await findProgram('gpgv')) === null) return null;
  for (const keyring of keyrings) if ((await fs.stat(keyring).catch(() => null))?.isFile()) return keyring;
  return null;
}

/**
 * What of a list its vendor's key has signed: all of it where the signature is apart, else what stands in the signed text.
 * @param signature null where the list is signed in itself
 * @throws {GuesthouseError} `disk-refused` when the signature is not good
 */
export async function signedList(
  list: Buffer,
  signature: Buffer | null,
  keyring: string,
  signal?: AbortSignal,
): Promise<Buffer> {
  const dir = await fs.mkdtemp(path.join(tmpdir(), 'guesthouse-gpgv-'));
  const at = (name: string) => path.join(dir, name);
  try {
    await fs.writeFile(at('list'), list);
    if (signature) await fs.writeFile(at('signature'), signature);
    await fs.writeFile(at('keys.gpg'), dearmored(await fs.readFile(keyring)));
    const files = signature ? [at('signature'), at('list')] : ['--output', at('signed'), at('list')];
    const argv = ['--homedir', dir, '--keyring', at('keys.gpg'), ...files];
    const { code, stderr } = await run(['gpgv', ...argv], { okCodes: [0, 1, 2], signal, timeoutMs: 60_000 });
    if (code === 0) return signature ? list : await fs.readFile(at('signed'));
    throw new GuesthouseError('disk-refused', 'The vendor’s list of checksums is not signed by its key.', {
      why: `gpgv with ${keyring} found no good signature.`,
      todo: 'Do not use the image: someone on the way may have changed the list. Or the keyring is too old.',
      detail: stderr,
    });
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
}

/** gpgv reads binary keyrings alone; vendors hand out both (RFC 4880, 6.2). */
function dearmored(keys: Buffer): Buffer {
  const blocks = [
    ...keys
      .toString('latin1')
      .matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:\S.*\r?\n)*\r?\n([^-]*)-----END/g),
  ];
  if (blocks.length === 0) return keys;
  // The last line, which begins with an equals sign, is a checksum.
  return Buffer.concat(blocks.map(([, text]) => Buffer.from(text!.replace(/^=.*$/m, ''), 'base64')));
}
