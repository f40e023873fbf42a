import { GuesthouseError } from '../../../shared/errors.ts';
import type { HardwareChange } from '../../../shared/ipc/hardware.ts';
import type { DiskLimits, Hardware } from '../../../shared/model/hardware.ts';
import { type Domain, diskProps, interfaceProps } from '../domain/index.ts';
import { unplugVdagent } from '../guests/clipboard.ts';
import { type QemuRun, qemuArgv } from '../qemu/argv.ts';
import type { QmpClient } from '../qmp/client.ts';
import { hasController, isMicro, isQ35 } from './drives.ts';
import { hardwareOf } from './model.ts';
import {
  addNodes,
  deleteNodes,
  freeId,
  jsonArguments,
  type Made,
  peripherals,
  syncForwards,
  unplug,
} from './qemu-devices.ts';

/**
 * Why a change cannot be made while the guest runs; null when it can.
 * @param from what runs, complete; `to` the same with the change made
 */
export function whyNotLive(change: HardwareChange, from: Domain, to: Domain): string | null {
  switch (change.do) {
    case 'cpu': {
      const { count: _, ...rest } = hardwareOf(from).cpu;
      const { count: _count, ...wanted } = hardwareOf(to).cpu;
      return JSON.stringify(rest) === JSON.stringify(wanted)
        ? null
        : 'a running machine keeps its kind of processor, and the most it may have';
    }
    case 'memory': {
      const before = hardwareOf(from).memory;
      const after = hardwareOf(to).memory;
      if (before.max !== after.max || before.balloon !== after.balloon)
        return 'a running machine keeps the memory it started with';
      return before.balloon ? null : 'it has no balloon';
    }
    case 'add-disk': {
      const added = to.disks().find((disk) => from.disks().every((old) => old.target !== disk.target));
      return added ? whyNotPlug(from, to, added.bus, added.index) : null;
    }
    case 'remove-disk': {
      const disk = from.disks().find((each) => each.target === change.target);
      if (!disk) return null;
      if (hardwareOf(from).bootOrder[0] === disk.target) return 'the guest runs from this disk';
      return whyNotPlug(from, from, disk.bus, disk.index);
    }
    case 'edit-disk':
      return change.bus === undefined &&
        change.cache === undefined &&
        change.discard === undefined &&
        change.readonly === undefined
        ? null
        : 'how a disk is opened is settled when the guest starts';
    case 'add-nic': {
      if (change.type !== 'user') return 'only user networks can be added while it runs';
      const index = to.count('interface') - 1;
      return whyNotPci(to, to.get(interfaceProps.pciBus, index));
    }
    case 'remove-nic': {
      const nic = from.interfaces().find((each) => each.mac === change.mac);
      return nic ? whyNotPci(from, from.get(interfaceProps.pciBus, nic.index)) : null;
    }
    case 'edit-nic':
      return change.newMac === undefined &&
        change.type === undefined &&
        change.source === undefined &&
        change.model === undefined
        ? null
        : 'a running card keeps its model, address and network; remove it and add another';
    case 'add-usb':
    case 'remove-usb':
      return hasController(from, 'usb') ? null : 'it was started without a USB controller';
    case 'medium':
      return from.disks().some((disk) => disk.target === change.target) ? null : 'the drive is not there yet';
    case 'add-forward':
    case 'remove-forward':
      return from.interfaces().some((nic) => nic.type === 'user') ? null : 'it has no card on a user network';
    case 'grow-disk':
      return null;
    case 'kind':
      return 'a machine cannot become another while it runs';
    case 'clipboard':
      return hasController(from, 'virtio-serial')
        ? null
        : 'it was started without a virtio serial controller';
    case 'restrict':
    case 'display':
    case 'sound':
    case 'tpm':
    case 'rng':
    case 'watchdog':
    case 'add-folder':
    case 'remove-folder':
    case 'boot-order':
      return 'QEMU takes this up when the guest starts';
  }
}

