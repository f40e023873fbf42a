import * as path from 'node:path';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { type ImagePolicy, inspectImage, snapshotTags, untagImages } from '../../disks/index.ts';
import { type Domain, domainProps, metaProps } from '../../domain/index.ts';
import { type QmpClient, QmpCommandError } from '../../qmp/client.ts';

/** An image the guest writes to, which keeps snapshots in itself. */
export interface SnapshotImage {
  /** The disk's target, or `nvram`. */
  readonly target: string;
  readonly file: string;
}

/** Ours begin so; those of other programs are left alone. */
const prefix = 'guesthouse-';
export const tagOf = (id: string) => `${prefix}${id}`;

const refuse = (message: string, why: string, todo?: string) =>
  new GuesthouseError('unsupported', message, { why, todo });

/**
 * Every image the guest writes to.
 * @throws {GuesthouseError} `unsupported` when one cannot hold snapshots: going back would leave it behind; or what is
 *   wrong with an image
 */
export async function snapshotImages(domain: Domain, policy: ImagePolicy): Promise<SnapshotImage[]> {
  const images: SnapshotImage[] = [];
  for (const disk of domain.disks()) {
    if (disk.readonly || disk.device === 'cdrom' || (disk.device === 'floppy' && disk.file === null))
      continue;
    const message = `The disk ${disk.target} cannot hold snapshots.`;
    if (disk.file === null || disk.type !== 'file') throw refuse(message, 'It is no image file.');
    if (disk.shareable) throw refuse(message, 'Another guest may write to it too.');
    if (disk.format !== 'qcow2')
      throw refuse(
        message,
        `Its format is ${disk.format ?? 'raw'}; only qcow2 keeps what was.`,
        'Make a full clone of the guest: its disks are qcow2.',
      );
    await inspectImage({ path: disk.file, format: 'qcow2' }, policy);
    images.push({ target: disk.target, file: disk.file });
  }
  const nvram = domain.get(domainProps.nvram);
  if (nvram !== null) {
    const format = domain.get(domainProps.nvramFormat) ?? domain.get(metaProps.nvramFormat);
    if (format !== 'qcow2')
      throw refuse(
        'The firmware’s variables cannot be in a snapshot.',
        `${path.basename(nvram)} is raw; only qcow2 keeps what was.`,
        'Make a full clone of the guest: its variables are qcow2.',
      );
    images.push({ target: 'nvram', file: nvram });
  }
  if (images.length === 0)
    throw refuse('There is nothing to take a snapshot of.', 'The guest has no disk it writes to.');
  return images;
}

/** Takes out marks of ours that no snapshot has: of one that a kill stopped while it was taken or deleted. */
export async function untagStrays(images: readonly SnapshotImage[], ids: ReadonlySet<string>): Promise<void> {
  for (const { file } of images)
    for (const tag of await snapshotTags(file))
      if (tag.startsWith(prefix) && !ids.has(tag.slice(prefix.length))) await untagImages([file], tag);
}

interface BlockInfo {
  readonly inserted?: { readonly 'node-name'?: string; readonly ro: boolean };
}

/** The top nodes of what a running QEMU writes to: pflash and throttled disks among them. */
async function writtenNodes(qmp: QmpClient): Promise<string[]> {
  const blocks = await qmp.execute<BlockInfo[]>('query-block');
  return blocks.flatMap(({ inserted }) =>
    inserted && !inserted.ro && inserted['node-name'] ? [inserted['node-name']] : [],
  );
}

/** Marks this moment in all disks of a running QEMU, or in none. QMP `transaction`, `blockdev-snapshot-internal-sync` */
export async function tagLive(qmp: QmpClient, tag: string): Promise<void> {
  const actions = (await writtenNodes(qmp)).map((device) => ({
    type: 'blockdev-snapshot-internal-sync',
    data: { device, name: tag },
  }));
  await qmp.execute('transaction', { actions }, { timeoutMs: 120_000 });
}

/** QMP `blockdev-snapshot-delete-internal-sync`; a disk without the mark (plugged in later) is passed over. */
export async function untagLive(qmp: QmpClient, tag: string): Promise<void> {
  for (const device of await writtenNodes(qmp))
    await qmp
      .execute('blockdev-snapshot-delete-internal-sync', { device, name: tag }, { timeoutMs: 120_000 })
      .catch((error) => {
        if (!(error instanceof QmpCommandError) || !/does not exist/.test(error.desc)) throw error;
      });
}
