import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';
import * as pty from 'node-pty';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Key } from '../../shared/model/key.ts';
import { keygen, startSshd, type TestSshd } from '../core/ssh/sshd.fixture.ts';
import { type TempHome, tempHome } from '../core/testing/temp-home.ts';

// The real command line at a real terminal, asked by a real ssh.
const out = path.resolve(__dirname, `../../dist/test/answers-${process.pid}`);
beforeAll(async () => {
  await build({
    entryPoints: [path.join(__dirname, 'cli.ts')],
    outfile: path.join(out, 'cli.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    external: ['node-pty'],
    loader: { '.bin': 'binary' },
  });
});
afterAll(() => fs.rmSync(out, { recursive: true, force: true }));

let temp: TempHome;
let sshd: TestSshd;
beforeEach(async () => {
  temp = tempHome();
  sshd = await startSshd(temp.home);
});
afterEach(async () => {
  await sshd.stop();
  temp.remove();
});

/** Runs the command line in a terminal, typing each answer when its question shows. */
function atTerminal(args: readonly string[], answers: readonly (readonly [string, string])[] = []) {
  const env = { ...temp.env, PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' };
  const child = pty.spawn(process.execPath, [path.join(out, 'cli.cjs'), ...args], {
    env,
    cols: 200,
    rows: 50,
  });
  const open = [...answers];
  let text = '';
  let seen = '';
  child.onData((chunk) => {
    text += chunk;
    seen += chunk;
    const [next] = open;
    if (!next || !seen.includes(next[0])) return;
    open.shift();
    seen = '';
    setTimeout(() => child.write(`${next[1]}\r`), 200); // the reader begins after it has asked
  });
  return new Promise<{ text: string; code: number }>((resolve) =>
    child.onExit(({ exitCode }) => resolve({ text, code: exitCode })),
  );
}

it('answers host key and passphrase at the terminal, and hides the secret', async () => {
  const user = os.userInfo().username;
  const made = await atTerminal(
    ['keys', 'create', 'locked', '--app'],
    [
      ['Passphrase', 'open sesame'],
      ['again', 'open sesame'],
    ],
  );
  expect(made.code, made.text).toBe(0);
  const file = path.join(temp.paths.keys, 'locked');
  expect(fs.readFileSync(file, 'utf8')).toContain('PRIVATE KEY');
  fs.copyFileSync(`${file}.pub`, sshd.authorizedKeys);
  const port = ['--port', String(sshd.port), '--user', user, '--key', 'locked'];
  expect((await atTerminal(['servers', 'add', 'here', '127.0.0.1', ...port])).code).toBe(0);

  const tested = await atTerminal(
    ['servers', 'test', 'here'],
    [
      ['fingerprint])?', 'yes'],
      ['passphrase for key', 'wrong'],
      ['passphrase for key', 'open sesame'],
    ],
  );
  expect(tested.code, tested.text).toBe(0);
  expect(tested.text).toContain('here lets you in.');
  expect(tested.text).toContain('That was not right.');
  expect(made.text + tested.text).not.toContain('sesame');

  const refused = await atTerminal(['servers', 'test', 'here'], [['passphrase for key', '\x03']]);
  expect(refused.code).toBe(130);
});

it('lists, checks, repairs and copies keys, and logs in with them', async () => {
  const user = os.userInfo().username;
  const here = path.join(temp.home, '.ssh');
  fs.mkdirSync(here, { mode: 0o700 });
  fs.writeFileSync(sshd.authorizedKeys, keygen(path.join(temp.paths.keys, 'way-in')), { mode: 0o600 });
  const line = keygen(path.join(here, 'id_ed25519'));
  const port = ['--port', String(sshd.port), '--user', user, '--key', 'way-in'];
  expect((await atTerminal(['servers', 'add', 'here', '127.0.0.1', ...port])).code).toBe(0);

  const listed = await atTerminal(['keys', 'list', '--json']);
  const { keys } = JSON.parse(listed.text) as { keys: Key[] };
  expect(keys.map(({ name, location, type }) => [name, location, type])).toEqual([
    ['id_ed25519', 'ssh', 'ED25519'],
    ['way-in', 'app', 'ED25519'],
  ]);
  expect((await atTerminal(['keys', 'check'])).code).toBe(0);
  fs.chmodSync(path.join(here, 'id_ed25519'), 0o644);
  fs.chmodSync(path.join(here, 'id_ed25519.pub'), 0o666);
  const wrong = await atTerminal(['keys', 'check']);
  expect([wrong.code, wrong.text]).toEqual([1, expect.stringContaining('UNPROTECTED PRIVATE KEY FILE')]);
  // Nothing is changed without a word.
  expect((await atTerminal(['keys', 'fix'])).code).toBe(2);
  expect(fs.statSync(path.join(here, 'id_ed25519')).mode & 0o777).toBe(0o644);
  expect((await atTerminal(['keys', 'fix', '--yes'])).text).toContain('Repaired 2.');
  expect(fs.statSync(path.join(here, 'id_ed25519')).mode & 0o777).toBe(0o600);

  const copied = await atTerminal(
    ['keys', 'copy', 'here', 'nobody', '--key', 'id_ed25519'],
    [['fingerprint])?', 'yes']],
  );
  expect(copied.code, copied.text).toBe(1);
  expect(copied.text).toMatch(/^here +copied/m);
  expect(copied.text).toMatch(/^nobody +failed +.*There is no guest or server/m);
  expect(fs.readFileSync(sshd.authorizedKeys, 'utf8')).toContain(line.split(' ')[1]);

  // The words arrive as they are, and the far exit code comes back.
  const said = await atTerminal(['ssh', 'here', '--', 'sh', '-c', 'echo "<$0>"; exit 7', 'a  $(b)']);
  expect([said.code, said.text]).toEqual([7, expect.stringContaining('<a  $(b)>')]);
  expect((await atTerminal(['ssh', 'nobody'])).code).toBe(3);
  expect((await atTerminal(['keys', 'revoke', 'id_ed25519', 'here'])).code).toBe(0);
  expect(fs.readFileSync(sshd.authorizedKeys, 'utf8')).not.toContain(line.split(' ')[1]);
});

it('imports the hosts of ~/.ssh/config, and says of each that it cannot', async () => {
  const here = path.join(temp.home, '.ssh');
  fs.mkdirSync(here, { mode: 0o700 });
  expect((await atTerminal(['servers', 'import'])).text).toContain('None in ~/.ssh/config.');
  const config = 'Host web\n  HostName web.example\n  User me\n  Port 99\nHost db\nHost "b c"\n';
  fs.writeFileSync(path.join(here, 'config'), config, { mode: 0o600 });
  const listed = await atTerminal(['servers', 'import']);
  expect([listed.code, listed.text]).toEqual([0, expect.stringMatching(/^web +me@web\.example:99/m)]);

  const added = await atTerminal(['servers', 'import', 'web', 'db']);
  expect([added.code, added.text]).toEqual([0, expect.stringContaining('Added 2 of 2.')]);
  expect((await atTerminal(['servers', 'list'])).text).toMatch(/^web +me@web:99/m);
  expect((await atTerminal(['servers', 'import'])).text).toMatch(/^web .*there already/m);
  // Those that cannot be added are named, and what the exit code says is why.
  const again = await atTerminal(['servers', 'import', 'web', 'b c', 'nope']);
  expect(again.code).toBe(1);
  expect(again.text).toMatch(/Added 0 of 3\.\s+web: It is there already\.\s+b c: .+\s+nope: It is not in/);
  expect((await atTerminal(['servers', 'import', 'nope'])).code).toBe(3);
});