function whyNotPlug(from: Domain, placed: Domain, bus: string, index: number): string | null {
  switch (bus) {
    case 'virtio':
      return whyNotPci(placed, placed.get(diskProps.pciBus, index));
    case 'scsi':
    case 'usb':
      return hasController(from, bus) ? null : `it was started without a ${bus.toUpperCase()} controller`;
    default:
      return `${bus.toUpperCase()} disks cannot be plugged in or out`;
  }
}

function whyNotPci(domain: Domain, bus: number | null): string | null {
  if (isMicro(domain)) return 'a microvm has no PCI bus to plug into';
  // On q35 the root bus itself takes nothing while the machine runs (QEMU, docs/pcie.txt, "Hot-plug").
  return isQ35(domain) && !bus ? 'no PCIe port is free, or the device stands in none' : null;
}

/** What is needed to change a running QEMU. */
export interface LiveGuest {
  readonly qmp: QmpClient;
  readonly run: QemuRun;
  readonly signal?: AbortSignal;
}

/**
 * Makes the running QEMU differ as the two domains do: disks, media, limits, cards, links, forwards, USB devices, balloon
 * and processors. Both are complete. What QEMU cannot change is not looked at: {@link whyNotLive}.
 * @throws {GuesthouseError} `timeout` when the system inside does not let a device go; QEMU's own refusals
 */
export async function applyLive(guest: LiveGuest, from: Domain, to: Domain): Promise<void> {
  const before = hardwareOf(from);
  const after = hardwareOf(to);
  await applyDisks(guest, before, after, to);
  const nics = await applyNics(guest, before, after, to);
  await applyUsb(guest, before, after, to);
  if (before.clipboard !== after.clipboard) {
    await unplugVdagent(guest.qmp);
    if (after.clipboard) await plugVdagent(guest, to);
  }
  if (nics || JSON.stringify(before.forwards) !== JSON.stringify(after.forwards))
    await syncForwards(guest.qmp, after.forwards);
  if (before.memory.current !== after.memory.current)
    await guest.qmp.execute('balloon', { value: after.memory.current * 2 ** 20 });
  if (before.cpu.count !== after.cpu.count) await setProcessors(guest, after.cpu.count);
}

async function applyDisks(guest: LiveGuest, before: Hardware, after: Hardware, to: Domain): Promise<void> {
  const { qmp } = guest;
  for (const disk of before.disks)
    if (after.disks.every((other) => other.target !== disk.target)) {
      await unplug(guest, `disk-${disk.target}`, `the disk ${disk.target}`);
      await deleteNodes(qmp, disk.target);
    }
  for (const disk of after.disks) {
    const old = before.disks.find((other) => other.target === disk.target);
    if (!old) await plugDisk(guest, to, disk.target);
    else if (old.file !== disk.file && disk.device === 'cdrom')
      await changeMedium(guest, to, disk.target, disk.file);
    else if (JSON.stringify(old.limits) !== JSON.stringify(disk.limits))
      await setLimits(qmp, disk.target, disk.bus, disk.limits);
  }
}

async function plugDisk(guest: LiveGuest, to: Domain, target: string): Promise<void> {
  const made = jsonArguments(qemuArgv(to, guest.run).argv);
  await addNodes(guest.qmp, made, target);
  const device = made.find(({ option, value }) => option === '-device' && value.id === `disk-${target}`);
  if (!device) throw new GuesthouseError('unsupported', `QEMU has no device for ${target}.`);
  try {
    await guest.qmp.execute('device_add', device.value);
  } catch (error) {
    await deleteNodes(guest.qmp, target);
    throw error;
  }
}

