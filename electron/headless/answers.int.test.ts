import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';
import * as pty from 'node-pty';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startSshd, type TestSshd } from '../core/ssh/sshd.fixture.ts';
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
