import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type RunResult, run } from '../platform/exec.ts';
import { mayFail, parseResults, type Step, type StepResult, stepsCommand } from './steps.ts';

/** What is looked at in one go. */
export interface Survey {
  /** Names of the folders in a folder; null when it is not there. */
  readonly folders: ReadonlyMap<string, readonly string[] | null>;
  /** Text of a file; absent when it cannot be read, and maybe when it is empty. */
  readonly files: ReadonlyMap<string, string>;
}

/** A machine that holds groups: this one, or one over SSH. */
export interface Machine {
  /** Guest or server; null: this machine. */
  readonly host: string | null;
  readonly name: string;
  /** Runs a command to its end. @param root with the rights of root, where that was found possible */
  exec(argv: readonly [string, ...string[]], options?: ExecOptions): Promise<RunResult>;
  /** Does steps until one fails that must not. @throws only when the machine cannot be reached */
  apply(steps: readonly Step[], options?: { readonly root?: boolean }): Promise<StepResult[]>;
  survey(folders: readonly string[], files: readonly string[]): Promise<Survey>;
}

export interface ExecOptions {
  readonly root?: boolean;
  readonly input?: string;
  readonly okCodes?: readonly number[];
  readonly timeoutMs?: number;
}

/** This machine: files by calls, so that a look each second costs no process. */
export const thisMachine: Machine = {
  host: null,
  name: 'this computer',
  exec: (argv, options = {}) =>
    run(argv, { input: options.input, okCodes: options.okCodes, timeoutMs: options.timeoutMs ?? 20_000 }),
  async apply(steps) {
    const results: StepResult[] = [];
    for (const step of steps) {
      const result = await doStep(step).then(
        () => null,
        (error: unknown) => said(error),
      );
      results.push(result);
      if (result !== null && !mayFail(step)) break;
    }
    return results;
  },
  async survey(folders, files) {
    const names = await Promise.all(
      folders.map(async (folder) => {
        const entries = await fs.readdir(folder, { withFileTypes: true }).catch(() => null);
        return [folder, entries?.filter((e) => e.isDirectory()).map((e) => e.name) ?? null] as const;
      }),
    );
    const texts = await Promise.all(
      files.map(async (file) => [file, await fs.readFile(file, 'utf8').catch(() => null)] as const),
    );
    return {
      folders: new Map(names),
      files: new Map(texts.filter((entry): entry is readonly [string, string] => entry[1] !== null)),
    };
  },
};

async function doStep(step: Step): Promise<void> {
  switch (step.do) {
    case 'dir':
      await fs.mkdir(step.path, { recursive: true });
      return;
    case 'rmdir':
      await fs.rmdir(step.path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      return;
    case 'prune':
      await prune(step.path);
      return;
    case 'write': {
      // Never made: a control group's files are there or the controller is not.
      const handle = await fs.open(step.path, constants.O_WRONLY);
      try {
        await handle.write(step.text);
      } finally {
        await handle.close();
      }
      return;
    }
    case 'kill':
      for (const pid of step.pids) process.kill(pid, `SIG${step.signal}`);
      return;
    case 'run':
      await run(step.argv, { timeoutMs: 20_000 });
  }
}

/** A control group's files go with it: only folders are looked at. */
async function prune(folder: string): Promise<void> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const entry of entries) if (entry.isDirectory()) await prune(path.join(folder, entry.name));
  await doStep({ do: 'rmdir', path: folder });
}

function said(error: unknown): string {
  if (error instanceof GuesthouseError) return error.why ?? error.message;
  const { code, path: file, syscall } = error as NodeJS.ErrnoException;
  const what = code === undefined ? undefined : errnoWords[code];
  return what === undefined
    ? error instanceof Error
      ? error.message
      : String(error)
    : `${file ? `${path.basename(file)}: ` : ''}${what}${syscall === 'kill' ? ' (kill)' : ''}`;
}

/** As a far machine's tools say it, so that both read the same. */
const errnoWords: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EBUSY: 'Device or resource busy',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EINVAL: 'Invalid argument',
  ESRCH: 'No such process',
  EROFS: 'Read-only file system',
  ENODEV: 'No such device',
  ENOTSUP: 'Operation not supported',
};

/** Runs a command on a far machine, its words quoted for the far shell. */
export type RunFar = (
  command: readonly string[],
  options: { readonly input?: string; readonly okCodes?: readonly number[]; readonly timeoutMs?: number },
) => Promise<RunResult>;

/** A machine over SSH. `root` goes through `sudo -n`, once it was found to work there. */
export function farMachine(host: string, name: string, runFar: RunFar, sudo: () => boolean): Machine {
  const command = (argv: readonly string[], root: boolean | undefined) =>
    root && sudo() ? ['sudo', '-n', '--', ...argv] : argv;
  return {
    host,
    name,
    exec: (argv, { root, ...options } = {}) => runFar(command(argv, root), options),
    async apply(steps, { root } = {}) {
      if (steps.length === 0) return [];
      const { stdout } = await runFar(command(stepsCommand(steps), root), { timeoutMs: 60_000 });
      return parseResults(stdout);
    },
    async survey(folders, files) {
      const { stdout } = await runFar(
        ['sh', '-c', surveyScript, 'sh', String(folders.length), ...folders, ...files],
        { timeoutMs: 30_000, okCodes: [0, 1, 2] },
      );
      return parseSurvey(stdout, folders, files);
    },
  };
}

/** One process for all files: a look must not be a burden to the machine looked at. */
const surveyScript = `
n=$1; shift
while [ "$n" -gt 0 ]; do
  if [ -d "$1" ]; then
    printf 'D%s\\n' "$1"
    for f in "$1"/*/; do [ -d "$f" ] && { f=\${f%/}; printf 'F%s\\n' "\${f##*/}"; }; done
  else echo N; fi
  n=$((n-1)); shift
done
echo T
[ $# -gt 0 ] && grep -sH '' "$@"
exit 0`;

/** Folders come in the order asked for; files as grep -H names them. */
export function parseSurvey(stdout: string, folders: readonly string[], files: readonly string[]): Survey {
  const found = new Map<string, string[] | null>();
  const texts = new Map<string, string>();
  const lines = stdout.split('\n');
  let place = 0;
  let current: string[] | null = null;
  let index = 0;
  for (; index < lines.length && lines[index] !== 'T'; index++) {
    const line = lines[index]!;
    if (line === 'N') found.set(folders[place++] ?? '', null);
    else if (line.startsWith('D')) {
      current = [];
      found.set(folders[place++] ?? '', current);
    } else if (line.startsWith('F')) current?.push(line.slice(1));
  }
  let next = 0;
  for (const line of lines.slice(index + 1)) {
    // grep goes through the files in order, so the one before or a later one is meant.
    while (next < files.length && !line.startsWith(`${files[next]}:`)) next++;
    const file = files[next];
    if (file === undefined) break;
    texts.set(file, `${texts.get(file) ?? ''}${line.slice(file.length + 1)}\n`);
  }
  return { folders: found, files: texts };
}