/** qapi, blockdev-open-tray and its kin: the drive by its device's id, the medium by a node of our own. */
async function changeMedium(
  guest: LiveGuest,
  to: Domain,
  target: string,
  file: string | null,
): Promise<void> {
  const { qmp } = guest;
  const id = `disk-${target}`;
  await qmp.execute('blockdev-open-tray', { id, force: true });
  await qmp.execute('blockdev-remove-medium', { id });
  await deleteNodes(qmp, target);
  if (file === null) return void (await qmp.execute('blockdev-close-tray', { id }));
  const made = jsonArguments(qemuArgv(to, guest.run).argv);
  try {
    await addNodes(qmp, made, target);
    await qmp.execute('blockdev-insert-medium', { id, 'node-name': topNode(made, target) });
  } finally {
    await qmp.execute('blockdev-close-tray', { id });
  }
}

function topNode(made: readonly Made[], target: string): string {
  const device = made.find(({ option, value }) => option === '-device' && value.id === `disk-${target}`);
  return String(device?.value.drive);
}

/** A disk started with limits has a throttle node of its own; others are limited at their device. */
async function setLimits(qmp: QmpClient, target: string, bus: string, limits: DiskLimits): Promise<void> {
  const groups = await qmp.execute<{ name: string }[]>('qom-list', { path: '/objects' });
  if (groups.some(({ name }) => name === `limits-${target}`)) {
    const value = {
      'bps-total': limits.totalBytes ?? 0,
      'bps-read': limits.readBytes ?? 0,
      'bps-write': limits.writeBytes ?? 0,
      'iops-total': limits.totalIops ?? 0,
      'iops-read': limits.readIops ?? 0,
      'iops-write': limits.writeIops ?? 0,
    };
    await qmp.execute('qom-set', { path: `/objects/limits-${target}`, property: 'limits', value });
    return;
  }
  await qmp.execute('block_set_io_throttle', {
    id: bus === 'virtio' ? `/machine/peripheral/disk-${target}/virtio-backend` : `disk-${target}`,
    bps: limits.totalBytes ?? 0,
    bps_rd: limits.readBytes ?? 0,
    bps_wr: limits.writeBytes ?? 0,
    iops: limits.totalIops ?? 0,
    iops_rd: limits.readIops ?? 0,
    iops_wr: limits.writeIops ?? 0,
  });
}

/** @returns whether a card came or went */
async function applyNics(guest: LiveGuest, before: Hardware, after: Hardware, to: Domain): Promise<boolean> {
  const { qmp } = guest;
  let moved = false;
  for (const nic of before.nics)
    if (nic.mac !== null && after.nics.every((other) => other.mac !== nic.mac)) {
      const id = await findNic(qmp, nic.mac);
      const netdev = await qmp.execute<string>('qom-get', {
        path: `/machine/peripheral/${id}`,
        property: 'netdev',
      });
      await unplug(guest, id, `the network card ${nic.mac}`);
      await qmp.execute('netdev_del', { id: netdev });
      moved = true;
    }
  for (const [index, nic] of after.nics.entries()) {
    const old = before.nics.find((other) => other.mac === nic.mac);
    if (!old) {
      await plugNic(guest, to, index);
      moved = true;
    } else if (old.linkUp !== nic.linkUp && nic.mac !== null)
      await qmp.execute('set_link', { name: await findNic(qmp, nic.mac), up: nic.linkUp });
  }
  return moved;
}

async function plugNic({ qmp, run }: LiveGuest, to: Domain, index: number): Promise<void> {
  const made = jsonArguments(qemuArgv(to, run).argv);
  const netdev = made.find(({ option, value }) => option === '-netdev' && value.id === `hostnet${index}`);
  const device = made.find(({ option, value }) => option === '-device' && value.id === `net${index}`);
  if (!netdev || !device) throw new GuesthouseError('unsupported', 'QEMU has no such network card.');
  // Cards are numbered when QEMU starts; one that came later has the next free number.
  const number = await freeId(qmp, 'net');
  const id = `hostnet${number}`;
  const { hostfwd: _, ...plain } = netdev.value;
  await qmp.execute('netdev_add', { ...plain, id });
  try {
    await qmp.execute('device_add', { ...device.value, id: `net${number}`, netdev: id });
  } catch (error) {
    await qmp.execute('netdev_del', { id }).catch(() => {});
    throw error;
  }
}

