import * as path from 'node:path';
import type { Domain } from './domain.ts';
import {
  channelProps,
  consoleProps,
  controllerProps,
  diskProps,
  filesystemProps,
  graphicsProps,
  hostdevProps,
  interfaceProps,
  rngProps,
  serialProps,
  soundProps,
  tpmProps,
  videoProps,
  vsockProps,
  watchdogProps,
} from './properties/devices.ts';
import { domainProps, timerProps } from './properties/domain.ts';
import { type ListName, listNames, listSteps } from './properties/lists.ts';
import { declared, namespaces, type Property } from './properties/types.ts';
import { reasons, silent } from './reasons.ts';
import { canRun, runnable } from './supported.ts';
import type { XmlElement } from './xml/parse.ts';

export interface DomainProblem {
  /** Where, as libvirt's documentation writes it: `devices/disk/source@file`. */
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** A clause for people, without a full stop. */
  readonly reason: string;
  /** `outside`: reaches beyond the library and is asked about before the first start; `unsupported`: has no effect. */
  readonly kind: 'unsupported' | 'outside';
  /** The file, address or device it reaches for; null for unsupported things. */
  readonly reaches: string | null;
}

/**
 * What of a domain would not run, and what reaches outside, in document order.
 * @param inside tells whether an absolute path, symbolic links aside, is in the library. Firmware that the
 *   distribution installs (below /usr/share) is never outside.
 */
export function domainProblems(domain: Domain, inside: (file: string) => boolean): DomainProblem[] {
  const finder = new Finder(domain, inside);
  finder.unknown(domain.root, '');
  finder.values();
  finder.ignored();
  finder.outside();
  return capped(finder.found.sort((a, b) => a.at - b.at).map(({ at: _, ...problem }) => problem));
}

/** As many as a person could read. What reaches outside is never left out: consent is asked for each. */
function capped(all: DomainProblem[]): DomainProblem[] {
  let kept = 0;
  const listed = all.filter(({ kind }) => kind === 'outside' || kept++ < mostListed);
  const more = all.length - listed.length;
  if (more > 0)
    listed.push({
      path: '',
      line: all.at(-1)!.line,
      reason: `and ${more} more places of this file have no effect`,
      kind: 'unsupported',
      reaches: null,
    });
  return listed;
}
const mostListed = 2000;

/** `inside` for a set of folders. Lexical: the caller resolves links before it opens anything. */
export function insideFolders(...folders: string[]): (file: string) => boolean {
  return (file) => {
    const full = path.normalize(file);
    return (
      path.isAbsolute(full) && folders.some((folder) => full.startsWith(path.normalize(folder) + path.sep))
    );
  };
}

type Found = DomainProblem & { readonly at: number };

class Finder {
  readonly found: Found[] = [];

  constructor(
    private readonly domain: Domain,
    private readonly inside: (file: string) => boolean,
  ) {}

  private add(at: number, where: string, reason: string, reaches: string | null = null): void {
    const line = this.domain.lineAt(at);
    const kind = reaches === null ? 'unsupported' : 'outside';
    this.found.push({ at, path: where, line, reason, kind, reaches });
  }

  private at(property: Property<unknown>, index: number): number {
    return this.domain.offset(property, index) ?? 0;
  }

  /** Elements and attributes that are in no table. Below an unknown element nothing more is said. */
  unknown(element: XmlElement, where: string): void {
    for (const attribute of element.attributes) {
      const here = `${where}@${attribute.local}`;
      if (attribute.name.startsWith('xmlns') || attribute.ns !== '' || known.has(here) || isSilent(here))
        continue;
      this.add(attribute.span.start, here, `the attribute has no effect here`);
    }
    for (const child of element.children) {
      if (child.kind !== 'element') continue;
      // Each level of a backing chain is read as the first one is.
      const deeper = child.local === 'backingStore' && where.endsWith('/backingStore');
      const here = deeper ? where : where === '' ? child.local : `${where}/${child.local}`;
      if (where === '' && child.ns !== '') this.foreign(child);
      else if (child.ns !== '' || isSilent(here) || isSilentAudio(child, here)) continue;
      else if (known.has(here)) this.unknown(child, here);
      else
        this.add(
          child.span.start,
          here,
          reasons[here] ?? 'Guesthouse does not know this element: it is kept and has no effect',
        );
    }
  }

