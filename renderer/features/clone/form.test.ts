import { describe, expect, it } from 'vitest';
import { usualParts } from '../../ui/IdentityParts.tsx';
import {
  type CloneForm,
  type CloneSource,
  checkForm,
  checkNames,
  firstPattern,
  reportText,
  shownNames,
  specOf,
} from './form.ts';

const source: CloneSource = {
  kind: 'template',
  id: 'debian-12-aa',
  name: 'debian-12',
  vcpus: 2,
  memory: 1024,
  diskBytes: 3 * 2 ** 30,
  loginUser: 'debian',
  ready: true,
};
const form: CloneForm = {
  source: source.id,
  pattern: 'web-{1..3}',
  linked: true,
  vcpus: 2,
  memory: 1024,
  diskSize: null,
  loginUser: 'debian',
  keyIds: new Set(),
  pasted: '',
  tags: '',
  parts: usualParts('clone'),
  rsa: false,
  seed: null,
};
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCB0aGlzIGlzIG5vIGtleQ me@laptop';

describe('names as one types', () => {
  it('expands a pattern, and says which names are taken whatever their case', () => {
    expect(checkNames('web-{01..03}', [])).toEqual({ names: ['web-01', 'web-02', 'web-03'], problem: null });
    expect(checkNames('web-{1..3}', ['WEB-2']).problem).toBe('There is a guest or template named web-2.');
    expect(checkNames('a-{1..5}', ['a-1', 'a-2', 'a-3', 'a-4']).problem).toBe(
      '4 of these names are taken: a-1, a-2, a-3…',
    );
    expect(checkNames('', []).problem).toBe('Enter a name.');
    expect(checkNames('web-{1..101}', []).problem).toMatch(/At most 100/);
  });
  it('shows the ends of a long list', () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index + 1}`);
    expect(shownNames(names)).toBe('n1, n2, n3, n4, n5 … n20');
    expect(shownNames(names.slice(0, 3))).toBe('n1, n2, n3');
  });
  it('proposes a free name that is not the source’s own', () => {
    expect(firstPattern('debian-12', ['debian-1', 'debian-12'])).toBe('debian-2');
    expect(firstPattern('web', [])).toBe('web-1');
    expect(firstPattern('42', [])).toBe('42-1');
  });
});

describe('the second page', () => {
  it('finds what core would refuse, by field', () => {
    expect(checkForm(form, source)).toEqual({});
    expect(checkForm({ ...form, diskSize: 2 }, source).diskSize).toContain('the source has 3 GiB');
    expect(checkForm({ ...form, diskSize: 3 }, source)).toEqual({});
    expect(checkForm({ ...form, loginUser: '-oProxyCommand=x' }, source).loginUser).toBeDefined();
    expect(checkForm({ ...form, pasted: '-----BEGIN OPENSSH PRIVATE KEY-----' }, source).pasted).toMatch(
      /private key/,
    );
    expect(checkForm({ ...form, pasted: 'hello' }, source).pasted).toMatch(/one line/);
    expect(checkForm({ ...form, pasted: `# mine\n\n${key}` }, source)).toEqual({});
    expect(checkForm({ ...form, tags: 'x'.repeat(41) }, source).tags).toBeDefined();
  });
  it('asks core only for what differs from the source, and for each key once', () => {
    const spec = specOf({ ...form, pasted: key, tags: 'web, web ,', vcpus: 4 }, source, ['a'], [`${key}\n`]);
    expect(spec).toMatchObject({ vcpus: 4, memory: null, diskSize: null, tags: ['web'], start: false });
    expect(spec.authorizedKeys).toEqual([key]);
    expect(spec.hostKeyTypes).toEqual(['ed25519', 'ecdsa']);
    expect(specOf({ ...form, rsa: true }, source, ['a'], []).hostKeyTypes).toContain('rsa');
    expect(specOf({ ...form, loginUser: ' ' }, source, ['a'], []).loginUser).toBeNull();
  });
});

it('the report names every value of every clone', () => {
  const text = reportText(
    {
      source,
      items: [
        {
          name: 'web-1',
          sshPort: 2201,
          identity: {
            hostname: 'web-1',
            machineId: 'ab'.repeat(16),
            uuid: 'u',
            macs: ['52:54:00:00:00:01'],
            hostKeys: [{ type: 'ssh-ed25519', fingerprint: 'SHA256:x' }],
          },
        },
      ],
    },
    () => 'made',
  );
  for (const part of ['web-1: made', 'abab', '52:54:00:00:00:01', 'SHA256:x', '127.0.0.1:2201'])
    expect(text).toContain(part);
});