async function findNic(qmp: QmpClient, mac: string): Promise<string> {
  for (const id of await peripherals(qmp, 'net')) {
    const found = await qmp.execute<string>('qom-get', {
      path: `/machine/peripheral/${id}`,
      property: 'mac',
    });
    if (found.toLowerCase() === mac) return id;
  }
  throw new GuesthouseError('not-found', `The running guest has no network card ${mac}.`);
}

async function applyUsb(guest: LiveGuest, before: Hardware, after: Hardware, to: Domain): Promise<void> {
  const { qmp } = guest;
  const same = (a: Hardware['usb'][number]) => (b: Hardware['usb'][number]) =>
    a.vendor === b.vendor && a.product === b.product;
  for (const usb of before.usb)
    if (!after.usb.some(same(usb)))
      for (const id of await peripherals(qmp, 'hostdev')) {
        const ask = (property: string) =>
          qmp.execute<number>('qom-get', { path: `/machine/peripheral/${id}`, property });
        if ((await ask('vendorid')) === usb.vendor && (await ask('productid')) === usb.product)
          await unplug(guest, id, 'the USB device');
      }
  for (const [index, usb] of after.usb.entries())
    if (!before.usb.some(same(usb))) {
      const made = jsonArguments(qemuArgv(to, guest.run).argv);
      const device = made.find(({ option, value }) => option === '-device' && value.id === `hostdev${index}`);
      if (device)
        await qmp.execute('device_add', { ...device.value, id: `hostdev${await freeId(qmp, 'hostdev')}` });
    }
}

/** The back end by its QMP name, with the settings its command line would have. */
async function plugVdagent({ qmp, run }: LiveGuest, to: Domain): Promise<void> {
  const device = jsonArguments(qemuArgv(to, run).argv).find(({ value }) =>
    /^port-vdagent\d+$/.test(String(value.id)),
  );
  if (!device) throw new GuesthouseError('unsupported', 'QEMU has no such channel.');
  const id = String(device.value.chardev);
  const data = { clipboard: true, mouse: false };
  await qmp.execute('chardev-add', { id, backend: { type: 'qemu-vdagent', data } });
  try {
    await qmp.execute('device_add', device.value);
  } catch (error) {
    await qmp.execute('chardev-remove', { id }).catch(() => {});
    throw error;
  }
}

interface HotCpu {
  readonly type: string;
  readonly props: Readonly<Record<string, unknown>>;
  readonly 'qom-path'?: string;
}

/** qapi, query-hotpluggable-cpus: those with a path are there; those we plugged have an id and can go again. */
async function setProcessors(guest: LiveGuest, count: number): Promise<void> {
  const { qmp } = guest;
  const all = await qmp.execute<HotCpu[]>('query-hotpluggable-cpus');
  const present = all.filter((cpu) => cpu['qom-path'] !== undefined);
  const free = all.filter((cpu) => cpu['qom-path'] === undefined).reverse();
  for (let n = present.length; n < count; n++) {
    const next = free.shift();
    if (!next) throw new GuesthouseError('unsupported', 'The machine has no more places for processors.');
    await qmp.execute('device_add', {
      driver: next.type,
      id: `cpu${await freeId(qmp, 'cpu')}`,
      ...next.props,
    });
  }
  const ours = present.flatMap(
    (cpu) => /^\/machine\/peripheral\/(cpu\d+)$/.exec(cpu['qom-path']!)?.[1] ?? [],
  );
  for (let n = present.length; n > count; n--) {
    const id = ours.shift();
    if (!id)
      throw new GuesthouseError('unsupported', 'The processors a machine started with cannot be taken out.', {
        todo: 'Change it for the next start.',
      });
    await unplug(guest, id, 'a processor');
  }
}
