import { bootProps, completeDomain, type Domain, domainProps, hostdevProps } from '../domain/index.ts';
import { Buses } from './argv/address.ts';
import { addControllers } from './argv/controllers.ts';
import { addCharacterDevices, addOthers, addScreen } from './argv/devices.ts';
import { addDisks, type BootIndex } from './argv/disks.ts';
import { addBoot, addMachine } from './argv/machine.ts';
import { addInterfaces } from './argv/network.ts';
import { Arguments, comma, type QemuRun, socketChardev } from './argv/run.ts';

export { diskNodes } from './argv/disks.ts';
export type { QemuRun, RunPaths } from './argv/run.ts';

export interface QemuArgv {
  /** Arguments, without the program: `<emulator>` in the XML is never run. */
  readonly argv: string[];
  /** What differs from the XML's wish, for people. */
  readonly notes: string[];
}

/**
 * QEMU's command line for a domain (qemu-system(1), QEMU 7.2 and later). Pure: no file is looked at.
 *
 * Ids: disks `disk-<target>` over the block nodes of {@link diskNodes}, cards `net<n>` over `hostnet<n>`, serial
 * console chardev `serial0`, `balloon0`, root ports `pci.<index>`.
 * @throws {GuesthouseError} `unsupported` or `xml-invalid` for what cannot be run, naming what to change
 */
export function qemuArgv(wanted: Domain, run: QemuRun): QemuArgv {
  const domain = completeDomain(wanted);
  const args = new Arguments();
  const buses = new Buses(domain, domain.get(domainProps.machine) ?? 'pc');
  args.add('-name', `guest=${comma(domain.name)},debug-threads=on`);
  args.add('-no-user-config', '-nodefaults');
  addMachine(args, domain, run, buses);
  addBoot(args, domain, run, buses);
  addMonitors(args, run);
  addControllers(args, domain, buses);
  const boot = bootIndexes(domain);
  addDisks(args, domain, run, buses, boot);
  addInterfaces(args, domain, run, buses, boot);
  addCharacterDevices(args, domain, run, buses);
  addScreen(args, domain, run, buses);
  addOthers(args, domain, run, buses, boot);
  if (domain.get(domainProps.onReboot) === 'destroy') args.add('-no-reboot');
  args.add('-sandbox', sandbox(args.spawns));
  args.add('-pidfile', run.pidfile);
  if (run.incoming !== undefined) args.add('-incoming', run.incoming);
  if (run.paused) args.add('-S');
  return { argv: args.argv, notes: args.notes };
}

function addMonitors(args: Arguments, run: QemuRun): void {
  [run.qmp, ...(run.qmpMore ?? [])].forEach((path, i) => {
    args.add('-chardev', socketChardev(`qmp${i}`, path));
    args.add('-mon', `chardev=qmp${i},mode=control`);
  });
}

/** All denials; a helper that is setuid needs two of them lifted, or QEMU is killed (SIGSYS). */
function sandbox(spawns: boolean): string {
  const [elevate, spawn] = spawns ? ['allow', 'allow'] : ['deny', 'deny'];
  return `on,obsolete=deny,elevateprivileges=${elevate},spawn=${spawn},resourcecontrol=deny`;
}

/**
 * QEMU's bootindex. `<boot order>` on devices counts; without any, `<os><boot dev>` picks the first disk, drive
 * or card of each kind in turn (formatdomain, "BIOS bootloader").
 */
function bootIndexes(domain: Domain): BootIndex {
  const disks = domain.disks();
  const nics = domain.interfaces();
  const own = (order: number | null) => (order === null || order < 1 ? undefined : order);
  const orders = {
    disk: disks.map((disk) => disk.bootOrder),
    interface: nics.map((nic) => nic.bootOrder),
    hostdev: domain.items('hostdev').map((_, i) => domain.get(hostdevProps.bootOrder, i)),
  };
  if (Object.values(orders).some((all) => all.some((order) => own(order) !== undefined)))
    return (kind, index) => own(orders[kind][index] ?? null);
  const found = new Map<string, number>();
  let next = 1;
  const devs = domain.items('boot').map((_, i) => domain.get(bootProps.dev, i));
  for (const dev of devs.length > 0 ? devs : ['hd' as const]) {
    if (dev === 'network') for (const nic of nics.slice(0, 1)) found.set(`interface${nic.index}`, next++);
    const device = dev === 'hd' ? 'disk' : dev === 'cdrom' ? 'cdrom' : dev === 'fd' ? 'floppy' : null;
    for (const disk of disks)
      if (disk.device === device && !found.has(`disk${disk.index}`)) {
        found.set(`disk${disk.index}`, next++);
        if (device === 'disk') break;
      }
  }
  return (kind, index) => found.get(`${kind}${index}`);
}
