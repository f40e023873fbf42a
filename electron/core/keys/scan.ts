import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Key, PermissionProblem } from '../../../shared/model/key.ts';
import { run } from '../platform/exec.ts';
import { fingerprint } from '../ssh/known-hosts.ts';
import { visible } from '../ssh/prompts.ts';
import { blobType, maxKeyFile, privateKeyStart, readPrivateHeader, readPublic, typeWord } from './header.ts';
import { type FileFacts, problemsOf } from './permissions.ts';

/** A key without what only the agent and the usage record know. */
export type ScannedKey = Omit<Key, 'inAgent' | 'usedBy'>;

interface Content {
  readonly text: string;
  readonly stat: { mode: number; uid: number; mtimeMs: number; size: number };
}

/**
 * Reads a small regular file, following links. Null for FIFOs, devices, folders and what is too big: opening is
 * non-blocking, so that a FIFO in the folder cannot hold us, and the size is checked on the open file.
 */
async function readSmall(file: string): Promise<Content | null> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > maxKeyFile) return null;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxKeyFile), 0, maxKeyFile, 0);
    return { text: buffer.toString('latin1', 0, bytesRead), stat };
  } finally {
    await handle.close();
  }
}

const isFolder = (what: FileFacts['what']) =>
  what === 'ssh-folder' || what === 'app-folder' || what === 'home';

async function factsOf(file: string, what: FileFacts['what']): Promise<FileFacts | null> {
  try {
    const stat = await fs.stat(file);
    if (!isFolder(what) && !stat.isFile()) return null;
    return { path: file, what, mode: stat.mode & 0o7777, uid: stat.uid };
  } catch {
    return null;
  }
}

/** Never more keys than this from one folder; a hostile folder must not hold the page. */
const maxKeys = 500;

/** The keys in one folder, sorted by name. A missing folder has none. */
export async function scanFolder(
  folder: string,
  location: Key['location'],
  uid: number,
): Promise<ScannedKey[]> {
  let names: string[];
  try {
    names = (await fs.readdir(folder)).sort();
  } catch {
    return [];
  }
  const present = new Set(names);
  const keys: ScannedKey[] = [];
  for (const name of names) {
    if (keys.length >= maxKeys) break;
    if (name.startsWith('.') || /[\p{Cc}]/u.test(name)) continue;
    const key = name.endsWith('.pub')
      ? present.has(name.slice(0, -4))
        ? null
        : await scanPublicOnly(folder, name, location, uid)
      : await scanPrivate(folder, name, location, uid, present.has(`${name}.pub`));
    if (key) keys.push(key);
  }
  return keys;
}

const sealed =
  'The passphrase hides all of a PEM key, and there is no public key beside it. Change passphrase (ssh-keygen -p) writes it in OpenSSH’s own format, which shows the public half.';
const damaged =
  'Its public half cannot be worked out: it is damaged, or of a kind that Guesthouse does not read.';

async function scanPrivate(
  folder: string,
  name: string,
  location: Key['location'],
  uid: number,
  hasPublic: boolean,
): Promise<ScannedKey | null> {
  const file = path.join(folder, name);
  const publicFile = `${file}.pub`;
  const facts = await factsOf(file, 'private-key');
  if (!facts) return null;
  const content = await readSmall(file);
  const publicText = hasPublic ? await readSmall(publicFile) : null;
  const pub = publicText ? readPublic(publicText.text) : null;
  // An unreadable file counts as a key only when a public one stands beside it.
  if (content ? !privateKeyStart.test(content.text) : !pub) return null;
  const header = content ? readPrivateHeader(content.text) : null;
  const blob = header?.blob ?? pub?.blob ?? null;
  const publicFacts = pub ? await factsOf(publicFile, 'public-key') : null;
  const drawn = blob ? await draw(blob) : null;
  const mismatch = header?.blob && pub && header.blob !== pub.blob;
  return {
    id: `${location}:${name}`,
    name,
    location,
    path: file,
    publicPath: pub ? publicFile : null,
    type: header?.type ? typeWord(header.type) : pub ? typeWord(pub.type) : null,
    bits: drawn?.bits ?? null,
    fingerprint: blob ? fingerprint(blob) : null,
    noFingerprint: header && !blob ? (header.encrypted ? sealed : damaged) : null,
    randomart: drawn?.art ?? null,
    comment: pub && !mismatch ? comment(pub.comment) : '',
    encrypted: header?.encrypted ?? null,
    modifiedAt: content?.stat.mtimeMs ?? 0,
    problems: [...problemsOf(facts, uid), ...(publicFacts ? problemsOf(publicFacts, uid) : [])],
    unreadable: !content
      ? 'It cannot be read.'
      : !header
        ? 'It is damaged: its beginning is that of a private key, the rest is not.'
        : mismatch
          ? 'The public key beside it belongs to another private key.'
          : null,
  };
}