  private foreign(element: XmlElement): void {
    if (element.ns === namespaces.qemu)
      this.add(
        element.span.start,
        element.name,
        'QEMU would be given arguments from this file: they are kept in the XML and not passed on',
        element.name,
      );
    else
      this.add(
        element.span.start,
        element.name,
        'an extension of another program: it is kept and has no effect',
      );
  }

  /** Declared properties that a run does not honour, and values of them that are none it knows. */
  ignored(): void {
    const { domain } = this;
    for (const property of declared.values()) {
      const count = property.list === null ? 1 : domain.count(property.list as ListName);
      for (let i = 0; i < count; i++) {
        const raw = domain.raw(property, i);
        if (raw === null) continue;
        const value = domain.get(property, i);
        if (value === null) this.unreadable(property, i, raw);
        else if (property.ignored !== null && !property.fine(value, i))
          this.add(this.at(property, i), pathOf(property), property.ignored);
      }
    }
  }

  /** Such a value counts as unset. Several properties may read one place, each its own kind of value. */
  private unreadable(property: Property<unknown>, i: number, raw: string): void {
    const where = pathOf(property);
    const { domain } = this;
    if (raw.trim() === '' && property.place.kind === 'text') return;
    for (const other of byPath.get(where)!) if (domain.get(other, i) !== null) return;
    const at = this.at(property, i);
    if (this.found.some((one) => one.at === at && one.path === where)) return;
    const short = JSON.stringify(raw.trim().slice(0, 60));
    this.add(at, where, `the value ${short} is not known here: it counts as if it were not there`);
  }

  /** Reports items of a list whose property has a value that cannot be run. */
  private each<T extends string>(
    list: ListName,
    property: Property<T>,
    ok: (value: T | null, index: number) => boolean,
    reason: (raw: string) => string,
  ): void {
    for (let i = 0; i < this.domain.count(list); i++)
      if (!ok(this.domain.get(property, i), i))
        this.add(this.at(property, i), pathOf(property), reason(this.domain.raw(property, i) ?? 'nothing'));
  }

