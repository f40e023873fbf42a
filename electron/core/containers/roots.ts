/** Root file systems made on the spot: busybox of this machine, or a minimal Debian of named packages. */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import { run } from '../platform/exec.ts';
import { exists, makePrivateDir } from '../platform/fs.ts';
import { findProgram } from '../qemu/accelerators.ts';
import { explainApt } from '../templates/starter/build.ts';
import { holdLock } from '../templates/starter/lock.ts';
import { TreeProgressParser } from '../templates/starter/progress.ts';
import { pathRules, suite } from '../templates/starter/recipe.ts';
import { checkSandbox, inSandbox, needProgram } from '../templates/starter/sandbox.ts';
import { hostApt } from '../templates/starter/sources.ts';
import { type TarEntry, tarOf } from './tiny-image.ts';

/** Raise when what is built changes in a way its name does not show. */
const recipe = 1;
const roots = (cache: string) => path.join(cache, 'roots');

/** The image a list of packages becomes; the same list has the same name, in any order. */
export function debianImage(packages: readonly string[], arch: string): string {
  const all = [recipe, suite, arch, [...new Set(packages)].sort(), pathRules];
  return `localhost/guesthouse/debian:${createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 12)}`;
}

/**
 * A tar of a minimal Debian with these packages, from the cache where it was built before. As root or, in a user
 * namespace, without. Killed or cancelled it leaves nothing but what the next build removes.
 *
 * @throws {GuesthouseError} `program-missing`, `no-permission`, `unreachable`, `no-space`; `invalid-input` for a package
 *   that does not exist
 */
export async function debianTar(
  packages: readonly string[],
  arch: string,
  cache: string,
  op: OperationContext,
): Promise<string> {
  const parent = roots(cache);
  const file = path.join(parent, `${debianImage(packages, arch).split(':')[1]}.tar`);
  if (await exists(file)) return file;
  await makePrivateDir(parent);
  const asRoot = process.getuid?.() === 0;
  await needProgram('mmdebstrap', 'mmdebstrap');
  await checkSandbox(asRoot, op.signal);
  const release = await holdLock(path.join(parent, '.lock'), op.signal, () =>
    op.phase('Waiting for another build to end'),
  );
  const temp = path.join(parent, `.building-${randomBytes(6).toString('hex')}`);
  try {
    if (await exists(file)) return file;
    for (const name of await fs.readdir(parent))
      if (name.startsWith('.building-')) await clear(path.join(parent, name), asRoot);
    await fs.mkdir(temp, { mode: 0o700 });
    await build(packages, arch, temp, asRoot, op);
    await fs.rename(path.join(temp, 'root.tar'), file);
    return file;
  } finally {
    await clear(temp, asRoot).catch(() => {});
    await release();
  }
}

/** Files in it may belong to subordinate ids. */
async function clear(dir: string, asRoot: boolean): Promise<void> {
  await run(inSandbox(['rm', '-rf', '--one-file-system', '--', dir], asRoot));
}

async function build(
  packages: readonly string[],
  arch: string,
  temp: string,
  asRoot: boolean,
  op: OperationContext,
): Promise<void> {
  const apt = await hostApt(suite, op.signal);
  op.phase('Resolving packages');
  const parser = new TreeProgressParser(({ phase, fraction }) => {
    op.phase(phase);
    op.progress(fraction * 0.9);
  });
  let log = '';
  const onText = (text: string) => {
    log = (log + text).slice(-16_000);
    parser.push(text);
  };
  const argv = [
    'mmdebstrap', '--verbose', '--mode=root', '--format=tar', '--variant=essential', `--architectures=${arch}`,
    ...(packages.length ? [`--include=${[...new Set(packages)].sort().join(',')}`] : []),
    ...pathRules.map((rule) => `--dpkgopt=${rule}`),
    ...apt.options.map((option) => `--aptopt=${option}`),
    suite, path.join(temp, 'root.tar'), '-',
  ]; // biome-ignore format: a list
  try {
    await run(inSandbox(argv, asRoot), {
      signal: op.signal,
      input: apt.sources,
      env: { TMPDIR: temp },
      onStdout: onText,
      onStderr: onText,
    });
  } catch (error) {
    if (isCancelled(error)) throw error;
    const unknown = /Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate/.exec(
      log,
    );
    if (unknown)
      throw new GuesthouseError('invalid-input', `Debian has no package named ${unknown[1] ?? unknown[2]}.`, {
        todo: 'Look the name up with "apt-cache search", or at packages.debian.org.',
        cause: error,
      });
    throw explainApt(error, log, 'The root file system could not be built.');
  }
}

const applets =
  'sh ash ls cat cp mv rm mkdir rmdir ln echo printf sleep true false test env id ps top kill free df du dd head tail ' +
  'grep sed awk cut sort uniq wc tr find xargs vi less more tar gzip gunzip wget nc ping ip hostname date uname mount ' +
  'umount chmod chown touch stat readlink basename dirname md5sum sha256sum seq yes timeout nproc uptime httpd whoami';

/**
 * A root file system of busybox and what it links to, as a tar of about 2 MB, and its image's name.
 * @throws {GuesthouseError} `program-missing`
 */
export async function busyboxTar(): Promise<{ image: string; tar: Buffer }> {
  const program = await findProgram('busybox');
  if (!program)
    throw new GuesthouseError('program-missing', 'busybox is not installed on this computer.', {
      why: 'It would be all that is in the container.',
      todo: 'On Debian and Ubuntu: sudo apt install busybox-static.',
      subject: 'busybox',
    });
  const data = await fs.readFile(program);
  const entries: TarEntry[] = [
    'bin',
    'etc',
    'home',
    'lib',
    'lib64',
    'proc',
    'root',
    'sbin',
    'sys',
    'usr',
    'var',
    'dev',
  ]
    .map((name) => ({ name: `${name}/`, mode: 0o755 }))
    .concat([{ name: 'tmp/', mode: 0o1777 }]);
  entries.push({ name: 'bin/busybox', mode: 0o755, data });
  for (const applet of applets.split(' '))
    entries.push({ name: `bin/${applet}`, mode: 0o777, link: 'busybox' });
  const text = (name: string, content: string) =>
    entries.push({ name, mode: 0o644, data: Buffer.from(content) });
  text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  text('etc/group', 'root:x:0:\nnobody:x:65534:\n');
  const folders = new Set<string>();
  for (const library of await libraries(program)) {
    const name = library.replace(/^\/(usr\/)?/, '');
    for (
      let dir = path.dirname(name);
      dir !== '.' && !['lib', 'lib64'].includes(dir);
      dir = path.dirname(dir)
    )
      if (!folders.has(dir)) folders.add(dir);
    entries.push({ name, mode: 0o755, data: await fs.readFile(library) });
  }
  for (const dir of [...folders].sort().reverse()) entries.splice(13, 0, { name: `${dir}/`, mode: 0o755 });
  const tar = tarOf(entries);
  const hash = createHash('sha256').update(tar).digest('hex').slice(0, 12);
  return { image: `localhost/guesthouse/busybox:${hash}`, tar };
}

/** What a program of this machine is linked to; none for a static one. */
async function libraries(program: string): Promise<string[]> {
  const { stdout } = await run(['ldd', program], { okCodes: [0, 1] });
  return [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1]!);
}
