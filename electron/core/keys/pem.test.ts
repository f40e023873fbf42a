import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { publicBlobOf } from './pem.ts';
import { scanFolder } from './scan.ts';

let temp: TempHome;
let dir: string;
beforeEach(() => {
  temp = tempHome();
  dir = path.join(temp.home, '.ssh');
  fs.mkdirSync(dir, { mode: 0o700 });
});
afterEach(() => temp.remove());

const uid = process.getuid!();
/** A PEM private key, its .pub set aside. @returns what ssh-keygen says of its public half */
function pem(name: string, type: string, bits: string, format: string, passphrase = '') {
  const file = path.join(dir, name);
  const args = ['-q', '-t', type, '-b', bits, '-m', format, '-N', passphrase, '-C', '', '-f', file];
  execFileSync('ssh-keygen', args);
  const [, fingerprint] = execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' }).split(' ');
  const [word, blob] = fs.readFileSync(`${file}.pub`, 'utf8').trim().split(' ');
  fs.rmSync(`${file}.pub`);
  return { text: fs.readFileSync(file, 'utf8'), fingerprint, word, blob };
}

it.each([
  ['rsa', '2048', 'PEM', 'RSA'],
  ['rsa', '2048', 'PKCS8', 'RSA'],
  ['ecdsa', '256', 'PEM', 'ECDSA'],
  ['ecdsa', '384', 'PKCS8', 'ECDSA'],
  ['ecdsa', '521', 'PEM', 'ECDSA'],
])('a PEM key without its .pub has a fingerprint: %s %s %s', async (type, bits, format, word) => {
  const { fingerprint } = pem('k', type, bits, format);
  // Also one that ssh-keygen would not read.
  fs.chmodSync(path.join(dir, 'k'), 0o644);
  const [key] = await scanFolder(dir, 'ssh', uid);
  expect(key).toMatchObject({
    fingerprint,
    type: word,
    bits: Number(bits),
    encrypted: false,
    publicPath: null,
    noFingerprint: null,
    unreadable: null,
  });
  expect(key!.randomart).toContain(word);
});

it('one with a passphrase says why it has none', async () => {
  pem('old', 'rsa', '2048', 'PEM', 'long enough');
  pem('new', 'ecdsa', '256', 'PKCS8', 'long enough');
  for (const key of await scanFolder(dir, 'ssh', uid))
    expect(key).toMatchObject({
      fingerprint: null,
      encrypted: true,
      unreadable: null,
      noFingerprint: expect.stringMatching(/passphrase.*no public key.*Change passphrase/s),
    });
});

it('a damaged one says so, and a public key that is another’s is found out', async () => {
  const { text } = pem('cut', 'rsa', '2048', 'PEM');
  fs.writeFileSync(path.join(dir, 'cut'), text.replace(/\n.{20}/, '\nAAAA'));
  pem('other', 'ecdsa', '256', 'PEM');
  const { word, blob } = pem('gone', 'ecdsa', '256', 'PEM');
  fs.rmSync(path.join(dir, 'gone'));
  fs.writeFileSync(path.join(dir, 'other.pub'), `${word} ${blob}\n`);
  const [cut, other] = await scanFolder(dir, 'ssh', uid);
  expect(cut).toMatchObject({ fingerprint: null, noFingerprint: expect.stringContaining('damaged') });
  expect(other!.unreadable).toContain('another private key');
});

it('no blob is made of what OpenSSH does not have', () => {
  const pemOf = (key: { privateKey: { export(o: { type: 'pkcs8'; format: 'pem' }): string | Buffer } }) =>
    String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  expect(publicBlobOf(pemOf(generateKeyPairSync('x25519')))).toBeNull();
  expect(publicBlobOf(pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })))).toBeNull();
  expect(publicBlobOf(pemOf(generateKeyPairSync('ed25519')))?.toString('latin1')).toContain('ssh-ed25519');
  expect(publicBlobOf('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')).toBeNull();
});
