import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { addressProblem, aliasProblem, type ImportCandidate } from '../../../shared/model/server.ts';
import { run } from '../platform/exec.ts';
import { hostAliases, includedFiles } from '../ssh/config-export.ts';

/** A configuration far beyond this is not a person's. */
const maxConfig = 1 << 20;
const maxFiles = 50;

async function readConfig(file: string): Promise<string | null> {
  try {
    const stat = await fs.stat(file);
    if (!stat.isFile() || stat.size > maxConfig) return null;
    return await fs.readFile(file, 'utf8');
  } catch {
    return null;
  }
}

/** `Include` patterns: relative ones lie in ~/.ssh; only the last part may be a pattern here. */
async function expand(pattern: string, home: string): Promise<string[]> {
  const full = pattern.startsWith('~/')
    ? path.join(home, pattern.slice(2))
    : path.isAbsolute(pattern)
      ? pattern
      : path.join(home, '.ssh', pattern);
  const last = path.basename(full);
  if (!/[*?]/.test(last)) return [full];
  const matcher = new RegExp(
    `^${last
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  );
  const names = await fs.readdir(path.dirname(full)).catch(() => [] as string[]);
  return names
    .filter((name) => matcher.test(name))
    .sort()
    .map((name) => path.join(path.dirname(full), name));
}

/** Aliases of ~/.ssh/config and what it includes, `skip` (our own export) left out. */
export async function configAliases(home: string, skip: string): Promise<string[]> {
  const found = new Set<string>();
  const seen = new Set<string>([path.resolve(skip)]);
  const read = async (file: string) => {
    if (seen.has(path.resolve(file)) || seen.size > maxFiles) return;
    seen.add(path.resolve(file));
    const text = await readConfig(file);
    if (text === null) return;
    for (const alias of hostAliases(text)) found.add(alias);
    for (const pattern of includedFiles(text))
      for (const next of await expand(pattern, home)) await read(next);
  };
  await read(path.join(home, '.ssh', 'config'));
  return [...found];
}

/** What `ssh -G` makes of an alias: the configuration's own program reads it, Match and patterns included. */
async function resolveAlias(alias: string, home: string): Promise<Omit<ImportCandidate, 'known'>> {
  const empty = { alias, address: '', port: 22, user: '', jump: null, identityFiles: [] };
  const problem = aliasProblem(alias) ?? addressProblem(alias);
  if (problem) return { ...empty, problem };
  const file = path.join(home, '.ssh', 'config');
  try {
    // `Match exec` in it would run programs, as it does for every ssh the person starts.
    const { stdout } = await run(['ssh', '-G', '-F', file, '--', alias], { timeoutMs: 10_000 });
    const values = (key: string) => [...stdout.matchAll(new RegExp(`^${key} (.*)$`, 'gm'))].map((m) => m[1]!);
    const jump = values('proxyjump')[0];
    return {
      alias,
      address: values('hostname')[0] ?? alias,
      port: Number(values('port')[0] ?? 22),
      user: values('user')[0] ?? os.userInfo().username,
      jump: jump && jump !== 'none' ? jump : null,
      identityFiles: values('identityfile'),
      problem: null,
    };
  } catch (error) {
    return { ...empty, problem: `ssh cannot read it: ${(error as { why?: string }).why ?? String(error)}` };
  }
}

/** Hosts one could add, in the order of the file. */
export async function importCandidates(
  home: string,
  ownExport: string,
  known: (alias: string) => boolean,
): Promise<ImportCandidate[]> {
  const aliases = (await configAliases(home, ownExport)).slice(0, 500);
  const found: ImportCandidate[] = [];
  for (const alias of aliases) found.push({ ...(await resolveAlias(alias, home)), known: known(alias) });
  return found;
}
