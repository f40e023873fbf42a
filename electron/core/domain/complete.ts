import type { Domain } from './domain.ts';
import {
  channelProps,
  consoleProps,
  controllerProps,
  diskProps,
  filesystemProps,
  hostdevProps,
  inputProps,
  interfaceProps,
  memballoonProps,
  rngProps,
  serialProps,
  soundProps,
  videoProps,
  watchdogProps,
} from './properties/devices.ts';
import { domainProps } from './properties/domain.ts';
import type { ListName } from './properties/lists.ts';
import { int, type Property } from './properties/types.ts';
import { canRun, runnable } from './supported.ts';
import { isMicrovm } from './views.ts';
import { el } from './xml/edit.ts';
import { attributeOf, childElements } from './xml/parse.ts';

/** The address property every PCI device's list declares. */
interface AddressProps {
  readonly addressType: Property<string>;
}

/** A device that takes a place on a PCI bus (or, on microvm, a virtio-mmio slot). */
interface Place {
  readonly list: ListName;
  readonly index: number;
  readonly props: AddressProps;
  /** May stand in a PCIe root port, and so be unplugged later. */
  readonly express: boolean;
  readonly virtio: boolean;
  /** Where libvirt would put it, if that is free. */
  readonly wish?: { readonly slot: number; readonly fn: number };
}

/**
 * The domain with what libvirt fills in at definition: controllers that devices stand on, and an address for every
 * PCI device and channel that has none, so that adding or removing one moves no other. Addresses that are there are honoured.
 * A domain that has everything is returned as it is, and so is one of another architecture or hypervisor: its devices
 * stand on buses (ccw, spapr-vio, xenbus) that are not laid out as a PC's.
 */
export function completeDomain(domain: Domain): Domain {
  const pc =
    canRun(runnable.domainTypes, domain.get(domainProps.type)) &&
    (domain.get(domainProps.osType)?.trim() ?? 'hvm') === 'hvm' &&
    canRun(runnable.arches, domain.get(domainProps.arch)?.trim() ?? 'x86_64');
  if (!pc) return domain;
  return withAddresses(withPorts(withControllers(domain)));
}

function machineOf(domain: Domain) {
  const machine = domain.get(domainProps.machine) ?? 'pc';
  return { micro: isMicrovm(machine), q35: /q35|^virt(-|$)/.test(machine) };
}

function withControllers(domain: Domain): Domain {
  const { micro, q35 } = machineOf(domain);
  const has = (type: string) =>
    domain.items('controller').some((_, i) => domain.get(controllerProps.type, i) === type);
  const some = <T>(list: ListName, property: Property<T>, value: T) =>
    domain.items(list).some((_, i) => domain.get(property, i) === value);
  const bus = (name: string) => domain.disks().some((disk) => disk.bus === name);
  let made = domain;
  const add = (needed: boolean, type: string, model: string | null) => {
    if (needed && !has(type)) made = made.add('controller', el('controller', { type, index: 0, model }));
  };
  const usb = bus('usb') || some('input', inputProps.bus, 'usb') || some('hostdev', hostdevProps.type, 'usb');
  add(usb && !micro, 'usb', q35 ? 'qemu-xhci' : 'piix3-uhci');
  add(bus('scsi'), 'scsi', 'virtio-scsi');
  add(bus('sata') && !micro, 'sata', null);
  add(bus('fdc') && !micro, 'fdc', null);
  add(
    some('channel', channelProps.targetType, 'virtio') || some('console', consoleProps.targetType, 'virtio'),
    'virtio-serial',
    null,
  );
  return made;
}

/** Ports of a virtio-serial controller; 0 is a virtio console's (QEMU, hw/char/virtio-serial-bus.c). */
const serialPorts = 31;

/**
 * A port for every channel without an address. QEMU would give it the first free one when it comes to it, and then not
 * start where a later channel names that one.
 */
