import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemByLabel } from './osinfo.ts';
import { systemOf, systemOfRelease } from './systems.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'osinfo-'));
  const write = (vendor: string, name: string, label: string, more: string) => {
    mkdirSync(path.join(dir, vendor), { recursive: true });
    writeFileSync(
      path.join(dir, vendor, `${name}.xml`),
      `<libosinfo version="0.0.1"><os id="x"><name xml:lang="de">Anders</name><name>${name}</name><short-id>${name.toLowerCase().replaceAll(' ', '')}</short-id>${more}
       <media arch="x86_64"><iso><volume-id>${label}</volume-id></iso></media></os></libosinfo>`,
    );
  };
  write(
    'debian.org',
    'Debian 12',
    '^Debian 12\\.\\d+\\.\\d+ amd64',
    `<family>linux</family><release-date>2023-06-10</release-date>
     <resources arch="all"><minimum><ram>1</ram></minimum>
     <recommended><ram>2147483648</ram><storage>21474836480</storage></recommended></resources>`,
  );
  write('debian.org', 'Debian old', '^Debian 12', '<release-date>1999-01-01</release-date>');
  write('microsoft.com', 'Windows 11', 'CCCOMA_X64', '<family>winnt</family>');
  write('odd.org', 'Odd', '(?<broken', '');
  writeFileSync(path.join(dir, 'odd.org', 'torn.xml'), '<libosinfo><volume-id>TORN</volume-id>');
});
afterAll(() => rmSync(dir, { recursive: true }));

it('knows a medium by its label, and what its system wants', async () => {
  expect(await systemByLabel('Debian 12.5.0 amd64 n', [dir])).toEqual({
    name: 'Debian 12',
    kind: 'hybrid',
    memory: 2048,
    disk: 20,
  });
  expect(await systemByLabel('CCCOMA_X64FRE_EN', [dir])).toMatchObject({ name: 'Windows 11', kind: 'full' });
});

it('says nothing of what it does not know, and of files that are none', async () => {
  expect(await systemByLabel('MY DATA', [dir])).toBeNull();
  expect(await systemByLabel('TORN', [dir])).toBeNull();
  expect(await systemByLabel('Debian 12.5.0 amd64 n', [path.join(dir, 'nothing')])).toBeNull();
});

it.each([
  ['Debian GNU/Linux 12 (64-bit)', 'Debian', 'hybrid'],
  ['ubuntu64Guest', 'Ubuntu', 'hybrid'],
  ['Linux26_64', 'Linux', 'hybrid'],
  ['windows9_64Guest', 'Windows', 'full'],
])('knows %s by the words of other programs', (words, name, kind) => {
  expect(systemOf(words)).toMatchObject({ name, kind });
});

it('knows an installed system by its os-release', async () => {
  const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';
  const name = 'Debian GNU/Linux 12 (bookworm)';
  expect(await systemOfRelease(debian, [dir])).toEqual({ name, kind: 'hybrid', memory: 2048, disk: 20 });
  const rocky = "NAME='Rocky Linux'\nID=rocky\nID_LIKE='rhel centos fedora'\nVERSION_ID='9.4'\n";
  expect(await systemOfRelease(rocky, [dir])).toMatchObject({ name: 'Rocky Linux', memory: 4096 });
  expect(await systemOfRelease('ID=mint\nID_LIKE="ubuntu debian"\n', [])).toMatchObject({ memory: 4096 });
  expect(await systemOfRelease('', [])).toMatchObject({ name: 'Linux', kind: 'hybrid' });
});