  values(): void {
    const { domain } = this;
    const word = (property: Property<string>, list: readonly string[], missing: boolean, reason: string) => {
      const raw = domain.raw(property);
      if (raw === null ? !missing : !list.includes(raw.trim()))
        this.add(this.at(property, 0), pathOf(property), reason);
    };
    word(domainProps.type, runnable.domainTypes, false, 'only domains of the types kvm and qemu can be run');
    word(domainProps.osType, ['hvm'], true, 'only fully virtualized systems (hvm) can be run');
    word(domainProps.arch, runnable.arches, true, 'only x86 machines can be run');
    if (domain.has(domainProps.emulator))
      this.add(
        this.at(domainProps.emulator, 0),
        'devices/emulator',
        'the program named is never run: QEMU is the one of this computer',
      );
    for (const property of [
      domainProps.onPoweroff,
      domainProps.onReboot,
      domainProps.onCrash,
    ] as Property<string>[])
      if (
        !['destroy', 'restart', null].includes(domain.raw(property)) ||
        (property.key === 'domain.onPoweroff' && domain.raw(property) === 'restart')
      )
        this.add(this.at(property, 0), pathOf(property), 'the guest just stops');
    this.disks();
    this.each(
      'interface',
      interfaceProps.type,
      (v) => canRun(runnable.nicTypes, v),
      (v) => `a network card of type ${v} gets a network of its own instead`,
    );
    this.each(
      'interface',
      interfaceProps.model,
      (v) => v === null || canRun(runnable.nicModels, v),
      (v) => `the network card model ${v} cannot be run`,
    );
    this.each(
      'controller',
      controllerProps.type,
      (v) => canRun(runnable.controllerTypes, v),
      (v) => `a controller of type ${v} is left out`,
    );
    this.each(
      'controller',
      controllerProps.model,
      (v, i) => {
        const type = domain.get(controllerProps.type, i);
        if (v === null) return true;
        if (type === 'pci') return canRun(runnable.pciControllers, v);
        return type !== 'usb' || canRun(runnable.usbControllers, v);
      },
      (v) => `the controller ${v} cannot be run`,
    );
    this.each(
      'video',
      videoProps.model,
      (v) => canRun(runnable.videoModels, v),
      (v) => `the video card ${v} cannot be run`,
    );
    this.each(
      'sound',
      soundProps.model,
      (v) => canRun(runnable.soundModels, v),
      (v) => `the sound card ${v} is left out`,
    );
    this.each(
      'watchdog',
      watchdogProps.model,
      (v) => canRun(runnable.watchdogs, v),
      (v) => `the watchdog ${v} is left out`,
    );
    this.each(
      'tpm',
      tpmProps.backend,
      (v) => v === 'emulator',
      (v) => `a TPM of the kind ${v} is left out: only an emulated one is offered`,
    );
    this.each(
      'tpm',
      tpmProps.version,
      (v) => v !== '1.2',
      () => 'a TPM of version 1.2 is left out: only 2.0 is offered',
    );
    this.each(
      'hostdev',
      hostdevProps.type,
      (v) => v === 'usb',
      (v) => `a host device of type ${v} is left out: only USB devices are passed on`,
    );
    this.each(
      'graphics',
      graphicsProps.type,
      (v) => v === 'vnc',
      (v) => `the screen is shown by VNC, not by ${v}`,
    );
    this.each(
      'filesystem',
      filesystemProps.type,
      (v) => v === null || v === 'mount',
      (v) => `a shared folder of type ${v} is left out`,
    );
    this.each(
      'filesystem',
      filesystemProps.driver,
      (v) => v !== 'virtiofs',
      () => 'a folder shared by virtiofs is left out: take the driver away, and it is shared by 9p',
    );
    this.each(
      'channel',
      channelProps.type,
      (v, i) => v === 'qemu-vdagent' || domain.get(channelProps.targetName, i) === 'org.qemu.guest_agent.0',
      (v) => `a channel of type ${v} to this name is left out`,
    );
    this.each(
      'timer',
      timerProps.name,
      (v, i) =>
        v === 'hpet' ||
        (v === 'kvmclock' && domain.get(timerProps.tickpolicy, i) === null) ||
        ((v === 'rtc' || v === 'pit') && domain.get(timerProps.present, i) !== false),
      (v) => `the timer ${v} is left to QEMU`,
    );
    this.each(
      'timer',
      timerProps.tickpolicy,
      (v, i) => {
        const name = domain.get(timerProps.name, i);
        if (v === null || v === 'delay') return true;
        return (name === 'rtc' && v === 'catchup') || (name === 'pit' && v === 'discard');
      },
      (v) => `lost ticks are treated as QEMU does, not by ${v}`,
    );
    this.ports();
    for (let i = 0; i < domain.count('vsock'); i++)
      this.add(
        this.at(vsockProps.cid, i),
        'devices/vsock',
        'vsock is left out: it needs a module of the host’s kernel',
      );
    for (let i = 0; i < domain.count('panic'); i++)
      this.add(domain.items('panic')[i]!.span.start, 'devices/panic', 'the panic notifier is left out');
  }

