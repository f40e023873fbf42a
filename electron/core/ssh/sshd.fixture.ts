import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { Prompt } from '../../../shared/model/prompt.ts';
import type { SshTarget } from './command.ts';
import { Prompts } from './prompts.ts';
import type { SshSurroundings } from './remote.ts';

/** Whether tests may make accounts: passwords and keyboard-interactive need PAM and real ones. */
export const isRoot = process.getuid?.() === 0;

export interface Sandbox {
  readonly dir: string;
  readonly around: SshSurroundings;
  readonly prompts: Prompts;
  /** Everything asked so far. */
  readonly asked: Prompt[];
  /** How prompts are answered; null cancels, undefined leaves it open. */
  answer: (prompt: Prompt) => string | null | undefined;
  close(): void;
}

/** A private folder under /tmp with prompts that answer themselves. */
export function sandbox(): Sandbox {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'gh-ssh-'));
  fs.chmodSync(dir, 0o711); // temporary users must reach their homes below it
  for (const name of ['run', 'script']) fs.mkdirSync(path.join(dir, name), { mode: 0o700 });
  const asked: Prompt[] = [];
  const prompts = new Prompts((event: CoreEvent) => {
    if (event.type !== 'prompt') return;
    asked.push(event.prompt);
    const text = box.answer(event.prompt);
    if (text === null) setImmediate(() => prompts.cancel(event.prompt.id));
    else if (text !== undefined) setImmediate(() => prompts.answer(event.prompt.id, text));
  });
  const box: Sandbox = {
    dir,
    prompts,
    asked,
    answer: () => null,
    around: { prompts, runtime: path.join(dir, 'run'), scriptFolder: path.join(dir, 'script') },
    close: () => fs.rmSync(dir, { recursive: true, force: true }),
  };
  return box;
}

export function keygen(file: string, passphrase = '', type = 'ed25519'): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', file]);
  return fs.readFileSync(`${file}.pub`, 'utf8');
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface TestUser {
  readonly name: string;
  readonly password: string;
  readonly home: string;
  remove(): void;
}

/** A real account with a home in `dir`. Root only. */
export function addUser(dir: string): TestUser {
  const name = `gh${randomBytes(4).toString('hex')}`;
  const password = randomBytes(9).toString('base64url');
  const home = path.join(dir, name);
  execFileSync('useradd', ['-m', '-d', home, '-s', '/bin/sh', '-k', '/dev/null', name]);
  execFileSync('chpasswd', { input: `${name}:${password}\n` });
  return {
    name,
    password,
    home,
    // By force: a session that is just ending still runs as the account, and userdel(8) would refuse.
    remove: () => execFileSync('userdel', ['--force', name], { stdio: 'ignore' }),
  };
}

export interface TestSshd {
  readonly port: number;
  readonly home: string;
  readonly hostKey: string;
  readonly authorizedKeys: string;
  log(): string;
  stop(): Promise<void>;
}

/**
 * A real sshd on loopback. Without `users` it serves whoever runs the test with a HOME in the sandbox, so that no real
 * ~/.ssh is touched; with them, those accounts and their homes.
 */
export async function startSshd(
  dir: string,
  options: { users?: readonly TestUser[]; config?: readonly string[]; port?: number; hostKey?: string } = {},
): Promise<TestSshd> {
  const own = fs.mkdtempSync(path.join(dir, 'sshd-'));
  fs.chmodSync(own, 0o711);
  const home = path.join(own, 'home');
  fs.mkdirSync(path.join(home, '.ssh'), { recursive: true, mode: 0o700 });
  const hostKey = options.hostKey ?? path.join(own, 'host');
  if (!options.hostKey) keygen(hostKey);
  const port = options.port ?? (await freePort());
  const authorizedKeys = path.join(home, '.ssh', 'authorized_keys');
  if (isRoot) fs.mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  fs.writeFileSync(
    path.join(own, 'config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${hostKey}`,
      `PidFile ${path.join(own, 'pid')}`,
      'PermitRootLogin yes',
      'StrictModes no',
      'LogLevel VERBOSE',
      'Subsystem sftp internal-sftp',
      'MaxStartups 100',
      ...(options.config ?? []),
      ...(options.users
        ? ['AuthorizedKeysFile .ssh/authorized_keys']
        : [
            'UsePAM no',
            'PasswordAuthentication no',
            `AuthorizedKeysFile ${authorizedKeys}`,
            `SetEnv HOME=${home}`,
          ]),
      '',
    ].join('\n'),
  );
  const child: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', path.join(own, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const ready = new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Server listening')) resolve();
    });
    child.on('exit', () => reject(new Error(`sshd ended: ${log}`)));
  });
  await ready;
  return {
    port,
    home,
    hostKey,
    authorizedKeys,
    log: () => log,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.on('exit', () => resolve());
        child.kill();
      }),
  };
}

/** A target for the sshd with nothing of the person's configuration. */
export function targetOf(dir: string, port: number, more: Partial<SshTarget> = {}): SshTarget {
  return {
    kind: 'server',
    id: 'test',
    name: 'test',
    address: '127.0.0.1',
    port,
    user: os.userInfo().username,
    hostKeyAlias: null,
    knownHosts: [path.join(dir, 'known_hosts')],
    identityFiles: [],
    identitiesOnly: true,
    configFile: 'none',
    jump: null,
    ...more,
  };
}

/** Pins an sshd's key as the app would. */
export function pin(dir: string, sshd: TestSshd, name = `[127.0.0.1]:${sshd.port}`): void {
  const [type, key] = fs.readFileSync(`${sshd.hostKey}.pub`, 'utf8').split(' ');
  fs.writeFileSync(path.join(dir, 'known_hosts'), `${name} ${type} ${key}\n`);
}
