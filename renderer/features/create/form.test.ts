import { describe, expect, it } from 'vitest';
import { type CreateForm, checkForm, freeName } from './form.ts';

const form: CreateForm = {
  name: 'web-01',
  vcpus: 2,
  memory: 1024,
  kind: 'hybrid',
  diskSize: null,
  keys: '',
  start: true,
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
