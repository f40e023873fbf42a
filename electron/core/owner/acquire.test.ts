import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../platform/log.ts';
import { libraryPaths } from '../platform/paths.ts';
import { fixtureCore } from '../testing/owner-fixture.ts';
import { acquireCore } from './acquire.ts';
import { securePrivateDir } from './runtime-dir.ts';

let bundleDir: string;
let program: string;
beforeAll(async () => {
  bundleDir = await mkdtemp(join(tmpdir(), 'gh-fix-'));
  program = join(bundleDir, 'owner.cjs');
  await build({
    stdin: {
      contents: `import { main } from '../testing/owner-fixture.ts'; void main();`,
      resolveDir: __dirname,
      loader: 'ts',
    },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
  });
});
afterAll(() => rm(bundleDir, { recursive: true, force: true }));

let root: string;
const started: Peer[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gh-acq-'));
});
afterEach(async () => {
  for (const peer of started.splice(0)) await peer.kill();
  await rm(root, { recursive: true, force: true });
});

const env = (extra: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  HOME: join(root, 'h'),
  XDG_DATA_HOME: join(root, 'd'),
  XDG_CONFIG_HOME: join(root, 'c'),
  XDG_CACHE_HOME: join(root, 'k'),
  XDG_RUNTIME_DIR: join(root, 'r'),
  ...extra,
});

/** A process that opened the library. */
class Peer {
  readonly said: string[] = [];
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private wake: () => void = () => {};

  constructor(extra: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [program], { env: env(extra), stdio: ['pipe', 'pipe', 'inherit'] });
    let rest = '';
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      this.said.push(...lines);
      this.wake();
    });
    this.exited = new Promise((resolve) => this.child.on('close', () => resolve()));
    started.push(this);
  }
  /** The `n`th thing it said, from 0. */
  async word(n = 0): Promise<string> {
    while (this.said.length <= n)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    return this.said[n]!;
  }
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
  async end(): Promise<void> {
    this.child.stdin!.end();
    await this.exited;
  }
}

const here = () =>
  acquireCore({ paths: libraryPaths(env()), log: silentLog, createCore: async () => fixtureCore() });

describe('the library', () => {
  it('has one owner when ten come at once', async () => {
    for (let round = 0; round < 2; round++) {
      const peers = Array.from({ length: 10 }, () => new Peer());
      const words = await Promise.all(peers.map((peer) => peer.word()));
      expect(words.filter((word) => word === 'owner')).toHaveLength(1);
      expect(words.filter((word) => word === 'client')).toHaveLength(9);
      // The next round meets a dead socket.
      await Promise.all(peers.map((peer) => peer.kill()));
      expect(existsSync(join(root, 'r/guesthouse/core.sock'))).toBe(true);
    }
  }, 60_000);

  it('goes to one of the clients when its owner is killed', async () => {
    const owner = new Peer();
    expect(await owner.word()).toBe('owner');
    const clients = [new Peer(), new Peer(), new Peer(), new Peer()];
    for (const client of clients) expect(await client.word()).toBe('client');
    await owner.kill();
    const words = await Promise.all(clients.map((client) => client.word(1)));
    expect(words.filter((word) => word === 'owner')).toHaveLength(1);
    expect(words.filter((word) => word === 'client')).toHaveLength(3);
  }, 60_000);

  it('goes on when its owner leaves well, and the socket is gone with the last', async () => {
    const owner = new Peer();
    await owner.word();
    const client = new Peer();
    await client.word();
    await owner.end();
    expect(await client.word(1)).toBe('owner');
    await client.end();
    expect(existsSync(join(root, 'r/guesthouse/core.sock'))).toBe(false);
  }, 30_000);

  it('keeps a client whole through a change: calls wait for the next owner', async () => {
    const owner = new Peer();
    await owner.word();
    const core = await here();
    expect(core.role).toBe('client');
    const reset = new Promise<void>((resolve) =>
      core.onEvent(({ event }) => event.type === 'reset' && resolve()),
    );
    const pending = core.call('guests.start', { id: 'a' });
    const failed = expect(pending).rejects.toMatchObject({ code: 'not-owner' });
    await owner.kill();
    await failed;
    expect(await core.call('guests.log', { id: 'after' })).toBe('{"id":"after"}');
    await reset;
    expect(core.role).toBe('owner');
    await core.close();
    await expect(core.call('guests.log', { id: 'x' })).rejects.toMatchObject({ code: 'not-owner' });
  }, 30_000);

  it('has one owner for sessions that differ in XDG_RUNTIME_DIR', async () => {
    const owner = new Peer();
    expect(await owner.word()).toBe('owner');
    const elsewhere = new Peer({ XDG_RUNTIME_DIR: join(root, 'r2') });
    expect(await elsewhere.word()).toBe('client');
    await owner.kill();
    expect(await elsewhere.word(1)).toBe('owner');
    expect(await new Peer().word()).toBe('client');
  }, 30_000);

  it('is not shared by two libraries with one runtime folder', async () => {
    await new Peer().word();
    expect(await new Peer({ XDG_DATA_HOME: join(root, 'd2') }).word()).toBe('error unsupported');
  }, 30_000);

  it('is free again when it could not be read', async () => {
    const paths = libraryPaths(env());
    const failing = acquireCore({
      paths,
      log: silentLog,
      createCore: async () => {
        throw new Error('the disk burns');
      },
    });
    await expect(failing).rejects.toThrow('the disk burns');
    expect(existsSync(paths.socket)).toBe(false);
    expect(await new Peer().word()).toBe('owner');
  });
});

describe('the runtime folder', () => {
  const dir = () => join(root, 'run');
  const secure = () => securePrivateDir(dir(), join(dir(), 'core.sock'));

  it('is made for one person alone, and shut when it was open', async () => {
    secure();
    expect((await stat(dir())).mode & 0o777).toBe(0o700);
    await chmod(dir(), 0o777);
    secure();
    expect((await stat(dir())).mode & 0o777).toBe(0o700);
  });

  it('is refused when it is a link, even to a folder of ours', async () => {
    await mkdir(join(root, 'target'), { mode: 0o700 });
    await symlink(join(root, 'target'), dir());
    expect(secure).toThrow(expect.objectContaining({ code: 'no-permission', why: 'It is a symbolic link.' }));
  });

  it('is refused when it is a file', async () => {
    await writeFile(dir(), '');
    expect(secure).toThrow(expect.objectContaining({ code: 'no-permission' }));
  });

  it('is refused when it is another person’s', async () => {
    // Root's own folders, seen by who is not root, and by root as nobody's.
    const foreign = process.getuid!() === 0 ? join(root, 'theirs') : '/root';
    if (process.getuid!() === 0) {
      await mkdir(foreign, { mode: 0o700 });
      const { chown } = await import('node:fs/promises');
      await chown(foreign, 65534, 65534);
    }
    expect(() => securePrivateDir(foreign, join(foreign, 'core.sock'))).toThrow(
      expect.objectContaining({ code: 'no-permission' }),
    );
  });

  it('is refused when a socket in it could not be named', () => {
    const long = join(root, 'x'.repeat(120));
    expect(() => securePrivateDir(long, join(long, 'core.sock'))).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });
});
