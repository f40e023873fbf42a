import { realpathSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import {
  type Domain,
  type DomainProblem,
  domainProblems,
  insideFolders,
  type Offered,
} from '../domain/index.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';

/** What a person has allowed a guest to reach outside the library, kept in its folder. */
const agreedFile = (folder: string) => path.join(folder, 'agreed.json');
const agreedSchema = z.array(z.string());

export async function readAgreed(folder: string): Promise<readonly string[]> {
  try {
    return agreedSchema.parse(JSON.parse((await readTextIfAny(agreedFile(folder))) ?? '[]'));
  } catch {
    return []; // unreadable consent is none
  }
}

export async function addAgreed(folder: string, reaches: readonly string[]): Promise<void> {
  const all = new Set([...(await readAgreed(folder)), ...reaches]);
  await writeAtomic(agreedFile(folder), `${JSON.stringify([...all], null, 1)}\n`);
}

/** The files as they are named, and as they are called with all links followed. */
export async function withRealPaths(files: readonly string[]): Promise<string[]> {
  const real = await Promise.all(files.map((file) => fs.realpath(file).catch(() => file)));
  return [...new Set([...files, ...real])];
}

/** {@link domainProblems} for a library: a link inside it that leads out of it is outside. */
export function problemsIn(library: string, domain: Domain, offered: Offered | null = null): DomainProblem[] {
  const real = realPath(library);
  const byName = insideFolders(library, real);
  return domainProblems(domain, (file) => byName(file) && insideFolders(real)(realPath(file)), offered);
}

/** With links followed as far as the path exists. */
function realPath(file: string): string {
  let head = path.resolve(file);
  const rest: string[] = [];
  for (;;) {
    try {
      return path.join(realpathSync(head), ...rest);
    } catch {
      rest.unshift(path.basename(head));
      const parent = path.dirname(head);
      if (parent === head) return path.resolve(file);
      head = parent;
    }
  }
}

/** @throws {GuesthouseError} `needs-consent`, naming each thing outside that nobody agreed to */
export async function requireConsent(
  problems: readonly DomainProblem[],
  folder: string,
  subject: string,
): Promise<void> {
  const outside = problems.filter((problem) => problem.kind === 'outside');
  if (outside.length === 0) return;
  const agreed = new Set(await readAgreed(folder));
  const asked = outside.filter((problem) => !agreed.has(problem.reaches ?? ''));
  if (asked.length === 0) return;
  throw new GuesthouseError('needs-consent', 'This guest reaches for things outside the library.', {
    why: asked.map(({ reaches, line, reason }) => `Line ${line}: ${reaches ?? ''}: ${reason}.`).join(' '),
    todo: 'Allow it only when you know where the guest comes from.',
    subject,
  });
}
