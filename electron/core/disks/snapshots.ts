import * as path from 'node:path';
import { run } from '../platform/exec.ts';
import { confined } from './limits.ts';
import { noSpace } from './overlay.ts';
import { lockError } from './qemu-img.ts';

/**
 * Snapshots that a qcow2 image keeps in itself (QEMU's docs/interop/qcow2.txt, "Snapshots"), in images that nobody
 * writes to. All of it by qemu-img(1).
 */

/** The image alone, named so that qemu-img opens no other: a backing file has no part in what is done here. */
const alone = (file: string) =>
  `json:${JSON.stringify({ driver: 'qcow2', backing: null, file: { driver: 'file', filename: file } })}`;

async function qemuImg(args: readonly string[], file: string): Promise<string> {
  const argv = await confined(['qemu-img', ...args, alone(file)], { write: [path.dirname(file)] });
  return run(argv, { timeoutMs: 600_000 }).then(
    ({ stdout }) => stdout,
    (error) => {
      throw lockError(noSpace(error));
    },
  );
}

/** The names of the snapshots in an image. */
export async function snapshotTags(file: string): Promise<string[]> {
  const info = JSON.parse(await qemuImg(['info', '--output=json'], file)) as {
    snapshots?: { name: string }[];
  };
  return (info.snapshots ?? []).map(({ name }) => name);
}

/**
 * Marks this moment in images: in all of them, or in none.
 * @throws {GuesthouseError} `disk-in-use`, `no-space`
 */
export async function tagImages(files: readonly string[], tag: string): Promise<void> {
  const done: string[] = [];
  try {
    for (const file of files) {
      await qemuImg(['snapshot', '-c', tag], file);
      done.push(file);
    }
  } catch (error) {
    await untagImages(done, tag).catch(() => {});
    throw error;
  }
}

/** Makes images what they were. Can be repeated: one that was stopped halfway is done again. */
export async function applyTag(files: readonly string[], tag: string): Promise<void> {
  for (const file of files) await qemuImg(['snapshot', '-a', tag], file);
}

/** Takes a mark out of those images that have it. */
export async function untagImages(files: readonly string[], tag: string): Promise<void> {
  for (const file of files)
    if ((await snapshotTags(file)).includes(tag)) await qemuImg(['snapshot', '-d', tag], file);
}
