import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeHostKey } from './hostkeys.ts';
import { planIdentity } from './plan.ts';
import { applyInput, applyScript, parseSnapshot, snapshotScript } from './remote.ts';
import { makeValues } from './values.ts';

/** The scripts, run by a real shell over a folder that stands for a machine's root. */
let root = '';
const inRoot = (script: string) =>
  script
    .replaceAll(/(?<![\w/])\/(etc|var|usr\/lib\/os-release)/g, `${root}/$1`)
    // This machine's own sshd has nothing to say here.
    .replace('sshd -T', `printf 'port 22\\nhostkey %s\\n' ${root}/etc/own`);
/** Busybox's shell and tools where it is there, as on Alpine. */
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => existsSync(file));
const shells = ['sh', ...(busybox === undefined ? [] : ['busybox'])];
function sh(shell: string, script: string, input = '', dbus = false): string {
  const applets = join(root, 'applets');
  const PATH = shell === 'sh' ? [...(dbus ? [applets] : []), process.env.PATH].join(':') : applets;
  const own = dbus ? script : script.replace('command -v dbus-uuidgen', 'command -v no-such-program');
  return execFileSync(shell === 'sh' ? 'sh' : join(applets, 'sh'), ['-c', inRoot(own)], {
    input,
    encoding: 'utf8',
    env: { PATH },
  });
}
/** The paths as the machine itself would name them. */
const strip = (output: string) => {
  const [paths, ...rest] = output.split('\n');
  const own = Buffer.from(paths!, 'base64').toString().replaceAll(root, '');
  return [Buffer.from(own).toString('base64'), ...rest].join('\n');
};

beforeEach(async () => {
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
  if (busybox) {
    mkdirSync(join(root, 'applets'), { recursive: true });
    execFileSync(busybox, ['--install', '-s', join(root, 'applets')]);
  }
});
afterEach(() => rmSync(root, { recursive: true }));

describe('identity over a shell', () => {
  it.each(shells)('reads, plans and writes as on a disk, with %s', async (shell) => {
    const before = await parseSnapshot(strip(sh(shell, snapshotScript())), 1);
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
    expect(sh(shell, applyScript, applyInput(edits))).toBe('applied\n');
    const after = await parseSnapshot(strip(sh(shell, snapshotScript())), 2);
    expect(after.facts).toMatchObject({ machineId: values.machineId, dbus: 'link', hostname: 'new' });
    expect(after.facts.hostKeys.map((k) => k.fingerprint)).toEqual([values.hostKeys[0]!.fingerprint]);
    expect(statSync(join(root, 'etc/machine-id')).mode & 0o777).toBe(0o444);
    expect(statSync(join(root, 'etc/ssh/ssh_host_ed25519_key')).mode & 0o777).toBe(0o600);
    expect(readlinkSync(join(root, 'var/lib/dbus/machine-id'))).toBe('/etc/machine-id');
    expect(() => statSync(join(root, 'var/lib/dhcp/x.leases'))).toThrow();
  });

  it.each(shells)('that breaks off leaves every old file, and no new one, with %s', async (shell) => {
    const [id, name] = ['etc/machine-id', 'etc/hostname'].map((file) => join(root, file));
    const edits = [
      { action: 'write' as const, path: id!, content: Buffer.from('new\n'), mode: 0o444 },
      { action: 'remove' as const, path: name! },
    ];
    const whole = applyInput(edits);
    const cut = whole.slice(0, whole.lastIndexOf('e -'));
    expect(() => sh(shell, applyScript, cut)).toThrow('did not arrive whole');
    expect(readFileSync(id!, 'utf8')).toMatch(/^8d1e/);
    expect(readFileSync(name!, 'utf8')).toBe('old\n');
    expect(readdirSync(join(root, 'etc')).join()).not.toContain('guesthouse');
  });

  it.each(shells)('says so when dbus-uuidgen is not content, with %s', async (shell) => {
    const edit = {
      action: 'write' as const,
      path: join(root, 'etc/machine-id'),
      content: Buffer.from('0123456789abcdef0123456789abcdef\n'),
    };
    mkdirSync(join(root, 'applets'), { recursive: true });
    const fake = join(root, 'applets/dbus-uuidgen');
    const content = (code: number) => {
      const answer = `case $1 in --get) cat ${root}/etc/machine-id ;; *) exit ${code} ;; esac`;
      writeFileSync(fake, `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
    };
    content(1);
    expect(() => sh(shell, applyScript, applyInput([edit]), true)).toThrow('dbus-uuidgen is not content');
    content(0);
    expect(sh(shell, applyScript, applyInput([edit]), true)).toBe('applied\n');
    // Keys alone have nothing to do with it.
    content(1);
    const key = { ...edit, path: join(root, 'etc/ssh/ssh_host_ed25519_key'), shred: true };
    expect(sh(shell, applyScript, applyInput([key]), true)).toBe('applied\n');
  });

  it.each(shells)('names with newlines, large files and links are told apart, with %s', async (shell) => {
    writeFileSync(join(root, 'var/lib/dhcp/a\nend 0\nb'), 'odd');
    writeFileSync(join(root, 'var/lib/dhcp/large'), Buffer.alloc((1 << 20) + 1));
    writeFileSync(join(root, 'var/lib/dhcp/empty'), '');
    writeFileSync(join(root, 'etc/own'), 'key');
    chmodSync(join(root, 'etc/own'), 0o640);
    symlinkSync('to\nwhere', join(root, 'var/lib/dhcp/link'));
    const { tree } = await parseSnapshot(strip(sh(shell, snapshotScript())), 1);
    expect(String(await tree.readFile('/var/lib/dhcp/a\nend 0\nb', 99))).toBe('odd');
    // What sshd itself names as a host key is read as well; only root can ask it.
    expect(await tree.lstat('/etc/own')).toEqual(
      process.getuid!() === 0 ? expect.objectContaining({ mode: 0o640 }) : null,
    );
    expect(await tree.lstat('/var/lib/dhcp/large')).toBeNull();
    expect((await tree.readFile('/var/lib/dhcp/empty', 99))?.length).toBe(0);
    expect(await tree.readlink('/var/lib/dhcp/link')).toBe('to\nwhere');
    expect(await tree.lstat('/etc/machine-id')).toMatchObject({ type: 'file', uid: process.getuid!() });
  });

  it.each(shells)('a hundred thousand host keys are refused before they are read, with %s', async (shell) => {
    execFileSync('sh', ['-c', 'cd "$0" && seq -f ssh_host_%.0f 100000 | xargs touch', `${root}/etc/ssh`]);
    await expect(parseSnapshot(sh(shell, snapshotScript()), 1)).rejects.toMatchObject({
      code: 'program-failed',
      message: expect.stringContaining('too many files'),
    });
  });

  it.each([
    '',
    'L2V0YwA=\n41ed 0 0 \n',
    'L2V0YwA=\n41ed 0 0 \nend 1\n',
    'L2V0YwA=\nend 0\n',
    'L2V0YwA=\n41ed 0 0 $(x)\nend 0\n',
    '$(reboot)\nend 0\n',
  ])('refuses a cut or foreign answer %j', async (output) => {
    await expect(parseSnapshot(output, 0)).rejects.toMatchObject({ code: 'program-failed' });
  });
});
