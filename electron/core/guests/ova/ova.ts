import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../../shared/errors.ts';
import type { OvaSummary } from '../../../../shared/ipc/guests.ts';
import {
  convertImage,
  createDisk,
  inspectForeign,
  inspectImage,
  type ProbedFormat,
  probeFormat,
  standAlone,
} from '../../disks/index.ts';
import type { NewDisk } from '../../domain/index.ts';
import type { OperationContext } from '../../operations/runner.ts';
import { syncPath } from '../../platform/fs.ts';
import {
  type ArchiveFile,
  listArchive,
  readArchiveFile,
  readArchiveText,
  refusedArchive,
} from './archive.ts';
import { type ManifestLine, readManifest } from './manifest.ts';
import { type OvfMachine, readOvf } from './ovf.ts';

/** Descriptors have 5 to 50 thousand bytes; with icons in them some hundred thousand. */
const maxDescriptor = 4 << 20;
const mib = 2 ** 20;

/** An OVA as it was read: nothing of it is unpacked. */
export interface Ova {
  readonly archive: string;
  readonly descriptor: ArchiveFile;
  readonly machine: OvfMachine;
  /** By the file's name in the archive. */
  readonly files: ReadonlyMap<string, ArchiveFile>;
  /** Null when the archive has none: then nothing tells whether it is whole. */
  readonly manifest: ReadonlyMap<string, ManifestLine> | null;
}

/**
 * Reads an OVA's list of files, descriptor and manifest, and checks that they fit together.
 * @throws {GuesthouseError} `disk-refused` with the reason, `xml-invalid`, `unsupported`, `disk-missing`
 */
export async function readOva(archive: string, signal?: AbortSignal): Promise<Ova> {
  const listed = await listArchive(archive, signal);
  const files = new Map(listed.map((file) => [file.name, file]));
  const descriptors = listed.filter((file) => /\.ovf$/i.test(file.name));
  const [descriptor] = descriptors;
  if (!descriptor)
    throw new GuesthouseError('unsupported', 'This archive is no OVA.', {
      why: 'It holds no descriptor, a file that ends in .ovf.',
      todo: 'If it holds a disk image, unpack it and choose the image.',
    });
  if (descriptors.length > 1)
    throw refusedArchive('The archive has several descriptors.', descriptors.map((d) => d.name).join(', '));
  const machine = readOvf(await readArchiveText(archive, descriptor, maxDescriptor));
  for (const { file } of machine.disks)
    if (file !== null && !files.has(file))
      throw refusedArchive('A disk is missing in the archive.', `The descriptor names ${file}.`);
  const list = listed.find((file) => file.name === descriptor.name.replace(/\.ovf$/i, '.mf'));
  const manifest = list ? readManifest(await readArchiveText(archive, list, maxDescriptor)) : null;
  if (manifest) {
    for (const name of manifest.keys())
      if (!files.has(name))
        throw refusedArchive('The archive is not whole.', `Its manifest lists ${JSON.stringify(name)}.`);
    for (const name of [descriptor.name, ...machine.disks.flatMap((disk) => disk.file ?? [])])
      if (!manifest.has(name))
        throw refusedArchive('The manifest leaves a file out.', `It says nothing of ${name}.`);
    const { algorithm } = manifest.get(descriptor.name)!;
    verify(descriptor.name, await readArchiveFile(archive, descriptor, { algorithm }), manifest);
  }
  return { archive, descriptor, machine, files, manifest };
}

/** What a person is shown of an OVA before anything is made of it. */
export function summaryOf({ machine, files, manifest }: Ova): OvaSummary {
  return {
    name: machine.name,
    os: machine.os,
    vcpus: machine.vcpus,
    memory: machine.memory,
    firmware: machine.firmware,
    tpm: machine.tpm,
    disks: machine.disks.map(({ file, capacity }) => ({
      file,
      capacity,
      bytes: file === null ? 0 : files.get(file)!.size,
    })),
    interfaces: machine.interfaces.length,
    manifest:
      manifest === null
        ? null
        : [...new Set([...manifest.values()].map((line) => line.algorithm))].join(', '),
    notes: machine.notes,
  };
}

function verify(name: string, digest: string, manifest: ReadonlyMap<string, ManifestLine>): void {
  const expected = manifest.get(name)!;
  if (digest !== expected.digest)
    throw refusedArchive(
      'The archive is damaged, or was changed.',
      `The ${expected.algorithm.toUpperCase()} of ${name} is not what the manifest says.`,
    );
}

