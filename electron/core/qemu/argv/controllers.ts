import { GuesthouseError } from '../../../../shared/errors.ts';
import { controllerProps, type Domain, domainProps, iothreadIdProps } from '../../domain/index.ts';
import type { Buses } from './address.ts';
import { queuesFor } from './disks.ts';
import type { Arguments } from './run.ts';

/** The machine's PCI root ports first, since others are plugged into them; then the rest in document order. */
export function addControllers(args: Arguments, domain: Domain, buses: Buses): void {
  for (const id of iothreads(domain)) args.json('-object', { 'qom-type': 'iothread', id: `iothread${id}` });
  const order = domain.items('controller').map((_, i) => i);
  const isPci = (i: number) => domain.get(controllerProps.type, i) === 'pci';
  const number = (i: number) => domain.get(controllerProps.index, i) ?? 0;
  const pci = order.filter(isPci).sort((a, b) => number(a) - number(b));
  for (const i of pci) addPci(args, domain, buses, i);
  for (const i of order) if (!isPci(i)) addOther(args, domain, buses, i);
}

/** The ids named, and free ones from 1 on until there are as many as `<iothreads>` says (formatdomain, "IOThreads"). */
function iothreads(domain: Domain): number[] {
  const ids = new Set(domain.items('iothreadId').flatMap((_, i) => domain.get(iothreadIdProps.id, i) ?? []));
  const wanted = Math.min(domain.get(domainProps.iothreads) ?? 0, 64);
  for (let id = 1; ids.size < wanted; id++) ids.add(id);
  return [...ids].sort((a, b) => a - b).slice(0, 64);
}

function addPci(args: Arguments, domain: Domain, buses: Buses, i: number): void {
  const model = domain.get(controllerProps.model, i) ?? 'pci-root';
  const index = domain.get(controllerProps.index, i) ?? 0;
  if (model === 'pci-root' || model === 'pcie-root') return; // the machine's own
  const id = `pci.${index}`;
  const place = buses.place(controllerProps, i);
  switch (model) {
    case 'pcie-root-port':
      args.json('-device', {
        driver: 'pcie-root-port',
        ...place,
        id,
        port: domain.get(controllerProps.port, i) ?? undefined,
        chassis: domain.get(controllerProps.chassis, i) ?? index,
        hotplug: domain.get(controllerProps.hotplug, i) ?? undefined,
      });
      return;
    case 'pci-bridge':
      args.json('-device', {
        driver: 'pci-bridge',
        ...place,
        id,
        chassis_nr: domain.get(controllerProps.chassis, i) ?? index,
      });
      return;
    case 'pcie-to-pci-bridge':
      args.json('-device', { driver: 'pcie-pci-bridge', ...place, id });
      return;
    case 'dmi-to-pci-bridge':
      args.json('-device', { driver: 'i82801b11-bridge', ...place, id });
      return;
    case 'pcie-switch-upstream-port':
      args.json('-device', { driver: 'x3130-upstream', ...place, id });
      return;
    case 'pcie-switch-downstream-port':
      args.json('-device', {
        driver: 'xio3130-downstream',
        ...place,
        id,
        port: domain.get(controllerProps.port, i) ?? 0,
        chassis: domain.get(controllerProps.chassis, i) ?? index,
      });
      return;
    default:
      throw new GuesthouseError('unsupported', `The PCI controller ${model} cannot be run.`, {
        todo: 'Remove it from the guest’s XML.',
      });
  }
}

const usbModels: Readonly<Record<string, string>> = {
  'qemu-xhci': 'qemu-xhci',
  'nec-xhci': 'nec-usb-xhci',
  'piix3-uhci': 'piix3-usb-uhci',
  'piix4-uhci': 'piix4-usb-uhci',
  ehci: 'usb-ehci',
  'ich9-ehci1': 'ich9-usb-ehci1',
  'ich9-uhci1': 'ich9-usb-uhci1',
  'ich9-uhci2': 'ich9-usb-uhci2',
  'ich9-uhci3': 'ich9-usb-uhci3',
  'vt82c686b-uhci': 'vt82c686b-usb-uhci',
  'pci-ohci': 'pci-ohci',
};

function addOther(args: Arguments, domain: Domain, buses: Buses, i: number): void {
  const type = domain.get(controllerProps.type, i);
  const index = domain.get(controllerProps.index, i) ?? 0;
  const model = domain.get(controllerProps.model, i);
  const place = buses.place(controllerProps, i);
  switch (type) {
    case 'usb':
      addUsb(args, domain, buses, i);
      return;
    case 'virtio-serial':
      args.json('-device', {
        driver: buses.virtio('virtio-serial'),
        ...place,
        id: `virtio-serial${index}`,
        max_ports: domain.get(controllerProps.ports, i) ?? undefined,
      });
      return;
    case 'scsi': {
      const id = `scsi${index}`;
      const drivers: Readonly<Record<string, string>> = {
        lsilogic: 'lsi53c895a', lsisas1068: 'mptsas1068', lsisas1078: 'megasas', vmpvscsi: 'pvscsi',
        buslogic: 'am53c974', am53c974: 'am53c974', dc390: 'dc-390',
      }; // biome-ignore format: a table
      const other = model === null ? undefined : drivers[model];
      if (other) {
        args.json('-device', { driver: other, ...place, id });
        return;
      }
      const iothread = domain.get(controllerProps.iothread, i);
      args.json('-device', {
        driver: buses.virtio('virtio-scsi', model),
        ...place,
        id,
        iothread: iothread === null ? undefined : `iothread${iothread}`,
        num_queues: domain.get(controllerProps.queues, i) ?? queuesFor(domain),
      });
      return;
    }
    case 'sata':
      if (buses.q35 && index === 0) return; // part of the ICH9
      args.json('-device', { driver: 'ahci', ...place, id: `sata${index}` });
      return;
    case 'fdc':
      if (buses.q35) args.json('-device', { driver: 'isa-fdc', id: 'fdc0' });
      return;
    case 'ide': // part of the PIIX3
    case 'isa':
      return;
    default:
      args.note(`A controller of type ${type ?? 'unknown'} is left out.`);
  }
}

function addUsb(args: Arguments, domain: Domain, buses: Buses, i: number): void {
  const model = domain.get(controllerProps.model, i) ?? (buses.q35 ? 'qemu-xhci' : 'piix3-uhci');
  if (model === 'none') return;
  const driver = usbModels[model];
  if (!driver)
    throw new GuesthouseError('unsupported', `The USB controller ${model} cannot be run.`, {
      todo: 'Choose qemu-xhci.',
    });
  const index = domain.get(controllerProps.index, i) ?? 0;
  const id = index === 0 ? 'usb' : `usb${index}`;
  const start = domain.get(controllerProps.master, i);
  const companion = start === null ? { id } : { masterbus: `${id}.0`, firstport: start };
  // As many ports of either speed (libvirt, qemu_command.c).
  const ports = model.endsWith('xhci') ? (domain.get(controllerProps.ports, i) ?? undefined) : undefined;
  args.json('-device', { driver, ...buses.place(controllerProps, i), ...companion, p2: ports, p3: ports });
}
