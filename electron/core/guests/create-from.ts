import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import {
  convertImage,
  createDisk,
  createOverlay,
  growDisk,
  inspectImage,
  probeFormat,
  standAlone,
} from '../disks/index.ts';
import { type Domain, type NewDisk, type NewFirmware, newDomain } from '../domain/index.ts';
import type { OperationContext } from '../operations/runner.ts';
import { syncPath, writeAtomic } from '../platform/fs.ts';
import { addAgreed, withRealPaths } from './consent.ts';
import type { CreateDeps, ParsedCreate } from './create-spec.ts';
import { findUefi } from './firmware.ts';
import { serialLog } from './launch.ts';
import { loadOne } from './loading.ts';
import { readOva, takeOva } from './ova/ova.ts';
import { inspectSource, sourcePolicy } from './source-image.ts';
import { domainFile } from './store.ts';
import { refuseOthersDisks } from './xml.ts';

/** A guest made of a file that the person chose: a disk image or an installation medium. */
export type FileSource = Exclude<ParsedCreate['from'], { kind: 'starter' | 'cloud' }>;

/** What is known of the system on the disk, so that it can be told who it is. */
export interface KnownSystem {
  readonly user: string;
  /** Writes into the staged folder; returns the drives to add. */
  readonly prepare: (staged: string, folder: string) => Promise<readonly NewDisk[]>;
}

/** GiB of a new disk nobody gave a size. It grows as it is written. */
const newDiskSize = 20;

const gib = 2 ** 30;

/**
 * Makes a guest from a file. The file itself is agreed to by being chosen; what it refers to is not.
 * @throws {GuesthouseError} `disk-refused` with the reason, `disk-missing`, `unsupported`, `no-space`, `invalid-input`
 */
export async function createFrom(
  deps: CreateDeps,
  { id, uuid, port }: { readonly id: string; readonly uuid: string; readonly port: number },
  spec: ParsedCreate,
  from: FileSource,
  op: OperationContext,
  known?: KnownSystem,
): Promise<void> {
  refuseWhatCannotBe(spec, from, known);
  const { store, paths } = deps;
  op.phase('Looking at the image');
  const stated = from.kind === 'image' ? from.format : from.kind;
  const source = await inspectSource(paths.data, from.path, stated);
  if (from.kind === 'iso' && (await probeFormat(source.path)) !== 'iso')
    throw new GuesthouseError('disk-refused', 'This is no installation medium.', {
      why: `${source.path} holds no ISO 9660 file system.`,
      todo: 'If it is a disk image, make the guest from an image instead.',
    });
  const folder = store.folder(id);
  const staged = await store.stage(id);
  try {
    const reaches: string[] = [];
    let disks: NewDisk[];
    let asked: Firmware = from.kind === 'ova' ? 'bios' : from.firmware;
    let cards = 1;
    if (from.kind === 'ova') {
      const ova = await readOva(source.path, op.signal);
      if (ova.machine.disks.length === 0)
        throw new GuesthouseError('unsupported', 'The machine in the archive has no disk.');
      disks = await takeOva(ova, staged, folder, op);
      asked = from.firmware ?? ova.machine.firmware;
      cards = ova.machine.interfaces.length;
      await grow(path.join(staged, 'disk.qcow2'), spec);
    } else if (from.kind === 'iso') {
      op.phase('Making an empty disk');
      await createDisk(path.join(staged, 'disk.qcow2'), 'qcow2', (spec.diskSize ?? newDiskSize) * gib);
      reaches.push(source.path);
      // The empty disk cannot boot, so the medium does until the system is installed.
      disks = [
        { file: path.join(folder, 'disk.qcow2'), format: 'qcow2', backing: [] },
        { file: source.path, format: 'raw', device: 'cdrom' },
      ];
    } else {
      const disk = await takeImage(deps, staged, folder, spec, from, source, op);
      if (from.mode !== 'copy') reaches.push(source.path);
      disks = [disk];
    }
    if (known) disks = [...disks, ...(await known.prepare(staged, folder))];
    const machine = machineFor(spec.kind, asked);
    const firmware = await firmwareFor(machine, asked, staged, folder, op);
    op.phase('Writing its definition');
    const user = known?.user ?? spec.user;
    const domain: Domain = newDomain({
      name: spec.name,
      uuid,
      kind: spec.kind,
      machine,
      memoryMiB: spec.memory,
      vcpus: spec.vcpus,
      ...(firmware ? { firmware } : {}),
      disks,
      interfaces: Array.from({ length: cards }, () => ({})),
      tpm: spec.tpm,
      serialLog: serialLog(folder),
      ...(user === null ? {} : { sshUser: user }),
      sshHostPort: port,
      tags: spec.tags,
    });
    await refuseOthersDisks(paths, domain, folder);
    if (reaches.length > 0) await addAgreed(staged, await withRealPaths(reaches));
    await writeAtomic(path.join(staged, domainFile), domain.text);
    op.check();
    await loadOne(deps, await store.publish(staged, id));
  } catch (error) {
    await store.discard(staged);
    throw error;
  }
}

