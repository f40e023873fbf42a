import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type ImagePolicy, resolveReference } from './image.ts';
import type { ProbedFormat } from './probe.ts';
import { FileReader, maxOffset, refused } from './reader.ts';

/** What an image of another program's format will make a reader open. */
export interface ForeignImage {
  /** All files, the image itself first. */
  readonly files: readonly string[];
  /** Bytes the guest sees; null where we leave it to QEMU's own bounds (VHDX). */
  readonly virtualSize: number | null;
}

/** Larger disks are refused: no image of these formats is, and its tables would exhaust us. */
const maxForeignSize = 2 ** 46;
const maxDescriptor = 1 << 20;

/**
 * Judges a foreign image by our own reading before any program opens it: its extents must be allowed by the policy,
 * it must not be based on another image, its size must be possible.
 * @throws {GuesthouseError} `disk-refused` with the reason, `unsupported`, `disk-missing`
 */
export async function inspectForeign(
  image: string,
  format: ProbedFormat,
  policy: ImagePolicy,
): Promise<ForeignImage> {
  const file = await FileReader.open(path.resolve(image));
  try {
    const head = Buffer.alloc(1024);
    await file.readPadded(head, 0);
    switch (format) {
      case 'vmdk':
        return await inspectVmdk(file, head, policy);
      case 'vdi':
        // A differencing image (type 4) takes what it lacks from another one.
        if (head.readUInt32LE(0x4c) > 2) throw based(file.path);
        return sized(file, u64le(head, 0x170));
      case 'vpc':
        return await inspectVpc(file, head);
      case 'qed':
        if (head.readUInt32LE(16) & 1) throw based(file.path);
        return sized(file, u64le(head, 48));
      case 'qcow1':
        if (u64be(head, 8) !== 0) throw based(file.path);
        if (head.readUInt32BE(36) !== 0) throw new GuesthouseError('unsupported', 'The image is encrypted.');
        return sized(file, u64be(head, 24));
      case 'iso':
        return sized(file, file.size);
      case 'vhdx':
      case 'parallels':
        return { files: [file.path], virtualSize: null };
      default:
        throw new GuesthouseError('unsupported', `Images of format ${format} cannot be converted.`);
    }
  } finally {
    await file.close();
  }
}

async function inspectVpc(file: FileReader, head: Buffer): Promise<ForeignImage> {
  const footer = Buffer.alloc(512);
  if (head.toString('latin1', 0, 8) === 'conectix') head.copy(footer, 0, 0, 512);
  else if (file.size >= 512) await file.readPadded(footer, file.size - 512);
  if (footer.toString('latin1', 0, 8) !== 'conectix') throw refused('This is not a VHD image.', file.path);
  if (footer.readUInt32BE(60) > 3) throw based(file.path); // 4: differencing
  return sized(file, u64be(footer, 48));
}

async function inspectVmdk(file: FileReader, head: Buffer, policy: ImagePolicy): Promise<ForeignImage> {
  if (head.toString('latin1', 0, 4) === 'KDMV') {
    const capacity = u64le(head, 12);
    // Without a capacity QEMU takes the embedded descriptor's word for everything, extents elsewhere included.
    if (capacity === 0) throw refused('The VMDK image says nothing of its size.', file.path);
    const at = u64le(head, 28) * 512;
    const length = Math.min(u64le(head, 36) * 512, maxDescriptor);
    if (at !== 0 && at < file.size) {
      const text = Buffer.alloc(length);
      await file.readPadded(text, at);
      parentless(file.path, text.toString('latin1'));
    }
    return sized(file, capacity * 512);
  }
  if (head.toString('latin1', 0, 21) !== '# Disk DescriptorFile')
    throw new GuesthouseError('unsupported', 'VMDK images of this old kind are not supported.');
  if (file.size > maxDescriptor)
    throw refused('The VMDK descriptor is too large.', `It has ${file.size} bytes.`);
  const bytes = Buffer.alloc(file.size);
  await file.readPadded(bytes, 0);
  const text = bytes.toString('utf8');
  parentless(file.path, text);
  const files = [file.path];
  let sectors = 0;
  for (const line of text.split('\n')) {
    const extent = /^\s*(RW|RDONLY|NOACCESS)\s+(\d+)\s+([A-Z]+)(?:\s+"([^"]*)")?/.exec(line);
    if (!extent) continue;
    const [, , count, kind, name] = extent;
    sectors += Number(count);
    if (kind === 'ZERO') continue;
    if (name === undefined || /[\0-\x1f]/.test(name) || (kind !== 'FLAT' && kind !== 'SPARSE'))
      throw refused('The VMDK image has an extent that is not supported.', `${line.trim().slice(0, 200)}`);
    const part = await resolveReference(file.path, name, 'extent', policy);
    if (part === file.path || files.length > 256)
      throw refused('The VMDK image has impossible extents.', 'It names itself, or too many.');
    if (kind === 'SPARSE') {
      const inner = await FileReader.open(part);
      try {
        const start = Buffer.alloc(1024);
        await inner.readPadded(start, 0);
        if (start.toString('latin1', 0, 4) !== 'KDMV')
          throw refused('An extent of the VMDK image is not what it is said to be.', part);
        await inspectVmdk(inner, start, policy);
      } finally {
        await inner.close();
      }
    } else await (await FileReader.open(part)).close();
    files.push(part);
  }
  return { ...sized(file, sectors * 512), files };
}

function parentless(file: string, descriptor: string): void {
  const parent = /^\s*parentCID\s*=\s*([0-9a-fA-F]+)/m.exec(descriptor)?.[1];
  if (/^\s*parentFileNameHint\s*=/m.test(descriptor) || (parent && !/^f{8}$/i.test(parent)))
    throw based(file);
}

function sized(file: FileReader, virtualSize: number): ForeignImage {
  if (virtualSize > maxForeignSize)
    throw refused('The image claims to be too large.', `It claims ${virtualSize} bytes.`);
  return { files: [file.path], virtualSize };
}

function based(file: string): GuesthouseError {
  return refused(
    'The image is based on another one.',
    `${file} holds only the differences from a parent image.`,
    'Export it as a full image in the program it comes from.',
  );
}

const bounded = (value: bigint) => (value > BigInt(maxOffset) ? maxOffset : Number(value));
const u64le = (bytes: Buffer, at: number) => bounded(bytes.readBigUInt64LE(at));
const u64be = (bytes: Buffer, at: number) => bounded(bytes.readBigUInt64BE(at));
