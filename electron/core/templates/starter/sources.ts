/** Which mirror the packages come from: the one this machine uses, read from its apt configuration. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { run } from '../../platform/exec.ts';

/** One place to fetch a suite from. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
}

/** Parses both forms of sources.list(5): one line a source, and deb822 (files named `.sources`). Bad lines are skipped. */
export function parseSources(text: string, form: 'line' | 'deb822'): AptSource[] {
  const found: AptSource[] = [];
  if (form === 'line') {
    for (const raw of text.split('\n')) {
      const line = raw.replace(/#.*/, '').trim();
      const match = /^deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)/.exec(line);
      if (match) found.push({ uri: match[1]!, suite: match[2]! });
    }
    return found;
  }
  for (const stanza of text.split(/\n[ \t]*\n/)) {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue;
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (field) {
        last = field[1]!.toLowerCase();
        fields.set(last, field[2]!);
      } else if (last && /^\s/.test(line)) fields.set(last, `${fields.get(last)} ${line.trim()}`);
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (/^(no|false|0)$/i.test(fields.get('enabled') ?? 'yes')) continue;
    if (!words('types').includes('deb')) continue;
    for (const uri of words('uris')) for (const suite of words('suites')) found.push({ uri, suite });
  }
  return found;
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The sources.list given to mmdebstrap for `suite`, with its updates and security fixes. The host's mirrors are taken
 * where it is configured for Debian at all; otherwise Debian's own address.
 */
export function sourcesFor(host: readonly AptSource[], suite: string): string {
  const web = host.filter(({ uri }) => /^(https?|file|mirror\+https?):/.test(uri));
  // A host on another release of Debian still knows a good mirror; Ubuntu's mirrors hold no Debian.
  const names = /^(bookworm|trixie|forky|sid|bullseye|stable|testing|oldstable)/;
  const pick = (wanted: (source: AptSource) => boolean) => web.find(wanted)?.uri;
  const main =
    pick((s) => s.suite === suite) ??
    pick((s) => names.test(s.suite) && !s.suite.includes('security') && /debian\/?$/.test(s.uri)) ??
    'http://deb.debian.org/debian';
  const security =
    pick((s) => s.suite === `${suite}-security`) ??
    pick((s) => s.suite.endsWith('-security') && /debian-security\/?$/.test(s.uri)) ??
    'http://deb.debian.org/debian-security';
  const line = (uri: string, name: string) => `deb [signed-by=${keyring}] ${uri} ${name} main\n`;
  return line(main, suite) + line(main, `${suite}-updates`) + line(security, `${suite}-security`);
}

/** Settings worth handing on from `apt-config dump`: proxies and how connections and dates are judged. apt.conf(5). */
export function aptOptions(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) =>
      /^Acquire::((http|https)::\S+|Check-Valid-Until|Check-Date|Retries) "[^"]+";$/i.test(line),
    );
}

export interface HostApt {
  /** Text of a sources.list. May hold a password in an address: handed over on stdin, never in an argument. */
  readonly sources: string;
  /** Lines of apt.conf. */
  readonly options: string[];
}

/**
 * Reads this machine's apt configuration; a machine without apt gets Debian's defaults.
 * @throws {GuesthouseError} `program-missing` when Debian's archive keys are not here to check the packages with
 */
export async function hostApt(suite: string, signal?: AbortSignal): Promise<HostApt> {
  try {
    await fs.access(keyring);
  } catch {
    throw new GuesthouseError('program-missing', "Debian's archive keys are not installed.", {
      why: `The packages of the guest are checked against ${keyring}.`,
      todo: 'Install debian-archive-keyring (Debian, Ubuntu, Fedora and Arch have it under this name).',
      subject: 'debian-archive-keyring',
    });
  }
  const found: AptSource[] = [];
  const read = async (file: string, form: 'line' | 'deb822') => {
    found.push(...parseSources(await fs.readFile(file, 'utf8').catch(() => ''), form));
  };
  await read('/etc/apt/sources.list', 'line');
  const dir = '/etc/apt/sources.list.d';
  for (const name of (await fs.readdir(dir).catch(() => [])).sort()) {
    if (name.endsWith('.list')) await read(path.join(dir, name), 'line');
    else if (name.endsWith('.sources')) await read(path.join(dir, name), 'deb822');
  }
  let options: string[] = [];
  try {
    options = aptOptions((await run(['apt-config', 'dump'], { signal })).stdout);
  } catch (error) {
    if (!(error instanceof GuesthouseError && error.code === 'program-missing')) throw error;
  }
  return { sources: sourcesFor(found, suite), options };
}
