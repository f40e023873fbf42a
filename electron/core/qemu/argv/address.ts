import { type Domain, diskProps, type Property } from '../../domain/index.ts';

/** The address properties every PCI device's list declares. */
export interface AddressProps {
  readonly addressType: Property<string>;
  readonly pciBus: Property<number>;
  readonly pciSlot: Property<number>;
  readonly pciFunction: Property<number>;
  readonly pciMultifunction?: Property<boolean>;
}

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
