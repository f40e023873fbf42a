import { describe, expect, it } from 'vitest';
import { readManifest } from './manifest.ts';
import { readOvf, unit } from './ovf.ts';
import { ovfText } from './testing.ts';

describe('an OVF descriptor', () => {
  it('gives processors, memory, disks, cards, system and firmware', () => {
    const machine = readOvf(
      ovfText({
        name: 'web &amp; mail',
        disks: [
          { file: 'web-disk1.vmdk', capacity: '8', units: 'byte * 2^30' },
          { file: null, capacity: '1024', units: 'MegaBytes' },
        ],
        more: '<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>',
      }),
    );
    expect(machine).toEqual({
      name: 'web & mail',
      os: 'Debian GNU/Linux 12 (64-bit)',
      vcpus: 2,
      memory: 2048,
      firmware: 'uefi',
      tpm: false,
      disks: [
        { file: 'web-disk1.vmdk', capacity: 8 * 2 ** 30 },
        { file: null, capacity: 2 ** 30 },
      ],
      interfaces: ['E1000'],
      notes: ['A CD drive is left out.'],
    });
  });

  it('knows the units that writers use', () => {
    expect(['byte', 'MegaBytes', 'byte * 2^20', 'byte*2^30', 'byte * 10^9', 'GB'].map(unit)).toEqual([
      1,
      2 ** 20,
      2 ** 20,
      2 ** 30,
      1e9,
      2 ** 30,
    ]);
    for (const odd of ['fortnight', 'byte * 3^2', 'constructor', '__proto__'])
      expect(() => unit(odd)).toThrow();
  });

  it.each<[string, string, RegExp]>([
    ['no XML', 'hello', /cannot be used/],
    ['half an element', '<Envelope><VirtualSystem></Envelope>', /cannot be used/],
    ['another root', '<domain/>', /cannot be used/],
    ['no machine', '<Envelope/>', /cannot be used/],
    [
      'entities of its own',
      '<!DOCTYPE e [<!ENTITY a SYSTEM "file:///etc/passwd">]><Envelope>&a;</Envelope>',
      /cannot be used/,
    ],
    [
      'several machines',
      ovfText({}).replace('</VirtualSystem>', '</VirtualSystem><VirtualSystem/>'),
      /several/,
    ],
    [
      'a path that leads outside',
      ovfText({ disks: [{ file: '../../etc/passwd', capacity: '1' }] }),
      /outside/,
    ],
    ['an absolute path', ovfText({ disks: [{ file: '/etc/passwd', capacity: '1' }] }), /outside/],
    ['an address', ovfText({ disks: [{ file: 'http://example.org/a.vmdk', capacity: '1' }] }), /outside/],
    [
      'a disk of 2^60 bytes',
      ovfText({ disks: [{ file: 'a.vmdk', capacity: String(2 ** 60) }] }),
      /too large/,
    ],
    [
      'a size by a unit',
      ovfText({ disks: [{ file: 'a.vmdk', capacity: '99999', units: 'byte * 2^40' }] }),
      /too large/,
    ],
    ['a packed disk', ovfText({ disks: [{ file: 'a.vmdk', capacity: '1', compression: 'gzip' }] }), /packed/],
  ])('is refused with %s', (_, text, reason) => {
    expect(() => readOvf(text)).toThrow(reason);
  });
});

describe('a manifest', () => {
  it('is read in both ways it is written', () => {
    const text = `SHA256(a.ovf)= ${'AB'.repeat(32)}\r\nSHA1 (./b.vmdk) = ${'0'.repeat(40)}\n\n`;
    expect([...readManifest(text)]).toEqual([
      ['a.ovf', { algorithm: 'sha256', digest: 'ab'.repeat(32) }],
      ['b.vmdk', { algorithm: 'sha1', digest: '0'.repeat(40) }],
    ]);
  });

  it.each([
    'MD5(a)= 00',
    `SHA256(a)= ${'0'.repeat(40)}`,
    'nonsense',
    `SHA1(a)=${'0'.repeat(40)}\nSHA1(a)=${'0'.repeat(40)}`,
  ])('is refused when a line is %j', (text) => {
    expect(() => readManifest(text)).toThrow(/manifest/);
  });
});
