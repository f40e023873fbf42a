import { GuesthouseError } from '../../../../shared/errors.ts';
import {
  canRun,
  controllerProps,
  type Domain,
  type DomainDisk,
  diskProps,
  domainProps,
  runnable,
} from '../../domain/index.ts';
import { type Buses, targetNumber, usbProps } from './address.ts';
import type { Arguments, QemuRun } from './run.ts';

/** Node names and the device's id, stable for a target: jobs and hot-plug name them. */
export function diskNodes(target: string): {
  device: string;
  format: string;
  file: string;
  throttle: string;
} {
  return {
    device: `disk-${target}`,
    format: `disk-${target}-format`,
    file: `disk-${target}-file`,
    throttle: `disk-${target}-throttle`,
  };
}

/** Devices in order of their boot: QEMU's bootindex of the nth of a kind. */
export type BootIndex = (kind: 'disk' | 'interface' | 'hostdev', index: number) => number | undefined;

export function addDisks(args: Arguments, domain: Domain, run: QemuRun, buses: Buses, boot: BootIndex): void {
  const seen = new Set<string>();
  for (const disk of domain.disks()) {
    if (!/^[A-Za-z0-9_]{1,24}$/.test(disk.target) || seen.has(disk.target))
      throw new GuesthouseError('xml-invalid', 'Two disks have one target, or a disk has none.', {
        why: `Disk ${disk.index + 1} has the target ${JSON.stringify(disk.target)}.`,
        todo: 'Give each disk a target of its own, e.g. vda and vdb.',
      });
    seen.add(disk.target);
    const drive = disk.file === null ? null : addNodes(args, domain, run, disk);
    addDevice(args, domain, buses, disk, drive, boot('disk', disk.index));
  }
}

function cacheOf(domain: Domain, index: number) {
  const mode = domain.get(diskProps.cache, index) ?? 'default';
  return {
    direct: mode === 'none' || mode === 'directsync',
    'no-flush': mode === 'unsafe',
    write: !(mode === 'writethrough' || mode === 'directsync'),
  };
}

function checkFormat(format: string, target: string): string {
  if (!canRun(runnable.formats, format))
    throw new GuesthouseError(
      'unsupported',
      `The disk ${target} has a format that cannot be run: ${format}.`,
      {
        todo: 'Convert the image to qcow2.',
      },
    );
  return format;
}

/** The block nodes of a disk, every format stated. Returns the name of the top one. */
function addNodes(args: Arguments, domain: Domain, run: QemuRun, disk: DomainDisk): string {
  if (disk.type !== 'file' && disk.type !== 'block')
    throw new GuesthouseError(
      'unsupported',
      `The disk ${disk.target} is of a type that cannot be run: ${disk.type}.`,
      {
        todo: 'Use an image file.',
      },
    );
  if (disk.backingProblem)
    throw new GuesthouseError('unsupported', `The disk ${disk.target} cannot be opened.`, {
      why: `In its <backingStore>, ${disk.backingProblem}: the guest would find zeros there.`,
      todo: 'Flatten the image with qemu-img convert where it comes from.',
    });
  const nodes = diskNodes(disk.target);
  const { direct, 'no-flush': noFlush } = cacheOf(domain, disk.index);
  const cache = { direct, 'no-flush': noFlush };
  const discard = domain.get(diskProps.discard, disk.index) ?? undefined;
  const zeroes = domain.get(diskProps.detectZeroes, disk.index) ?? undefined;
  const io = domain.get(diskProps.io, disk.index);
  const fileNode = (name: string, filename: string, readOnly: boolean, driver = 'file') => ({
    driver,
    'node-name': name,
    filename,
    'read-only': readOnly,
    // Shareable disks are the person's wish; others must never be open twice.
    locking: disk.shareable ? 'off' : 'on',
    aio: io === null ? undefined : io === 'native' && !direct ? 'threads' : io,
    cache,
    discard: readOnly ? undefined : discard,
  });
  args.json(
    '-blockdev',
    fileNode(nodes.file, disk.file!, disk.readonly, disk.type === 'block' ? 'host_device' : 'file'),
  );
  const top = checkFormat(disk.format ?? 'raw', disk.target);
  const judged = run.backing?.[disk.target];
  const chain = supportsBacking(top) ? (judged ?? disk.backing ?? []) : [];
  // Null: nothing below, whatever a header says. Undefined: what the header says.
  let backing: string | null | undefined = judged || disk.below === 'nothing' ? null : undefined;
  for (let i = chain.length - 1; i >= 0; i--) {
    const image = chain[i]!;
    const file = `${nodes.file}-${i + 1}`;
    const format = `${nodes.format}-${i + 1}`;
    args.json('-blockdev', fileNode(file, image.file, true, image.device ? 'host_device' : 'file'));
    args.json('-blockdev', {
      driver: checkFormat(image.format, disk.target),
      'node-name': format,
      file,
      'read-only': true,
      cache,
      ...(supportsBacking(image.format) ? { backing } : {}),
    });
    backing = format;
  }
  if (disk.format === null) args.note(`The disk ${disk.target} names no format: it is taken as raw.`);
  args.json('-blockdev', {
    driver: top,
    'node-name': nodes.format,
    file: nodes.file,
    'read-only': disk.readonly,
    cache,
    discard: disk.readonly ? undefined : discard,
    // QEMU refuses to unmap what it may not discard; libvirt asks for less then.
    'detect-zeroes': zeroes === 'unmap' && discard !== 'unmap' ? 'on' : zeroes,
    ...(supportsBacking(top) ? { backing } : {}),
  });
  return addThrottle(args, domain, disk) ?? nodes.format;
}

function supportsBacking(format: string): boolean {
  return format === 'qcow2' || format === 'qcow' || format === 'qed' || format === 'vmdk';
}

