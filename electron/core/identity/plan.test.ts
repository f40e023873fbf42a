import { beforeAll, describe, expect, it } from 'vitest';
import { identityPartIds } from '../../../shared/model/identity.ts';
import { readFacts } from './facts.ts';
import { type HostKey, makeHostKey } from './hostkeys.ts';
import { MemoryTree } from './memory-tree.ts';
import { renamedHosts } from './plan/hostname.ts';
import { replaceMacs } from './plan/network-config.ts';
import { planIdentity } from './plan.ts';
import { type IdentityValues, makeValues } from './values.ts';

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
    const { facts } = await applied(tree);
    const at = (path: string) => facts.hostKeys.find((key) => key.path === path);
    expect(at('/srv/keys/host_rsa')).toMatchObject({ type: 'ssh-rsa' });
    expect(at('/srv/keys/host_rsa')?.fingerprint).not.toBe(old.rsa.fingerprint);
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
