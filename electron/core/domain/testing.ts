import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { type NewGuestSpec, newDomain } from './new.ts';

/** Folder of this layer's golden files, from the checkout's root, where the tests run. */
export const goldenDir = path.resolve('electron/core/domain/golden');

/** Small domains after libvirt's documentation, a chapter or an element each: all it says of QEMU, and some others. */
export const elementDocuments = (): { name: string; text: string }[] =>
  xmlIn(path.join(goldenDir, 'elements'));

/** Domains as other programs, hypervisors and people write them: a whole one each. */
export const foreignDocuments = (): { name: string; text: string }[] =>
  xmlIn(path.join(goldenDir, 'foreign'));

function xmlIn(dir: string): { name: string; text: string }[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.xml'))
    .map((name) => ({ name: name.slice(0, -4), text: readFileSync(path.join(dir, name), 'utf8') }));
}

/** The domains every test of this layer runs over: name and text. */
export const corpus = (): { name: string; text: string }[] => xmlIn(goldenDir);

const uuid = (n: number) => `6a0e1f00-0000-4000-8000-${String(n).padStart(12, '0')}`;
const mac = (n: number) => `52:54:00:00:01:${n.toString(16).padStart(2, '0')}`;

/** Specifications of new guests of every kind, with fixed identities. */
export const newSpecs: Readonly<Record<string, NewGuestSpec>> = {
  'new-hybrid': {
    name: 'web-01',
    kind: 'hybrid',
    machine: 'pc-q35-7.2',
    memoryMiB: 1024,
    vcpus: 2,
    uuid: uuid(1),
    genid: uuid(101),
    title: 'Web server <1>',
    disks: [
      {
        file: '/lib/guests/web-01/root.qcow2',
        format: 'qcow2',
        backing: [{ file: '/lib/templates/base/root.qcow2', format: 'qcow2' }],
      },
      { file: null, format: 'raw', device: 'cdrom' },
    ],
    interfaces: [{ mac: mac(1) }],
    kernel: {
      kernel: '/lib/guests/web-01/boot/vmlinuz',
      initrd: '/lib/guests/web-01/boot/initrd.img',
      cmdline: 'root=LABEL=root console=ttyS0',
    },
    bootFromDisk: 'vda',
    serialLog: '/lib/guests/web-01/logs/serial.log',
    origin: { uuid: uuid(11), name: 'base', linked: true },
    starter: 'debian-12',
    sshUser: 'debian',
    sshHostPort: 2222,
    forwards: [{ proto: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, guestPort: 80 }],
    tags: ['web'],
    notes: 'one\ntwo',
  },
  'new-uefi': {
    name: 'uefi',
    kind: 'hybrid',
    machine: 'pc-q35-7.2',
    memoryMiB: 2048,
    vcpus: 2,
    uuid: uuid(2),
    genid: uuid(102),
    firmware: {
      code: '/usr/share/OVMF/OVMF_CODE_4M.ms.fd',
      secure: true,
      nvram: '/lib/guests/uefi/nvram.qcow2',
      nvramTemplate: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
    },
    disks: [{ file: '/lib/guests/uefi/root.qcow2', format: 'qcow2', backing: [] }],
    interfaces: [{ mac: mac(2) }, { type: 'bridge', source: 'br0', mac: mac(3) }],
    restrict: true,
    vncSocket: '/run/vnc.sock',
  },
  'new-full-q35': {
    name: 'full',
    kind: 'full',
    machine: 'pc-q35-7.2',
    memoryMiB: 1024,
    vcpus: 1,
    uuid: uuid(3),
    genid: uuid(103),
    disks: [
      { file: '/lib/guests/full/root.qcow2', format: 'qcow2' },
      { file: '/lib/install.iso', format: 'raw', device: 'cdrom', bootOrder: 2 },
    ],
    interfaces: [{ mac: mac(4) }],
    autostart: true,
  },
  'new-full-pc': {
    name: 'full-pc',
    kind: 'full',
    machine: 'pc-i440fx-7.2',
    memoryMiB: 512,
    vcpus: 1,
    uuid: uuid(4),
    genid: uuid(104),
    type: 'qemu',
    disks: [
      { file: '/lib/guests/full-pc/a.qcow2', format: 'qcow2' },
      { file: '/lib/guests/full-pc/b.img', format: 'raw', serial: 'B' },
      { file: null, format: 'raw', device: 'cdrom' },
    ],
    interfaces: [{ mac: mac(5) }],
  },
  'new-paravirtual': {
    name: 'micro',
    kind: 'paravirtual',
    machine: 'microvm',
    memoryMiB: 256,
    vcpus: 2,
    uuid: uuid(5),
    disks: [{ file: '/lib/guests/micro/root.qcow2', format: 'qcow2', backing: [] }],
    interfaces: [{ mac: mac(6) }],
    kernel: {
      kernel: '/lib/guests/micro/vmlinuz',
      initrd: '/lib/guests/micro/initrd.img',
      cmdline: 'root=/dev/vda console=ttyS0',
    },
    serialLog: '/lib/guests/micro/serial.log',
  },
};

/** The corpus and the new guests. */
export function everyDomain(): { name: string; text: string }[] {
  const made = Object.entries(newSpecs).map(([name, spec]) => ({ name, text: newDomain(spec).text }));
  return [...corpus().filter(({ name }) => !name.startsWith('new-')), ...made];
}
