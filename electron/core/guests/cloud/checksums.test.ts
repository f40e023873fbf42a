import { expect, it } from 'vitest';
import { cloudCatalog } from './catalog.ts';
import { checksumOf } from './checksums.ts';

const a = 'ab'.repeat(32);
const b = 'cd'.repeat(32);

it('finds a file in each way vendors list them', () => {
  expect(checksumOf(`${b}  other.img\n${a.toUpperCase()} *./x.img\n`, 'x.img', 'sha256')).toBe(a);
  const signed = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# x.img: 5 bytes\nSHA256 (x.img) = ${a}\n-----BEGIN PGP SIGNATURE-----\n`;
  expect(checksumOf(signed, 'x.img', 'sha256')).toBe(a);
  expect(checksumOf(`${a}\n`, 'x.img', 'sha256')).toBe(a);
});

it('finds none where the list is of other files, of another length, or says two things', () => {
  expect(checksumOf(`${a}  xx.img\n`, 'x.img', 'sha256')).toBeNull();
  expect(checksumOf(`${a}  x.img\n`, 'x.img', 'sha512')).toBeNull();
  expect(checksumOf(`${a}  x.img\n${b}  x.img\n`, 'x.img', 'sha256')).toBeNull();
  expect(checksumOf('<html>not found</html>', 'x.img', 'sha256')).toBeNull();
});

it('knows vendors by addresses with encryption, and keyrings for signatures it checks', () => {
  expect(new Set(cloudCatalog.map(({ id }) => id)).size).toBe(cloudCatalog.length);
  for (const { url, checksums, signature } of cloudCatalog) {
    expect(new URL(url).protocol).toBe('https:');
    expect(new URL(checksums.url).host).toBe(new URL(url).host);
    if (signature) expect(signature.keyrings.length > 0).toBe(signature.form !== 'other');
    if (signature?.form === 'within') expect(signature.url).toBe(checksums.url);
  }
});
