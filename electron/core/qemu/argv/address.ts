import {
  controllerProps,
  type Domain,
  diskProps,
  hostdevProps,
  inputProps,
  type Property,
  serialProps,
  soundProps,
} from '../../domain/index.ts';

/** The address properties every PCI device's list declares. */
export interface AddressProps {
  readonly addressType: Property<string>;
  readonly pciBus: Property<number>;
  readonly pciSlot: Property<number>;
  readonly pciFunction: Property<number>;
  readonly pciMultifunction?: Property<boolean>;
}

/** The address properties of a device that may stand on a USB bus. */
interface UsbProps {
  readonly type: Property<string>;
  readonly bus: Property<number>;
  readonly port: Property<string>;
}

export const usbProps = {
  disk: { type: diskProps.addressType, bus: diskProps.driveBus, port: diskProps.port },
  input: { type: inputProps.addressType, bus: inputProps.pciBus, port: inputProps.port },
  hostdev: { type: hostdevProps.addressType, bus: hostdevProps.addressBus, port: hostdevProps.port },
} as const;

/** How the machine names its buses. */
export class Buses {
  readonly q35: boolean;
  readonly micro: boolean;
  readonly virt: boolean;

  constructor(
    private readonly domain: Domain,
    readonly machine: string,
  ) {
    this.micro = /^microvm(-|$)/.test(machine);
    this.virt = /^virt(-|$)/.test(machine);
    this.q35 = /q35/.test(machine) || this.virt;
    this.usbPorts = this.hasUsbPorts();
  }

  get root(): string {
    return this.q35 ? 'pcie.0' : 'pci.0';
  }

  /** Controller index to bus: index 0 is the machine's own. */
  pci(index: number): string {
    return index === 0 ? this.root : `pci.${index}`;
  }

  /** `bus` and `addr` for a PCI device; nothing when the XML names no address, then QEMU chooses. */
  place(props: AddressProps, index: number): Record<string, unknown> {
    if (this.micro) return {};
    const type = this.domain.get(props.addressType, index);
    const slot = this.domain.get(props.pciSlot, index);
    if (type !== 'pci' || slot === null) return { bus: this.root };
    const fn = this.domain.get(props.pciFunction, index) ?? 0;
    return {
      bus: this.pci(this.domain.get(props.pciBus, index) ?? 0),
      addr: `0x${slot.toString(16)}${fn === 0 ? '' : `.0x${fn.toString(16)}`}`,
      ...(props.pciMultifunction && this.domain.get(props.pciMultifunction, index) === true
        ? { multifunction: true }
        : {}),
    };
  }

  /**
   * Bus and port of a USB device. Ports are honoured where all USB devices have one: QEMU gives the free ones out in
   * the order devices come, and could give away another's.
   */
  usb(props: UsbProps, index: number): Record<string, unknown> {
    if (!this.usbPorts) return {};
    const bus = this.domain.get(props.bus, index) ?? 0;
    return { bus: `usb${bus === 0 ? '' : bus}.0`, port: this.domain.get(props.port, index)! };
  }

  private readonly usbPorts: boolean;

  /** Every USB device has a place on a controller that is there; ports of hubs are not among them. */
  private hasUsbPorts(): boolean {
    const { domain } = this;
    const controllers = new Set(
      domain
        .items('controller')
        .flatMap((_, i) =>
          domain.get(controllerProps.type, i) === 'usb' && domain.get(controllerProps.model, i) !== 'none'
            ? [domain.get(controllerProps.index, i) ?? 0]
            : [],
        ),
    );
    const placed = (props: UsbProps, i: number) =>
      domain.get(props.type, i) === 'usb' &&
      /^\d{1,3}$/.test(domain.get(props.port, i) ?? '') &&
      controllers.has(domain.get(props.bus, i) ?? 0);
    return (
      domain.disks().every(({ bus, index }) => bus !== 'usb' || placed(usbProps.disk, index)) &&
      domain
        .items('input')
        .every((_, i) => domain.get(inputProps.bus, i) !== 'usb' || placed(usbProps.input, i)) &&
      domain.items('hostdev').every((_, i) => placed(usbProps.hostdev, i)) &&
      !domain.items('sound').some((_, i) => domain.get(soundProps.model, i) === 'usb') &&
      !domain.items('serial').some((_, i) => domain.get(serialProps.targetType, i) === 'usb-serial')
    );
  }

  /** `virtio-blk` to the driver of this machine's bus, with libvirt's transitional models. */
  virtio(base: string, model: string | null = null): string {
    if (this.micro) return `${base}-device`;
    if (model?.endsWith('-non-transitional')) return `${base}-pci-non-transitional`;
    if (model?.endsWith('-transitional')) return `${base}-pci-transitional`;
    return `${base}-pci`;
  }

  /** The device of the nth SCSI controller libvirt would name. */
  scsi(controller: number): string {
    return `scsi${controller}.0`;
  }

  /** IDE or SATA bus and unit of a disk. Index 0 is the chip set's own controller. */
  ata(disk: number, bus: 'sata' | 'ide'): Record<string, unknown> {
    const controller = this.domain.get(diskProps.driveController, disk) ?? 0;
    const unit = this.domain.get(diskProps.driveUnit, disk);
    if (this.domain.get(diskProps.addressType, disk) !== 'drive' || unit === null)
      return this.ataByTarget(disk, bus);
    if (bus === 'sata') {
      const own = this.q35 && controller === 0;
      return { bus: own ? `ide.${unit}` : `sata${controller}.${unit}` };
    }
    const channel = this.domain.get(diskProps.pciBus, disk) ?? 0;
    return { bus: `ide.${channel}`, unit };
  }

  /** libvirt's rule for a disk without an address: the letter of its target. */
  private ataByTarget(disk: number, bus: 'sata' | 'ide'): Record<string, unknown> {
    const n = targetNumber(this.domain.get(diskProps.target, disk) ?? '');
    if (bus === 'sata') return { bus: this.q35 ? `ide.${n % 6}` : `sata0.${n % 6}` };
    return { bus: `ide.${(n >> 1) & 1}`, unit: n & 1 };
  }
}

/** `sdc` -> 2, `vdaa` -> 26. */
export function targetNumber(target: string): number {
  let n = 0;
  for (const c of target.replace(/^[a-z]d/, '')) {
    const at = c.charCodeAt(0) - 97;
    if (at < 0 || at > 25) break;
    n = n * 26 + at + 1;
  }
  return Math.max(0, n - 1);
}
