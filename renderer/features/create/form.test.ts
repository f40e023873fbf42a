import { describe, expect, it } from 'vitest';
import type { SourceImage } from '../../../shared/ipc/guests.ts';
import { type CreateForm, checkForm, freeName, fromOf, nameAfter, suggested } from './form.ts';
import { plainWords, warnings } from './words.ts';

const form: CreateForm = {
  name: 'web-01',
  vcpus: 2,
  memory: 1024,
  kind: 'hybrid',
  diskSize: null,
  keys: '',
  start: true,
  firmware: 'bios',
  tpm: false,
  user: '',
  mode: 'copy',
};

describe('the form of a new guest', () => {
  it('gives the call its input', () => {
    const { spec } = checkForm({ ...form, keys: '# mine\nssh-ed25519 AAAAC3Nz me@here\n\n' }, []);
    expect(spec).toMatchObject({
      name: 'web-01',
      from: { kind: 'starter', id: 'debian-12' },
      authorizedKeys: ['ssh-ed25519 AAAAC3Nz me@here'],
      start: true,
    });
  });

  it.each(['', ' a', '../../x', 'a,b', '-x', 'x'.repeat(300), 'a\nb'])(
    'refuses the name %j with a sentence',
    (name) => {
      expect(checkForm({ ...form, name }, []).problems?.name).toMatch(/\.$/);
    },
  );

  it('refuses a name in use, whatever its case', () => {
    expect(checkForm({ ...form, name: 'WEB-01' }, ['web-01']).problems?.name).toMatch(/Another guest/);
  });

  it('never takes a private key', () => {
    const keys = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----';
    expect(checkForm({ ...form, keys }, []).problems?.keys).toMatch(/private key/);
  });

  it('counts on from the names that are there', () => {
    expect(freeName([])).toBe('debian-1');
    expect(freeName(['Debian-1', 'debian-2', 'web'])).toBe('debian-3');
  });
});

const image = (more: Partial<SourceImage>): SourceImage => ({
  path: '/srv/a.iso',
  format: 'iso',
  virtualSize: 2 ** 30,
  label: null,
  system: null,
  ova: null,
  ...more,
});

describe('a guest from a file', () => {
  it.each([
    ['debian-13.1.0-amd64-netinst.iso', 'debian-13.1.0'],
    ['Win11_24H2_English_x64.iso', 'win11-24h2-english'],
    ['web & mail', 'web-mail'],
    ['...', 'guest'],
    ['taken.qcow2', 'taken-1'],
  ])('is named after %j: %j', (file, name) => {
    expect(nameAfter(file, ['Taken'])).toBe(name);
  });

  it('takes what the file suggests', () => {
    const system = { name: 'Windows 11', kind: 'full', memory: 4096, disk: 64 } as const;
    expect(suggested('iso', image({ system }), [])).toMatchObject({
      kind: 'full',
      memory: 4096,
      diskSize: 64,
      firmware: 'secure-boot',
      tpm: true,
    });
    expect(suggested('iso', image({}), [])).toMatchObject({ kind: 'hybrid', diskSize: 20, tpm: false });
  });

  it('gives the call its source, and none for a path that is not whole', () => {
    expect(fromOf('image', '/a.img', { ...form, mode: 'link' })).toEqual({
      kind: 'image',
      path: '/a.img',
      mode: 'link',
      firmware: 'bios',
    });
    expect(fromOf('iso', 'a.iso', form)).toBeNull();
  });

  it('says what will become of the file', () => {
    const words = (mode: CreateForm['mode']) =>
      plainWords('image', image({ format: 'vmdk' }), { ...form, mode }).join(' ');
    expect(words('copy')).toMatch(/copied and converted to qcow2. The file itself is not changed/);
    expect(words('link')).toMatch(/must stay where it is/);
    expect(words('in-place')).toMatch(/writes to the image itself/);
    expect(plainWords('iso', image({}), { ...form, diskSize: 8 }).join(' ')).toMatch(/empty disk of 8 GiB/);
  });

  it('warns of what this computer has not', () => {
    const report = {
      cpu: { threads: 2 },
      memory: { available: 2 ** 30 },
      disk: { free: 2 ** 30 },
      accelerator: { chosen: 'kvm', kvm: 'works' },
    } as Parameters<typeof warnings>[3];
    const fine = { ...form, memory: 512 };
    expect(warnings('image', image({ virtualSize: 2 ** 29 }), fine, report)).toEqual([]);
    const said = (patch: Partial<CreateForm>, size = 2 ** 29) =>
      warnings('image', image({ virtualSize: size }), { ...fine, ...patch }, report).join(' ');
    expect(said({ memory: 4096 })).toMatch(/memory are free/);
    expect(said({ vcpus: 8 })).toMatch(/2 processors/);
    expect(said({}, 2 ** 32)).toMatch(/needs up to 4 GiB/);
    expect(said({ diskSize: 50 })).toMatch(/can grow to 50 GiB/);
  });
});
