import { beforeAll, describe, expect, it } from 'vitest';
import { identityPartIds } from '../../../shared/model/identity.ts';
import { readFacts } from './facts.ts';
import { type HostKey, makeHostKey } from './hostkeys.ts';
import { MemoryTree } from './memory-tree.ts';
import { neededKinds } from './plan/host-keys.ts';
import { renamedHosts } from './plan/hostname.ts';
import { replaceMacs } from './plan/network-config.ts';
import { planIdentity } from './plan.ts';
import { type IdentityValues, makeValues } from './values.ts';

const seed = '/var/lib/cloud/seed/nocloud';
const owner = { mode: 0o600, uid: 0, gid: 0 };
const oldId = '8d1e0c2b7e81d94c0f9a5d1f6c0b277c';
let old: Record<'ed25519' | 'ecdsa' | 'rsa', HostKey>;
let values: IdentityValues;

beforeAll(async () => {
  old = {
    ed25519: await makeHostKey('ed25519', 'root@old'),
    ecdsa: await makeHostKey('ecdsa', 'root@old'),
    rsa: await makeHostKey('rsa', 'root@old'),
  };
  values = await makeValues('web-01', ['ed25519', 'ecdsa']);
});

const debian = (more: ConstructorParameters<typeof MemoryTree>[0] = {}) =>
  new MemoryTree({
    '/etc/machine-id': `${oldId}\n`,
    '/var/lib/dbus/machine-id': { link: '/etc/machine-id' },
    '/etc/hostname': 'old\n',
    '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\told.example.org old\n::1 localhost ip6-localhost\n',
    '/etc/passwd': 'root:x:0:0::/root:/bin/bash\ndebian:x:1000:1000::/home/debian:/bin/bash\n',
    '/home/debian': { folder: true },
    '/etc/ssh/sshd_config': 'Include /etc/ssh/sshd_config.d/*.conf\n',
    '/etc/ssh/ssh_host_ed25519_key': old.ed25519.privateKey,
    '/etc/ssh/ssh_host_ed25519_key.pub': old.ed25519.publicKey,
    '/etc/ssh/ssh_host_rsa_key': old.rsa.privateKey,
    '/etc/ssh/ssh_host_rsa_key.pub': old.rsa.publicKey,
    '/var/lib/systemd/random-seed': 'old seed',
    ...more,
  });

/** Plans, applies, and reads what is there afterwards. */
async function applied(tree: MemoryTree, request: Partial<Parameters<typeof planIdentity>[1]> = {}) {
  const plan = await planIdentity(tree, {
    mode: 'clone',
    parts: identityPartIds.slice(0, 7),
    values,
    ...request,
  });
  tree.apply(plan.steps.map((step) => step.edit));
  return { plan, facts: await readFacts(tree, 0) };
}

