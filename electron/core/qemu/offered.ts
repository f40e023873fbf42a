import * as fs from 'node:fs/promises';
import type { Offered } from '../domain/index.ts';
import { run } from '../platform/exec.ts';
import { findProgram } from './accelerators.ts';

/** Names in what `-machine help` prints. */
export function machinesIn(help: string): string[] {
  const [, list = ''] = help.split(/^Supported machines are:$/m);
  return list.split('\n').flatMap((line) => /^([\w.-]+)(?:\s|$)/.exec(line)?.[1] ?? []);
}

/** Names in what `-cpu help` prints: behind `x86` up to QEMU 8.1, indented since. */
export function cpusIn(help: string): string[] {
  const [, list = ''] = help.split(/^Available CPUs:$/m);
  const [models = ''] = list.split(/^Recognized CPUID flags:$/m);
  return models.split('\n').flatMap((line) => /^(?:x86)?\s+([\w.-]+)/.exec(line)?.[1] ?? []);
}

let last: { readonly key: string; readonly answer: Promise<Offered | null> } | null = null;

/**
 * Machine types and processor models of this computer's QEMU. It is asked once, and again when the program changed.
 * @param qemu the program; default `qemu-system-x86_64` on the search path
 * @returns null when it is not installed or says nothing that can be read
 */
export async function offeredBy(qemu = 'qemu-system-x86_64'): Promise<Offered | null> {
  const program = await findProgram(qemu);
  const stat = program && (await fs.stat(program).catch(() => null));
  if (!program || !stat) return null;
  const key = JSON.stringify([program, stat.mtimeMs, stat.size]);
  if (last?.key === key) return last.answer;
  const answer = ask(program).catch(() => null);
  last = { key, answer };
  const offered = await answer;
  // Too busy to answer this time, perhaps.
  if (offered === null && last?.key === key) last = null;
  return offered;
}

async function ask(program: string): Promise<Offered | null> {
  const [machines, cpus] = await Promise.all(
    ['-machine', '-cpu'].map((option) => run([program, option, 'help'], { timeoutMs: 5000 })),
  );
  const offered = { machines: machinesIn(machines!.stdout), cpus: cpusIn(cpus!.stdout) };
  return offered.machines.length > 0 && offered.cpus.length > 0 ? offered : null;
}
