import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { HostUsbDevice } from '../../../shared/model/hardware.ts';
import { usbId } from './differences.ts';

const sys = '/sys/bus/usb/devices';

/** USB device class of hubs (usb.org, Defined Class Codes): they are not given away. */
const hub = '09';

/** What is plugged into this computer, hubs aside, by sysfs (kernel, ABI/testing/sysfs-bus-usb). */
export async function hostUsbDevices(root = sys): Promise<HostUsbDevice[]> {
  const names = await fs.readdir(root).catch(() => []);
  const found = await Promise.all(
    names.filter((name) => !name.includes(':')).map((name) => read(path.join(root, name))),
  );
  return found.filter((device) => device !== null).sort((a, b) => a.name.localeCompare(b.name));
}

async function read(dir: string): Promise<HostUsbDevice | null> {
  const text = async (name: string) =>
    (await fs.readFile(path.join(dir, name), 'utf8').catch(() => '')).trim();
  const [vendor, product, cls, maker, label, bus, number] = await Promise.all(
    ['idVendor', 'idProduct', 'bDeviceClass', 'manufacturer', 'product', 'busnum', 'devnum'].map(text),
  );
  if (!vendor || !product || cls === hub) return null;
  const ids = { vendor: Number.parseInt(vendor, 16), product: Number.parseInt(product, 16) };
  const node = `/dev/bus/usb/${bus!.padStart(3, '0')}/${number!.padStart(3, '0')}`;
  const usable = await fs.access(node, fs.constants.R_OK | fs.constants.W_OK).then(
    () => true,
    () => false,
  );
  // What a device says of itself is shown, never trusted: no control characters.
  const name = [maker, label]
    .filter(Boolean)
    .join(' ')
    .replace(/[^\x20-\x7e\u00a0-\uffff]/g, '')
    .slice(0, 80);
  return { ...ids, name: name || usbId(ids.vendor, ids.product), usable };
}