function withPorts(domain: Domain): Domain {
  const named = new Set<number | null>();
  const unplaced: { list: 'channel'; index: number }[] = [];
  domain.items('channel').forEach((_, index) => {
    if (domain.has(channelProps.addressType, index)) {
      if ((domain.get(channelProps.controller, index) ?? 0) === 0)
        named.add(domain.get(channelProps.port, index));
    } else if (domain.get(channelProps.targetType, index) === 'virtio')
      unplaced.push({ list: 'channel', index });
  });
  const free: number[] = [];
  for (let port = 1; port < serialPorts; port++) if (!named.has(port)) free.push(port);
  // More than there are ports: QEMU says so in its own words.
  return domain.fillIn(unplaced.slice(0, free.length), (at) =>
    el('address', { type: 'virtio-serial', controller: 0, bus: 0, port: free[at]! }),
  );
}

/** Every device that needs a place, in the order places are given out. */
function places(domain: Domain, q35: boolean): Place[] {
  const found: Place[] = [];
  const virtioModel = (model: string | null) => model === null || model.startsWith('virtio');
  const each = (
    list: ListName,
    props: AddressProps,
    test: (i: number) => Omit<Place, 'list' | 'index' | 'props'> | null,
  ) => {
    for (let index = 0; index < domain.count(list); index++) {
      const kind = test(index);
      if (kind) found.push({ list, index, props, ...kind });
    }
  };
  const virtio = { express: true, virtio: true };
  const legacy = { express: false, virtio: false };
  each('video', videoProps, (i) => {
    const model = domain.get(videoProps.model, i) ?? 'vga';
    if (model === 'none' || model === 'ramfb') return null;
    return { ...legacy, wish: i === 0 ? { slot: q35 ? 1 : 2, fn: 0 } : undefined };
  });
  each('controller', controllerProps, (i) => {
    const type = domain.get(controllerProps.type, i);
    const model = domain.get(controllerProps.model, i);
    const index = domain.get(controllerProps.index, i) ?? 0;
    if (type === 'pci') return model === null || model.endsWith('-root') ? null : legacy;
    if (type === 'usb') return usbPlace(model ?? (q35 ? 'qemu-xhci' : 'piix3-uhci'));
    if (type === 'sata') return index === 0 && q35 ? { ...legacy, wish: { slot: 0x1f, fn: 2 } } : legacy;
    if (type === 'scsi') return virtioModel(model) ? virtio : legacy;
    return type === 'virtio-serial' ? virtio : null;
  });
  each('interface', interfaceProps, (i) => {
    const model = domain.get(interfaceProps.model, i);
    if (model?.startsWith('virtio')) return virtio;
    return { express: model === 'e1000e', virtio: false };
  });
  const disks = domain.disks();
  each('disk', diskProps, (i) => (disks[i]!.bus === 'virtio' && disks[i]!.file !== null ? virtio : null));
  each('filesystem', filesystemProps, () => virtio);
  each('input', inputProps, (i) => (domain.get(inputProps.bus, i) === 'virtio' ? virtio : null));
  each('sound', soundProps, (i) =>
    domain.get(soundProps.model, i) === 'usb'
      ? null
      : {
          ...legacy,
          wish: domain.get(soundProps.model, i) === 'ich9' && q35 ? { slot: 0x1b, fn: 0 } : undefined,
        },
  );
  each('serial', serialProps, (i) =>
    domain.get(serialProps.targetType, i) === 'pci-serial' ? legacy : null,
  );
  each('watchdog', watchdogProps, (i) => (domain.get(watchdogProps.model, i) === 'i6300esb' ? legacy : null));
  each('memballoon', memballoonProps, (i) =>
    virtioModel(domain.get(memballoonProps.model, i)) ? virtio : null,
  );
  each('rng', rngProps, () => virtio);
  return found;
}

