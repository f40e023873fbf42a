import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { contract } from '../../../shared/ipc/contract.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { PermissionProblem } from '../../../shared/model/key.ts';
import { OperationRunner } from '../operations/runner.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { type Access, createAccess } from '../servers/access.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { readPrivateHeader } from './header.ts';
import { problemsOf } from './permissions.ts';

let temp: TempHome;
let access: Access;
let runner: OperationRunner;
let events: CoreEvent[];
let ssh: string;
const context = { signal: new AbortController().signal };

beforeEach(() => {
  temp = tempHome();
  fs.chmodSync(temp.home, 0o700);
  ssh = path.join(temp.home, '.ssh');
  events = [];
  const announce = (event: CoreEvent) => void events.push(event);
  runner = new OperationRunner(systemClock, (operation) => announce({ type: 'operation', operation }));
  access = createAccess({
    paths: temp.paths,
    log: silentLog,
    clock: systemClock,
    runner,
    announce,
    guests: { list: () => [] },
  });
});
afterEach(() => {
  access.close();
  temp.remove();
});

/** Calls as the window does: parsed by the contract. */
async function call<T>(name: keyof typeof contract, input?: unknown): Promise<T> {
  const handler = access.handlers[name] as (input: unknown, c: typeof context) => Promise<T>;
  return handler(contract[name].input.parse(input), context);
}
const ended = async (operation: string) => {
  await expect.poll(() => runner.get(operation)?.endedAt ?? null).not.toBeNull();
  return runner.get(operation)!;
};
async function create(input: Record<string, unknown>) {
  const { operation, id } = await call<{ operation: string; id: string }>('keys.create', input);
  const done = await ended(operation);
  return { id, error: done.error };
}
const keys = async () => (await access.keys.list()).keys;
const mode = (file: string) => fs.statSync(file).mode & 0o777;

