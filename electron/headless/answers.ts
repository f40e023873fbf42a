import * as readline from 'node:readline';
import { Writable } from 'node:stream';
import type { Prompt } from '../../shared/model/prompt.ts';
import { plain } from './output.ts';
import type { Run } from './run.ts';

/**
 * Answers the questions of connections at this terminal while `work` runs: OpenSSH asks core, core asks whoever
 * listens. Without a terminal every question is cancelled, so that a script ends with an error instead of hanging.
 */
export async function answering<T>(run: Run, work: () => Promise<T>): Promise<T> {
  const open = new Map<string, AbortController>();
  let queue: Promise<void> = Promise.resolve();
  const take = (prompt: Prompt) => {
    if (open.has(prompt.id)) return;
    const gone = new AbortController();
    open.set(prompt.id, gone);
    queue = queue.then(() => answer(run, prompt, gone.signal)).catch(() => {});
  };
  const off = run.core.onEvent(({ event }) => {
    if (event.type === 'prompt') take(event.prompt);
    else if (event.type === 'prompt-gone') open.get(event.id)?.abort();
  });
  try {
    return await work();
  } finally {
    off();
    for (const gone of open.values()) gone.abort();
  }
}

async function answer(run: Run, prompt: Prompt, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  const { id, kind } = prompt;
  if (kind === 'notice') {
    run.say(plain(prompt.text));
    return;
  }
  if (!process.stdin.isTTY) {
    run.say(
      `${plain(prompt.title)} wants an answer, and there is no terminal to ask at:\n${plain(prompt.text)}`,
    );
    await run.core.call('prompts.cancel', { id });
    return;
  }
  if (prompt.attempt > 1) run.say('That was not right.');
  const yesNo = kind === 'host-key' || kind === 'confirm';
  const typed = await ask(`${plain(prompt.text).trim()} `, yesNo, gone);
  if (gone.aborted) return;
  if (typed === null) await run.core.call('prompts.cancel', { id });
  else
    await run.core.call('prompts.answer', {
      id,
      answer: yesNo ? (/^y(es)?$/i.test(typed) ? 'yes' : 'no') : typed,
    });
}

/** A line from the terminal; hidden unless `shown`. Null at its end or Ctrl-C. */
function ask(question: string, shown: boolean, gone: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    process.stderr.write(question);
    const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
    const reader = readline.createInterface({
      input: process.stdin,
      output: shown ? process.stderr : mute,
      terminal: true,
    });
    const done = (line: string | null) => {
      gone.removeEventListener('abort', onGone);
      // Before closing, which tells of itself as the end of the input.
      resolve(line);
      reader.close();
      if (!shown || line === null) process.stderr.write('\n');
    };
    const onGone = () => done(null);
    gone.addEventListener('abort', onGone, { once: true });
    reader.once('line', (line) => done(line));
    reader.once('SIGINT', () => done(null));
    reader.once('close', () => resolve(null));
  });
}

/** A secret for a new key, from the terminal, or the first line of piped input. */
export async function readSecret(question: string): Promise<string | null> {
  if (process.stdin.isTTY) return ask(question, false, new AbortController().signal);
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text.split('\n', 1)[0]!.replace(/\r$/, '');
}
