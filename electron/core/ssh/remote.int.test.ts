import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addKey, checkKey, publicKeyLine, removeKey } from './copy-id.ts';
import { ensurePinned, forgetPinned, pinnedFingerprints } from './hostkeys.ts';
import { fingerprint } from './known-hosts.ts';
import { askpassFor, runRemote } from './remote.ts';
import { keygen, pin, type Sandbox, sandbox, startSshd, type TestSshd, targetOf } from './sshd.fixture.ts';

let box: Sandbox;
let sshd: TestSshd;
let key: string;
let publicLine: string;

beforeEach(async () => {
  box = sandbox();
  key = path.join(box.dir, 'id');
  publicLine = keygen(key);
});
afterEach(async () => {
  await sshd?.stop();
  box.close();
});

async function keyed() {
  sshd = await startSshd(box.dir);
  fs.writeFileSync(sshd.authorizedKeys, publicLine, { mode: 0o600 });
  return targetOf(box.dir, sshd.port, { identityFiles: [key] });
}

describe('a real sshd with keys', () => {
  it('gives every byte of every word to the far program', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const words = ["it's", '$(touch pwned)', '`id`', 'a b\nc', '-n', '~', '*', '\\', '"', 'é🙂', ''];
    const { stdout } = await runRemote(box.around, target, ['printf', '%s|', ...words]);
    expect(stdout).toBe(`${words.join('|')}|`);
    expect(fs.existsSync(path.join(sshd.home, 'pwned'))).toBe(false);
  });

  it('refuses a host whose key was never agreed to, and never lets one in by itself', async () => {
    const target = await keyed();
    await expect(runRemote(box.around, target, ['true'])).rejects.toMatchObject({ code: 'host-key-unknown' });
    expect(fs.existsSync(target.knownHosts[0]!)).toBe(false);
    expect(box.asked).toEqual([]);
  });

  it('asks once with the fingerprint, pins after consent, then stays quiet', async () => {
    const target = await keyed();
    box.answer = (prompt) => (prompt.kind === 'host-key' ? 'yes' : null);
    const session = await askpassFor(box.around, target, {});
    try {
      expect(await ensurePinned(target, session)).toBe('pinned');
      expect(await ensurePinned(target, session)).toBe('known');
    } finally {
      await session.close();
    }
    const shown = fingerprint(fs.readFileSync(`${sshd.hostKey}.pub`, 'utf8').split(' ')[1]!);
    expect(box.asked.map((p) => p.hostKey?.fingerprint)).toEqual([shown]);
    expect(await pinnedFingerprints(target)).toEqual([{ type: 'ssh-ed25519', fingerprint: shown }]);
    expect((await runRemote(box.around, target, ['echo', 'in'])).stdout).toBe('in\n');
  });

  it('pins nothing when the person says no', async () => {
    const target = await keyed();
    box.answer = () => 'no';
    const session = await askpassFor(box.around, target, {});
    await expect(ensurePinned(target, session)).rejects.toMatchObject({ code: 'host-key-unknown' });
    await session.close();
    expect(await pinnedFingerprints(target)).toEqual([]);
  });

  it('stops at a changed host key and says so, until it is forgotten', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const { port } = sshd;
    await sshd.stop();
    sshd = await startSshd(box.dir, { port });
    fs.writeFileSync(sshd.authorizedKeys, publicLine, { mode: 0o600 });
    const before = fs.readFileSync(target.knownHosts[0]!, 'utf8');
    const error = await runRemote(box.around, target, ['true']).catch((e) => e);
    expect(error).toMatchObject({ code: 'host-key-changed' });
    expect(error.why).toContain('SHA256:');
    expect(fs.readFileSync(target.knownHosts[0]!, 'utf8')).toBe(before);
    await forgetPinned(target);
    expect(await pinnedFingerprints(target)).toEqual([]);
  });

  it('asks for the passphrase of a key, tells the second attempt, and leaves nothing behind', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const locked = path.join(box.dir, 'locked key');
    fs.appendFileSync(sshd.authorizedKeys, keygen(locked, 'correct horse'));
    const answers = ['wrong', 'correct horse'];
    box.answer = () => answers.shift() ?? null;
    const result = await runRemote(box.around, { ...target, identityFiles: [locked] }, ['echo', 'in']);
    expect(result.stdout).toBe('in\n');
    expect(box.asked.map(({ kind, attempt }) => [kind, attempt])).toEqual([
      ['passphrase', 1],
      ['passphrase', 2],
    ]);
    expect(box.prompts.list()).toEqual([]);
    expect(fs.readdirSync(path.join(box.dir, 'run', 'askpass'))).toEqual([]);
  });

  it('ends the connection when a question is cancelled', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const locked = path.join(box.dir, 'locked');
    fs.appendFileSync(sshd.authorizedKeys, keygen(locked, 'secret words'));
    box.answer = () => null;
    await expect(
      runRemote(box.around, { ...target, identityFiles: [locked] }, ['true']),
    ).rejects.toMatchObject({ code: 'cancelled' });
    expect(box.asked).toHaveLength(1);
  });

  it('never asks in batch mode', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const other = path.join(box.dir, 'other');
    keygen(other, 'locked');
    await expect(
      runRemote(box.around, { ...target, identityFiles: [other] }, ['true'], { ask: false }),
    ).rejects.toMatchObject({ code: 'auth-failed' });
    expect(box.asked).toEqual([]);
  });

  it('tells a closed port and a host that drops the line', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const closing = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
      socket.end('SSH-2.0-x\r\n');
    });
    await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
    const { port } = closing.address() as net.AddressInfo;
    await expect(runRemote(box.around, { ...target, port }, ['true'])).rejects.toMatchObject({
      code: 'unreachable',
    });
    await new Promise((resolve) => closing.close(resolve));
    await expect(runRemote(box.around, { ...target, port }, ['true'])).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it('gives up on a host that accepts and says nothing', async () => {
    const mute = net.createServer((socket) => void socket.on('error', () => {}));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as net.AddressInfo;
    await expect(
      runRemote(box.around, targetOf(box.dir, port), ['true'], { connectTimeout: 1 }),
    ).rejects.toMatchObject({ code: 'unreachable' });
    mute.close();
  });

  it('reaches a host through a jump host, both keys pinned', async () => {
    const inner = await keyed();
    const gate = await startSshd(box.dir);
    fs.writeFileSync(gate.authorizedKeys, publicLine, { mode: 0o600 });
    const jump = targetOf(box.dir, gate.port, { identityFiles: [key], id: 'gate', name: 'gate' });
    const target = { ...inner, jump };
    box.answer = (prompt) => (prompt.kind === 'host-key' ? 'yes' : null);
    const session = await askpassFor(box.around, target, {});
    try {
      await ensurePinned(target, session);
      expect(box.asked.map((p) => [p.kind, p.host])).toEqual([
        ['host-key', 'gate'],
        ['host-key', 'test'],
      ]);
      expect((await runRemote(box.around, target, ['echo', '100% in'], { askpass: session })).stdout).toBe(
        '100% in\n',
      );
      expect(gate.log()).toContain('Accepted publickey');
    } finally {
      await session.close();
      await gate.stop();
    }
  });
});

