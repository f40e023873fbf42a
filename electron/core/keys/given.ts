import * as path from 'node:path';
import { readTextIfAny, writeAtomic, writeStaged } from '../platform/fs.ts';
import { fingerprint } from '../ssh/known-hosts.ts';

/*
 * Which keys a guest accepts, as far as Guesthouse put them there, stands in the guest's own folder in the format of
 * sshd(8) (AUTHORIZED_KEYS): so it appears, is copied and goes with the guest.
 */
const fileIn = (folder: string) => path.join(folder, 'authorized_keys');

/** Options may stand before the type. */
const keyOf = (line: string) =>
  /(?:^|\s)(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ ([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(line)?.[1] ?? null;

/** Lines of keys the guest in this folder was given. */
export async function givenKeys(folder: string): Promise<readonly string[]> {
  const text = await readTextIfAny(fileIn(folder)).catch(() => null);
  return (text ?? '').split('\n').filter((line) => keyOf(line) !== null);
}

/** SHA256 fingerprints of {@link givenKeys}. */
export async function givenFingerprints(folder: string): Promise<readonly string[]> {
  return (await givenKeys(folder)).map((line) => fingerprint(keyOf(line)!));
}

/** Notes, in a folder that becomes a guest, the keys its disk or seed was given. Nothing is written for none. */
export async function stageGivenKeys(staged: string, lines: readonly string[]): Promise<void> {
  const text = joined(lines);
  if (text !== '') await writeStaged(fileIn(staged), text);
}

/** Notes one key more. */
export async function addGivenKey(folder: string, line: string): Promise<void> {
  await writeAtomic(fileIn(folder), joined([...(await givenKeys(folder)), line]));
}

/** Forgets a key that was taken out of the guest. */
export async function dropGivenKey(folder: string, key: string): Promise<void> {
  const before = await givenKeys(folder);
  const after = before.filter((line) => keyOf(line) !== key);
  if (after.length < before.length) await writeAtomic(fileIn(folder), joined(after));
}

/** Each key once. */
function joined(lines: readonly string[]): string {
  const byKey = new Map(lines.map((line) => [keyOf(line), line.trim()] as const));
  byKey.delete(null);
  return [...byKey.values()].map((line) => `${line}\n`).join('');
}