describe('a clone', () => {
  it('gets the planned machine-id, keys and name, and keeps nothing of the old', async () => {
    const tree = debian();
    const { facts, plan } = await applied(tree);
    expect(facts).toMatchObject({ machineId: values.machineId, dbus: 'link', hostname: 'web-01' });
    expect(facts.hostKeys.map((k) => k.fingerprint).sort()).toEqual(
      values.hostKeys.map((k) => k.fingerprint).sort(),
    );
    expect((await tree.stat('/etc/machine-id'))?.mode).toBe(0o444);
    expect((await tree.stat('/etc/ssh/ssh_host_ecdsa_key'))?.mode).toBe(0o600);
    expect(await tree.stat('/etc/ssh/ssh_host_rsa_key.pub')).toBeNull();
    expect((await tree.readFile('/var/lib/systemd/random-seed', 1000))?.length).toBe(512);
    // What people are shown holds no secret.
    expect(JSON.stringify(plan.steps.map((step) => step.change))).not.toContain('PRIVATE KEY');
    // Each private key that leaves is overwritten first.
    for (const { edit } of plan.steps)
      if (edit.path.endsWith('rsa_key') && edit.action === 'remove') expect(edit.shred).toBe(true);
  });

  it('replaces keys at paths that sshd_config names, in included files too, RSA among them', async () => {
    const tree = debian({
      '/etc/ssh/sshd_config.d/keys.conf': 'HostKey /srv/keys/host_rsa\nHostKey = "/srv/keys/host ed"\n',
      '/srv/keys/host_rsa': old.rsa.privateKey,
      '/srv/keys/host ed': old.ed25519.privateKey,
    });
    const kinds = await neededKinds(tree, ['ed25519', 'ecdsa']);
    expect([await neededKinds(debian(), ['ed25519']), kinds]).toEqual([
      ['ed25519'],
      ['ed25519', 'ecdsa', 'rsa'],
    ]);
    // Made once: what the preview shows is what is written.
    const own = { ...values, hostKeys: [...values.hostKeys, await makeHostKey('rsa', 'root@web-01')] };
    const { facts } = await applied(tree, { values: own });
    const at = (path: string) => facts.hostKeys.find((key) => key.path === path);
    expect(at('/srv/keys/host_rsa')).toMatchObject({ type: 'ssh-rsa' });
    expect(at('/srv/keys/host_rsa')?.fingerprint).toBe(own.hostKeys[2]!.fingerprint);
    expect(at('/srv/keys/host ed')?.fingerprint).toBe(values.hostKeys[0]!.fingerprint);
  });

  it('mends a D-Bus id that is a file of its own, and a machine-id that is a link', async () => {
    const tree = debian({ '/var/lib/dbus/machine-id': `${oldId}\n` });
    expect((await applied(tree)).facts).toMatchObject({ dbus: 'link', machineId: values.machineId });
    const turned = debian({
      '/etc/machine-id': { link: '/var/lib/dbus/machine-id' },
      '/var/lib/dbus/machine-id': `${oldId}\n`,
    });
    expect((await applied(turned)).facts).toMatchObject({ dbus: 'link', machineId: values.machineId });
  });

  it('tells cloud-init of the same keys, and forbids it to delete them', async () => {
    const tree = debian({ '/etc/cloud/cloud.cfg': '', '/var/lib/cloud/instances/i-1/x': '' });
    await applied(tree);
    const userData = String(await tree.readFile('/var/lib/cloud/seed/nocloud/user-data', 1 << 16));
    expect(userData).toContain('ssh_deletekeys: false');
    expect(userData).toContain(values.hostKeys[0]!.publicKey.trim());
    expect(await tree.stat('/var/lib/cloud/instances')).toBeNull();
  });

  it('leaves nothing of a cloud-init seed of ours when sealed, and speaks of another', async () => {
    const tree = debian({ '/etc/cloud/cloud.cfg': '' });
    await applied(tree);
    const sealed = await applied(tree, { mode: 'seal', values: null });
    expect(await tree.readdir(seed)).toEqual([]);
    const gone = sealed.plan.steps.filter(({ edit }) => edit.path.startsWith(`${seed}/`));
    expect(gone).toHaveLength(2);
    for (const { edit } of gone) expect(edit).toMatchObject({ action: 'remove', shred: true });
    const foreign = debian({
      '/etc/cloud/cloud.cfg': '',
      [`${seed}/meta-data`]: 'instance-id: i-0\n',
      [`${seed}/user-data`]: `#cloud-config\nssh_keys:\n  rsa_private: |\n    ${old.rsa.privateKey}`,
    });
    const kept = await applied(foreign, { mode: 'seal', values: null });
    expect(await foreign.readdir(seed)).toHaveLength(2);
    expect(kept.plan.warnings).toEqual([expect.stringContaining('private keys that Guesthouse did not')]);
  });

  it('gives a seed of ours the new keys and name when only those are repaired, as the same instance', async () => {
    const tree = debian({ '/etc/cloud/cloud.cfg': '' });
    await applied(tree);
    const kept = `/var/lib/cloud/instances/${values.instanceId}`;
    tree.put(`${kept}/user-data.txt`, (await tree.readFile(`${seed}/user-data`, 1 << 16))!, owner);
    tree.put(`${kept}/sem/config_ssh`, Buffer.from(''), owner);
    const next = await makeValues('web-09', ['ed25519', 'ecdsa']);
    const parts = ['host-keys', 'hostname'] as const;
    const { plan } = await applied(tree, { mode: 'repair', parts, values: next });
    const read = async (name: string) => String(await tree.readFile(`${seed}/${name}`, 1 << 16));
    expect(await read('meta-data')).toBe(`instance-id: ${values.instanceId}\nlocal-hostname: web-09\n`);
    expect(await read('user-data')).toContain(next.hostKeys[0]!.publicKey.trim());
    expect(await read('user-data')).toContain('hostname: web-09');
    expect(await read('user-data')).not.toContain(values.hostKeys[0]!.publicKey.trim());
    expect(await tree.readdir(kept)).toEqual(['sem']);
    for (const { edit } of plan.steps)
      if (edit.path.startsWith('/var/lib/cloud')) expect(edit).toMatchObject({ shred: true });
    // The name alone leaves the keys of the seed as they are.
    await applied(tree, { mode: 'repair', parts: ['hostname'], values: { ...values, hostname: 'web-10' } });
    expect(await read('user-data')).toContain('hostname: web-10');
    expect(await read('user-data')).toContain(next.hostKeys[0]!.publicKey.trim());
  });

  it('overwrites the key a link leads to, and leaves a file in place of the link', async () => {
    const tree = debian({
      '/etc/ssh/ssh_host_ed25519_key': { link: '../../var/keys/ed' },
      '/var/keys/ed': old.ed25519.privateKey,
    });
    const { plan } = await applied(tree, { parts: ['host-keys'] });
    expect((await tree.lstat('/etc/ssh/ssh_host_ed25519_key'))?.type).toBe('file');
    expect(plan.steps.map(({ edit }) => edit)).toContainEqual(
      expect.objectContaining({ action: 'remove', path: '/var/keys/ed', shred: true }),
    );
  });

  it('authorises keys for a user beside the ones that are there', async () => {
    const line = (await makeHostKey('ed25519', 'me@laptop')).publicKey.trim();
    const tree = debian({ '/home/debian/.ssh/authorized_keys': '# mine\nssh-ed25519 AAAA broken' });
    await applied(tree, { authorizedKeys: { user: 'debian', lines: [line] } });
    expect(String(await tree.readFile('/home/debian/.ssh/authorized_keys', 9999))).toBe(
      `# mine\nssh-ed25519 AAAA broken\n${line}\n`,
    );
    expect(await tree.stat('/home/debian/.ssh/authorized_keys')).toMatchObject({
      mode: 0o600,
      uid: 1000,
      gid: 1000,
    });
    await expect(applied(tree, { authorizedKeys: { user: 'nobody', lines: [line] } })).rejects.toThrow(
      'no user nobody',
    );
  });

  it('refuses a folder where machine-id should be', async () => {
    await expect(applied(debian({ '/etc/machine-id': { folder: true } }))).rejects.toMatchObject({
      code: 'disk-refused',
    });
  });

  it('refuses a hundred host keys', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`/etc/ssh/ssh_host_${n}_key`, 'x']),
    );
    await expect(applied(debian(many))).rejects.toMatchObject({ code: 'disk-refused' });
  });
});

