import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';

const read = (get: () => string): string => {
  try {
    return get();
  } catch {
    return ''; // ended meanwhile, or another person's
  }
};

/** Pids that work in a folder, or name a path in it in their arguments or environment, and all below them. */
function livingIn(folder: string): number[] {
  const inside = (text: string) => `${text}/`.includes(`${folder}/`);
  const children = new Map<number, number[]>();
  const found = new Set<number>();
  const take = (pid: number) => {
    if (pid === process.pid || found.has(pid)) return;
    found.add(pid);
    for (const child of children.get(pid) ?? []) take(child);
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const name of pids) {
    // proc(5): the parent is the second field after the command's closing parenthesis.
    const stat = read(() => readFileSync(`/proc/${name}/stat`, 'utf8'));
    const parent = Number(stat.split(') ').at(-1)!.split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  for (const name of pids) {
    const places = ['cwd', 'root'].map((link) => read(() => readlinkSync(`/proc/${name}/${link}`)));
    const words = ['cmdline', 'environ'].flatMap((file) =>
      read(() => readFileSync(`/proc/${name}/${file}`, 'utf8')).split(/[\0=,"]/),
    );
    if ([...places, ...words].some(inside)) take(Number(name));
  }
  return [...found];
}

/**
 * Kills, each by its pid, what lives in a temporary folder, and removes the folder. Synchronous, so that it also works
 * at this process's own end.
 */
export function sweep(folder: string): void {
  for (const pid of livingIn(folder))
    try {
      process.kill(pid, 'SIGKILL');
    } catch {}
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