function addThrottle(args: Arguments, domain: Domain, disk: DomainDisk): string | null {
  const limit = (property: (typeof diskProps)['totalBytesSec']) =>
    domain.get(property, disk.index) || undefined;
  const limits = {
    'bps-total': limit(diskProps.totalBytesSec),
    'bps-read': limit(diskProps.readBytesSec),
    'bps-write': limit(diskProps.writeBytesSec),
    'iops-total': limit(diskProps.totalIopsSec),
    'iops-read': limit(diskProps.readIopsSec),
    'iops-write': limit(diskProps.writeIopsSec),
  };
  if (Object.values(limits).every((value) => value === undefined)) return null;
  const nodes = diskNodes(disk.target);
  const group = `limits-${disk.target}`;
  args.json('-object', { 'qom-type': 'throttle-group', id: group, limits });
  args.json('-blockdev', {
    driver: 'throttle',
    'node-name': nodes.throttle,
    'throttle-group': group,
    file: nodes.format,
  });
  return nodes.throttle;
}

function addDevice(
  args: Arguments,
  domain: Domain,
  buses: Buses,
  disk: DomainDisk,
  drive: string | null,
  bootindex: number | undefined,
): void {
  const { index } = disk;
  const policy = domain.get(diskProps.errorPolicy, index);
  const werror = policy === 'enospace' ? 'enospc' : (policy ?? undefined);
  const iothread = domain.get(diskProps.iothread, index);
  const common = {
    id: diskNodes(disk.target).device,
    drive: drive ?? undefined,
    bootindex,
    serial: domain.get(diskProps.serial, index) ?? undefined,
    ...(disk.device === 'cdrom' || disk.device === 'floppy' || drive === null
      ? {}
      : {
          'write-cache': cacheOf(domain, index).write ? 'on' : 'off',
          werror,
          rerror: werror === 'enospc' ? 'report' : werror,
        }),
  };
  const cd = disk.device === 'cdrom';
  switch (disk.bus) {
    case 'virtio':
      if (drive === null) return;
      args.json('-device', {
        driver: buses.virtio('virtio-blk'),
        ...buses.place(diskProps, index),
        ...common,
        iothread: iothread === null ? undefined : `iothread${iothread}`,
        'num-queues': domain.get(diskProps.queues, index) ?? queuesFor(domain),
      });
      return;
    case 'sata':
    case 'ide':
      if (disk.readonly && !cd)
        throw new GuesthouseError(
          'unsupported',
          `The disk ${disk.target} is read-only, which IDE and SATA disks cannot be.`,
          {
            todo: 'Choose the bus virtio, or make it a CD drive.',
          },
        );
      args.json('-device', {
        driver: cd ? 'ide-cd' : 'ide-hd',
        ...buses.ata(index, disk.bus),
        ...common,
        rotation_rate: rotation(domain, index),
      });
      return;
    case 'scsi': {
      const addressed = domain.get(diskProps.addressType, index) === 'drive';
      const unit = domain.get(diskProps.driveUnit, index) ?? targetNumber(disk.target);
      const target = domain.get(diskProps.driveTarget, index) ?? 0;
      const controller = domain.get(diskProps.driveController, index) ?? 0;
      // On LSI controllers the unit is the SCSI id, on virtio the LUN (libvirt, qemu_command.c).
      const lsi = scsiModel(domain, controller) === 'lsilogic';
      args.json('-device', {
        driver: cd ? 'scsi-cd' : 'scsi-hd',
        bus: buses.scsi(controller),
        channel: 0,
        'scsi-id': lsi ? unit : addressed ? target : 0,
        lun: lsi ? 0 : unit,
        ...common,
        rotation_rate: rotation(domain, index),
      });
      return;
    }
    case 'usb':
      if (drive === null) return;
      args.json('-device', {
        driver: 'usb-storage',
        ...buses.usb(usbProps.disk, index),
        ...common,
        removable: domain.get(diskProps.removable, index) ?? undefined,
      });
      return;
    case 'fdc':
      args.json('-device', {
        driver: 'floppy',
        unit: targetNumber(disk.target),
        ...common,
        serial: undefined,
      });
      return;
    case 'sd':
      throw new GuesthouseError(
        'unsupported',
        `The disk ${disk.target} is an SD card, which PCs do not have.`,
        {
          todo: 'Choose the bus virtio or sata.',
        },
      );
    case 'other':
      throw new GuesthouseError(
        'unsupported',
        `The disk ${disk.target} is on the bus ${domain.raw(diskProps.bus, index)?.trim()}, which PCs do not have.`,
        {
          todo: 'Choose the bus virtio or sata.',
        },
      );
  }
}

/**
 * QEMU gives a virtio disk or controller a queue for each processor it starts with. A guest that got processors while it
 * ran would then have others beside its saved memory, which QEMU refuses (`Bad config data`): so as many queues as there
 * may ever be processors, where more may come. Undefined: as QEMU does.
 */
export function queuesFor(domain: Domain): number | undefined {
  const most = domain.get(domainProps.vcpu) ?? 1;
  return (domain.get(domainProps.vcpuCurrent) ?? most) < most ? most : undefined;
}

function rotation(domain: Domain, index: number): number | undefined {
  return domain.get(diskProps.rotationRate, index) ?? undefined;
}

export function scsiModel(domain: Domain, controller: number): string {
  for (let i = 0; i < domain.count('controller'); i++)
    if (
      domain.get(controllerProps.type, i) === 'scsi' &&
      (domain.get(controllerProps.index, i) ?? 0) === controller
    )
      return domain.get(controllerProps.model, i) ?? 'virtio-scsi';
  return 'virtio-scsi';
}