  private ports(): void {
    const { domain } = this;
    const left = (list: 'serial' | 'console', i: number, reason: string) =>
      this.add(domain.items(list)[i]!.span.start, `devices/${list}`, reason);
    for (let i = 4; i < domain.count('serial'); i++)
      left('serial', i, 'a PC has four serial ports: this is left out');
    let virtio = 0;
    for (let i = 0; i < domain.count('console'); i++) {
      const type = domain.raw(consoleProps.targetType, i)?.trim() ?? 'serial';
      if (type === 'virtio' && virtio++ > 0)
        left('console', i, 'one virtio console is there: further ones are left out');
      else if (type !== 'virtio' && type !== 'serial')
        left('console', i, `a console of type ${type} is left out`);
      else if (type === 'serial' && i > 0)
        left('console', i, 'only the first console leads to the serial port');
    }
  }

  private disks(): void {
    const { domain } = this;
    for (const disk of domain.disks()) {
      const at = domain.items('disk')[disk.index]!.span.start;
      const fail = (where: string, reason: string) => this.add(at, `devices/disk${where}`, reason);
      if (!canRun(runnable.diskTypes, disk.type))
        fail('@type', `a disk of type ${disk.type} cannot be run: use an image file`);
      if (!canRun(runnable.diskBuses, disk.bus))
        fail(
          '/target@bus',
          `the bus ${domain.raw(diskProps.bus, disk.index)?.trim() ?? disk.bus} cannot be run`,
        );
      if (disk.format !== null && !canRun(runnable.formats, disk.format))
        fail('/driver@type', `the image format ${disk.format} cannot be run`);
      if (disk.readonly && disk.device !== 'cdrom' && (disk.bus === 'ide' || disk.bus === 'sata'))
        fail('/readonly', 'IDE and SATA disks cannot be read-only: choose the bus virtio');
      if (disk.backingProblem) fail('/backingStore', `the disk cannot be opened: ${disk.backingProblem}`);
      if (disk.device === 'lun')
        fail('@device', 'SCSI commands are not passed through: the disk is an ordinary one');
      if (disk.bus === 'virtio' && disk.device === 'cdrom' && disk.file === null)
        fail('/target@bus', 'an empty drive on the bus virtio is left out');
    }
  }

  private file(property: Property<string>, index: number, what: string): void {
    const file = this.domain.get(property, index);
    if (file && !this.inside(file))
      this.add(this.at(property, index), pathOf(property), `${what} outside the library`, file);
  }

  outside(): void {
    const { domain } = this;
    for (const property of [
      domainProps.kernel,
      domainProps.initrd,
      domainProps.nvram,
      domainProps.nvramSource,
    ])
      this.file(property, 0, `${pathOf(property).slice(3)} is`);
    for (const property of [domainProps.loader, domainProps.nvramTemplate])
      if (!domain.get(property)?.startsWith('/usr/share/')) this.file(property, 0, 'the firmware is');
    for (const disk of domain.disks()) {
      const at = domain.items('disk')[disk.index]!.span.start;
      for (const file of [disk.file, ...(disk.backing ?? []).map((image) => image.file)])
        if (file !== null && !this.inside(file))
          this.add(at, 'devices/disk/source', `the image of ${disk.target} is outside the library`, file);
    }
    for (let i = 0; i < domain.count('interface'); i++)
      if (domain.get(interfaceProps.type, i) === 'bridge')
        this.add(
          this.at(interfaceProps.type, i),
          'devices/interface@type',
          'the guest would be on a network bridge of this computer, and QEMU may start the bridge helper',
          domain.get(interfaceProps.bridge, i) ?? 'bridge',
        );
    for (let i = 0; i < domain.count('hostdev'); i++)
      this.add(
        domain.items('hostdev')[i]!.span.start,
        'devices/hostdev',
        'a device of this computer would be given to the guest',
        this.hostDevice(i),
      );
    for (let i = 0; i < domain.count('filesystem'); i++)
      this.add(
        domain.items('filesystem')[i]!.span.start,
        'devices/filesystem',
        'the guest would see a folder of this computer',
        domain.get(filesystemProps.source, i) ?? '?',
      );
    for (let i = 0; i < domain.count('graphics'); i++) this.screen(i);
    for (const [list, props] of [
      ['serial', serialProps],
      ['channel', channelProps],
    ] as const)
      for (let i = 0; i < domain.count(list); i++) {
        const type = domain.get(props.type, i);
        if (type === 'tcp' || type === 'udp' || type === 'dev' || type === 'pipe' || type === 'file')
          this.add(
            this.at(props.type, i),
            pathOf(props.type),
            `the port would be connected to ${type === 'tcp' || type === 'udp' ? 'the network' : 'a file or device of this computer'}: a private socket takes its place`,
            domain.get(props.path, i) ?? type,
          );
        this.file(props.logFile, i, 'the log is written');
      }
    for (let i = 0; i < domain.count('rng'); i++) {
      const source = domain.get(rngProps.backend, i)?.trim();
      if (source && !['/dev/urandom', '/dev/random'].includes(source))
        this.add(
          this.at(rngProps.backend, i),
          'devices/rng/backend',
          'random numbers would come from this source: /dev/urandom takes its place',
          source,
        );
    }
    for (const forward of domain.metadata.forwards)
      if (!forward.hostAddress.startsWith('127.'))
        this.add(
          domain.items('forward')[0]!.span.start,
          'metadata/gh:guest/gh:forward',
          'a port would be opened to the network: only loopback addresses are',
          `${forward.hostAddress}:${forward.hostPort}`,
        );
  }

