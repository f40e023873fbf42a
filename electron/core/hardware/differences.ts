import type {
  DiskLimits,
  Hardware,
  HardwareDifference,
  HardwareDisk,
  HardwareNic,
} from '../../../shared/model/hardware.ts';

/** Parts of a guest's hardware as sentences; equal sentences are equal parts. */
type Parts = ReadonlyMap<string, { readonly what: string; readonly text: string }>;

/** What differs between two states, in the order a person looks for it. Pure. */
export function differences(from: Hardware, to: Hardware): HardwareDifference[] {
  const before = partsOf(from);
  const after = partsOf(to);
  const found: HardwareDifference[] = [];
  for (const part of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(part);
    const now = after.get(part);
    if (old?.text !== now?.text)
      found.push({ part, what: (now ?? old)!.what, from: old?.text ?? null, to: now?.text ?? null });
  }
  return found;
}

function partsOf(hardware: Hardware): Parts {
  const { cpu, memory } = hardware;
  const parts = new Map<string, { what: string; text: string }>();
  const add = (part: string, what: string, text: string | null) => {
    if (text !== null) parts.set(part, { what, text });
  };
  add('kind', 'Kind', `${hardware.kind}, ${hardware.machine}`);
  add('boot', 'Booted by', bootText(hardware));
  add('cpu', 'Processors', cpuText(cpu));
  add(
    'memory',
    'Memory',
    `${memory.max} MiB${memory.current < memory.max ? `, held to ${memory.current} MiB` : ''}${memory.balloon ? '' : ', no balloon'}`,
  );
  for (const disk of hardware.disks)
    add(`disk:${disk.target}`, `${deviceWord[disk.device]} ${disk.target}`, diskText(disk));
  hardware.nics.forEach((nic, i) => {
    add(`nic:${nic.mac ?? i}`, `Network card ${nic.mac ?? i + 1}`, nicText(nic, hardware.restrict));
  });
  for (const { proto, hostPort, guestPort } of hardware.forwards)
    add(`forward:${proto}:${hostPort}`, `Forward ${hostPort}/${proto}`, `to port ${guestPort}`);
  add('order', 'Boot order', hardware.bootOrder.join(', ') || null);
  add('display', 'Screen', screenText(hardware));
  add('clipboard', 'Clipboard', hardware.clipboard ? 'tied to the screen’s' : null);
  add('sound', 'Sound', hardware.sound);
  add('tpm', 'TPM', hardware.tpm);
  add('rng', 'Random numbers', hardware.rng ? 'virtio' : null);
  add('watchdog', 'Watchdog', hardware.watchdog && `${hardware.watchdog.model}, ${hardware.watchdog.action}`);
  for (const { vendor, product } of hardware.usb)
    add(`usb:${usbId(vendor, product)}`, 'USB device', usbId(vendor, product));
  for (const folder of hardware.folders)
    add(
      `folder:${folder.tag}`,
      `Shared folder ${folder.tag}`,
      `${folder.path}, ${folder.driver}${folder.readonly ? ', read-only' : ''}`,
    );
  return parts;
}

function screenText({ screen, video }: Hardware): string | null {
  if (video === null) return screen ? 'without a video card' : null;
  return screen ? video : `${video}, shown nowhere`;
}

const deviceWord = { disk: 'Disk', cdrom: 'CD drive', floppy: 'Floppy drive' } as const;

function bootText({ kernel, firmware }: Hardware): string {
  if (kernel !== null) return 'its kernel, given directly';
  return firmware === 'uefi' ? 'UEFI and its boot loader' : 'BIOS and its boot loader';
}

function cpuText({ count, max, mode, model, topology }: Hardware['cpu']): string {
  const words = [String(count)];
  if (max > count) words.push(`up to ${max}`);
  words.push(mode === 'host' ? 'as this computer’s' : mode === 'model' ? (model ?? '?') : 'QEMU’s default');
  if (topology) words.push(`${topology.sockets} × ${topology.cores} × ${topology.threads}`);
  return words.join(', ');
}

const limitWords: Readonly<Record<keyof DiskLimits, string>> = {
  totalBytes: 'B/s',
  readBytes: 'B/s read',
  writeBytes: 'B/s written',
  totalIops: 'requests/s',
  readIops: 'reads/s',
  writeIops: 'writes/s',
};

function diskText(disk: HardwareDisk): string {
  const limits = (Object.keys(limitWords) as (keyof DiskLimits)[]).flatMap((key) =>
    disk.limits[key] ? [`at most ${disk.limits[key]} ${limitWords[key]}`] : [],
  );
  return [
    disk.file === null ? 'empty' : disk.file.split('/').at(-1),
    disk.bus,
    disk.cache === 'default' ? null : `cache ${disk.cache}`,
    disk.readonly && disk.device === 'disk' ? 'read-only' : null,
    disk.discard ? 'discard' : null,
    ...limits,
  ]
    .filter(Boolean)
    .join(', ');
}

function nicText({ type, source, model, linkUp }: HardwareNic, restrict: boolean): string {
  const where =
    type === 'user' ? (restrict ? 'user network, cut off' : 'user network') : `${type} ${source ?? '?'}`;
  return [where, model ?? 'rtl8139', linkUp ? null : 'cable out'].filter(Boolean).join(', ');
}

/** `1d6b:0002` */
export function usbId(vendor: number, product: number): string {
  const hex = (value: number) => value.toString(16).padStart(4, '0');
  return `${hex(vendor)}:${hex(product)}`;
}