describe('a seal', () => {
  it('empties what identifies and what tells tales', async () => {
    const tree = debian({
      '/var/log/journal/8d1e0c2b7e81d94c0f9a5d1f6c0b277c/system.journal': 'x',
      '/var/log/apt/history.log': 'x',
      '/var/log/wtmp': 'x',
      '/home/debian/.bash_history': 'secret',
      '/home/debian/.ssh/authorized_keys': 'stay',
      '/tmp/a/b': 'x',
    });
    const { facts } = await applied(tree, {
      mode: 'seal',
      values: null,
      parts: identityPartIds.filter((part) => part !== 'user-ssh'),
    });
    expect(facts).toMatchObject({
      machineIdState: 'empty',
      dbus: 'link',
      hostname: 'localhost',
      hostKeys: [],
    });
    for (const gone of [
      '/tmp/a',
      '/home/debian/.bash_history',
      '/var/log/apt/history.log',
      '/var/lib/systemd/random-seed',
    ])
      expect(await tree.stat(gone), gone).toBeNull();
    expect(await tree.readdir('/var/log/journal')).toEqual([]);
    expect((await tree.stat('/var/log/wtmp'))?.size).toBe(0);
    expect(await tree.stat('/home/debian/.ssh/authorized_keys')).not.toBeNull();
    expect(String(await tree.readFile('/etc/hosts', 999))).toBe(
      '127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\n',
    );
  });
});

describe('renamedHosts', () => {
  it.each([
    ['127.0.1.1 old\n', '127.0.1.1 new\n'],
    ['127.0.1.1\told.corp.de  old # old stays here\r\n', '127.0.1.1\tnew.corp.de  new # old stays here\r\n'],
    ['127.0.0.1 localhost', '127.0.0.1 localhost\n127.0.1.1\tnew\n'],
    ['10.0.0.9 older old-db\n', '10.0.0.9 older old-db\n127.0.1.1\tnew\n'],
  ])('%j', (hosts, expected) => {
    expect(renamedHosts(hosts, 'old', 'new')).toBe(expected);
  });

  it('never renames localhost', () => {
    expect(renamedHosts('127.0.0.1 localhost\n', 'localhost', 'new')).toBe(
      '127.0.0.1 localhost\n127.0.1.1\tnew\n',
    );
  });
});

describe('replaceMacs', () => {
  it('keeps the spelling and leaves longer runs alone', () => {
    const macs = new Map([['52:54:00:aa:bb:cc', '52:54:00:11:22:3d']]);
    expect(replaceMacs('a 52:54:00:AA:BB:CC b 52-54-00-aa-bb-cc c 00:52:54:00:aa:bb:cc', macs).text).toBe(
      'a 52:54:00:11:22:3D b 52-54-00-11-22-3d c 00:52:54:00:aa:bb:cc',
    );
  });
});
