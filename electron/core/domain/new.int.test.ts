import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Domain, domainProps, forwardElement, metaProps, newDomain } from './index.ts';
import { newSpecs } from './testing.ts';

const schema = '/usr/share/libvirt/schemas/domain.rng';
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-xml-'));
  for (const [program, pkg] of [
    ['virt-xml-validate', 'libvirt-clients'],
    ['xmllint', 'libxml2-utils'],
  ] as const)
    if (spawnSync(program, ['--version']).error)
      throw new Error(
        `${program} is missing: apt-get install --no-install-recommends ${pkg} libvirt0 libxml2-utils`,
      );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function validate(text: string): string {
  const file = path.join(dir, 'domain.xml');
  writeFileSync(file, text);
  const { status, stdout, stderr } = spawnSync('virt-xml-validate', [file, 'domain'], { encoding: 'utf8' });
  return status === 0 ? 'valid' : `${stdout}${stderr}`;
}

describe('libvirt’s schema', () => {
  it('refuses what is wrong, so that its word means something', () => {
    expect(validate("<domain type='kvm'><name>x</name><invented/></domain>")).not.toBe('valid');
  });

  for (const [name, spec] of Object.entries(newSpecs))
    it(`takes ${name}`, () => {
      expect(validate(newDomain(spec).text)).toBe('valid');
    });

  it('takes a domain after edits in every part', () => {
    const domain = newDomain(newSpecs['new-hybrid']!)
      .set(domainProps.title, null)
      .set(domainProps.description, 'a\n<b>')
      .set(domainProps.vcpuCurrent, 1)
      .set(domainProps.cpuSockets, 1)
      .set(domainProps.cpuCores, 2)
      .set(domainProps.cpuThreads, 1)
      .set(domainProps.memory, 3 * 2 ** 30)
      .set(domainProps.kernel, null)
      .set(domainProps.initrd, null)
      .set(domainProps.cmdline, null)
      .set(domainProps.iothreads, 1)
      .set(domainProps.suspendToMem, false)
      .set(metaProps.autostart, true)
      .add('forward', forwardElement({ proto: 'udp', hostAddress: '127.0.0.1', hostPort: 1, guestPort: 2 }));
    expect(validate(domain.text)).toBe('valid');
  });
});

describe('libxml2, which libvirt reads with', () => {
  it('reads the same values', () => {
    execFileSync('test', ['-r', schema]);
    const text = newDomain(newSpecs['new-hybrid']!).set(domainProps.description, `a 'b' "c" <&>\té\n`).text;
    const file = path.join(dir, 'values.xml');
    writeFileSync(file, text);
    const read = execFileSync('xmllint', ['--xpath', 'string(/domain/description)', file], {
      encoding: 'utf8',
    });
    expect(read.slice(0, -1)).toBe(Domain.parse(text).get(domainProps.description));
  });
});