async function scanPublicOnly(
  folder: string,
  name: string,
  location: Key['location'],
  uid: number,
): Promise<ScannedKey | null> {
  const file = path.join(folder, name);
  const content = await readSmall(file);
  const pub = content ? readPublic(content.text) : null;
  if (!content || !pub) return null;
  const drawn = await draw(pub.blob);
  const facts = await factsOf(file, 'public-key');
  return {
    id: `${location}:${name}`,
    name: name.slice(0, -4),
    location,
    path: null,
    publicPath: file,
    type: typeWord(pub.type),
    bits: drawn?.bits ?? null,
    fingerprint: fingerprint(pub.blob),
    noFingerprint: null,
    randomart: drawn?.art ?? null,
    comment: comment(pub.comment),
    encrypted: null,
    modifiedAt: content.stat.mtimeMs,
    problems: facts ? problemsOf(facts, uid) : [],
    unreadable: null,
  };
}

/** Comments are anyone's text. The file was read as bytes; show UTF-8, with control characters made visible. */
function comment(latin1: string): string {
  return visible(Buffer.from(latin1, 'latin1').toString('utf8'), 200).replaceAll('\n', '␊');
}

const drawings = new Map<string, { bits: number; art: string } | null>();

/** Bits and randomart from ssh-keygen -lv, which is given the bare blob: no comment, no file of a person. */
async function draw(blob: string): Promise<{ bits: number; art: string } | null> {
  const known = drawings.get(blob);
  if (known !== undefined) return known;
  let drawn: { bits: number; art: string } | null = null;
  try {
    const { stdout } = await run(['ssh-keygen', '-lv', '-E', 'sha256', '-f', '-'], {
      input: `${blobType(Buffer.from(blob, 'base64'))} ${blob}\n`,
      timeoutMs: 10_000,
    });
    const [first, ...art] = stdout.trimEnd().split('\n');
    const bits = /^(\d+) SHA256:/.exec(first ?? '')?.[1];
    if (bits) drawn = { bits: Number(bits), art: art.join('\n') };
  } catch {
    drawn = null; // a blob ssh-keygen does not take
  }
  if (drawings.size > 2000) drawings.clear();
  drawings.set(blob, drawn);
  return drawn;
}

/** Modes and owners around the keys: the folders, home, authorized_keys and the configuration. */
export async function folderProblems(
  home: string,
  appFolder: string,
  uid: number,
): Promise<PermissionProblem[]> {
  const ssh = path.join(home, '.ssh');
  const files: [string, FileFacts['what']][] = [
    [home, 'home'],
    [ssh, 'ssh-folder'],
    [path.join(ssh, 'authorized_keys'), 'authorized-keys'],
    [path.join(ssh, 'config'), 'config'],
    [appFolder, 'app-folder'],
  ];
  const found: PermissionProblem[] = [];
  for (const [file, what] of files) {
    const facts = await factsOf(file, what);
    if (facts) found.push(...problemsOf(facts, uid));
  }
  return found;
}

/**
 * Repairs one file. The mode is computed anew from the open file, so what changed since the person looked cannot be
 * loosened, and it is set through the descriptor, so no link can be swapped in between.
 * @returns whether something was changed
 */
export async function repair(file: string, what: FileFacts['what'], uid: number): Promise<boolean> {
  const handle = await fs.open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = await handle.stat();
    if (isFolder(what) ? !stat.isDirectory() : !stat.isFile()) return false;
    const problems = problemsOf({ path: file, what, mode: stat.mode & 0o7777, uid: stat.uid }, uid);
    let changed = false;
    for (const problem of problems) {
      if (!problem.fixable) continue;
      if (problem.kind === 'wrong-owner') await handle.chown(uid, stat.gid);
      else await handle.chmod(problem.wanted & stat.mode & 0o7777);
      changed = true;
    }
    return changed;
  } finally {
    await handle.close();
  }
}
