import { randomBytes } from 'node:crypto';
import { constants, openSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { Socket } from 'node:net';
import * as path from 'node:path';
import { CancelledError, isCancelled } from '../../../shared/errors.ts';
import { run } from '../platform/exec.ts';
import { makePrivateDir, readTextIfAny, writeAtomic } from '../platform/fs.ts';
import { classify, hostNamed } from './askpass-text.ts';
import { hopVariable } from './command.ts';
import type { Prompts } from './prompts.ts';

/**
 * What OpenSSH runs to ask a question (SSH_ASKPASS in ssh(1)). A plain POSIX shell script, because a packaged Electron
 * cannot run scripts (its runAsNode fuse is off) and no other interpreter is sure to be there. Question and answer go
 * through FIFOs in a private folder; the answer is never in an argument, a variable or a file with content. The shell
 * waits for cat by wait, which a signal ends: ssh ends it so when a security key was touched, and waits for its end.
 */
export const askpassScript = `#!/bin/sh
umask 077
dir=\${GUESTHOUSE_ASKPASS_DIR:?}
id=$$
trap 'rm -f "$dir/q.$id" "$dir/a.$id" "$dir/no.$id"' EXIT
trap 'kill $! 2>/dev/null; exit 1' HUP INT TERM
printf '%s' "$1" >"$dir/q.$id" && mkfifo "$dir/a.$id" || exit 1
printf '%s %s %s %s\\n' "\${GUESTHOUSE_ASKPASS_TOKEN:?}" "$id" "\${SSH_ASKPASS_PROMPT:-ask}" "\${${hopVariable}:-0}" >"$dir/requests" || exit 1
cat "$dir/a.$id" &
wait $!
[ ! -e "$dir/no.$id" ]
`;

export interface AskpassOptions {
  readonly prompts: Prompts;
  /** Folder for sockets and FIFOs, private. */
  readonly runtime: string;
  /** Where the script is kept; a place programs may be run from. */
  readonly scriptFolder: string;
  /** For people: what asks. */
  readonly title: string;
  readonly host: string | null;
  /** How ssh names it in its questions, where the host is known: its address and its HostKeyAlias. */
  readonly calls?: readonly string[];
  /** Names of the jump hosts on the way, the last one first: they ask too. */
  readonly jumps?: readonly string[];
  readonly subject: string | null;
  readonly operation: string | null;
  readonly signal?: AbortSignal;
  /** Answers known beforehand (the passphrase just typed into a form), by kind; asked of a person otherwise. */
  readonly answer?: (question: string) => string | null;
}

export interface AskpassSession {
  /** Environment for ssh, sftp, ssh-add. */
  readonly env: Record<string, string>;
  /** Fires when the person cancels a question, or with the caller's signal: the program must be stopped then. */
  readonly signal: AbortSignal;
  /** Removes the folder and withdraws open questions. */
  close(): Promise<void>;
}

/** Writes the script once; a changed or damaged one is replaced. */
async function installScript(folder: string): Promise<string> {
  const file = path.join(folder, 'askpass.sh');
  if ((await readTextIfAny(file)) !== askpassScript) await writeAtomic(file, askpassScript, 0o700);
  return file;
}

/** Opens a place for one program's questions. Close it when the program has ended. */
export async function openAskpass(options: AskpassOptions): Promise<AskpassSession> {
  const parent = path.join(options.runtime, 'askpass');
  await makePrivateDir(parent);
  const script = await installScript(options.scriptFolder);
  const token = randomBytes(24).toString('hex');
  const dir = await fs.mkdtemp(path.join(parent, 's-'));
  const fifo = path.join(dir, 'requests');
  await run(['mkfifo', '-m', '600', fifo]);
  // Read-write, so that opening does not wait for a writer and the end of one request is not the end of all.
  const socket = new Socket({
    fd: openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  const controller = new AbortController();
  const abort = () => controller.abort(new CancelledError());
  if (options.signal?.aborted) abort();
  options.signal?.addEventListener('abort', abort, { once: true });
  const attempts = new Map<string, number>();
  let rest = '';
  socket.on('error', abort);
  socket.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop()!.slice(0, 4096);
    for (const line of lines) {
      const [gotToken, id, hint, hop] = line.split(' ');
      if (gotToken === token && id && /^[0-9]{1,10}$/.test(id))
        void serve(id, hint ?? 'ask', Number.parseInt(hop ?? '0', 10));
    }
  });

  const serve = async (id: string, hint: string, hop: number) => {
    const gone = new AbortController();
    const onEnd = () => gone.abort(new CancelledError());
    controller.signal.addEventListener('abort', onEnd, { once: true });
    // The script may be killed while it waits: its question must go too.
    const watch = setInterval(() => {
      try {
        process.kill(Number(id), 0);
      } catch {
        onEnd();
      }
    }, 300);
    let answer: string | null = null;
    try {
      const text = await readQuestion(path.join(dir, `q.${id}`));
      const known = hint === 'ask' ? (options.answer?.(text) ?? null) : null;
      if (known !== null && !attempts.has(text)) {
        attempts.set(text, 1);
        answer = known;
      } else {
        const attempt = (attempts.get(text) ?? 0) + 1;
        attempts.set(text, attempt);
        const { title, subject, operation } = options;
        answer = await options.prompts.ask(
          { ...classify(text, hint), title, host: asker(options, text, hop), subject, operation, attempt },
          gone.signal,
        );
      }
      // For "confirm" ssh-agent looks at the exit code alone.
      if (hint === 'confirm' && answer !== 'yes') answer = null;
    } catch (error) {
      if (isCancelled(error) && hint === 'ask' && !gone.signal.aborted) abort();
    } finally {
      clearInterval(watch);
      controller.signal.removeEventListener('abort', onEnd);
    }
    await reply(dir, id, answer).catch(() => {}); // the script is gone: nobody waits
  };
  return {
    env: {
      SSH_ASKPASS: script,
      SSH_ASKPASS_REQUIRE: 'force',
      GUESTHOUSE_ASKPASS_DIR: dir,
      GUESTHOUSE_ASKPASS_TOKEN: token,
      // ssh before 8.4 only asks this way when there is a display.
      ...(process.env.DISPLAY ? {} : { DISPLAY: ':' }),
      SHELL: '/bin/sh', // ssh runs ProxyCommand in it; ours is quoted for a POSIX shell
    },
    signal: controller.signal,
    close: async () => {
      options.signal?.removeEventListener('abort', abort);
      socket.destroy();
      controller.abort(new CancelledError());
      await fs.rm(dir, { recursive: true, force: true });
    },
  };
}

/** Whose question it is. An answer meant for one host must not go to another on the way to it. */
function asker({ host, calls = [], jumps = [] }: AskpassOptions, text: string, hop: number): string | null {
  if (hop > 0) return jumps[hop - 1] ?? null;
  if (host === null) return null;
  // The person's own configuration may lead elsewhere, or through hosts that are not ours: then by ssh's own word.
  const named = hostNamed(text);
  const same = named === null || calls.some((call) => call.toLowerCase() === named.toLowerCase());
  return same ? host : `${named} (connecting to ${host})`;
}

async function readQuestion(file: string): Promise<string> {
  const handle = await fs.open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Hands the answer to the waiting script; null refuses. */
async function reply(dir: string, id: string, answer: string | null): Promise<void> {
  if (answer === null) await (await fs.open(path.join(dir, `no.${id}`), 'wx', 0o600)).close();
  const bytes = Buffer.from(answer === null ? '' : `${answer}\n`, 'utf8');
  try {
    // Without a reader opening fails (ENXIO): the script makes the FIFO, asks, then opens it.
    for (let tries = 0; ; tries++) {
      try {
        const handle = await fs.open(path.join(dir, `a.${id}`), constants.O_WRONLY | constants.O_NONBLOCK);
        try {
          if (bytes.length) await handle.write(bytes);
        } finally {
          await handle.close();
        }
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENXIO' || tries > 300) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  } finally {
    bytes.fill(0);
  }
}
