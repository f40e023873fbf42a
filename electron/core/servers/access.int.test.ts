import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contract } from '../../../shared/ipc/contract.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { KeyCopy } from '../../../shared/model/key.ts';
import type { Prompt } from '../../../shared/model/prompt.ts';
import type { Server } from '../../../shared/model/server.ts';
import { OperationRunner } from '../operations/runner.ts';
import { systemClock } from '../platform/clock.ts';
import { baseEnv } from '../platform/exec.ts';
import { silentLog } from '../platform/log.ts';
import type { ConsoleSpec } from '../ssh/console.ts';
import { freePort, keygen, startSshd, type TestSshd } from '../ssh/sshd.fixture.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { type Access, createAccess } from './access.ts';

let temp: TempHome;
let access: Access;
let runner: OperationRunner;
let sshd: TestSshd;
let key: string;
let publicLine: string;
let guests: Guest[];
let consoles: ConsoleSpec[];
let asked: Prompt[];
let copies: KeyCopy[];
/** Null cancels, undefined leaves it open. */
let answer: (prompt: Prompt) => string | null | undefined;
const user = os.userInfo().username;

async function call<T>(name: keyof typeof contract, input?: unknown): Promise<T> {
  const handler = access.handlers[name] as (input: unknown, c: { signal: AbortSignal }) => Promise<T>;
  return handler(contract[name].input.parse(input), { signal: new AbortController().signal });
}
async function follow(name: keyof typeof contract, input: unknown) {
  const { operation } = await call<{ operation: string }>(name, input);
  await expect.poll(() => runner.get(operation)?.endedAt ?? null, { timeout: 60_000 }).not.toBeNull();
  return runner.get(operation)!;
}

beforeEach(async () => {
  temp = tempHome();
  asked = [];
  copies = [];
  guests = [];
  consoles = [];
  answer = (prompt) => (prompt.kind === 'host-key' ? 'yes' : null);
  const announce = (event: CoreEvent) => {
    if (event.type === 'key-copy') copies.push(event.copy);
    if (event.type !== 'prompt') return;
    asked.push(event.prompt);
    const { id } = event.prompt;
    const text = answer(event.prompt);
    if (text !== undefined)
      setImmediate(() => (text === null ? access.prompts.cancel(id) : access.prompts.answer(id, text)));
  };
  runner = new OperationRunner(systemClock, (operation) => announce({ type: 'operation', operation }));
  access = createAccess({
    paths: temp.paths,
    log: silentLog,
    clock: systemClock,
    runner,
    announce,
    guests: { list: () => guests },
    terminals: {
      open: (spec) => {
        consoles.push(spec);
        const { kind, title, subject } = spec;
        return {
          id: 't',
          kind,
          title,
          subject,
          status: 'waiting',
          reason: null,
          exitCode: null,
          error: null,
        };
      },
    },
  });
  sshd = await startSshd(temp.home);
  // The way in that exists already; the tests copy another key.
  key = path.join(temp.paths.keys, 'way-in');
  publicLine = keygen(key);
  fs.writeFileSync(sshd.authorizedKeys, publicLine, { mode: 0o600 });
});
afterEach(async () => {
  await runner.close();
  access.close();
  await sshd.stop();
  temp.remove();
});

const addServer = (name: string, port = sshd.port) =>
  call<{ id: string }>('servers.add', { name, address: '127.0.0.1', port, user, keyId: 'app:way-in' });

describe('a server', () => {
  it('is tested, its key asked for once, and says what it is', async () => {
    const { id } = await addServer('here');
    expect((await follow('servers.test', { id })).error).toBeNull();
    expect(asked.map(({ kind, host, subject }) => [kind, host, subject])).toEqual([['host-key', 'here', id]]);
    expect((await follow('servers.refresh', { id })).error).toBeNull();
    const [server] = await call<Server[]>('servers.list');
    expect(server).toMatchObject({ reachable: true, info: { user, hostname: os.hostname() } });
    expect(asked).toHaveLength(1);
    expect(await call('ssh.hostKeys', { target: 'here' })).toHaveLength(1);
  });

  it('shows why it is not reached', async () => {
    const { id } = await addServer('gone', await freePort());
    expect((await follow('servers.test', { id })).error).toMatchObject({ code: 'unreachable', subject: id });
    expect((await call<Server[]>('servers.list'))[0]!.reachable).toBe(false);
  });
});

