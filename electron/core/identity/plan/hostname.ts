import { mustBeFile, type PartPlanner, readText, type Step, write } from './context.ts';

/**
 * /etc/hostname (hostname(5)) and /etc/hosts (hosts(5)). In hosts, words equal to the old name, alone or before its
 * domain, become the new one; when no line names the machine, Debian's `127.0.1.1` line is added. When sealing the
 * name becomes `localhost`, systemd's own fallback, and hosts loses the old name.
 */
export const planHostname: PartPlanner = async ({ tree, mode, values, oldHostname }) => {
  const name = mode === 'seal' ? 'localhost' : values!.hostname;
  if (name === null) return { steps: [], warnings: [] };
  await mustBeFile(tree, '/etc/hostname');
  await mustBeFile(tree, '/etc/hosts');
  const steps: Step[] = [];
  if ((await readText(tree, '/etc/hostname')) !== `${name}\n`)
    steps.push(
      write('hostname', '/etc/hostname', `${name}\n`, { before: oldHostname, after: name }, { mode: 0o644 }),
    );
  const hosts = (await readText(tree, '/etc/hosts')) ?? '127.0.0.1\tlocalhost\n';
  const renamed = mode === 'seal' ? withoutName(hosts, oldHostname) : renamedHosts(hosts, oldHostname, name);
  if (renamed !== hosts)
    steps.push(
      write('hostname', '/etc/hosts', renamed, {
        before: oldHostname && `names ${oldHostname}`,
        after: mode === 'seal' ? 'without the old name' : `names ${name}`,
      }),
    );
  // The BSD-style copies some systems keep; only where they exist.
  for (const path of ['/etc/HOSTNAME', '/etc/conf.d/hostname']) {
    const text = await readText(tree, path);
    if (text === null || oldHostname === null || (await tree.lstat(path))?.type === 'symlink') continue;
    const next = replaceWord(text, oldHostname, name);
    if (next !== text) steps.push(write('hostname', path, next, { before: oldHostname, after: name }));
  }
  return { steps, warnings: [] };
};

const isLocal = (name: string | null) => name === null || name === '' || /^localhost/i.test(name);

/** Exported for tests. Comments, spacing and line ends stay. */
export function renamedHosts(hosts: string, oldName: string | null, newName: string): string {
  const short = newName.split('.')[0]!;
  const oldShort = oldName?.split('.')[0] ?? null;
  let text = hosts;
  if (!isLocal(oldName)) {
    text = mapEntries(hosts, (word) => {
      if (word === oldName) return newName;
      if (word === oldShort) return short;
      if (oldShort && word.startsWith(`${oldShort}.`)) return `${short}${word.slice(oldShort.length)}`;
      return word;
    });
  }
  const named = entries(text).some((words) => words.slice(1).some((w) => w === newName || w === short));
  if (named) return text;
  const end = text === '' || text.endsWith('\n') ? '' : '\n';
  return `${text}${end}127.0.1.1\t${newName === short ? short : `${newName} ${short}`}\n`;
}

/** Hosts without the old name; a 127.0.1.1 line that named only it goes whole. */
function withoutName(hosts: string, oldName: string | null): string {
  if (isLocal(oldName)) return hosts;
  const short = oldName!.split('.')[0]!;
  const mine = (word: string) => word === oldName || word === short || word.startsWith(`${short}.`);
  return hosts
    .split(/(?<=\n)/)
    .filter((line) => {
      const words = wordsOf(line);
      return !(words.length > 1 && words[0] === '127.0.1.1' && words.slice(1).every(mine));
    })
    .join('');
}

function wordsOf(line: string): string[] {
  const words = line.replace(/#.*/s, '').trim().split(/\s+/);
  return words[0] === '' ? [] : words;
}

const entries = (hosts: string) =>
  hosts
    .split('\n')
    .map(wordsOf)
    .filter((words) => words.length > 1);

function mapEntries(hosts: string, map: (word: string) => string): string {
  return hosts
    .split(/(?<=\n)/)
    .map((line) => {
      const hash = line.indexOf('#');
      const body = hash < 0 ? line : line.slice(0, hash);
      const rest = hash < 0 ? '' : line.slice(hash);
      let first = true;
      const mapped = body.replace(/\S+/g, (word) => {
        if (first) {
          first = false;
          return word; // the address
        }
        return map(word);
      });
      return mapped + rest;
    })
    .join('');
}

function replaceWord(text: string, from: string, to: string): string {
  const escaped = from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.replace(new RegExp(`(?<![\\w.-])${escaped}(?![\\w.-])`, 'g'), () => to);
}
