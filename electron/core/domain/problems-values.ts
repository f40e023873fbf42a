import type { Domain } from './domain.ts';
import { missingIn, type Offered } from './offered.ts';
import { Finder, type Found, pathOf } from './problems-finder.ts';
import {
  channelProps,
  consoleProps,
  controllerProps,
  diskProps,
  filesystemProps,
  graphicsProps,
  hostdevProps,
  interfaceProps,
  soundProps,
  tpmProps,
  videoProps,
  vsockProps,
  watchdogProps,
} from './properties/devices.ts';
import { domainProps, timerProps } from './properties/domain.ts';
import type { ListName } from './properties/lists.ts';
import type { Property } from './properties/types.ts';
import { canRun, runnable } from './supported.ts';

/** Values that are known and cannot be run, and devices that are left out. */
export class ValueFinder extends Finder {
  constructor(
    domain: Domain,
    found: Found[],
    private readonly offered: Offered | null,
  ) {
    super(domain, found);
  }

  find(): void {
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
    this.missing();
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

  private missing(): void {
    if (this.offered === null) return;
    for (const { property, what, name, nearest } of missingIn(this.domain, this.offered))
      this.add(
        this.at(property, 0),
        pathOf(property),
        `the guest does not start: this computer’s QEMU has no ${what} ${name}${nearest === null ? '' : `, the nearest is ${nearest}`}`,
      );
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
}