  private hostDevice(i: number): string {
    const raw = (property: Property<unknown>) => this.domain.raw(property, i);
    const type = raw(hostdevProps.type) ?? 'unknown';
    if (type !== 'usb') return `${type} device`;
    if (raw(hostdevProps.vendor) !== null)
      return `${raw(hostdevProps.vendor)}:${raw(hostdevProps.product) ?? 'any'}`;
    return `USB bus ${raw(hostdevProps.usbBus) ?? '?'}, device ${raw(hostdevProps.usbDevice) ?? '?'}`;
  }

  private screen(i: number): void {
    const { domain } = this;
    const listen = domain.get(graphicsProps.listen, i);
    if (listen === 'socket' || listen === 'none' || domain.has(graphicsProps.socketAttribute, i)) return;
    const address =
      domain.get(graphicsProps.listenAddress, i) ?? domain.get(graphicsProps.listenAttribute, i);
    this.add(
      domain.items('graphics')[i]!.span.start,
      'devices/graphics',
      'the screen would listen on a network address: a private socket takes its place',
      address ?? '127.0.0.1',
    );
  }
}

function pathOf(property: Property<unknown>): string {
  const steps = [...(property.list === null ? [] : listSteps[property.list as ListName]), ...property.steps];
  const elements = steps.map((s) => (s.prefix ? `${s.prefix}:${s.local}` : s.local)).join('/');
  return property.place.kind === 'attribute' ? `${elements}@${property.place.name}` : elements;
}

/** Paths of the property table, with the elements on the way and the attributes that steps pick by. */
const known = new Set<string>();
const byPath = new Map<string, Property<unknown>[]>();
for (const property of declared.values()) {
  const full = pathOf(property);
  byPath.set(full, [...(byPath.get(full) ?? []), property]);
  const elements = full.split('@')[0]!;
  known.add(full);
  elements.split('/').forEach((_, i, all) => {
    known.add(all.slice(0, i + 1).join('/'));
  });
  const from = property.list === null ? 0 : listSteps[property.list as ListName].length;
  property.steps.forEach((step, i) => {
    if (step.where)
      known.add(
        `${elements
          .split('/')
          .slice(0, from + i + 1)
          .join('/')}@${step.where.attribute}`,
      );
  });
  if (property.place.kind === 'memory') known.add(`${full}@unit`);
}
for (const list of listNames) known.add(listSteps[list].map((s) => s.local).join('/'));

/** libvirt writes this for every guest with a screen. */
function isSilentAudio(element: XmlElement, where: string): boolean {
  return (
    where === 'devices/audio' && element.attributes.some((a) => a.local === 'type' && a.value === 'none')
  );
}

function isSilent(where: string): boolean {
  return silent.some((pattern) => pattern.test(where));
}
