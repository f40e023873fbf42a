import { GuesthouseError } from '../../../shared/errors.ts';
import type { HostKeyFact, IdentityFacts } from '../../../shared/model/identity.ts';
import { fingerprintOf, parsePublicKey, publicBlobOfPrivateKey } from './hostkeys.ts';
import { matching, readText } from './plan/context.ts';
import { ReachableTree } from './reachable-tree.ts';
import type { GuestTree } from './tree.ts';

/** What the text of /etc/machine-id means (machine-id(5)); null text means no file. */
export function machineIdStateOf(text: string | null): {
  state: IdentityFacts['machineIdState'];
  id: string | null;
} {
  if (text === null) return { state: 'missing', id: null };
  const value = text.trim();
  if (value === '') return { state: 'empty', id: null };
  if (value === 'uninitialized') return { state: 'uninitialized', id: null };
  // All zeros is refused by systemd as well.
  if (/^[0-9a-f]{32}$/i.test(value) && !/^0+$/.test(value)) return { state: 'ok', id: value.toLowerCase() };
  return { state: 'malformed', id: null };
}

export interface HostKeyFile {
  /** Path of the private key. */
  readonly path: string;
  readonly hasPublic: boolean;
  readonly hasCertificate: boolean;
  /** Named by a HostKey line of sshd_config. */
  readonly configured: boolean;
  readonly key: { readonly type: string; readonly fingerprint: string; readonly blob: Buffer } | null;
}

/**
 * All SSH host keys of a guest: `/etc/ssh/ssh_host_*_key` and what HostKey lines of sshd_config and its Include files
 * name (sshd_config(5)).
 */
export async function findHostKeyFiles(tree: GuestTree): Promise<readonly HostKeyFile[]> {
  const usual = await matching(tree, '/etc/ssh', /^ssh_host_.*_?key$/, 64);
  const configured = await configuredHostKeys(tree);
  const orphans = (await matching(tree, '/etc/ssh', /^ssh_host_.*_?key\.pub$/, 64)).map((p) =>
    p.slice(0, -4),
  );
  const files: HostKeyFile[] = [];
  for (const path of new Set([...usual, ...configured, ...orphans])) {
    const privateStat = await tree.lstat(path);
    const hasPublic = (await tree.stat(`${path}.pub`))?.type === 'file';
    if (privateStat === null && !hasPublic) continue;
    if (privateStat?.type === 'directory') continue;
    files.push({
      path,
      hasPublic,
      hasCertificate: (await tree.stat(`${path}-cert.pub`))?.type === 'file',
      configured: configured.includes(path),
      key: await readKey(tree, path),
    });
  }
  return files;
}

async function readKey(tree: GuestTree, path: string): Promise<HostKeyFile['key']> {
  // The private file decides what sshd offers; the .pub may be stale.
  const text = (await tree.readFile(path, 65536).catch(() => null))?.toString('latin1') ?? null;
  const blob = text === null ? null : publicBlobOfPrivateKey(text);
  if (blob) {
    const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
    return { type, fingerprint: fingerprintOf(blob), blob };
  }
  const line = (await tree.readFile(`${path}.pub`, 65536).catch(() => null))?.toString('latin1');
  const parsed = line === undefined ? null : parsePublicKey(line);
  return parsed;
}

