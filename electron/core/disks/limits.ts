import { access, constants } from 'node:fs/promises';
import * as path from 'node:path';
import { baseEnv } from '../platform/exec.ts';

export interface ToolLimits {
  /** Bytes of address space; default 4 GiB. */
  memory?: number;
  /** Seconds of processor time; default 600. */
  cpuSeconds?: number;
  /** End the program when the process that started it dies. Only for children, not for what must outlive us. */
  dieWithParent?: boolean;
}

const found = new Map<string, Promise<string | null>>();

/** The absolute path of a program on the search path, or null. Looked up once. */
export function findProgram(name: string): Promise<string | null> {
  let answer = found.get(name);
  if (!answer) {
    answer = lookUp(name);
    found.set(name, answer);
  }
  return answer;
}

async function lookUp(name: string): Promise<string | null> {
  for (const dir of (baseEnv().PATH ?? '').split(':')) {
    if (!path.isAbsolute(dir)) continue;
    const candidate = path.join(dir, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}

/**
 * Puts a program that reads a hostile image under resource limits: prlimit(1) for memory and processor time, so that
 * an image made to exhaust them ends the program and not the host.
 */
export async function limited(
  argv: readonly [string, ...string[]],
  limits: ToolLimits = {},
): Promise<[string, ...string[]]> {
  const { memory = 4 * 2 ** 30, cpuSeconds = 600 } = limits;
  const wrapped: string[] = [];
  if (limits.dieWithParent) {
    const setpriv = await findProgram('setpriv');
    if (setpriv) wrapped.push(setpriv, '--pdeathsig', 'TERM');
  }
  const prlimit = await findProgram('prlimit');
  if (prlimit) wrapped.push(prlimit, `--as=${memory}`, `--cpu=${cpuSeconds}`, '--core=0');
  return [...wrapped, ...argv] as [string, ...string[]];
}