describe('keys', () => {
  it('makes an Ed25519 pair with the right modes and shows what ssh-keygen says of it', async () => {
    const { id, error } = await create({
      name: 'id_ed25519',
      comment: 'me@here',
      passphrase: 'correct horse',
    });
    expect(error).toBeNull();
    const file = path.join(ssh, 'id_ed25519');
    expect([mode(ssh), mode(file), mode(`${file}.pub`)]).toEqual([0o700, 0o600, 0o644]);
    expect(fs.readdirSync(ssh).sort()).toEqual(['id_ed25519', 'id_ed25519.pub']);
    const [key] = await keys();
    const said = execFileSync('ssh-keygen', ['-lv', '-f', `${file}.pub`]).toString();
    expect(key).toMatchObject({
      id,
      type: 'ED25519',
      bits: 256,
      encrypted: true,
      comment: 'me@here',
      problems: [],
    });
    expect(said).toContain(key!.fingerprint!);
    expect(said).toContain(key!.randomart!);
    // The passphrase really is the one given.
    execFileSync('ssh-keygen', ['-y', '-P', 'correct horse', '-f', file]);
    expect(() =>
      execFileSync('ssh-keygen', ['-y', '-P', 'wrong', '-f', file], { stdio: 'ignore' }),
    ).toThrow();
  });

  it('makes RSA and ECDSA of the asked size, and refuses sizes that do not exist', async () => {
    await create({ name: 'e', type: 'ecdsa', bits: 521 });
    expect((await keys())[0]).toMatchObject({ type: 'ECDSA', bits: 521, encrypted: false });
    expect((await create({ name: 'f', type: 'ed25519', bits: 3072 })).error?.code).toBe('invalid-input');
    expect((await create({ name: 'g', type: 'rsa', bits: 256 })).error?.code).toBe('invalid-input');
  });

  it('never overwrites, and refuses names that are paths, options or files of OpenSSH', async () => {
    await create({ name: 'k' });
    const before = fs.readFileSync(path.join(ssh, 'k'));
    expect((await create({ name: 'k' })).error?.code).toBe('name-taken');
    expect(fs.readFileSync(path.join(ssh, 'k'))).toEqual(before);
    for (const name of [
      '../x',
      '-oX',
      'a/b',
      'config',
      'authorized_keys',
      'x.pub',
      '.hidden',
      'a b',
      'a\nb',
      '',
    ])
      await expect(call('keys.create', { name }), name).rejects.toThrow();
    await expect(call('keys.create', { name: 'z', comment: 'a\nssh-rsa AAAA' })).rejects.toThrow();
    await expect(call('keys.create', { name: 'z', passphrase: 'a\nb' })).rejects.toThrow();
    expect((await create({ name: 'z', passphrase: 'abc' })).error?.code).toBe('invalid-input');
  });

  it('protects a key also in a session with a display, where ssh-keygen would ask by a program of its own', async () => {
    vi.stubEnv('DISPLAY', ':99');
    try {
      const { id } = await create({ name: 'k', passphrase: 'first one' });
      const opens = (words: string) =>
        spawnSync('ssh-keygen', ['-y', '-P', words, '-f', path.join(ssh, 'k')]).status === 0;
      expect([opens(''), opens('first one')]).toEqual([false, true]);
      await call('keys.changePassphrase', { id, current: 'first one', next: 'second' });
      expect([opens('first one'), opens('second')]).toEqual([false, true]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('changes and removes a passphrase, and tells a wrong one', async () => {
    const { id } = await create({ name: 'k', passphrase: 'first one' });
    await expect(call('keys.changePassphrase', { id, current: 'no', next: 'second' })).rejects.toMatchObject({
      code: 'auth-failed',
    });
    await call('keys.changePassphrase', { id, current: 'first one', next: 'second' });
    execFileSync('ssh-keygen', ['-y', '-P', 'second', '-f', path.join(ssh, 'k')]);
    await call('keys.changePassphrase', { id, current: 'second', next: '' });
    expect((await keys())[0]!.encrypted).toBe(false);
    await call('keys.changePassphrase', { id, current: '', next: 'third one' });
    expect((await keys())[0]!.encrypted).toBe(true);
    expect(mode(path.join(ssh, 'k'))).toBe(0o600);
    expect(fs.readdirSync(ssh).sort()).toEqual(['k', 'k.pub']);
  });

  it('deletes recoverably: restore and undo bring back the very bytes', async () => {
    const { id } = await create({ name: 'k' });
    const bytes = fs.readFileSync(path.join(ssh, 'k'));
    const { trashId } = await call<{ trashId: string }>('keys.delete', { id });
    expect(fs.readdirSync(ssh)).toEqual([]);
    expect((await access.keys.list()).trash).toMatchObject([{ id: trashId, name: 'k', location: 'ssh' }]);
    expect(await call('keys.restore', { id: trashId })).toEqual({ id });
    expect(fs.readFileSync(path.join(ssh, 'k'))).toEqual(bytes);
    expect(mode(path.join(ssh, 'k'))).toBe(0o600);

    const again = await call<{ trashId: string; operation: string }>('keys.delete', { id });
    await create({ name: 'k' });
    await expect(call('keys.restore', { id: again.trashId })).rejects.toMatchObject({ code: 'name-taken' });
    fs.rmSync(path.join(ssh, 'k'));
    fs.rmSync(path.join(ssh, 'k.pub'));
    await runner.undo(again.operation);
    expect(fs.readFileSync(path.join(ssh, 'k'))).toEqual(bytes);
    await expect(call('keys.restore', { id: '../../x' })).rejects.toMatchObject({ code: 'not-found' });
    await call('keys.delete', { id });
    await call('keys.emptyTrash');
    expect((await access.keys.list()).trash).toEqual([]);
  });

  it('imports private keys, its public half worked out, and nothing else', async () => {
    const source = path.join(temp.home, 'given');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '', '-f', source]);
    const crlf = fs.readFileSync(source, 'utf8').replaceAll('\n', '\r\n');
    await call('keys.import', { name: 'pem', text: crlf });
    const [key] = await keys();
    expect(key).toMatchObject({ id: 'app:pem', type: 'RSA', bits: 2048, encrypted: false, problems: [] });
    expect(fs.readFileSync(`${source}.pub`, 'utf8')).toContain(
      (await call<string>('keys.publicText', { id: 'app:pem' })).split(' ')[1],
    );
    const refused = { code: 'invalid-input' };
    await expect(
      call('keys.import', { name: 'a', text: fs.readFileSync(`${source}.pub`, 'utf8') }),
    ).rejects.toMatchObject(refused);
    await expect(call('keys.import', { name: 'a', text: 'PuTTY-User-Key-File-3: x' })).rejects.toMatchObject(
      refused,
    );
    await expect(call('keys.import', { name: 'a', file: '/dev/zero' })).rejects.toMatchObject(refused);
    execFileSync('mkfifo', [path.join(temp.home, 'fifo')]);
    await expect(
      call('keys.import', { name: 'a', file: path.join(temp.home, 'fifo') }),
    ).rejects.toMatchObject(refused);
    await expect(call('keys.import', { name: 'a', file: source, text: 'x' })).rejects.toMatchObject(refused);
  });

  it('puts keys into an agent with the passphrase asked for by a prompt, and takes them out', async () => {
    const { id } = await create({ name: 'k', passphrase: 'open sesame' });
    const socket = path.join(temp.home, 'agent');
    const started = execFileSync('ssh-agent', ['-a', socket]).toString();
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started)![1]);
    const before = process.env.SSH_AUTH_SOCK;
    process.env.SSH_AUTH_SOCK = socket;
    try {
      const { operation } = await call<{ operation: string }>('keys.agentAdd', { id });
      await expect.poll(() => access.prompts.list().length).toBe(1);
      const [prompt] = access.prompts.list();
      expect(prompt).toMatchObject({ kind: 'passphrase', subject: id, operation });
      await call('prompts.answer', { id: prompt!.id, answer: 'open sesame' });
      expect((await ended(operation)).error).toBeNull();
      expect((await keys())[0]!.inAgent).toBe(true);
      expect(JSON.stringify(events)).not.toContain('open sesame');
      await call('keys.agentRemove', { id });
      expect((await keys())[0]!.inAgent).toBe(false);
    } finally {
      process.kill(pid);
      if (before === undefined) delete process.env.SSH_AUTH_SOCK;
      else process.env.SSH_AUTH_SOCK = before;
    }
  });

  it('is not held up or fooled by what else lies in the folder', async () => {
    await create({ name: 'real' });
    const inSsh = (name: string) => path.join(ssh, name);
    execFileSync('mkfifo', [inSsh('id_fifo'), inSsh('id_fifo2.pub')]);
    fs.writeFileSync(inSsh('id_huge'), '-----BEGIN OPENSSH PRIVATE KEY-----\n');
    fs.truncateSync(inSsh('id_huge'), 5e9);
    fs.symlinkSync('/dev/zero', inSsh('id_zero'));
    fs.symlinkSync('loop', inSsh('loop'));
    fs.mkdirSync(inSsh('id_dir'));
    fs.writeFileSync(inSsh('id_cut'), '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n', { mode: 0o600 });
    fs.writeFileSync(inSsh('notes'), 'hello');
    fs.symlinkSync(inSsh('real'), inSsh('linked'));
    const [type, blob] = fs.readFileSync(inSsh('real.pub'), 'utf8').split(' ');
    fs.writeFileSync(
      inSsh('evil.pub'),
      `${type} ${blob} \x1b]0;owned\x07\x1b[2J${'A'.repeat(1000)}\n${type} AAAA second\n`,
    );
    const found = await keys();
    expect(found.map(({ name }) => name)).toEqual(['evil', 'id_cut', 'linked', 'real']);
    const evil = found[0]!;
    expect(evil.comment).not.toMatch(/[\x00-\x1f\x7f]/);
    expect(evil.comment.length).toBeLessThan(210);
    expect(found[1]!.unreadable).toContain('damaged');
    expect(found[2]!.fingerprint).toBe(found[3]!.fingerprint);
    expect(await call<string>('keys.publicText', { id: 'ssh:real' })).not.toContain('\n');
    await expect(call('keys.publicText', { id: 'ssh:evil.pub' })).rejects.toMatchObject({
      code: 'invalid-input',
    });
  });

  it('does not guess which of two keys of one name is meant', async () => {
    await create({ name: 'k' });
    await create({ name: 'k', location: 'app' });
    await expect(call('keys.publicText', { id: 'k' })).rejects.toMatchObject({
      code: 'invalid-input',
      todo: expect.stringContaining('ssh:k, app:k'),
    });
    expect(await call('keys.publicText', { id: 'app:k' })).toMatch(/^ssh-ed25519 /);
  });

  it('tells when files or their modes change', async () => {
    await create({ name: 'k' });
    access.start();
    const count = () => events.filter(({ type }) => type === 'keys').length;
    let before = count();
    fs.chmodSync(path.join(ssh, 'k'), 0o644);
    await expect.poll(count).toBeGreaterThan(before);
    before = count();
    fs.writeFileSync(path.join(temp.paths.keys, 'x'), '');
    await expect.poll(count).toBeGreaterThan(before);
  });
});

