import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real sshd on loopback with one account that has a password. */
export interface PasswordServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The account's home. */
  readonly home: string;
  /** `SHA256:…` of the key it shows. */
  readonly fingerprint: string;
  authorizedKeys(): string;
  /** Ends it and starts it with another host key, as a machine that was installed anew, or somebody else. */
  changeHostKey(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Passwords need PAM and an account, which only root can make: `stop` removes both again. */
export const canServePasswords = process.getuid?.() === 0;

export async function startPasswordServer(): Promise<PasswordServer> {
  const dir = mkdtempSync(join(tmpdir(), 'gh-sshd-'));
  chmodSync(dir, 0o711); // the account must reach its home below it
  const user = `gh${randomBytes(4).toString('hex')}`;
  const password = randomBytes(9).toString('base64url');
  const home = join(dir, user);
  execFileSync('useradd', ['-m', '-d', home, '-s', '/bin/bash', '-k', '/dev/null', user]);
  let child: ChildProcess | null = null;
  const end = async () => {
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill();
    await ended;
  };
  const stop = async () => {
    await end();
    // Sessions are processes of their own and would keep the account busy.
    for (let tries = 0; tries < 20; tries++) {
      try {
        execFileSync('userdel', ['--force', user], { stdio: 'ignore' });
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    execFileSync('chpasswd', { input: `${user}:${password}\n` });
    const hostKey = join(dir, 'host');
    const makeHostKey = () => {
      for (const file of [hostKey, `${hostKey}.pub`]) rmSync(file, { force: true });
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'host', '-f', hostKey]);
    };
    makeHostKey();
    const fingerprint = execFileSync('ssh-keygen', ['-lf', `${hostKey}.pub`], { encoding: 'utf8' }).split(
      ' ',
    )[1]!;
    const port = await freePort();
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const config = join(dir, 'config');
    writeFileSync(
      config,
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${hostKey}`,
        `PidFile ${join(dir, 'pid')}`,
        'StrictModes no',
        'UsePAM yes',
        'KbdInteractiveAuthentication no',
        'PrintMotd no',
        'PrintLastLog no',
        'Subsystem sftp internal-sftp',
        'AuthorizedKeysFile .ssh/authorized_keys',
        `AllowUsers ${user}`,
        '',
      ].join('\n'),
    );
    const begin = async () => {
      child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
      let log = '';
      await new Promise<void>((resolve, reject) => {
        child?.stderr?.on('data', (chunk: Buffer) => {
          log += chunk.toString();
          if (log.includes('Server listening')) resolve();
        });
        child?.once('exit', () => reject(new Error(`sshd ended: ${log}`)));
      });
    };
    await begin();
    return {
      port,
      user,
      password,
      home,
      fingerprint,
      async changeHostKey() {
        await end();
        makeHostKey();
        await begin();
      },
      authorizedKeys: () => readFileSync(join(home, '.ssh/authorized_keys'), 'utf8'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
