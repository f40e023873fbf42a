import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AskpassOptions, openAskpass } from './askpass.ts';
import { type Sandbox, sandbox } from './sshd.fixture.ts';

let box: Sandbox;
beforeEach(() => {
  box = sandbox();
  box.answer = () => undefined;
});
afterEach(() => box.close());

const open = (more: Partial<AskpassOptions> = {}) =>
  openAskpass({ ...box.around, title: 't', host: 'db', subject: null, operation: null, ...more });

/** Runs the script as ssh does. */
function ask(session: Awaited<ReturnType<typeof open>>, text: string, env: Record<string, string> = {}) {
  const child = spawn(session.env.SSH_ASKPASS!, [text], {
    env: { PATH: process.env.PATH, ...session.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  // `close` comes when nobody holds its output any more: neither the shell nor a child it left.
  const ended = new Promise<{ said: string; code: number | null }>((resolve) =>
    child.on('close', (code) => resolve({ said, code })),
  );
  return { child, ended };
}

describe('askpass', () => {
  it('ends when ssh ends it, as it does after a touch of a security key, and its notice goes', async () => {
    const session = await open();
    try {
      const { child, ended } = ask(session, 'Confirm user presence for key', { SSH_ASKPASS_PROMPT: 'none' });
      await expect.poll(() => box.prompts.list()).toMatchObject([{ kind: 'notice', host: 'db' }]);
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ said: '', code: 1 });
      await expect.poll(() => box.prompts.list()).toEqual([]);
    } finally {
      await session.close();
    }
  });

  it('hands an answer on, and a refusal as such', async () => {
    const session = await open();
    try {
      box.answer = ({ text }) => (text.startsWith('first') ? ' a b ' : null);
      expect(await ask(session, 'first password: ').ended).toEqual({ said: ' a b \n', code: 0 });
      expect(await ask(session, 'second password: ').ended).toEqual({ said: '', code: 1 });
    } finally {
      await session.close();
    }
  });

  it('says whose question it is: a jump host, the host, or one nobody told of', async () => {
    const session = await open({ calls: ['10.0.0.5'], jumps: ['gate', 'outer'] });
    try {
      box.answer = () => 'x';
      await ask(session, "me@10.0.0.5's password: ").ended;
      await ask(session, "me@10.0.0.5's password: ", { GUESTHOUSE_ASKPASS_HOP: '1' }).ended;
      await ask(session, "me@10.0.0.5's password: ", { GUESTHOUSE_ASKPASS_HOP: '2' }).ended;
      await ask(session, "me@bastion's password: ").ended;
      await ask(session, "Enter passphrase for key '/k': ").ended;
      const hosts = box.asked.map(({ host }) => host);
      expect(hosts).toEqual(['db', 'gate', 'outer', 'bastion (connecting to db)', 'db']);
    } finally {
      await session.close();
    }
  });
});
