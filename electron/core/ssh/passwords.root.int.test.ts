import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addKey, checkKey, publicKeyLine } from './copy-id.ts';
import { runRemote } from './remote.ts';
import {
  addUser,
  keygen,
  pin,
  type Sandbox,
  sandbox,
  startSshd,
  type TestSshd,
  type TestUser,
  targetOf,
} from './sshd.fixture.ts';

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

// Passwords and keyboard-interactive need PAM and real accounts, which these tests make and remove: root only.
describe('a real sshd with passwords', () => {
  let user: TestUser;
  beforeEach(() => {
    user = addUser(box.dir);
  });
  afterEach(() => user.remove());

  it('copies a key with a password asked for once a connection, and then needs none', async () => {
    sshd = await startSshd(box.dir, {
      users: [user],
      config: ['UsePAM yes', 'KbdInteractiveAuthentication no'],
    });
    pin(box.dir, sshd);
    const target = targetOf(box.dir, sshd.port, { user: user.name });
    const answers = ['not it', user.password];
    box.answer = () => answers.shift() ?? null;
    const line = publicKeyLine(publicLine);
    expect(await addKey(box.around, target, line)).toBe('added');
    expect(box.asked.map(({ kind, host, attempt }) => [kind, host, attempt])).toEqual([
      ['password', 'test', 1],
      ['password', 'test', 2],
    ]);
    const stat = fs.statSync(path.join(user.home, '.ssh', 'authorized_keys'));
    expect(stat.mode & 0o777).toBe(0o600);
    expect(fs.statSync(path.join(user.home, '.ssh')).mode & 0o777).toBe(0o700);
    await checkKey(box.around, target, key, line);
    expect(box.asked).toHaveLength(2);
  });

  it('answers keyboard-interactive after a key (two factors)', async () => {
    sshd = await startSshd(box.dir, {
      users: [user],
      config: [
        'UsePAM yes',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication yes',
        'AuthenticationMethods publickey,keyboard-interactive',
      ],
    });
    pin(box.dir, sshd);
    const dir = path.join(user.home, '.ssh');
    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, 'authorized_keys'), publicLine);
    const { uid, gid } = fs.statSync(user.home);
    fs.chownSync(dir, uid, gid);
    fs.chownSync(path.join(dir, 'authorized_keys'), uid, gid);
    box.answer = (prompt) => (prompt.kind === 'password' ? user.password : null);
    const target = targetOf(box.dir, sshd.port, { user: user.name, identityFiles: [key] });
    expect((await runRemote(box.around, target, ['id', '-un'])).stdout).toBe(`${user.name}\n`);
    expect(box.asked).toHaveLength(1);
    // Copied by the same two factors; the check knows the key's part from the password's.
    const line = publicKeyLine(publicLine);
    expect(await addKey(box.around, target, line)).toBe('already');
    expect(await checkKey(box.around, target, key, line)).toBe('second');
    expect(box.asked).toHaveLength(2);
    const stranger = path.join(box.dir, 'stranger');
    const other = publicKeyLine(keygen(stranger));
    await expect(checkKey(box.around, target, stranger, other)).rejects.toMatchObject({
      code: 'auth-failed',
    });
  });

  it('fails as refused after three wrong passwords', async () => {
    sshd = await startSshd(box.dir, {
      users: [user],
      config: ['UsePAM yes', 'KbdInteractiveAuthentication no'],
    });
    pin(box.dir, sshd);
    box.answer = () => 'wrong';
    await expect(
      runRemote(box.around, targetOf(box.dir, sshd.port, { user: user.name }), ['true']),
    ).rejects.toMatchObject({ code: 'auth-failed' });
    expect(box.asked).toHaveLength(3);
  });

  it('runs as root by sudo, its password by stdin and never in the program input', async () => {
    sshd = await startSshd(box.dir, { users: [user], config: ['UsePAM yes'] });
    pin(box.dir, sshd);
    const sudoers = `/etc/sudoers.d/${user.name}`;
    fs.writeFileSync(sudoers, `${user.name} ALL=(ALL) ALL\n`, { mode: 0o440 });
    try {
      const target = targetOf(box.dir, sshd.port, { user: user.name, identityFiles: [key] });
      box.answer = () => user.password;
      await addKey(box.around, target, publicKeyLine(publicLine));
      box.asked.length = 0;
      const answers = ['wrong', user.password];
      box.answer = () => answers.shift() ?? null;
      const result = await runRemote(box.around, target, ['sh', '-c', 'id -u; cat'], {
        sudo: true,
        input: 'the input\n',
      });
      expect(result.stdout).toBe('0\nthe input\n');
      expect(result.stderr).not.toContain('GUESTHOUSE');
      expect(box.asked.map((p) => p.attempt)).toEqual([1, 2]);
    } finally {
      fs.rmSync(sudoers, { force: true });
    }
  });
});
