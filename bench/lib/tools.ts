import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { isRoot, say, which } from '../../scripts/lib/common.mjs';
import type { BenchLine } from './measure.ts';

/** With BENCH_QUICK=1 a bench only shows that it works: its numbers mean nothing, and aims are not judged. */
export const quick = process.env.BENCH_QUICK === '1';

/** Counted rounds: `full`, at most BENCH_ROUNDS where that is set, two in a quick run. */
export const rounds = (full: number): number =>
  quick ? 2 : Math.min(full, Number(process.env.BENCH_ROUNDS) || full);

/** A line that is judged against an aim, unless the run is a quick one. */
export function judged(text: string, ok: boolean): BenchLine {
  return quick ? { text } : { text, ok };
}

/** What a program to compare with needs, and the Debian package that brings it. */
export interface Tool {
  readonly program?: string;
  /** Instead of a program: any file. */
  readonly file?: () => boolean;
  readonly package: string;
}

/**
 * Looks for programs to compare with; as root on a Debian installs what is missing.
 * @returns what is still missing, by package; empty when all is there
 */
export async function ensureTools(tools: readonly Tool[]): Promise<string[]> {
  const absent = () => [
    ...new Set(
      tools
        .filter((tool) => (tool.program ? which(tool.program) === null : !tool.file?.()))
        .map((tool) => tool.package),
    ),
  ];
  const packages = absent();
  if (packages.length === 0 || !isRoot || !which('apt-get')) return packages;
  say(`  installing ${packages.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const result = await exec(['apt-get', 'install', '-y', '--no-install-recommends', ...packages], { env });
  if (result.code !== 0) say(`  ${result.output.trim().split('\n').slice(-3).join('\n  ')}`);
  return absent();
}

/** Runs a program to its end; its output is both streams. */
export function exec(
  argv: readonly [string, ...string[]],
  options: { env?: NodeJS.ProcessEnv } = {},
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(which(argv[0]) ?? argv[0], argv.slice(1), {
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output });
    });
  });
}

/** As {@link exec}, and throws unless it ends well. @returns its output */
export async function must(...args: Parameters<typeof exec>): Promise<string> {
  const { code, output } = await exec(...args);
  if (code !== 0) throw new Error(`${args[0].join(' ')} ended with ${code}:\n${output.slice(-3000)}`);
  return output;
}

/** Asks the kernel to forget what it has of files. False where this user may not. */
export function dropCaches(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

/** What the numbers were measured on, for the record. */
export function machine(): string {
  const model = cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown processor';
  const memory = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);
  const load = loadavg()[0]!.toFixed(1);
  return `${cpus().length} cores of ${model}, ${Math.round(memory / 2 ** 20)} GiB, load ${load} at the start`;
}

/** The processor time all of this machine spent on others than us shows in this: runnable processes of the last minute. */
export const load = (): number => loadavg()[0]!;

/** Polls until `ready` holds. @returns milliseconds by performance.now() when it did */
export async function until(
  ready: () => boolean | Promise<boolean>,
  what: string,
  options: { everyMs?: number; timeoutMs?: number } = {},
): Promise<number> {
  const { everyMs = 10, timeoutMs = 300_000 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await ready()) return performance.now();
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The text of a file, or nothing. */
export const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** `work`, or an error that says what did not come: a bench ends rather than hangs. */
export async function within<T>(work: Promise<T>, what: string, timeoutMs = 120_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
