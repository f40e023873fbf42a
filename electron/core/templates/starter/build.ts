/** Builds the starter guest "Debian 12" from Debian's packages, once, into the cache. */
import { randomBytes, randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError, isCancelled } from '../../../../shared/errors.ts';
import type { OperationContext } from '../../operations/runner.ts';
import { run } from '../../platform/exec.ts';
import { exists, makePrivateDir, readTextIfAny, syncDir, writeAtomic } from '../../platform/fs.ts';
import type { Log } from '../../platform/log.ts';
import type { LibraryPaths } from '../../platform/paths.ts';
import { installBootLoaders, layout, makePartitions, mkfsArgs } from './disk.ts';
import { holdLock } from './lock.ts';
import { TreeProgressParser } from './progress.ts';
import {
  customizeHook,
  defaultVirtualSize,
  essentialHook,
  finishScript,
  guestFiles,
  guestUser,
  kernelCmdline,
  packages,
  pathRules,
  recipeHash,
  type StarterSpec,
  suite,
} from './recipe.ts';
import { checkSandbox, inSandbox, needProgram } from './sandbox.ts';
import { hostApt } from './sources.ts';

/** A kernel on the image, with its files' places inside the root file system. */
export interface StarterKernel {
  /** As `uname -r` says it, e.g. `6.1.0-50-cloud-amd64`. */
  readonly version: string;
  /** `cloud` has virtio only; `full` has SATA, IDE, e1000 and all the rest too. */
  readonly flavour: 'cloud' | 'full';
  readonly kernelPath: string;
  readonly initrdPath: string;
}

/** A finished starter image in the cache. Never started itself: guests are made from copies or overlays of `disk`. */
export interface StarterImage {
  readonly id: 'debian-12';
  /** Absolute path of a qcow2 without backing file, mode 0444. */
  readonly disk: string;
  /** Bytes. */
  readonly virtualSize: number;
  /** Byte offset of the root partition (the third), an ext4 file system. */
  readonly rootOffset: number;
  readonly rootUuid: string;
  /** For direct kernel boot. */
  readonly kernelCmdline: string;
  /** The account with sudo; its password on the console is its name, SSH takes keys only. */
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly builtAt: number;
  /** Fields of the guest's os-release(5). */
  readonly release: Readonly<Record<string, string>>;
  /** Newest first, cloud kernels before full ones: the first is the one to boot directly. */
  readonly kernels: readonly StarterKernel[];
}

export interface StarterDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
}

const infoName = 'starter.json';
const diskName = 'disk.qcow2';
const tempPrefix = '.building-';
/** Room a build takes at its widest moment: the tree, the raw disk and the qcow2. */
const roomNeeded = 4 * 2 ** 30;

const startersDir = (paths: LibraryPaths) => path.join(paths.cache, 'starters');
const imageDir = (paths: LibraryPaths, spec: StarterSpec) =>
  path.join(startersDir(paths), `${spec.id}-${recipeHash(spec)}`);

/** The image when it has been built already, else null. Reads one small file. */
export async function findStarter(spec: StarterSpec, paths: LibraryPaths): Promise<StarterImage | null> {
  const dir = imageDir(paths, spec);
  const text = await readTextIfAny(path.join(dir, infoName));
  if (text === null) return null;
  const disk = path.join(dir, diskName);
  if (!(await exists(disk))) return null;
  // The folder may have been moved with the cache: the disk's place is where we found it.
  return { ...(JSON.parse(text) as StarterImage), disk };
}

/**
 * Returns the starter image, building it first when the cache has none. Works as root and, through a user namespace,
 * without. Killed at any moment it leaves a whole image or none; left-overs go at the next build. A second build
 * waits for the first, in this process or another, and takes its result.
 *
 * @throws {GuesthouseError} `program-missing` and `no-permission` name what to install or allow; `no-space`;
 *   `program-failed` with the end of the log; cancelled when `op.signal` fires, with everything removed
 */
export async function buildStarter(
  spec: StarterSpec,
  deps: StarterDeps,
  op: OperationContext,
): Promise<StarterImage> {
  const ready = await findStarter(spec, deps.paths);
  if (ready) return ready;
  op.phase('Checking what is needed');
  const asRoot = process.getuid?.() === 0;
  await checkHost(asRoot, op.signal);
  const parent = startersDir(deps.paths);
  await makePrivateDir(parent);
  const release = await holdLock(path.join(parent, '.lock'), op.signal, () =>
    op.phase('Waiting for another build to end'),
  );
  try {
    const meanwhile = await findStarter(spec, deps.paths);
    if (meanwhile) return meanwhile;
    await removeLeftovers(parent, asRoot);
    await checkRoom(parent);
    return await buildInto(parent, spec, deps, op, asRoot);
  } finally {
    await release();
  }
}

