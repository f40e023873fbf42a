import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import type { DiskSummary } from '../../../shared/model/guest.ts';
import { type ImagePolicy, inspectImage } from '../disks/index.ts';
import type { Domain } from '../domain/index.ts';

/** What the list shows of a guest's disks, from their headers alone, and what is wrong with the first bad one. */
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
      if (format !== 'raw' && format !== 'qcow2') return plain;
      try {
        const info = await inspectImage({ path: disk.file, format }, policy);
        return {
          ...plain,
          virtualSize: info.virtualSize,
          allocatedSize: info.allocatedSize,
          backing: info.backing?.path ?? null,
        };
      } catch (error) {
        // A missing CD is no reason to call the guest broken: QEMU is asked to start and says so.
        if (device === 'disk') problem ??= diskProblem(error, disk.file);
        return plain;
      }
    }),
  );
  return { disks, problem };
}

function diskProblem(error: unknown, file: string): WireError {
  if (error instanceof GuesthouseError && error.code === 'disk-missing')
    return {
      code: 'disk-missing',
      message: 'A disk of this guest is missing.',
      why: `${file} does not exist.`,
      todo: 'Put the file back, or take the disk out of the guest.',
    };
  return toWire(error);
}