describe('copying a key', () => {
  it('goes to many hosts, each with its own result, and is taken back', async () => {
    keygen(path.join(temp.paths.keys, 'new key'.replace(' ', '-')));
    const { id } = await addServer('here');
    const dead = await addServer('dead', await freePort());
    const done = await follow('keys.copyId', { id: 'app:new-key', targets: ['here', dead.id, 'nobody'] });
    expect(done.status).toBe('failed');
    const state = await call<KeyCopy>('keys.copyState', { operation: done.id });
    expect(state.hosts.map(({ name, status, error }) => [name, status, error?.code])).toEqual([
      ['here', 'copied', undefined],
      ['dead', 'failed', 'unreachable'],
      ['nobody', 'failed', 'not-found'],
    ]);
    expect(state.hosts[0]!.log.join('\n')).toContain('Logged in with the key');
    expect(copies.at(-1)).toEqual(state);
    expect((await access.keys.list()).keys.find(({ name }) => name === 'new-key')!.usedBy).toEqual([id]);
    const again = await follow('keys.copyId', { id: 'app:new-key', targets: ['here'] });
    expect((await call<KeyCopy>('keys.copyState', { operation: again.id })).hosts[0]!.status).toBe('already');
    expect((await follow('keys.removeFromHost', { id: 'app:new-key', target: 'here' })).error).toBeNull();
    expect(fs.readFileSync(sshd.authorizedKeys, 'utf8')).toBe(publicLine);
    expect((await access.keys.list()).keys.find(({ name }) => name === 'new-key')!.usedBy).toEqual([]);
  });

  it('gets in as usual, also to a server that is set to use the very key', async () => {
    keygen(path.join(temp.paths.keys, 'fresh'));
    const config = path.join(temp.home, '.ssh', 'config');
    fs.mkdirSync(path.dirname(config), { mode: 0o700 });
    fs.writeFileSync(config, `Host *\n  IdentityFile ${key}\n`, { mode: 0o600 });
    const { id } = await addServer('here');
    await call('servers.edit', { id, change: { keyId: 'app:fresh' } });
    const fresh = async () => (await access.keys.list()).keys.find(({ name }) => name === 'fresh')!;
    // What it is set to use is not what it is known to accept.
    expect(await fresh()).toMatchObject({ usedBy: [] });
    expect((await follow('keys.copyId', { id: 'app:fresh', targets: [id] })).error).toBeNull();
    expect(asked.map(({ kind }) => kind)).toEqual(['host-key']);
    expect(await fresh()).toMatchObject({ usedBy: [id] });
    expect((await call<Server[]>('servers.list'))[0]!.reachable).toBe(true);
    // Taken back there, it is not what the server is offered any more, nor said to be accepted by it.
    expect((await follow('keys.removeFromHost', { id: 'app:fresh', target: id })).error).toBeNull();
    expect(await fresh()).toMatchObject({ usedBy: [] });
    expect((await call<Server[]>('servers.list'))[0]!.keyId).toBeNull();
  });

  it('to a guest is kept with the guest, and taken back', async () => {
    keygen(path.join(temp.paths.keys, 'fresh'));
    const folder = path.join(temp.home, 'g');
    fs.mkdirSync(folder, { mode: 0o700 });
    const ssh = { user, address: '127.0.0.1', port: sshd.port };
    const uuid = '4c4c4544-0000-2010-8020-80c04f000000';
    guests = [{ id: 'g-1', name: 'g', uuid, folder, state: 'running', ssh, tags: [] } as unknown as Guest];
    const usedBy = async () => (await access.keys.list()).keys.find(({ name }) => name === 'fresh')!.usedBy;
    expect((await follow('keys.copyId', { id: 'app:fresh', targets: ['g'] })).error).toBeNull();
    expect(await usedBy()).toEqual(['g-1']);
    expect(fs.existsSync(path.join(folder, 'authorized_keys'))).toBe(true);
    expect((await follow('keys.removeFromHost', { id: 'app:fresh', target: 'g' })).error).toBeNull();
    expect(await usedBy()).toEqual([]);
  });

  it('stops when cancelled, with a question open', async () => {
    keygen(path.join(temp.paths.keys, 'other'));
    await addServer('here');
    answer = () => undefined;
    const { operation } = await call<{ operation: string }>('keys.copyId', {
      id: 'app:other',
      targets: ['here'],
    });
    await expect.poll(() => access.prompts.list().length, { timeout: 20_000 }).toBe(1);
    await runner.cancel(operation);
    expect(runner.get(operation)!.status).toBe('cancelled');
    expect(access.prompts.list()).toEqual([]);
    expect(fs.readFileSync(sshd.authorizedKeys, 'utf8')).toBe(publicLine);
  });
});

