import * as path from 'node:path';
import { convertImage, copyImage, type DiskRef, type ImagePolicy, inspectChain } from '../disks/index.ts';
import type { JobControl } from '../disks/qemu-img.ts';

/**
 * Copies a disk into `folder` as one image that needs no other, named after its target device. Without a backing file
 * it is copied as it is (shared blocks where the file system can); a chain is flattened. An image with snapshots inside
 * is rewritten without them: they hold the old machine's files, its keys too.
 */
export async function copyWhole(
  source: DiskRef,
  folder: string,
  target: string,
  policy: ImagePolicy,
  control: JobControl,
): Promise<DiskRef> {
  const [top, ...below] = await inspectChain(source, policy);
  const rewrite = below.length > 0 || top!.snapshots > 0;
  const format = rewrite ? 'qcow2' : source.format;
  const made: DiskRef = { path: path.join(folder, `${target}.${format}`), format };
  if (rewrite) await convertImage(source, made, policy, control);
  else await copyImage(source.path, made.path, control);
  return made;
}