async function checkHost(asRoot: boolean, signal: AbortSignal): Promise<void> {
  await needProgram('mmdebstrap', 'mmdebstrap');
  await needProgram('setpriv', 'util-linux');
  await needProgram('sfdisk', 'fdisk');
  await needProgram('mkfs.ext4', 'e2fsprogs');
  await needProgram('mcopy', 'mtools');
  await needProgram('qemu-img', 'qemu-utils');
  await checkSandbox(asRoot, signal);
}

async function checkRoom(dir: string): Promise<void> {
  const { bavail, bsize } = await fs.statfs(dir);
  const free = bavail * bsize;
  if (free >= roomNeeded) return;
  throw new GuesthouseError('no-space', 'There is not enough room to build the starter guest.', {
    why: `Building takes ${roomNeeded / 2 ** 30} GiB in ${dir} for a while; ${(free / 2 ** 30).toFixed(1)} GiB are free.`,
    todo: 'Free some space, or set XDG_CACHE_HOME to a larger disk.',
  });
}

/** Removes a half-made build. Files in the tree belong to subordinate ids, so it takes the namespace that made them. */
async function removeTemp(dir: string, asRoot: boolean): Promise<void> {
  // The name is our own; `--` and the absolute path keep it from being an option all the same.
  await run(inSandbox(['rm', '-rf', '--one-file-system', '--', dir], asRoot));
}

/** Whoever calls this holds the lock, so every unfinished build here has lost its owner. */
async function removeLeftovers(parent: string, asRoot: boolean): Promise<void> {
  for (const name of await fs.readdir(parent))
    if (name.startsWith(tempPrefix)) await removeTemp(path.join(parent, name), asRoot);
}

