import { createHash, createHmac } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';

/** One key line of a known_hosts file; format: SSH_KNOWN_HOSTS FILE FORMAT in sshd(8). */
export interface KnownHost {
  readonly marker: '@cert-authority' | '@revoked' | null;
  /** Host patterns, or one hashed name `|1|salt|hash`. */
  readonly hosts: readonly string[];
  readonly type: string;
  /** Base64 of the key's blob. */
  readonly key: string;
  /** 0-based. */
  readonly line: number;
}

export interface PublicHostKey {
  readonly type: string;
  /** Base64. */
  readonly key: string;
}

/** The name a host's key is filed under (put_host_port in OpenSSH's misc.c): the port only when it is not 22. */
export function knownHostName(address: string, port: number): string {
  return port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`;
}

/** `SHA256:` and the unpadded base64 of the key blob's digest, as ssh prints it. */
export function fingerprint(key: string): string {
  return `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`;
}

/** Reads what can be read; comments and broken lines are skipped, as ssh does. */
export function parseKnownHosts(text: string): KnownHost[] {
  const found: KnownHost[] = [];
  text.split('\n').forEach((line, index) => {
    const entry = parseLine(line, index);
    if (entry) found.push(entry);
  });
  return found;
}

function parseLine(line: string, index: number): KnownHost | null {
  const words = line.trim().split(/[ \t]+/);
  if (!words[0] || words[0].startsWith('#')) return null;
  let marker: KnownHost['marker'] = null;
  if (words[0].startsWith('@')) {
    if (words[0] !== '@cert-authority' && words[0] !== '@revoked') return null;
    marker = words.shift() as '@cert-authority' | '@revoked';
  }
  const [hosts, type, key] = words;
  if (!hosts || !type || !key || !/^[A-Za-z0-9+/]+={0,2}$/.test(key)) return null;
  return { marker, hosts: hosts.split(','), type, key, line: index };
}

/** Whether an entry speaks for `name`; hashed names are HMAC-SHA1 with their salt as key (hostfile.c). */
export function matchesHost(entry: KnownHost, name: string): boolean {
  const lower = name.toLowerCase();
  let hit = false;
  for (const pattern of entry.hosts) {
    if (pattern.startsWith('|1|')) {
      const [, , salt, hash] = pattern.split('|');
      if (salt && hash)
        hit ||= createHmac('sha1', Buffer.from(salt, 'base64')).update(lower).digest('base64') === hash;
    } else if (pattern.startsWith('!')) {
      if (wildcard(pattern.slice(1), lower)) return false;
    } else hit ||= wildcard(pattern, lower);
  }
  return hit;
}

function wildcard(pattern: string, name: string): boolean {
  const source = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's').test(name);
}

/** Plain keys (no authorities, no revoked ones) on file for `name`. */
export function knownKeys(text: string, name: string): KnownHost[] {
  return parseKnownHosts(text).filter((entry) => entry.marker === null && matchesHost(entry, name));
}

/**
 * Takes `name` out: lines for it alone go, lines that name others too keep those. Everything else stays byte for byte.
 * Patterns with wildcards and markers stay, since they were written by a person for more than this host.
 */
export function forgetHost(text: string, name: string): string {
  const lower = name.toLowerCase();
  const lines = text.split('\n');
  const kept: string[] = [];
  lines.forEach((line, index) => {
    const entry = parseLine(line, index);
    if (!entry || entry.marker !== null) {
      kept.push(line);
      return;
    }
    const rest = entry.hosts.filter(
      (host) =>
        host.toLowerCase() !== lower &&
        !(host.startsWith('|') && matchesHost({ ...entry, hosts: [host] }, lower)),
    );
    if (rest.length === entry.hosts.length) kept.push(line);
    else if (rest.some((host) => !host.startsWith('!')))
      kept.push(line.replace(entry.hosts.join(','), rest.join(',')));
  });
  return kept.join('\n');
}

/** Replaces all keys on file for `name` by `keys`. */
export function pinHost(text: string, name: string, keys: readonly PublicHostKey[]): string {
  if (/[\s,*?!|#@]/.test(name)) throw new RangeError('Not a name for a known_hosts file.');
  const without = forgetHost(text, name);
  const start = without === '' || without.endsWith('\n') ? without : `${without}\n`;
  return start + keys.map(({ type, key }) => `${name} ${type} ${key}\n`).join('');
}

/** {@link pinHost} on a file, made 0600 when missing. */
export async function pinHostFile(file: string, name: string, keys: readonly PublicHostKey[]): Promise<void> {
  await writeAtomic(file, pinHost((await readTextIfAny(file)) ?? '', name, keys));
}

/** {@link forgetHost} on a file; nothing is written when nothing changes. */
export async function forgetHostFile(file: string, name: string): Promise<void> {
  const before = await readTextIfAny(file);
  if (before === null) return;
  const after = forgetHost(before, name);
  // Through a link: people keep theirs elsewhere.
  if (after !== before) await writeAtomic(await realpath(file), after);
}
