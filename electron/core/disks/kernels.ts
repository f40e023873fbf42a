import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { makePrivateDir, readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Place, Tree } from './tree.ts';

/** A kernel in a guest's `/boot`. */
export interface GuestKernel {
  /** As in its file name, such as `6.1.0-44-cloud-amd64`. */
  readonly version: string;
  readonly kernelPath: string;
  readonly initrdPath: string | null;
}

export interface ExtractOptions {
  /** Which of the kernels to take, newest first; default the first that has an initrd, else the first. */
  choose?: (kernels: readonly GuestKernel[]) => GuestKernel | undefined;
}

/** A kernel copied out for a direct boot. */
export interface ExtractedKernel {
  readonly version: string;
  /** Host path. */
  readonly kernel: string;
  /** Host path, or null when the guest has none for this kernel. */
  readonly initrd: string | null;
  /** What `root=` should say: `UUID=…` or `PARTUUID=…`. */
  readonly root: string;
  /** True when the copies of an earlier call were still right. */
  readonly cached: boolean;
}

/** Kernels and initrds larger than this are refused. */
const maxFile = 512 << 20;
const maxKernels = 64;
const chunk = 4 << 20;

/** Kernels in `/boot`, newest first; rescue and `.old` ones left out. */
export async function listKernels(tree: Tree): Promise<GuestKernel[]> {
  if (!(await tree.exists('/boot'))) return [];
  const names = new Set((await tree.readdir('/boot')).map((entry) => entry.name));
  const kernels: GuestKernel[] = [];
  for (const name of names) {
    const version = /^(?:vmlinuz|vmlinux|kernel|bzImage)-([\w.+~-]+)$/.exec(name)?.[1];
    if (version === undefined || /rescue|\.(old|bak|sig|dpkg-\w+)$/.test(version)) continue;
    const initrd = [
      `initrd.img-${version}`,
      `initramfs-${version}.img`,
      `initramfs-${version}`,
      `initrd-${version}`,
      `initrd-${version}.img`,
    ].find((candidate) => names.has(candidate));
    kernels.push({
      version,
      kernelPath: `/boot/${name}`,
      initrdPath: initrd === undefined ? null : `/boot/${initrd}`,
    });
  }
  kernels.sort((a, b) => compareVersions(b.version, a.version));
  return kernels.slice(0, maxKernels);
}

/** Orders `6.1.0-9` before `6.1.0-10`: digits by value, the rest by character. */
export function compareVersions(a: string, b: string): number {
  const pieces = (text: string) => text.match(/\d+|\D+/g) ?? [];
  const left = pieces(a);
  const right = pieces(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const x = left[i];
    const y = right[i];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    if (x === y) continue;
    const numbers = /^\d/.test(x) && /^\d/.test(y);
    return numbers ? Number(x) - Number(y) : x < y ? -1 : 1;
  }
  return 0;
}

/**
 * Copies a kernel and its initrd to `destDir` as `vmlinuz` and `initrd`. What they were made from is kept beside
 * them, so that a second call with an unchanged guest only looks at two inodes.
 * @throws {GuesthouseError} `not-found` when the guest has no kernel
 */
export async function extractKernel(
  tree: Tree,
  root: string,
  destDir: string,
  options: ExtractOptions = {},
): Promise<ExtractedKernel> {
  const kernels = await listKernels(tree);
  const chosen = options.choose
    ? options.choose(kernels)
    : (kernels.find((kernel) => kernel.initrdPath !== null) ?? kernels[0]);
  if (!chosen)
    throw new GuesthouseError('not-found', "The guest's disk has no kernel in /boot.", {
      todo: 'Start the guest by its own boot loader instead of directly.',
    });
  const sources = [await tree.resolve(chosen.kernelPath)];
  if (chosen.initrdPath !== null) sources.push(await tree.resolve(chosen.initrdPath));
  const stamp = JSON.stringify({ version: chosen.version, sources: sources.map(fingerprint) });
  const kernel = path.join(destDir, 'vmlinuz');
  const initrd = chosen.initrdPath === null ? null : path.join(destDir, 'initrd');
  const stampFile = path.join(destDir, 'kernel-source.json');
  const result = { version: chosen.version, kernel, initrd, root };
  const targets = initrd === null ? [kernel] : [kernel, initrd];
  if ((await readTextIfAny(stampFile)) === stamp && (await sizesRight(targets, sources)))
    return { ...result, cached: true };
  await makePrivateDir(destDir);
  await fs.rm(stampFile, { force: true });
  for (const [i, source] of sources.entries()) await copyOut(source, targets[i]!);
  await writeAtomic(stampFile, stamp);
  return { ...result, cached: false };
}

function fingerprint({ inode, mount }: Place) {
  const { number, generation, size, mtime, ctime } = inode;
  return { fs: mount.fs.superblock.uuid, number, generation, size, mtime, ctime };
}

async function sizesRight(targets: readonly string[], sources: readonly Place[]): Promise<boolean> {
  for (const [i, target] of targets.entries()) {
    const stat = await fs.stat(target).catch(() => null);
    if (stat?.size !== sources[i]!.inode.size) return false;
  }
  return true;
}

async function copyOut({ inode, mount, path: from }: Place, target: string): Promise<void> {
  if (inode.type !== 'file' || inode.size === 0 || inode.size > maxFile)
    throw new GuesthouseError('disk-refused', `${from} on the guest's disk is no kernel or initrd.`, {
      why: `It is a ${inode.type} of ${inode.size} bytes.`,
    });
  const temp = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  const out = await fs.open(temp, 'wx', 0o600);
  try {
    try {
      for (let at = 0; at < inode.size; at += chunk)
        await out.writeFile(await mount.fs.readRange(inode, at, chunk));
    } finally {
      await out.close();
    }
    await fs.rename(temp, target);
  } catch (error) {
    await fs.rm(temp, { force: true });
    throw error;
  }
}