async function buildInto(
  parent: string,
  spec: StarterSpec,
  deps: StarterDeps,
  op: OperationContext,
  asRoot: boolean,
): Promise<StarterImage> {
  const temp = path.join(parent, `${tempPrefix}${randomBytes(6).toString('hex')}`);
  await fs.mkdir(temp, { mode: 0o700 });
  try {
    const identity = { rootUuid: randomUUID() };
    const virtualSize = spec.virtualSize ?? defaultVirtualSize;
    const tree = path.join(temp, 'tree');
    const raw = path.join(temp, 'disk.raw');
    const out = path.join(temp, 'image');
    const { signal } = op;

    await makeTree(temp, tree, identity, op, asRoot);
    await run(inSandbox([await script(temp, 'finish.sh', finishScript), tree], asRoot), { signal });
    const kernels = await findKernels(tree);
    const release = parseOsRelease(await fs.readFile(path.join(tree, 'usr/lib/os-release'), 'utf8'));

    op.phase('Making the file system');
    op.progress(0.8);
    await makePartitions(raw, virtualSize, signal);
    await run(inSandbox(mkfsArgs(raw, tree, identity.rootUuid, virtualSize), asRoot), { signal });

    op.phase('Installing the boot loader');
    op.progress(0.9);
    await installBootLoaders(raw, tree, signal);

    op.phase('Writing the disk image');
    op.progress(0.92);
    await fs.mkdir(out, { mode: 0o700 });
    const disk = path.join(out, diskName);
    await run(['qemu-img', 'convert', '-p', '-f', 'raw', '-O', 'qcow2', '-m', '2', raw, disk], {
      signal,
      onStdout: (text) => {
        const percent = /\(([\d.]+)\/100%\)/.exec(text);
        if (percent) op.progress(0.92 + (0.07 * Number(percent[1])) / 100);
      },
    });
    await fs.chmod(disk, 0o444);
    const handle = await fs.open(disk, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    const final = imageDir(deps.paths, spec);
    const image: StarterImage = {
      id: spec.id,
      disk: path.join(final, diskName),
      virtualSize,
      rootOffset: layout.root.offset,
      rootUuid: identity.rootUuid,
      kernelCmdline: kernelCmdline(identity),
      user: guestUser,
      builtAt: Date.now(),
      release,
      kernels,
    };
    await writeAtomic(path.join(out, infoName), `${JSON.stringify(image, null, 2)}\n`);
    op.check();
    // An image without its description, or the reverse, is none: make way for the whole one.
    await fs.rm(final, { recursive: true, force: true });
    await fs.rename(out, final);
    await syncDir(parent);
    deps.log.info(`starter ${spec.id} built in ${final}`);
    return image;
  } finally {
    await removeTemp(temp, asRoot).catch((error: unknown) =>
      deps.log.warn(
        `${temp} could not be removed: ${error instanceof Error ? error.message : String(error)}`,
      ),
    );
  }
}

async function script(dir: string, name: string, text: string): Promise<string> {
  const file = path.join(dir, name);
  await fs.writeFile(file, text, { mode: 0o700 });
  return file;
}

/** Runs mmdebstrap: the root file system as a folder, with its owners as they will be in the guest. */
async function makeTree(
  temp: string,
  tree: string,
  identity: { rootUuid: string },
  op: OperationContext,
  asRoot: boolean,
): Promise<void> {
  const overlay = path.join(temp, 'overlay');
  for (const file of guestFiles(identity)) {
    const target = path.join(overlay, file.path);
    await fs.mkdir(path.dirname(target), { recursive: true });
    await fs.writeFile(target, file.text);
    await fs.chmod(target, file.mode);
    // Folders of the overlay lend their mode to the tree's: whatever the umask is, these are ordinary ones.
    for (let dir = path.dirname(target); dir.startsWith(overlay); dir = path.dirname(dir))
      await fs.chmod(dir, 0o755);
  }
  const essential = await script(temp, 'essential.sh', essentialHook);
  const customize = await script(temp, 'customize.sh', customizeHook(identity));
  const apt = await hostApt(suite, op.signal);
  op.phase('Resolving packages');
  const log = new LogTail();
  const parser = new TreeProgressParser(({ phase, fraction }) => {
    op.phase(phase);
    op.progress(fraction * 0.8);
  });
  const onText = (text: string) => {
    log.push(text);
    parser.push(text);
  };
  const argv = [
    'mmdebstrap', '--verbose', '--mode=root', '--format=directory', '--variant=minbase', '--architectures=amd64',
    `--include=${packages.join(',')}`,
    ...pathRules.map((rule) => `--dpkgopt=${rule}`),
    ...apt.options.map((option) => `--aptopt=${option}`),
    `--essential-hook=${essential}`,
    `--customize-hook=${customize}`,
    suite, tree, '-',
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
    throw explainApt(error, log.text());
  }
}

/** Keeps the last lines of a long output. */
class LogTail {
  private kept = '';
  push(text: string) {
    this.kept = (this.kept + text).slice(-16_000);
  }
  text(): string {
    return this.kept;
  }
}

/** Says in words what an apt log means; the log itself goes along. */
export function explainApt(
  error: unknown,
  log: string,
  what = 'The starter guest could not be built.',
): GuesthouseError {
  // Addresses may carry a password for the mirror.
  const detail = log.replace(/(\w+:\/\/)[^/\s@]+@/g, '$1').slice(-4000);
  if (/No space left on device/.test(log))
    return new GuesthouseError('no-space', 'The disk of this computer is full.', {
      todo: 'Free some space and build again.',
      detail,
      cause: error,
    });
  if (/Could not resolve|Could not connect|Connection (refused|timed out)|Unable to connect/.test(log))
    return new GuesthouseError('unreachable', "Debian's packages could not be fetched.", {
      why: 'The package mirror does not answer.',
      todo: 'Check the network and the apt settings of this computer, then build again.',
      detail,
      cause: error,
    });
  return new GuesthouseError('program-failed', what, {
    why: log.match(/^E: .*$/gm)?.at(-1),
    detail,
    cause: error,
  });
}

/** The kernels in `/boot` that have their initrd. Numbers in versions sort as numbers. */
async function findKernels(tree: string): Promise<StarterKernel[]> {
  const names = await fs.readdir(path.join(tree, 'boot'));
  const kernels = names
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length))
    .filter((version) => names.includes(`initrd.img-${version}`))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map(
      (version): StarterKernel => ({
        version,
        flavour: version.includes('-cloud-') ? 'cloud' : 'full',
        kernelPath: `/boot/vmlinuz-${version}`,
        initrdPath: `/boot/initrd.img-${version}`,
      }),
    );
  const sorted = [
    ...kernels.filter((k) => k.flavour === 'cloud'),
    ...kernels.filter((k) => k.flavour === 'full'),
  ];
  if (new Set(sorted.map((kernel) => kernel.flavour)).size < 2)
    throw new GuesthouseError('internal', 'The built guest lacks one of its kernels.', {
      detail: names.join('\n'),
    });
  return sorted;
}

/** os-release(5): shell-like assignments, of which Debian uses plain and double-quoted ones. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z_0-9]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(.*))$/.exec(line.trim());
    if (match) fields[match[1]!] = match[3] ?? (match[2] ?? match[4] ?? '').replace(/\\(.)/g, '$1');
  }
  return fields;
}
