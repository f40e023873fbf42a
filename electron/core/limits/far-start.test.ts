import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { farEnd, farForget, farLog, farStart } from './far-start.ts';

// The far shell's scripts, run by the shell here.
const home = mkdtempSync(path.join(tmpdir(), 'gh-far-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const sh = (script: string, ...args: string[]) =>
  execFileSync('sh', ['-c', script, 'sh', ...args], {
    encoding: 'utf8',
    env: { ...process.env, HOME: home },
  });
const start = (member: string, folder: string, ...command: string[]) => {
  const [, pid, code] = /^started (\d+) (.+)$/m.exec(sh(farStart, 'g-1', member, folder, ...command)) ?? [];
  return { pid: Number(pid), code: code ?? '' };
};
async function codeOf(file: string): Promise<string> {
  while (!existsSync(file) || readFileSync(file, 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 20));
  return readFileSync(file, 'utf8').trim();
}

it('writes down how a command ended, whose words are never read as text', async () => {
  const words = ['a b', '$(touch x)', "it's", '"; exit 3'];
  const { code } = start('app-1', '', 'sh', '-c', 'printf "%s\\n" "$@" >&2; exit 7', 'sh', ...words);
  expect(await codeOf(code)).toBe('7');
  expect(sh(farLog, 'g-1', 'app-1', '10')).toBe(`${words.join('\n')}\n`);
  expect(await codeOf(start('app-2', home, 'pwd').code)).toBe('0');
  expect(sh(farLog, 'g-1', 'app-2', '10').trim()).toBe(home);
  expect(await codeOf(start('app-3', '', 'no-such-program-at-all').code)).toBe('127');
  expect(start('app-4', '/no/such/folder', 'true').code).toBe('');
});

it('does not wait for a command that goes on, and can end it with what waits for it', async () => {
  const { pid, code } = start('app-5', '', 'sleep', '600');
  expect(existsSync(code)).toBe(false);
  process.kill(pid, 0);
  sh(farEnd, String(pid));
  while (existsSync(`/proc/${pid}/exe`)) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(existsSync(code)).toBe(false);
});

it('forgets what a member wrote, then the whole group', () => {
  const folder = path.join(home, '.cache/guesthouse/groups/g-1');
  sh(farForget, 'g-1', 'app-1');
  expect(existsSync(path.join(folder, 'app-1.log'))).toBe(false);
  expect(existsSync(path.join(folder, 'app-2.log'))).toBe(true);
  sh(farForget, 'g-1', '');
  expect(existsSync(folder)).toBe(false);
});
