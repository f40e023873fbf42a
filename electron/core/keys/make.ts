import { constants, existsSync, readdirSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { KeyType } from '../../../shared/model/key.ts';
import { run } from '../platform/exec.ts';
import { exists, syncDir, writeAtomic } from '../platform/fs.ts';
import { maxKeyFile, privateKeyStart, readPrivateHeader, readPublic } from './header.ts';

export interface MakeSpec {
  readonly name: string;
  readonly type: KeyType;
  readonly bits: number | null;
  readonly passphrase: string;
  readonly comment: string;
}

/** ssh-keygen(1) refuses shorter ones. */
export const minPassphrase = 5;

function checkPassphrase(passphrase: string) {
  if (passphrase !== '' && passphrase.length < minPassphrase)
    throw new GuesthouseError('invalid-input', `A passphrase has at least ${minPassphrase} characters.`, {
      why: 'ssh-keygen takes no shorter one.',
      todo: 'Use a longer one, or none.',
    });
}

/** The bits ssh-keygen is asked for; null: its default. */
export function bitsFor(type: KeyType, bits: number | null): number | null {
  const allowed: Partial<Record<KeyType, readonly number[]>> = { rsa: [3072, 4096], ecdsa: [256, 384, 521] };
  const choice = allowed[type];
  if (!choice) {
    if (bits === null) return null;
    throw new GuesthouseError('invalid-input', `A key of type ${type} has a fixed size.`);
  }
  if (bits === null) return choice[0]!;
  if (!choice.includes(bits))
    throw new GuesthouseError('invalid-input', `A key of type ${type} has ${choice.join(', ')} bits.`);
  return bits;
}

/** A security key can be used: some HID device is there, and OpenSSH's helper for it. */
export function securityKeyPresent(): boolean {
  try {
    return (
      readdirSync('/dev').some((name) => name.startsWith('hidraw')) &&
      [
        '/usr/lib/openssh/ssh-sk-helper',
        '/usr/libexec/openssh/ssh-sk-helper',
        '/usr/libexec/ssh-sk-helper',
      ].some((file) => existsSync(file))
    );
  } catch {
    return false;
  }
}

async function refuseTaken(folder: string, name: string) {
  for (const file of [name, `${name}.pub`])
    if (await exists(path.join(folder, file)))
      throw new GuesthouseError('name-taken', `There is a file named ${file} already.`, {
        why: 'Nothing is overwritten: a private key that is gone cannot be made again.',
        todo: 'Choose another name.',
        subject: path.join(folder, file),
      });
}

/** Puts finished files in their place without ever overwriting one. */
async function place(from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new GuesthouseError('name-taken', `There is a file named ${path.basename(to)} already.`);
    await fs.copyFile(from, to, constants.COPYFILE_EXCL); // a file system without links
  }
}

async function inTemporary<T>(folder: string, work: (dir: string) => Promise<T>): Promise<T> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const dir = await fs.mkdtemp(path.join(folder, '.new-'));
  try {
    return await work(dir);
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
}

/**
 * Lets ssh-keygen read passphrases from stdin. Where there is a display (ssh(1), SSH_ASKPASS_REQUIRE) it would rather
 * start an askpass program, and take an empty passphrase when there is none.
 */
const fromStdin = { SSH_ASKPASS_REQUIRE: 'never' };

/**
 * Makes a key pair with ssh-keygen in `folder` (made 0700 when missing). The passphrase goes by stdin: `-N` would show
 * it to every user of this computer. The pair appears whole or not at all.
 * @throws {GuesthouseError} `name-taken`, `invalid-input`, `unsupported` without a security key for sk types
 */
export async function makeKey(
  folder: string,
  spec: MakeSpec,
  options: { signal?: AbortSignal; env?: Record<string, string> } = {},
): Promise<void> {
  checkPassphrase(spec.passphrase);
  const bits = bitsFor(spec.type, spec.bits);
  if (spec.type.endsWith('-sk') && !securityKeyPresent())
    throw new GuesthouseError('unsupported', 'There is no security key in this computer.', {
      why: 'Keys of this type live on a FIDO device.',
      todo: 'Plug one in and try again.',
    });
  await refuseTaken(folder, spec.name);
  await inTemporary(folder, async (dir) => {
    const file = path.join(dir, spec.name);
    await run(
      [
        'ssh-keygen',
        '-q',
        ...['-t', spec.type],
        ...(bits === null ? [] : ['-b', String(bits)]),
        // Without one ssh-keygen writes user@host.
        ...(spec.comment === '' ? [] : ['-C', spec.comment]),
        ...['-f', file],
      ],
      {
        input: `${spec.passphrase}\n${spec.passphrase}\n`,
        signal: options.signal,
        env: options.env ?? fromStdin,
      },
    );
    // One that was asked for and is not there would be found out by a thief only.
    if (spec.passphrase !== '' && !readPrivateHeader(await fs.readFile(file, 'utf8'))?.encrypted)
      throw new GuesthouseError('program-failed', 'ssh-keygen did not protect the key. It was not kept.');
    await fs.chmod(`${file}.pub`, 0o644);
    await place(`${file}.pub`, path.join(folder, `${spec.name}.pub`));
    try {
      await place(file, path.join(folder, spec.name));
    } catch (error) {
      await fs.rm(path.join(folder, `${spec.name}.pub`), { force: true });
      throw error;
    }
    await syncDir(folder);
  });
}