describe('uploading', () => {
  it('sends files and folders with hostile names, whole, and reports its progress', async () => {
    await addServer('here');
    const from = path.join(temp.home, 'from');
    fs.mkdirSync(path.join(from, 'sub dir'), { recursive: true });
    const names = [
      'a b',
      '-x',
      'q"uote',
      "it's",
      'back\\slash',
      '*star?[1]',
      '$(touch pwned)',
      'é🙂',
      '#c',
      'sub dir/in',
    ];
    for (const name of names) fs.writeFileSync(path.join(from, name), `content of ${name}`);
    const to = path.join(sshd.home, 'to here');
    fs.mkdirSync(to);
    expect((await follow('ssh.upload', { target: 'here', files: [from], folder: to })).error).toBeNull();
    for (const name of names)
      expect(fs.readFileSync(path.join(to, 'from', name), 'utf8'), name).toBe(`content of ${name}`);
    expect(fs.readdirSync(path.join(to, 'from')).filter((name) => name.endsWith('.part'))).toEqual([]);
    // Over what is there already, too.
    expect((await follow('ssh.upload', { target: 'here', files: [from], folder: to })).error).toBeNull();
    const bad = path.join(temp.home, 'x\nrm y');
    fs.writeFileSync(bad, '');
    expect((await follow('ssh.upload', { target: 'here', files: [bad], folder: to })).error?.code).toBe(
      'invalid-input',
    );
    const none = await follow('ssh.upload', { target: 'here', files: [from], folder: '/nonexistent/x' });
    expect(none.error?.code).toBe('program-failed');
  });

  it('is cancelled over a slow line and leaves no half file', async () => {
    // A line that stalls after a megabyte.
    let passed = 0;
    const slow = net.createServer((near) => {
      const far = net.connect(sshd.port, '127.0.0.1');
      near.on('data', (chunk) => {
        passed += chunk.length;
        far.write(chunk);
        if (passed > 1 << 20 && passed < 3 << 20) near.pause();
      });
      far.pipe(near);
      near.on('error', () => {});
      far.on('error', () => {});
      near.on('close', () => far.destroy());
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as net.AddressInfo;
    await addServer('slow', port);
    const big = path.join(temp.home, 'big');
    fs.writeFileSync(big, Buffer.alloc(20 << 20, 1));
    const { operation } = await call<{ operation: string }>('ssh.upload', {
      target: 'slow',
      files: [big],
      folder: sshd.home,
    });
    await expect.poll(() => runner.get(operation)?.fraction ?? 0, { timeout: 20_000 }).toBeGreaterThan(0);
    passed = 4 << 20; // the line is well again, for cleaning up
    await runner.cancel(operation);
    expect(runner.get(operation)!.status).toBe('cancelled');
    expect(fs.readdirSync(sshd.home)).toEqual(['.ssh']);
    slow.close();
  });
});

describe('a console', () => {
  /** Runs what the console would, without a terminal. */
  const runConsole = async (spec: ConsoleSpec) => {
    const waits: string[] = [];
    const { argv, env } = await spec.launch((reason) => waits.push(reason), new AbortController().signal);
    const [program, ...args] = argv;
    const child = spawn(program, args, { env: baseEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { waits, stdout, code };
  };
  const guest = (state: Guest['state'], port: number) =>
    ({
      id: 'g-1',
      name: 'g',
      uuid: '4c4c4544-0000-2010-8020-80c04f000000',
      folder: path.join(temp.home, 'g'),
      state,
      ssh: { user, address: '127.0.0.1', port },
      tags: [],
    }) as unknown as Guest;

  it('waits for the guest and its sshd, pins by UUID, and knows a lost line from a log-out', async () => {
    const port = await freePort();
    guests = [guest('off', port)];
    fs.mkdirSync(path.join(temp.home, 'g'), { mode: 0o700 });
    await call('terminals.openSsh', { target: 'g', command: ['sh', '-c', 'echo "$0"; exit 255', 'a  b'] });
    const running = runConsole(consoles[0]!);
    await new Promise((resolve) => setTimeout(resolve, 400));
    guests = [guest('running', port)];
    await new Promise((resolve) => setTimeout(resolve, 1300));
    const late = await startSshd(temp.home, { port });
    try {
      fs.writeFileSync(late.authorizedKeys, publicLine, { mode: 0o600 });
      const { waits, stdout, code } = await running;
      expect(waits[0]).toBe('Off: the console opens when the guest runs.');
      expect(waits).toContain('Waiting for sshd, 1 s');
      expect(stdout.trim()).toBe('a  b');
      expect(fs.readFileSync(path.join(temp.home, 'g', 'known_hosts'), 'utf8')).toMatch(
        /^4c4c4544-0000-2010-8020-80c04f000000 /,
      );
      const end = { exitCode: code, signal: null, error: null };
      expect(consoles[0]!.explain({ ...end, exitCode: 0 })).toMatchObject({ again: false });
      // Its sshd goes on answering: that was no reboot, whatever the code.
      await runConsole(consoles[0]!);
      expect(await consoles[0]!.explain(end)).toMatchObject({ again: false, error: null });
      await runConsole(consoles[0]!);
      await late.stop();
      expect(await consoles[0]!.explain(end)).toMatchObject({ again: true });
      // Nobody was in since, and the guest runs: its sshd is waited for, but not for ever.
      for (let i = 0; i < 5; i++) expect(await consoles[0]!.explain(end)).toMatchObject({ again: true });
      expect(await consoles[0]!.explain(end)).toMatchObject({ again: false, error: 'unreachable' });
    } finally {
      await late.stop();
    }
  });

  it('does not try again for ever when the guest does not let it in', async () => {
    guests = [guest('running', sshd.port)];
    fs.mkdirSync(path.join(temp.home, 'g'), { mode: 0o700 });
    fs.writeFileSync(sshd.authorizedKeys, '');
    await call('terminals.openSsh', { target: 'g-1' });
    const { code } = await runConsole(consoles[0]!);
    expect(code).toBe(255);
    expect(await consoles[0]!.explain({ exitCode: code, signal: null, error: null })).toMatchObject({
      again: false,
      error: 'auth-failed',
    });
    guests = [{ ...guests[0]!, ssh: null }];
    await call('terminals.openSsh', { target: 'g-1' });
    const stop = new AbortController();
    const said = await new Promise((resolve) => {
      consoles[1]!.launch(resolve, stop.signal).catch(() => {});
    });
    stop.abort();
    expect(said).toContain('forward to port 22');
  });

  it('names a changed host key by its code, and what to do', async () => {
    guests = [guest('running', sshd.port)];
    fs.mkdirSync(path.join(temp.home, 'g'), { mode: 0o700 });
    const known = path.join(temp.home, 'g', 'known_hosts');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(temp.home, 'other')]);
    const other = fs.readFileSync(path.join(temp.home, 'other.pub'), 'utf8');
    fs.writeFileSync(known, `4c4c4544-0000-2010-8020-80c04f000000 ${other}`);
    await call('terminals.openSsh', { target: 'g-1' });
    const { code } = await runConsole(consoles[0]!);
    expect(code).toBe(255);
    const said = await consoles[0]!.explain({ exitCode: code, signal: null, error: null });
    expect(said).toMatchObject({ again: false, error: 'host-key-changed' });
    expect(said.reason).toContain('ssh-keygen -lf');
    // What was pinned stands: nothing lets the new one in.
    expect(fs.readFileSync(known, 'utf8')).toBe(`4c4c4544-0000-2010-8020-80c04f000000 ${other}`);
  });
});
