import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { SourceImage } from '../../../shared/ipc/guests.ts';
import {
  type ImagePolicy,
  inspectChain,
  inspectForeign,
  type ProbedFormat,
  plainlyNoDisk,
  probeFormat,
  withinFolders,
} from '../disks/index.ts';
import { readOva, summaryOf } from './ova/ova.ts';
import { systemFor, systemOf, systemOnDisk } from './systems.ts';

/**
 * What an image chosen by a person may refer to: files of the library, and for a VMDK its extents, which lie beside it
 * and are named after it (`disk-flat.vmdk`, `disk-s001.vmdk`).
 */
export function sourcePolicy(library: string, image: string): ImagePolicy {
  const own = withinFolders(library);
  const stem = `${path.basename(image).replace(/\.vmdk$/i, '')}-`;
  return {
    async allow(file) {
      const folder = await fs.realpath(path.dirname(image)).catch(() => path.dirname(image));
      const extent =
        /\.vmdk$/i.test(image) &&
        /\.vmdk$/i.test(file) &&
        path.dirname(file) === folder &&
        path.basename(file).startsWith(stem);
      return extent || own.allow(file);
    },
  };
}

/**
 * Judges an image before any program opens it, and says what it is.
 * @param stated its format, when the person knows better than its first bytes (a guest can write any into a raw disk)
 * @throws {GuesthouseError} `disk-refused` with the reason, `disk-missing`, `unsupported`
 */
export async function inspectSource(
  library: string,
  file: string,
  stated: ProbedFormat | null = null,
): Promise<SourceImage & { readonly format: ProbedFormat }> {
  const image = path.resolve(file);
  const format = stated ?? (await probeFormat(image));
  const policy = sourcePolicy(library, image);
  switch (format) {
    case 'raw':
    case 'qcow2': {
      const other = format === 'raw' ? await plainlyNoDisk(image) : null;
      if (other)
        throw new GuesthouseError('invalid-input', 'This is no disk image.', {
          why: `${image} is ${other}.`,
          todo: 'Choose a disk image: raw, qcow2, VMDK, VDI, VHDX or VHD.',
        });
      const [top] = await inspectChain({ path: image, format }, policy);
      const system = await systemOnDisk({ path: image, format }, policy);
      return { path: image, format, virtualSize: top!.virtualSize, label: null, system, ova: null };
    }
    case 'iso': {
      const { virtualSize } = await inspectForeign(image, format, policy);
      const label = await volumeLabel(image);
      return { path: image, format, virtualSize, label, system: await systemFor(label), ova: null };
    }
    case 'gzip':
    case 'xz':
    case 'zstd':
    case 'bzip2':
      throw new GuesthouseError('unsupported', 'The image is compressed.', {
        todo: `Unpack it first, e.g. with ${format === 'gzip' ? 'gunzip' : format === 'bzip2' ? 'bunzip2' : `un${format}`}.`,
      });
    case 'ova': {
      const ova = summaryOf(await readOva(image));
      const virtualSize = ova.disks.reduce((sum, { capacity }) => sum + capacity, 0);
      return { path: image, format, virtualSize, label: null, system: systemOf(ova.os), ova };
    }
    case 'luks':
      throw new GuesthouseError('unsupported', 'The image is encrypted as a whole (LUKS).');
    default: {
      const { virtualSize } = await inspectForeign(image, format, policy);
      return { path: image, format, virtualSize, label: null, system: null, ova: null };
    }
  }
}

/** The volume identifier of an ISO 9660 file system (ECMA-119, 8.4.7): 32 bytes at 40 of sector 16. */
export async function volumeLabel(file: string): Promise<string | null> {
  const handle = await fs.open(file, 'r');
  try {
    const label = Buffer.alloc(32);
    const { bytesRead } = await handle.read(label, 0, 32, 16 * 2048 + 40);
    const text = label
      .toString('latin1', 0, bytesRead)
      .replace(/[^\x20-\x7e]/g, ' ')
      .trim();
    return text === '' ? null : text;
  } finally {
    await handle.close();
  }
}
