import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { baseEnv } from '../../platform/exec.ts';

/** Runs a program for a test, on the same search path as the real code. */
export function tool(argv: readonly string[], input?: string): string {
  const [program, ...args] = argv;
  return execFileSync(program!, args, {
    env: baseEnv(),
    input: input ?? '',
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: 'pipe',
  });
}

/** A temporary folder, removed by the caller. Its path is real, so that policies can name it. */
export function tempDir(name: string): string {
  return fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), `gh-${name}-`)));
}

/** Runs debugfs commands on an image (read-write) and returns what it printed, errors included. */
export function debugfs(image: string, commands: readonly string[]): string {
  const file = `${image}.commands`;
  fs.writeFileSync(file, `${commands.join('\n')}\n`);
  return tool(['sh', '-c', 'debugfs -w -f "$0" "$1" 2>&1', file, image]);
}

/** An ext image of `megabytes` holding the tree `from`, made with further mkfs options. */
export function makeExt(
  image: string,
  from: string,
  megabytes: number,
  options: readonly string[] = [],
): void {
  fs.writeFileSync(image, '');
  fs.truncateSync(image, megabytes << 20);
  const type = options.includes('-t') ? [] : ['-t', 'ext4'];
  tool(['mke2fs', '-q', '-F', ...type, '-d', from, ...options, image]);
}

/** A small Linux-like tree: enough to be taken for a root. */
export function makeRootTree(dir: string): void {
  for (const folder of ['etc/ssh', 'usr/lib', 'usr/bin', 'boot', 'var/lib/dbus', 'root'])
    fs.mkdirSync(path.join(dir, folder), { recursive: true });
  const put = (name: string, text: string, mode = 0o644) => {
    fs.writeFileSync(path.join(dir, name), text);
    fs.chmodSync(path.join(dir, name), mode);
  };
  put('usr/lib/os-release', 'ID=debian\nVERSION_ID="12"\n');
  fs.symlinkSync('../usr/lib/os-release', path.join(dir, 'etc/os-release'));
  put('etc/machine-id', '0123456789abcdef0123456789abcdef\n', 0o444);
  fs.symlinkSync('/etc/machine-id', path.join(dir, 'var/lib/dbus/machine-id'));
  put('etc/hostname', 'template\n');
  put(
    'etc/ssh/ssh_host_ed25519_key',
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${'SECRETKEYTEXT'.repeat(20)}\n`,
    0o600,
  );
  put('etc/ssh/ssh_host_ed25519_key.pub', 'ssh-ed25519 AAAA root@template\n');
}
