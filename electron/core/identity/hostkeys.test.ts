import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostKeyKinds, makeHostKey, parsePublicKey, publicBlobOfPrivateKey } from './hostkeys.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gh-hostkeys-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe.each(hostKeyKinds)('a made %s host key', (kind) => {
  it('is what ssh-keygen reads, public half, fingerprint and a signature that verifies', async () => {
    // Many, since a wrong mpint or padding shows only for some values.
    for (let n = 0; n < (kind === 'rsa' ? 1 : 12); n++) {
      const key = await makeHostKey(kind, 'root@web 01');
      const file = join(dir, `${kind}-${n}`);
      writeFileSync(file, key.privateKey, { mode: 0o600 });
      const derived = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' });
      expect(derived.trim()).toBe(key.publicKey.trim());
      expect(execFileSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' })).toContain(
        ` ${key.fingerprint} `,
      );
      writeFileSync(`${file}.txt`, 'signed');
      execFileSync('ssh-keygen', ['-Y', 'sign', '-f', file, '-n', 'test', `${file}.txt`], { stdio: 'pipe' });
      writeFileSync(`${file}.allowed`, `me ${key.publicKey}`);
      execFileSync(
        'ssh-keygen',
        ['-Y', 'verify', '-f', `${file}.allowed`, '-I', 'me', '-n', 'test', '-s', `${file}.txt.sig`],
        { input: 'signed' },
      );
      expect(publicBlobOfPrivateKey(key.privateKey)).toEqual(parsePublicKey(key.publicKey)!.blob);
    }
  });
});

describe('parsePublicKey', () => {
  it('refuses a line whose blob names another type', async () => {
    const key = await makeHostKey('ed25519', 'x');
    expect(parsePublicKey(key.publicKey.replace('ssh-ed25519', 'ssh-rsa'))).toBeNull();
  });
});