async function configuredHostKeys(tree: GuestTree): Promise<readonly string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = async (path: string, depth: number): Promise<void> => {
    if (depth > 8 || seen.has(path) || seen.size > 64) return;
    seen.add(path);
    const text = await readText(tree, path);
    if (text === null) return;
    for (const line of text.split('\n')) {
      const match = /^\s*(HostKey|Include)\s*[=\s]\s*(.+?)\s*$/i.exec(line.replace(/^\s*#.*/, ''));
      if (!match) continue;
      const words = match[2]!.match(/"[^"]*"|\S+/g)?.map((w) => w.replace(/^"|"$/g, '')) ?? [];
      if (match[1]!.toLowerCase() === 'hostkey') {
        const file = words[0];
        if (file?.startsWith('/') && !/[\p{Cc}"']/u.test(file)) found.push(file);
      } else
        for (const word of words)
          for (const file of await globInclude(tree, word)) await visit(file, depth + 1);
    }
  };
  await visit('/etc/ssh/sshd_config', 0);
  return [...new Set(found)].slice(0, 64);
}

async function globInclude(tree: GuestTree, word: string): Promise<readonly string[]> {
  const absolute = word.startsWith('/') ? word : `/etc/ssh/${word}`;
  if (!/[*?]/.test(absolute)) return [absolute];
  const slash = absolute.lastIndexOf('/');
  const folder = absolute.slice(0, slash);
  if (/[*?]/.test(folder)) return [];
  const source = absolute
    .slice(slash + 1)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return matching(tree, folder, new RegExp(`^${source}$`), 500);
}

/** The public host keys a guest's sshd will show, as known_hosts wants them. */
export async function publicHostKeys(tree: GuestTree): Promise<{ type: string; key: string }[]> {
  const keys: { type: string; key: string }[] = [];
  for (const { key } of await findHostKeyFiles(tree))
    if (key) keys.push({ type: key.type, key: key.blob.toString('base64') });
  return keys;
}

/** Reads what identifies a machine from its disk, as far as its file systems can be read. */
export async function readFacts(whole: GuestTree, now: number): Promise<IdentityFacts> {
  const tree = new ReachableTree(whole);
  const machineId = machineIdStateOf(await readText(tree, '/etc/machine-id').catch(unreadable));
  const hostKeys: HostKeyFact[] = [];
  for (const file of await findHostKeyFiles(tree))
    if (file.key) hostKeys.push({ type: file.key.type, fingerprint: file.key.fingerprint, path: file.path });
  // The one people compare first.
  hostKeys.sort((a, b) => Number(b.type === 'ssh-ed25519') - Number(a.type === 'ssh-ed25519'));
  return {
    source: 'disk',
    readAt: now,
    machineId: machineId.id,
    machineIdState: machineId.state,
    dbus: await dbusState(tree, machineId.id),
    hostname: await readHostname(tree),
    hostKeys,
    bootId: null,
    os: await readOs(tree),
    seen: null,
  };
}

const unreadable = (error: unknown): string => {
  if (error instanceof GuesthouseError && error.code === 'disk-damaged') throw error;
  return 'unreadable';
};

async function dbusState(tree: ReachableTree, machineId: string | null): Promise<IdentityFacts['dbus']> {
  if (!(await tree.reaches('/var/lib/dbus/machine-id'))) return 'unreadable';
  if ((await tree.stat('/var/lib/dbus'))?.type !== 'directory') return 'none';
  const link = await tree.readlink('/var/lib/dbus/machine-id');
  if (link !== null && (link === '/etc/machine-id' || link.replace(/^(\.\.\/)+/, '/') === '/etc/machine-id'))
    return 'link';
  const text = await readText(tree, '/var/lib/dbus/machine-id').catch(unreadable);
  if (text === null) return 'missing';
  if (text.trim() === '') return 'empty';
  return text.trim().toLowerCase() === machineId ? 'same' : 'different';
}

/** First word of /etc/hostname that is no comment (hostname(5)). */
export async function readHostname(tree: GuestTree): Promise<string | null> {
  const text = await readText(tree, '/etc/hostname');
  const line = text?.split('\n').find((l) => l.trim() !== '' && !l.startsWith('#'));
  return line?.trim() ?? null;
}

async function readOs(tree: GuestTree): Promise<string | null> {
  const text = (await readText(tree, '/etc/os-release')) ?? (await readText(tree, '/usr/lib/os-release'));
  const match = /^PRETTY_NAME=(?:"([^"\n]*)"|'([^'\n]*)'|(\S*))$/m.exec(text ?? '');
  const name = match && (match[1] ?? match[2] ?? match[3] ?? null);
  return name ? name.replace(/\p{Cc}/gu, '').slice(0, 100) : null;
}
