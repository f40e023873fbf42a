// What every script shares: where things are, how a step is said, how a program is run. Plain Node, no dependencies.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

export const isRoot = process.getuid?.() === 0;

/** `$XDG_CACHE_HOME/guesthouse-dev`: what development needs on this machine and can be made again. */
export function devCache(env = process.env) {
  const base = env.XDG_CACHE_HOME;
  return join(base && isAbsolute(base) ? base : join(env.HOME || homedir(), '.cache'), 'guesthouse-dev');
}

/** The PATH with the sbin folders, where Debian keeps debugfs, sfdisk and useradd. */
export function searchPath(env = process.env) {
  return `${env.PATH ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** Absolute path of a program on PATH (sbin included), or null. */
export function which(program, env = process.env) {
  for (const dir of searchPath(env).split(delimiter)) {
    const candidate = join(dir, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}

/** One line to stderr: stdout belongs to what the script is for. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** A failure with a plain sentence; scripts print it without a stack and exit with `exitCode`. */
export class Stop extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Runs a program to its end.
 * @returns {Promise<{code: number|null, signal: string|null, stdout: string, stderr: string}>} never rejects on an
 *   exit code; a program that cannot be started has code 127
 */
export function run(program, args, options = {}) {
  const { quiet = true, timeoutMs, ...rest } = options;
  return new Promise((done) => {
    const child = spawn(program, args, { stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit', ...rest });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const timer = timeoutMs && setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', (error) => done({ code: 127, signal: null, stdout, stderr: stderr || error.message }));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ code, signal, stdout, stderr });
    });
  });
}

/** Seconds since `from` (a performance.now()), with one decimal. */
export function seconds(from) {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

/** Runs a script's main function; a {@link Stop} is a sentence and an exit code, all else is a fault with its stack. */
export async function main(body) {
  try {
    const code = await body(process.argv.slice(2));
    if (typeof code === 'number') process.exitCode = code;
  } catch (error) {
    if (error instanceof Stop) {
      if (error.message) say(error.message);
      process.exitCode = error.exitCode;
    } else {
      console.error(error);
      process.exitCode = 1;
    }
  }
}
