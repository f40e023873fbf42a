import * as fs from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type ImagePolicy, inspectChain, inspectForeign, inspectImage } from '../disks/index.ts';
import { type BackingImage, type Domain, type DomainDisk, diskProps } from '../domain/index.ts';
import { foreignFormats } from './describe.ts';

/** What was found in the images a guest's QEMU is about to open. */
export interface Judged {
  /** Backing chains by target, for each drive with an image: QEMU opens these and follows no header of its own. */
  readonly backing: Readonly<Record<string, readonly BackingImage[]>>;
  /** Drives (indexes of disks) whose medium is gone and may be: `startupPolicy='optional'`. */
  readonly empty: readonly number[];
}

/**
 * Reads the header of every image QEMU will open for a guest, of all drives and all levels, and refuses what reaches
 * outside. What a header names is put before `policy`; what the XML names was agreed to as such.
 * @throws {GuesthouseError} `disk-refused` with the reason, `disk-missing`, `disk-damaged`, `unsupported`
 */
export async function judgeImages(domain: Domain, policy: ImagePolicy): Promise<Judged> {
  const backing: Record<string, readonly BackingImage[]> = {};
  const empty: number[] = [];
  await Promise.all(
    domain.disks().map(async (disk) => {
      if (disk.file === null || (disk.type !== 'file' && disk.type !== 'block')) return;
      try {
        backing[disk.target] = await judgeDisk(disk, policy);
      } catch (error) {
        const gone = error instanceof GuesthouseError && error.code === 'disk-missing';
        const removable = disk.device === 'cdrom' || disk.device === 'floppy';
        if (!gone || !removable || domain.get(diskProps.startupPolicy, disk.index) !== 'optional')
          throw error;
        empty.push(disk.index);
      }
    }),
  );
  return { backing, empty };
}

async function judgeDisk(disk: DomainDisk, policy: ImagePolicy): Promise<readonly BackingImage[]> {
  if (disk.type === 'block' && (disk.format ?? 'raw') === 'raw') return []; // a drive without a medium is none to read
  const named: BackingImage[] = [{ file: disk.file!, format: disk.format ?? 'raw' }, ...(disk.backing ?? [])];
  for (const image of named.slice(0, -1)) await judgeOne(image, policy);
  const last = named.at(-1)!;
  if (disk.below === 'nothing' || last.format !== 'qcow2') {
    await judgeOne(last, policy);
    return named.slice(1);
  }
  const [, ...rest] = await inspectChain({ path: last.file, format: 'qcow2' }, policy);
  const found = rest.map(async ({ path, format }): Promise<BackingImage> => {
    const device = (await fs.stat(path)).isBlockDevice();
    return { file: path, format, ...(device ? { device } : {}) };
  });
  return [...named.slice(1), ...(await Promise.all(found))];
}

/** An image by itself: its data file, extents and whatever else of other files its header names. */
async function judgeOne({ file, format }: BackingImage, policy: ImagePolicy): Promise<void> {
  if (format === 'raw' || format === 'qcow2') await inspectImage({ path: file, format }, policy);
  const foreign = foreignFormats[format];
  if (foreign) await inspectForeign(file, foreign, policy); // others name no files; QEMU says what it thinks of them
}
