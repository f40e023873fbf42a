import type { Hardware, HardwareDisk, HardwareForward, HardwareNic } from '../../../shared/model/hardware.ts';
import {
  bootProps,
  channelProps,
  type Domain,
  diskProps,
  domainProps,
  filesystemProps,
  hostdevProps,
  memballoonProps,
  soundProps,
  tpmProps,
  videoProps,
  watchdogProps,
} from '../domain/index.ts';
import { isVdagent } from '../guests/clipboard.ts';

/** What a domain says of its hardware, for people. Pure. */
export function hardwareOf(domain: Domain): Hardware {
  const max = domain.memoryMiB;
  const balloon = domain.get(memballoonProps.model);
  const ballooned = balloon !== null && balloon !== 'none' && balloon !== 'xen';
  const current = domain.get(domainProps.currentMemory);
  const video = domain.get(videoProps.model);
  const watchdog = domain.get(watchdogProps.model);
  return {
    kind: domain.kind,
    machine: domain.get(domainProps.machine) ?? 'pc',
    cpu: cpuOf(domain),
    memory: {
      max,
      current: ballooned && current !== null ? Math.min(max, Math.floor(current / 2 ** 20)) : max,
      balloon: ballooned,
    },
    disks: domain.disks().map((disk) => diskOf(domain, disk.index)),
    nics: nicsOf(domain),
    forwards: forwardsOf(domain),
    restrict: domain.metadata.restrict,
    screen: domain.count('graphics') > 0,
    video: domain.count('video') === 0 || video === 'none' ? null : (video ?? 'vga'),
    clipboard: domain
      .items('channel')
      .some((_, i) => isVdagent(domain, i) && domain.get(channelProps.clipboard, i) === true),
    sound: domain.get(soundProps.model),
    tpm: domain.count('tpm') > 0 ? (domain.get(tpmProps.model) ?? 'tpm-crb') : null,
    rng: domain.count('rng') > 0,
    watchdog: watchdog && { model: watchdog, action: domain.get(watchdogProps.action) ?? 'reset' },
    usb: domain.items('hostdev').flatMap((_, i) => {
      const vendor = domain.get(hostdevProps.vendor, i);
      const product = domain.get(hostdevProps.product, i);
      return vendor === null || product === null ? [] : [{ vendor, product }];
    }),
    folders: domain.items('filesystem').map((_, i) => ({
      tag: domain.get(filesystemProps.target, i) ?? '',
      path: domain.get(filesystemProps.source, i) ?? '',
      driver: domain.get(filesystemProps.driver, i) === 'virtiofs' ? 'virtiofs' : '9p',
      readonly: domain.get(filesystemProps.readonly, i) === true,
    })),
    bootOrder: bootOrderOf(domain),
    kernel:
      domain.get(domainProps.kernel) ??
      (domain.metadata.bootFromDisk ? 'read from its disk at each start' : null),
    firmware:
      domain.has(domainProps.nvram) ||
      domain.get(domainProps.firmware) === 'efi' ||
      domain.get(domainProps.loaderType) === 'pflash'
        ? 'uefi'
        : 'bios',
  };
}

function cpuOf(domain: Domain): Hardware['cpu'] {
  const mode = domain.get(domainProps.cpuMode);
  const model = domain.get(domainProps.cpuModel);
  const sockets = domain.get(domainProps.cpuSockets);
  const named = mode === 'custom' || (mode === null && model !== null);
  return {
    count: domain.vcpus,
    max: domain.get(domainProps.vcpu) ?? 1,
    mode: named ? 'model' : mode === null ? 'default' : 'host',
    model: named ? model : null,
    topology:
      sockets === null
        ? null
        : {
            sockets,
            cores: (domain.get(domainProps.cpuCores) ?? 1) * (domain.get(domainProps.cpuDies) ?? 1),
            threads: domain.get(domainProps.cpuThreads) ?? 1,
          },
  };
}

function diskOf(domain: Domain, index: number): HardwareDisk {
  const { target, device, bus, file, format, readonly } = domain.disks()[index]!;
  const limit = (property: (typeof diskProps)['totalBytesSec']) => domain.get(property, index) || null;
  return {
    target,
    device: device === 'lun' ? 'disk' : device,
    bus,
    file,
    format,
    readonly,
    cache: domain.get(diskProps.cache, index) ?? 'default',
    discard: domain.get(diskProps.discard, index) === 'unmap',
    limits: {
      totalBytes: limit(diskProps.totalBytesSec),
      readBytes: limit(diskProps.readBytesSec),
      writeBytes: limit(diskProps.writeBytesSec),
      totalIops: limit(diskProps.totalIopsSec),
      readIops: limit(diskProps.readIopsSec),
      writeIops: limit(diskProps.writeIopsSec),
    },
  };
}

function nicsOf(domain: Domain): HardwareNic[] {
  return domain
    .interfaces()
    .map(({ mac, type, model, source, linkUp }) => ({ mac, type, model, source, linkUp }));
}

function forwardsOf(domain: Domain): HardwareForward[] {
  const { ssh, forwards } = domain.metadata;
  const all = forwards.map(({ proto, hostPort, guestPort }) => ({ proto, hostPort, guestPort, ssh: false }));
  return ssh.hostPort === null
    ? all
    : [{ proto: 'tcp', hostPort: ssh.hostPort, guestPort: 22, ssh: true }, ...all];
}

/** By `<boot order>`, else by `<os><boot dev>`: formatdomain, "BIOS bootloader". */
function bootOrderOf(domain: Domain): string[] {
  const disks = domain.disks();
  const nics = domain.interfaces();
  const own = [
    ...disks.map((disk) => ({ key: disk.target, order: disk.bootOrder })),
    ...nics.map((nic) => ({ key: nic.mac ?? '', order: nic.bootOrder })),
  ].filter((entry): entry is { key: string; order: number } => entry.order !== null && entry.key !== '');
  if (own.length > 0) return own.sort((a, b) => a.order - b.order).map(({ key }) => key);
  const devs = domain.items('boot').map((_, i) => domain.get(bootProps.dev, i));
  return (devs.length > 0 ? devs : ['hd' as const]).flatMap((dev) => {
    if (dev === 'network') return nics[0]?.mac ?? [];
    const device = dev === 'hd' ? 'disk' : dev === 'cdrom' ? 'cdrom' : 'floppy';
    return disks.find((disk) => disk.device === device)?.target ?? [];
  });
}