function refuseWhatCannotBe(spec: ParsedCreate, from: FileSource, known: KnownSystem | undefined): void {
  if (spec.kind === 'paravirtual')
    throw new GuesthouseError('unsupported', 'A paravirtual guest boots a kernel given from outside.', {
      why: 'What kernel and command line an unknown image wants cannot be told.',
      todo: 'Choose hybrid: it is as fast for disk and network.',
    });
  if (spec.authorizedKeys.length > 0 && !known)
    throw new GuesthouseError('unsupported', 'Keys cannot be put into a system that is not known.', {
      todo: 'Leave the keys out, and copy them once the system runs.',
    });
  if (from.kind === 'image' && from.mode === 'in-place' && spec.diskSize !== null)
    throw new GuesthouseError('invalid-input', 'A disk that is used in place keeps its size.', {
      todo: 'Leave the size out, or copy the image.',
    });
}

async function takeImage(
  { paths }: CreateDeps,
  staged: string,
  folder: string,
  spec: ParsedCreate,
  from: Extract<FileSource, { kind: 'image' }>,
  source: Awaited<ReturnType<typeof inspectSource>>,
  op: OperationContext,
): Promise<NewDisk> {
  const { format } = source;
  if (format === 'ova')
    throw new GuesthouseError('invalid-input', 'This is an archive with a machine in it, not a disk image.', {
      todo: 'Make the guest from the OVA instead.',
    });
  if (format === 'iso')
    throw new GuesthouseError('invalid-input', 'This is an installation medium, not a disk image.', {
      todo: 'Make the guest from the ISO instead; or state that its format is raw.',
    });
  const wanted = spec.diskSize === null ? null : spec.diskSize * gib;
  assertGrows(wanted, source.virtualSize);
  const policy = sourcePolicy(paths.data, source.path);
  const own = path.join(staged, 'disk.qcow2');
  const final: NewDisk = { file: path.join(folder, 'disk.qcow2'), format: 'qcow2' };
  if (from.mode === 'copy') {
    op.phase('Copying the disk');
    await convertImage({ path: source.path, format }, { path: own, format: 'qcow2' }, policy, {
      signal: op.signal,
      progress: (fraction) => op.progress(fraction === null ? null : fraction * 0.95),
    });
    await grow(own, spec);
    await syncPath(own);
    return { ...final, backing: [] };
  }
  if (format !== 'raw' && format !== 'qcow2')
    throw new GuesthouseError('unsupported', `Images of format ${format} are copied, which converts them.`, {
      todo: 'Choose to copy it.',
    });
  // Also for an overlay: what the other machine writes below it would destroy it.
  await refuseOthersDisks(
    paths,
    newDomain({
      name: spec.name,
      kind: 'hybrid',
      machine: 'pc-q35-7.2',
      memoryMiB: 1,
      vcpus: 1,
      disks: [{ file: source.path, format }],
    }),
    folder,
  );
  if (from.mode === 'in-place') return { file: source.path, format };
  await createOverlay(own, { path: source.path, format }, policy, wanted === null ? {} : { size: wanted });
  await syncPath(own);
  return final;
}

/** The first disk to the size that was asked for. @throws {GuesthouseError} `invalid-input` when it is larger already */
async function grow(file: string, spec: ParsedCreate): Promise<void> {
  if (spec.diskSize === null) return;
  const ref = { path: file, format: 'qcow2' } as const;
  assertGrows(spec.diskSize * gib, (await inspectImage(ref, standAlone)).virtualSize);
  await growDisk(ref, spec.diskSize * gib, standAlone);
  await syncPath(file);
}

function assertGrows(wanted: number | null, size: number | null): void {
  if (wanted !== null && size !== null && wanted < size)
    throw new GuesthouseError('invalid-input', 'The disk cannot be smaller than what it is made from.', {
      why: `The image has ${size / gib} GiB.`,
      todo: 'Choose a larger size.',
    });
}

type Firmware = Extract<FileSource, { kind: 'iso' }>['firmware'];

/** Machine types, pinned. Secure Boot needs the q35's system management mode. */
function machineFor(kind: ParsedCreate['kind'], firmware: Firmware): string {
  return kind === 'full' && firmware !== 'secure-boot' ? 'pc-i440fx-7.2' : 'pc-q35-7.2';
}

/** The variable store is qcow2, so that snapshots hold it too: QEMU's snapshot-save leaves raw ones out. */
async function firmwareFor(
  machine: string,
  firmware: Firmware,
  staged: string,
  folder: string,
  op: OperationContext,
): Promise<NewFirmware | null> {
  if (firmware === 'bios') return null;
  const secure = firmware === 'secure-boot';
  const { code, template } = await findUefi(machine, secure);
  const store = path.join(staged, 'nvram.qcow2');
  await convertImage(
    { path: template.file, format: template.format },
    { path: store, format: 'qcow2' },
    standAlone,
    { signal: op.signal },
  );
  await syncPath(store);
  return {
    code: code.file,
    codeFormat: code.format,
    secure,
    nvram: path.join(folder, 'nvram.qcow2'),
    nvramTemplate: template.file,
    templateFormat: template.format,
  };
}