describe('copying a key', () => {
  it('adds the line once, keeps the others byte for byte, and takes it out again', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const added = path.join(box.dir, 'added');
    const line = publicKeyLine(keygen(added));
    const odd = `# a comment with ${line.blob}\r\n\n  from="127.0.0.1,::1",no-pty ${publicLine.trim()} \xe9 no end`;
    fs.writeFileSync(sshd.authorizedKeys, Buffer.from(odd, 'latin1'), { mode: 0o666 });
    fs.chmodSync(sshd.authorizedKeys, 0o666);

    expect(await addKey(box.around, target, line)).toBe('added');
    expect(fs.readFileSync(sshd.authorizedKeys, 'latin1')).toBe(`${odd}\n${line.line}\n`);
    expect(fs.statSync(sshd.authorizedKeys).mode & 0o777).toBe(0o600);
    expect(await addKey(box.around, target, line)).toBe('already');
    expect(await checkKey(box.around, target, added, line)).toBe('in');
    expect(await removeKey(box.around, target, line)).toBe('removed');
    expect(fs.readFileSync(sshd.authorizedKeys, 'latin1')).toBe(`${odd}\n`);
    expect(await removeKey(box.around, target, line)).toBe('absent');
    await expect(checkKey(box.around, target, added, line)).rejects.toMatchObject({ code: 'auth-failed' });
    expect(fs.readdirSync(path.dirname(sshd.authorizedKeys))).toEqual(['authorized_keys']);
  });

  it('checks the very key, also when an agent holds one that the configuration names for all hosts', async () => {
    const configFile = path.join(box.dir, 'config');
    fs.writeFileSync(configFile, `Host *\n  IdentityFile ${key}\n`);
    const target = { ...(await keyed()), configFile, identityFiles: [] };
    pin(box.dir, sshd);
    const socket = path.join(box.dir, 'agent');
    const pid = Number(/AGENT_PID=(\d+)/.exec(execFileSync('ssh-agent', ['-a', socket]).toString())![1]);
    vi.stubEnv('SSH_AUTH_SOCK', socket);
    try {
      execFileSync('ssh-add', ['-q', key]);
      const added = path.join(box.dir, 'added');
      const line = publicKeyLine(keygen(added));
      expect(await addKey(box.around, target, line)).toBe('added');
      expect(await checkKey(box.around, target, added, line)).toBe('in');
      await removeKey(box.around, target, line);
      await expect(checkKey(box.around, target, added, line)).rejects.toMatchObject({
        message: 'test let you in with another key.',
      });
    } finally {
      vi.unstubAllEnvs();
      process.kill(pid);
    }
  });

  it('makes folder and file with the right modes, and writes through a link', async () => {
    const target = await keyed();
    pin(box.dir, sshd);
    const elsewhere = path.join(box.dir, 'elsewhere');
    fs.renameSync(sshd.authorizedKeys, elsewhere);
    fs.symlinkSync(elsewhere, sshd.authorizedKeys);
    const line = publicKeyLine(keygen(path.join(box.dir, 'second')));
    expect(await addKey(box.around, target, line)).toBe('added');
    expect(fs.lstatSync(sshd.authorizedKeys).isSymbolicLink()).toBe(true);
    expect(fs.readFileSync(elsewhere, 'utf8')).toBe(`${publicLine}${line.line}\n`);
  });

  it('refuses a public key with more than one line', () => {
    expect(() => publicKeyLine(`${publicLine}ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB`)).toThrow(
      /one public key/,
    );
    expect(() => publicKeyLine('ssh-ed25519 $(id) x')).toThrow(/one public key/);
  });
});