/**
 * Takes in a private key's text: 0600, with its public half where that can be told without a passphrase.
 * @throws {GuesthouseError} `invalid-input` for anything that is no private key OpenSSH reads, `name-taken`
 */
export async function importKey(folder: string, name: string, text: string): Promise<void> {
  const normal = `${text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .trim()}\n`;
  if (/^PuTTY-User-Key-File/.test(normal))
    throw new GuesthouseError('invalid-input', "This is a key in PuTTY's format.", {
      todo: 'Convert it: puttygen key.ppk -O private-openssh -o key',
    });
  const header = privateKeyStart.test(normal) ? readPrivateHeader(normal) : null;
  if (!header)
    throw new GuesthouseError('invalid-input', 'This is no private key.', {
      why: readPublic(normal) ? 'It is a public key.' : 'OpenSSH reads its own format and PEM.',
      todo: 'Choose the file without .pub.',
    });
  await refuseTaken(folder, name);
  await inTemporary(folder, async (dir) => {
    const file = path.join(dir, name);
    await writeAtomic(file, normal, 0o600);
    let publicLine: string | null = null;
    if (header.blob) publicLine = `${header.type} ${header.blob} ${name}\n`;
    else if (!header.encrypted)
      publicLine = (
        await run(['ssh-keygen', '-y', '-f', file], { input: '\n', timeoutMs: 10_000, env: fromStdin })
      ).stdout;
    await place(file, path.join(folder, name));
    if (publicLine) {
      await writeAtomic(`${file}.pub`, publicLine, 0o644);
      await place(`${file}.pub`, path.join(folder, `${name}.pub`));
    }
    await syncDir(folder);
  });
}

/**
 * Changes, sets or removes (`next` empty) a passphrase. ssh-keygen -p writes in place, so it is let loose on a copy that
 * then takes the key's name: a crash in the middle loses no key.
 * @throws {GuesthouseError} `auth-failed` when `current` is wrong
 */
export async function changePassphrase(
  file: string,
  encrypted: boolean,
  current: string,
  next: string,
): Promise<void> {
  checkPassphrase(next);
  const real = await fs.realpath(file); // a link stays a link
  await inTemporary(path.dirname(real), async (dir) => {
    const copy = path.join(dir, 'key');
    await writeAtomic(copy, await fs.readFile(real), 0o600);
    try {
      await run(['ssh-keygen', '-q', '-p', '-f', copy], {
        input: `${encrypted ? `${current}\n` : ''}${next}\n${next}\n`,
        timeoutMs: 30_000,
        env: fromStdin,
      });
    } catch (error) {
      if (error instanceof GuesthouseError && /incorrect passphrase/i.test(error.detail ?? ''))
        throw new GuesthouseError('auth-failed', 'The passphrase is wrong.', {
          why: 'The key could not be decrypted with it.',
          todo: 'Try again. Without the passphrase the key is lost, and a new one must be made.',
        });
      throw error;
    }
    await fs.rename(copy, real);
    await syncDir(path.dirname(real));
  });
}

/** The text of a file that may be a private key. @throws {GuesthouseError} `not-found`, `invalid-input` */
export async function readForImport(file: string): Promise<string> {
  if (!path.isAbsolute(file)) throw new GuesthouseError('invalid-input', 'The path must be absolute.');
  const handle = await fs
    .open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    .catch((cause: NodeJS.ErrnoException) => {
      throw new GuesthouseError('not-found', `${file} cannot be read.`, { why: cause.message });
    });
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > maxKeyFile)
      throw new GuesthouseError('invalid-input', 'This is no private key.', {
        why: stat.isFile() ? 'It is far too big.' : 'It is not a file.',
      });
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