describe('permissions', () => {
  const facts = (what: PermissionProblem['what'], bits: number, uid = 1000) =>
    problemsOf({ path: '/k', what, mode: bits, uid }, 1000);

  it('says what ssh refuses and what it lets pass', () => {
    expect(facts('private-key', 0o600)).toEqual([]);
    expect(facts('private-key', 0o400)).toEqual([]);
    expect(facts('private-key', 0o644)).toMatchObject([
      { kind: 'too-open', wanted: 0o600, severity: 'refused' },
    ]);
    expect(facts('public-key', 0o666)).toMatchObject([{ wanted: 0o644, severity: 'exposed' }]);
    expect(facts('ssh-folder', 0o755)).toMatchObject([{ wanted: 0o700, severity: 'exposed' }]);
    expect(facts('ssh-folder', 0o775)).toMatchObject([{ wanted: 0o700, severity: 'refused' }]);
    expect(facts('app-folder', 0o775)).toMatchObject([
      { wanted: 0o700, severity: 'exposed', problem: expect.stringContaining('Guesthouse’s keys') },
    ]);
    expect(facts('authorized-keys', 0o664)).toMatchObject([{ wanted: 0o600, severity: 'refused' }]);
    expect(facts('config', 0o644)).toMatchObject([{ wanted: 0o600, severity: 'exposed' }]);
    expect(facts('home', 0o755)).toEqual([]);
    expect(facts('home', 0o775)).toMatchObject([{ wanted: 0o755, severity: 'refused' }]);
    expect(facts('private-key', 0o600, 1001)).toMatchObject([{ kind: 'wrong-owner', fixable: false }]);
    expect(facts('private-key', 0o000)).toMatchObject([{ kind: 'too-closed', fixable: false }]);
  });

  it('never wants a bit that is not set, for any mode at all', () => {
    for (const what of [
      'private-key',
      'public-key',
      'ssh-folder',
      'app-folder',
      'authorized-keys',
      'config',
      'home',
    ] as const)
      for (let bits = 0; bits <= 0o7777; bits++)
        for (const problem of facts(what, bits)) if (problem.fixable) expect(problem.wanted & ~bits).toBe(0);
  });

  it('agrees with ssh about which private keys are refused', async () => {
    await create({ name: 'k' });
    const file = path.join(ssh, 'k');
    for (const bits of [0o600, 0o400, 0o640, 0o604, 0o644, 0o610]) {
      fs.chmodSync(file, bits);
      const ours = (await keys())[0]!.problems.some(({ severity }) => severity === 'refused');
      let theirs = false;
      try {
        execFileSync('ssh-keygen', ['-y', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
      } catch (error) {
        theirs = String((error as { stderr: Buffer }).stderr).includes('UNPROTECTED');
      }
      expect(ours, bits.toString(8)).toBe(theirs);
    }
  });

  it('repairs one or all, and leaves the stricter alone', async () => {
    await create({ name: 'k' });
    await create({ name: 'strict' });
    const at = (name: string) => path.join(ssh, name);
    fs.chmodSync(at('k'), 0o644);
    fs.chmodSync(at('k.pub'), 0o666);
    fs.chmodSync(at('strict'), 0o400);
    fs.writeFileSync(at('authorized_keys'), '');
    fs.chmodSync(at('authorized_keys'), 0o666);
    fs.chmodSync(ssh, 0o777);
    expect(await call<unknown[]>('keys.check')).toHaveLength(4);
    const left = await call<PermissionProblem[]>('keys.fix', { paths: [at('k')] });
    expect(left).toHaveLength(3);
    expect([mode(at('k')), mode(at('k.pub'))]).toEqual([0o600, 0o666]);
    expect(await call('keys.fix', {})).toEqual([]);
    expect([mode(ssh), mode(at('k.pub')), mode(at('authorized_keys')), mode(at('strict'))]).toEqual([
      0o700, 0o644, 0o600, 0o400,
    ]);
  });
});

describe('repairing all', () => {
  it('goes on past what cannot be repaired, and names it', async () => {
    await create({ name: 'k' });
    fs.chmodSync(path.join(ssh, 'k'), 0o644);
    fs.rmSync(temp.paths.keys, { recursive: true });
    // A socket where the folder was: it cannot be opened.
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(temp.paths.keys, resolve));
    fs.chmodSync(temp.paths.keys, 0o777);
    try {
      await expect(call('keys.fix', {})).rejects.toMatchObject({
        code: 'no-permission',
        why: expect.stringContaining(temp.paths.keys),
      });
      expect(mode(path.join(ssh, 'k'))).toBe(0o600);
    } finally {
      server.close();
    }
  });
});

describe('reading private keys', () => {
  it('tells encrypted from plain in every format ssh-keygen writes', () => {
    for (const format of ['RFC4716', 'PEM', 'PKCS8'])
      for (const passphrase of ['', 'long enough']) {
        const file = path.join(temp.home, `${format}${passphrase ? 1 : 0}`);
        execFileSync('ssh-keygen', ['-q', '-t', 'ecdsa', '-m', format, '-N', passphrase, '-f', file]);
        expect(readPrivateHeader(fs.readFileSync(file, 'utf8'))?.encrypted, file).toBe(passphrase !== '');
      }
  });

  it('survives cut and hostile ones', () => {
    const file = path.join(temp.home, 'k');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const text = fs.readFileSync(file, 'utf8');
    for (let cut = 0; cut < text.trimEnd().length; cut += 7)
      expect(readPrivateHeader(text.slice(0, cut)), String(cut)).toBeNull();
    const [first, ...rest] = text.trimEnd().split('\n');
    expect(readPrivateHeader([first, ...rest.slice(0, 2), rest.at(-1)].join('\n'))).toBeNull();
    const bytes = Buffer.concat([Buffer.from('openssh-key-v1\0'), Buffer.from([255, 255, 255, 255])]);
    expect(
      readPrivateHeader(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`,
      ),
    ).toBeNull();
  });
});