/** The most a file may grow to here: what is free, less a reserve, so that a packed bomb cannot fill the computer. */
async function room(folder: string): Promise<number> {
  const { bavail, bsize, blocks } = await fs.statfs(folder);
  return Math.max(0, bavail * bsize - Math.max(512 * mib, Math.round(blocks * bsize * 0.01)));
}

/**
 * Unpacks an OVA's disks into a staged folder, one after the other, as qcow2. Each is checked against the manifest and
 * by our own reading of its header before qemu-img opens it.
 * @param folder where the staged folder will be
 * @param part of the operation's progress that this is, 0 to 1
 * @throws {GuesthouseError} `disk-refused`, `no-space`, `unsupported`; cancelled. What is half is the caller's to remove.
 */
export async function takeOva(
  ova: Ova,
  staged: string,
  folder: string,
  op: OperationContext,
  part = 0.95,
): Promise<NewDisk[]> {
  const { machine, files } = ova;
  const total = Math.max(
    1,
    machine.disks.reduce((sum, { file }) => sum + (file ? files.get(file)!.size : 0), 0),
  );
  let done = 0;
  const made: NewDisk[] = [];
  for (const [index, disk] of machine.disks.entries()) {
    const name = index === 0 ? 'disk.qcow2' : `disk${index + 1}.qcow2`;
    const own = path.join(staged, name);
    if (disk.file === null) {
      if (disk.capacity < 512)
        throw new GuesthouseError('xml-invalid', 'The descriptor names a disk without content or size.');
      await createDisk(own, 'qcow2', disk.capacity);
    } else {
      const file = files.get(disk.file)!;
      const share = (fraction: number) => op.progress((part * (done + fraction * file.size)) / total);
      await takeDisk(ova, file, disk.capacity, own, op, share);
      done += file.size;
    }
    await syncPath(own);
    made.push({ file: path.join(folder, name), format: 'qcow2', backing: [] });
  }
  return made;
}

async function takeDisk(
  ova: Ova,
  file: ArchiveFile,
  capacity: number,
  own: string,
  op: OperationContext,
  share: (fraction: number) => void,
): Promise<void> {
  const folder = path.dirname(own);
  const free = await room(folder);
  if (file.size > free)
    throw new GuesthouseError('no-space', 'There is not enough room to unpack the archive.', {
      why: `${file.name} has ${Math.ceil(file.size / mib)} MiB; ${Math.floor(free / mib)} MiB can be used.`,
      todo: 'Free some space and try again.',
    });
  op.phase(`Unpacking ${file.name}`);
  const unpacked = `${own}.unpacked`;
  let read = 0;
  try {
    const digest = await readArchiveFile(ova.archive, file, {
      target: unpacked,
      algorithm: ova.manifest?.get(file.name)?.algorithm ?? 'sha256',
      signal: op.signal,
      onBytes: (count) => {
        read += count;
        share((0.4 * read) / Math.max(1, file.size));
      },
    });
    if (ova.manifest) verify(file.name, digest, ova.manifest);
    const format = await probeFormat(unpacked);
    const size = await sizeOf(unpacked, format, file.name);
    if (size !== null && capacity > 0 && size > capacity * 1.01 + 16 * mib)
      throw refusedArchive(
        'A disk in the archive claims to be larger than the descriptor says.',
        `${file.name} claims ${size} bytes, the descriptor ${capacity}.`,
      );
    op.check();
    op.phase(`Converting ${file.name}`);
    share(0.4);
    await convertImage({ path: unpacked, format }, { path: own, format: 'qcow2' }, standAlone, {
      signal: op.signal,
      progress: (fraction) => share(0.4 + 0.6 * (fraction ?? 0)),
      most: await room(folder),
    });
  } finally {
    await fs.rm(unpacked, { force: true });
  }
}

/** Bytes a disk image claims to have; null where only QEMU can tell. */
async function sizeOf(image: string, format: ProbedFormat, name: string): Promise<number | null> {
  if (format === 'qcow2' || format === 'raw')
    return (await inspectImage({ path: image, format }, standAlone)).virtualSize;
  if (format === 'vmdk' || format === 'vpc' || format === 'vhdx' || format === 'vdi')
    return (await inspectForeign(image, format, standAlone)).virtualSize;
  throw new GuesthouseError('unsupported', 'A disk in the archive is no image that can be converted.', {
    why: `${name} is ${format === 'iso' ? 'an ISO image' : `of format ${format}`}.`,
  });
}
