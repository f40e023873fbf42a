import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv } from '../platform/exec.ts';
import type { AskpassSession } from './askpass.ts';
import { type SshTarget, sftpArgv } from './command.ts';
import { sshFailure } from './failures.ts';
import { visible } from './prompts.ts';

/**
 * One word of an sftp(1) command: double quotes, in which a backslash escapes quotes and itself, and glob characters
 * stand for themselves (makeargv in OpenSSH's sftp.c).
 * @throws {GuesthouseError} `invalid-input` for a line break, which would begin another command
 */
export function sftpWord(text: string): string {
  if (/[\r\n\0]/.test(text))
    throw new GuesthouseError('invalid-input', 'A file name with a line break cannot be uploaded.', {
      todo: 'Rename it first.',
      subject: visible(text, 200),
    });
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

interface Item {
  /** Absolute. */
  readonly from: string;
  /** Below the target folder. */
  readonly to: string;
  /** Bytes; null for a folder. */
  readonly size: number | null;
}

/** Files and folders to send, folders before what is in them. Links are followed for what was named, not below it. */
async function collect(files: readonly string[]): Promise<Item[]> {
  const items: Item[] = [];
  const walk = async (from: string, to: string, named: boolean) => {
    const stat = await (named ? fs.stat(from) : fs.lstat(from)).catch((cause: Error) => {
      throw new GuesthouseError('not-found', `${from} cannot be read.`, { why: cause.message, cause });
    });
    if (stat.isFile()) items.push({ from, to, size: stat.size });
    else if (stat.isDirectory()) {
      items.push({ from, to, size: null });
      for (const name of (await fs.readdir(from)).sort())
        await walk(path.join(from, name), `${to}/${name}`, false);
    } else if (named) throw new GuesthouseError('invalid-input', `${from} is neither a file nor a folder.`);
  };
  for (const file of files) {
    if (!path.isAbsolute(file)) throw new GuesthouseError('invalid-input', 'The path must be absolute.');
    await walk(file, path.basename(file), true);
  }
  return items;
}

/**
 * Uploads by sftp. A file is sent under a temporary name and renamed when whole, so a cancel or a lost line leaves no
 * half file. Progress is read from the offset sftp's own descriptor has reached (`/proc/PID/fdinfo`).
 * @param folder on the host; empty: the login folder
 * @throws {GuesthouseError} as ssh does; `program-failed` with sftp's words; {@link CancelledError}
 */
export async function upload(
  target: SshTarget,
  files: readonly string[],
  folder: string,
  session: AskpassSession,
  op: OperationContext,
): Promise<{ files: number; bytes: number }> {
  const items = await collect(files);
  const total = items.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const prefix = folder === '' ? '' : `${folder.replace(/\/+$/, '')}/`;
  const part = `.guesthouse-${op.id.slice(0, 8)}.part`;
  const at = (to: string) => sftpWord(prefix + to);
  const commands = items.flatMap(({ from, to, size }) => {
    // A leading "-" makes sftp go on when the folder is there already.
    if (size === null) return [`-mkdir ${at(to)}`];
    return [`put ${sftpWord(from)} ${at(to + part)}`, `rename ${at(to + part)} ${at(to)}`];
  });
  let sent = 0;
  let current: Item | null = null;
  const put = new Map(items.map((item) => [`put ${sftpWord(item.from)} ${at(item.to + part)}`, item]));
  const onLine = (line: string) => {
    const item = line.startsWith('sftp> ') ? put.get(line.slice(6)) : undefined;
    if (!item) return;
    if (current) sent += current.size ?? 0;
    current = item;
    op.phase(`Uploading ${visible(item.to, 120)} to ${target.name}`);
  };
  const offset = (position: number) => op.progress(total ? Math.min(1, (sent + position) / total) : null);
  try {
    await batch(target, commands, session, { onLine, file: () => current?.from ?? null, offset });
  } catch (error) {
    const half: Item | null = current;
    // The line may be gone; then sshd's side keeps the part, whose name says what it is.
    if (half)
      await batch(target, [`-rm ${at((half as Item).to + part)}`], { ...session, signal: timeLimit() }).catch(
        () => {},
      );
    if (op.signal.aborted) throw new CancelledError();
    throw error;
  }
  return { files: items.filter(({ size }) => size !== null).length, bytes: total };
}

const timeLimit = () => AbortSignal.timeout(10_000);

async function batch(
  target: SshTarget,
  commands: readonly string[],
  session: Pick<AskpassSession, 'env' | 'signal'>,
  watch?: { onLine(line: string): void; file(): string | null; offset(bytes: number): void },
): Promise<void> {
  const env = baseEnv(session.env);
  const [program, ...args] = withoutInherited(sftpArgv(target, { how: 'ask' }), env);
  if (session.signal.aborted) throw new CancelledError();
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, { env, detached: true });
    let stderr = '';
    let rest = '';
    const kill = () => {
      try {
        process.kill(-child.pid!, 'SIGTERM');
      } catch {
        // it ended by itself
      }
    };
    session.signal.addEventListener('abort', kill, { once: true });
    const timer = setInterval(() => {
      const file = watch?.file();
      if (file && child.pid)
        void descriptorOffset(child.pid, file).then((n) => n !== null && watch!.offset(n));
    }, 200);
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop()!;
      for (const line of lines) watch?.onLine(line);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-16_384);
    });
    child.stdin.on('error', () => {});
    child.stdin.end(`${commands.join('\n')}\n`);
    const done = () => {
      clearInterval(timer);
      session.signal.removeEventListener('abort', kill);
    };
    child.on('error', (cause) => {
      done();
      reject(
        new GuesthouseError('program-missing', 'sftp could not be started.', { why: cause.message, cause }),
      );
    });
    child.on('close', (code) => {
      done();
      if (session.signal.aborted) return reject(new CancelledError());
      if (code === 0) return resolve();
      reject(
        sshFailure(target, stderr) ??
          new GuesthouseError('program-failed', `${target.name} did not take the file.`, {
            why: visible(stderr.trim().split('\n').at(-1) ?? '', 300) || undefined,
            todo: 'Check that the folder exists there and that you may write into it.',
            detail: visible(stderr, 4000),
            subject: target.id,
          }),
      );
    });
  });
}

/** How far a process has read a file (proc(5), fdinfo), or null. */
async function descriptorOffset(pid: number, file: string): Promise<number | null> {
  try {
    for (const fd of await fs.readdir(`/proc/${pid}/fd`)) {
      if ((await fs.readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) !== file) continue;
      const info = await fs.readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
      return Number(/^pos:\s+(\d+)/.exec(info)?.[1] ?? 0);
    }
  } catch {
    // it has just ended
  }
  return null;
}