function usbPlace(model: string): Omit<Place, 'list' | 'index' | 'props'> | null {
  if (model === 'none') return null;
  const companions: Readonly<Record<string, number>> = {
    'ich9-ehci1': 7,
    'ich9-uhci1': 0,
    'ich9-uhci2': 1,
    'ich9-uhci3': 2,
  };
  const fn = companions[model];
  if (fn !== undefined) return { express: false, virtio: false, wish: { slot: 0x1d, fn } };
  if (model === 'piix3-uhci') return { express: false, virtio: false, wish: { slot: 1, fn: 2 } };
  return { express: model.endsWith('xhci'), virtio: false };
}

function withAddresses(domain: Domain): Domain {
  const { micro, q35 } = machineOf(domain);
  // An address of whatever kind, known here or not, is one.
  const unplaced = places(domain, q35).filter(({ props, index }) => !domain.has(props.addressType, index));
  if (micro)
    return domain.fillIn(
      unplaced.filter((place) => place.virtio),
      () => el('address', { type: 'virtio-mmio' }),
    );
  if (unplaced.length === 0) return domain;
  const used = usedAddresses(domain);
  // The chip set's own: host bridge; ICH9's LPC, SATA and SMBus, or PIIX3's ISA, IDE, USB and power management.
  for (const own of q35 ? ['0:0:0', '0:31:0', '0:31:3'] : ['0:0:0', '0:1:0', '0:1:1', '0:1:3']) used.add(own);
  const prefixes = (length: number) =>
    new Set([...used].map((key) => key.split(':').slice(0, length).join(':')));
  const buses = prefixes(1);
  const ports = rootPortsOf(domain).filter((port) => !buses.has(String(port)));
  // What a device yet to be placed wishes is not given to another.
  const wished = new Set(unplaced.flatMap(({ wish }) => (wish ? [wish.slot] : [])));
  const slots = prefixes(2);
  const free: number[] = [];
  for (let slot = q35 ? 2 : 3; slot < 31; slot++)
    if (!slots.has(`0:${slot}`) && !wished.has(slot)) free.push(slot);
  const chosen = unplaced.flatMap((place) => {
    const { wish } = place;
    let address: { bus: number; slot: number; fn: number } | null = null;
    if (wish && !used.has(`0:${wish.slot}:${wish.fn}`)) address = { bus: 0, ...wish };
    else if (q35 && place.express && ports.length > 0) address = { bus: ports.shift()!, slot: 0, fn: 0 };
    else if (free.length > 0) address = { bus: 0, slot: free.shift()!, fn: 0 };
    if (!address) return []; // the bus is full: QEMU says so in its own words
    used.add(`${address.bus}:${address.slot}:${address.fn}`);
    return [{ ...place, address }];
  });
  const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}`;
  return domain.fillIn(chosen, (at) => {
    const { bus, slot, fn } = chosen[at]!.address;
    return el('address', {
      type: 'pci',
      domain: '0x0000',
      bus: hex(bus, 2),
      slot: hex(slot, 2),
      function: hex(fn, 1),
    });
  });
}

/** `bus:slot:function` of every PCI address in the domain, also of devices that are not run here. */
function usedAddresses(domain: Domain): Set<string> {
  const used = new Set<string>();
  for (const device of childElements(domain.root, 'devices').flatMap((devices) => childElements(devices)))
    for (const address of childElements(device, 'address')) {
      if (attributeOf(address, 'type')?.value !== 'pci') continue;
      const part = (name: string) => int.read(attributeOf(address, name)?.value ?? '') ?? 0;
      used.add(`${part('bus')}:${part('slot')}:${part('function')}`);
    }
  return used;
}

/** Indexes of the domain's PCIe root ports: the buses a device can be plugged into. */
function rootPortsOf(domain: Domain): number[] {
  return domain
    .items('controller')
    .flatMap((_, i) =>
      domain.get(controllerProps.model, i) === 'pcie-root-port'
        ? [domain.get(controllerProps.index, i) ?? 0]
        : [],
    )
    .filter((index) => index > 0)
    .sort((a, b) => a - b);
}
