import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { ddRate } from './measure.ts';
import { forwardsIn } from './qemu-devices.ts';
import { hostUsbDevices } from './usb.ts';

it('reads the forwards QEMU lists, by network in the order of their numbers', () => {
  const text = `Hub -1 (hostnet10):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  31       127.0.0.1  8080       10.0.2.15    80     0     0
Hub -1 (hostnet2):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[ESTABLISHED]   33       10.0.2.15    22       127.0.0.1 40000     0     0
  UDP[HOST_FORWARD]  32       127.0.0.1  5353       10.0.2.15    53     0     0
`;
  expect([...forwardsIn(text)]).toEqual([
    ['hostnet2', [{ proto: 'udp', hostPort: 5353, guestPort: 53 }]],
    ['hostnet10', [{ proto: 'tcp', hostPort: 8080, guestPort: 80 }]],
  ]);
});

it('reads dd’s last line, and nothing else', () => {
  expect(ddRate('134217728 bytes (134 MB, 128 MiB) copied, 0.5 s, 268 MB/s')).toBe(268435456);
  expect(ddRate('8 bytes copied, 4.0e-06 s, 2.0 MB/s')).toBe(2_000_000);
  expect(ddRate('dd: failed to open: Permission denied')).toBeNull();
  expect(ddRate('1 bytes copied, 0 s, Infinity B/s')).toBeNull();
});

it('lists what is plugged in, without hubs and interfaces, by its own plain name', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'gh-usb-'));
  const device = (name: string, files: Record<string, string>) => {
    mkdirSync(path.join(root, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(root, name, file), `${text}\n`);
  };
  const place = { busnum: '1', devnum: '250' };
  device('usb1', { ...place, idVendor: '1d6b', idProduct: '0002', bDeviceClass: '09', product: 'xHCI Host' });
  device('1-1', {
    ...place,
    idVendor: '046d',
    idProduct: 'c52b',
    bDeviceClass: '00',
    product: 'Rece\x1b[31miver',
  });
  device('1-2', { ...place, idVendor: '0781', idProduct: '5581', bDeviceClass: '00' });
  device('1-1:1.0', { bInterfaceClass: '03' });
  try {
    expect(await hostUsbDevices(root)).toEqual([
      { vendor: 0x781, product: 0x5581, name: '0781:5581', usable: false },
      { vendor: 0x46d, product: 0xc52b, name: 'Rece[31miver', usable: false },
    ]);
    expect(await hostUsbDevices(path.join(root, 'nowhere'))).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
