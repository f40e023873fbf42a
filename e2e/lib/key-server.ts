import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import type { Bridge } from '../../shared/ipc/contract.ts';
import { type Home, homeEnv } from './launch.ts';

/** A real sshd on loopback that lets this very person in by a key, into the folders of a test. */
export interface KeyServer {
  readonly port: number;
  readonly user: string;
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

/** Needs no account: its host key is known to `home` beforehand, and `home` has the key, named `far`. */
export async function startKeyServer(home: Home): Promise<KeyServer> {
  const dir = join(home.root, 'sshd');
  const ssh = join(home.home, '.ssh');
  for (const each of [dir, ssh]) mkdirSync(each, { recursive: true, mode: 0o700 });
  const make = (file: string) =>
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  make(join(dir, 'host'));
  make(join(ssh, 'far'));
  const port = await freePort();
  const env = Object.entries(homeEnv(home)).map(([name, value]) => `${name}=${value}`);
  writeFileSync(
    join(dir, 'config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(dir, 'host')}`,
      `PidFile ${join(dir, 'pid')}`,
      'PermitRootLogin yes',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      `AuthorizedKeysFile ${join(ssh, 'far.pub')}`,
      `SetEnv ${env.join(' ')}`,
      '',
    ].join('\n'),
  );
  const [type, key] = readFileSync(join(dir, 'host.pub'), 'utf8').split(' ');
  writeFileSync(join(ssh, 'known_hosts'), `[127.0.0.1]:${port} ${type} ${key}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Server listening')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd ended: ${log}`)));
  });
  return {
    port,
    user: userInfo().username,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}

/** Adds it to the app as a server named `far`. */
export async function addKeyServer(page: Page, { port, user }: KeyServer): Promise<void> {
  await page.evaluate(
    async ({ port, user }) => {
      const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
      const keys = await bridge.call('keys.list', undefined);
      if (!keys.ok) throw new Error('no keys');
      const list = keys.value as { keys: readonly { id: string; name: string }[] };
      const keyId = list.keys.find(({ name }) => name === 'far')?.id ?? null;
      const added = await bridge.call('servers.add', {
        name: 'far',
        address: '127.0.0.1',
        port,
        user,
        keyId,
      });
      if (!added.ok) throw new Error(added.error.message);
    },
    { port, user },
  );
}
