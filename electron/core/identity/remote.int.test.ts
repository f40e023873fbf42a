import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeHostKey } from './hostkeys.ts';
import { planIdentity } from './plan.ts';
import { applyInput, applyScript, parseSnapshot, snapshotScript } from './remote.ts';
import { makeValues } from './values.ts';

/** The scripts, run by a real shell over a folder that stands for a machine's root. */
let root = '';
const inRoot = (script: string) =>
  script
    .replaceAll(/(?<![\w/])\/(etc|var|usr\/lib\/os-release)/g, `${root}/$1`)
    .replace('dbus-uuidgen >', 'no-such-program >');
const sh = (script: string, input = '') =>
  execFileSync('sh', ['-c', inRoot(script)], { input, encoding: 'utf8' });
const strip = (output: string) =>
  output
    .split('\n')
    .map((line) => {
      const words = line.split(' ');
      if (words.length < 6) return line;
      const path = Buffer.from(words[4]!, 'base64').toString().replace(root, '');
      return [...words.slice(0, 4), Buffer.from(path).toString('base64'), words[5]].join(' ');
    })
    .join('\n');

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'gh-remote-'));
  for (const dir of ['etc/ssh', 'var/lib/dbus', 'var/lib/systemd', 'var/lib/dhcp'])
    mkdirSync(join(root, dir), { recursive: true });
  const key = await makeHostKey('ed25519', 'root@old');
  writeFileSync(join(root, 'etc/machine-id'), '8d1e0c2b7e81d94c0f9a5d1f6c0b277c\n');
  symlinkSync('/etc/machine-id', join(root, 'var/lib/dbus/machine-id'));
  writeFileSync(join(root, 'etc/hostname'), 'old\n');
  writeFileSync(join(root, 'etc/ssh/ssh_host_ed25519_key'), key.privateKey, { mode: 0o600 });
  writeFileSync(join(root, 'etc/ssh/ssh_host_ed25519_key.pub'), key.publicKey);
  writeFileSync(join(root, 'var/lib/dhcp/x.leases'), 'lease');
});
afterAll(() => rmSync(root, { recursive: true }));

describe('identity over a shell', () => {
  it('reads, plans and writes as on a disk', async () => {
    const before = await parseSnapshot(strip(sh(snapshotScript)), 1);
    expect(before.facts).toMatchObject({
      source: 'ssh',
      machineId: '8d1e0c2b7e81d94c0f9a5d1f6c0b277c',
      dbus: 'link',
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    });
    const values = await makeValues('new', ['ed25519']);
    const plan = await planIdentity(before.tree, {
      mode: 'repair',
      parts: ['machine-id', 'host-keys', 'hostname', 'random-seed', 'leases'],
      values,
    });
    const uid = process.getuid!();
    const edits = plan.steps.map(({ edit }) => ({
      ...edit,
      path: root + edit.path,
      // An ordinary user cannot give files to root.
      ...('uid' in edit && edit.uid !== undefined ? { uid, gid: process.getgid!() } : {}),
    }));
    expect(sh(applyScript, applyInput(edits))).toBe('applied\n');
    const after = await parseSnapshot(strip(sh(snapshotScript)), 2);
    expect(after.facts).toMatchObject({ machineId: values.machineId, dbus: 'link', hostname: 'new' });
    expect(after.facts.hostKeys.map((k) => k.fingerprint)).toEqual([values.hostKeys[0]!.fingerprint]);
    expect(statSync(join(root, 'etc/machine-id')).mode & 0o777).toBe(0o444);
    expect(statSync(join(root, 'etc/ssh/ssh_host_ed25519_key')).mode & 0o777).toBe(0o600);
    expect(readlinkSync(join(root, 'var/lib/dbus/machine-id'))).toBe('/etc/machine-id');
    expect(() => statSync(join(root, 'var/lib/dhcp/x.leases'))).toThrow();
  });

  it.each(['', 'f 644 0 0 L2V0Yw==\n', '$(reboot)\nend\n'])(
    'refuses a cut or foreign answer %j',
    async (output) => {
      await expect(parseSnapshot(output, 0)).rejects.toMatchObject({ code: 'program-failed' });
    },
  );
});
