import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import type { DiskSummary } from '../../../shared/model/guest.ts';
import { type ImagePolicy, inspectForeign, inspectImage, type ProbedFormat } from '../disks/index.ts';
import type { Domain } from '../domain/index.ts';
import { exists } from '../platform/fs.ts';

/** libvirt's names of the formats that other programs write. */
export const foreignFormats: Readonly<Record<string, ProbedFormat>> = {
  vmdk: 'vmdk',
  vdi: 'vdi',
  vhdx: 'vhdx',
  vpc: 'vpc',
  qed: 'qed',
  qcow: 'qcow1',
  parallels: 'parallels',
};

/**
 * What the list shows of a guest's disks, from their own headers alone, and what is wrong with the first bad one.
 * Before QEMU opens them their whole chains are judged: {@link judgeImages}.
 */
export async function describeDisks(
  domain: Domain,
  policy: ImagePolicy,
): Promise<{ disks: DiskSummary[]; problem: WireError | null }> {
  let problem: WireError | null = null;
  const disks = await Promise.all(
    domain.disks().map(async (disk): Promise<DiskSummary> => {
      const device = disk.device === 'lun' ? 'disk' : disk.device;
      const plain = {
        target: disk.target,
        device,
        file: disk.file,
        format: disk.format,
        bus: disk.bus,
        virtualSize: null,
        allocatedSize: null,
        backing: null,
      };
      if (disk.file === null || disk.type !== 'file') return plain;
      const format = disk.format ?? 'raw';
      if (format !== 'raw' && format !== 'qcow2') {
        const found = await foreignProblem(disk.file, format, policy);
        if (device === 'disk' || found?.code !== 'disk-missing') problem ??= found;
        return plain;
      }
      try {
        const info = await inspectImage({ path: disk.file, format }, policy);
        if (info.backing && !(await exists(info.backing.path)))
          problem ??= backingGone(disk.file, info.backing.path, domain);
        return {
          ...plain,
          virtualSize: info.virtualSize,
          allocatedSize: info.allocatedSize,
          backing: info.backing?.path ?? null,
        };
      } catch (error) {
        // A missing CD is no reason to call the guest broken; one that reaches for other files is.
        if (device === 'disk' || !isMissing(error)) problem ??= diskProblem(error, disk.file);
        return plain;
      }
    }),
  );
  return { disks, problem };
}

/** What another program's image would make QEMU open (extents, a parent) is judged before QEMU sees it. */
async function foreignProblem(file: string, format: string, policy: ImagePolicy): Promise<WireError | null> {
  const probed = foreignFormats[format];
  if (!probed) return null; // not of a kind that names other files; QEMU is asked and says what it thinks
  try {
    await inspectForeign(file, probed, policy);
    return null;
  } catch (error) {
    return diskProblem(error, file);
  }
}

/** What a disk stands on may be anybody's file: the guest knows only whom it was made from. */
function backingGone(file: string, backing: string, domain: Domain): WireError {
  const { origin } = domain.metadata;
  return {
    code: 'disk-missing',
    message: 'What a disk of this guest stands on is missing.',
    why: `${file} needs ${backing}, which does not exist.${origin?.linked ? ` The guest is a linked clone of “${origin.name}”.` : ''}`,
    todo: 'Put that file or its folder back where it was. Without it the guest’s disk has nothing but what was written since.',
  };
}

const isMissing = (error: unknown) => error instanceof GuesthouseError && error.code === 'disk-missing';

function diskProblem(error: unknown, file: string): WireError {
  if (isMissing(error))
    return {
      code: 'disk-missing',
      message: 'A disk of this guest is missing.',
      why: `${file} does not exist.`,
      todo: 'Put the file back, or take the disk out of the guest.',
    };
  return toWire(error);
}
