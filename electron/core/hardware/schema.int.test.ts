import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hardwareChange } from '../../../shared/ipc/hardware.ts';
import { completeDomain, type Domain, newDomain } from '../domain/index.ts';
import { newSpecs } from '../domain/testing.ts';
import { addDisk } from './drives.ts';
import { editHardware, type PlainChange } from './edits.ts';
import { toKind } from './kinds.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-kinds-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** libvirt's own schema about a domain (virt-xml-validate(1)). */
function validate({ text }: Domain): string {
  const file = path.join(dir, 'domain.xml');
  writeFileSync(file, text);
  const { status, stdout, stderr, error } = spawnSync('virt-xml-validate', [file, 'domain'], {
    encoding: 'utf8',
  });
  if (error) throw error;
  return status === 0 ? 'valid' : `${stdout}${stderr}`;
}

const direct = { kernel: '/g/boot/vmlinuz', initrd: '/g/boot/initrd', cmdline: 'root=UUID=1 console=ttyS0' };

it.each(['new-hybrid', 'new-uefi', 'new-full-q35', 'new-full-pc', 'new-paravirtual'])(
  'libvirt’s schema takes %s as each kind, there and back',
  (name) => {
    const domain = newDomain(newSpecs[name]!);
    for (const kind of ['full', 'hybrid', 'paravirtual'] as const) {
      const made = toKind(domain, kind, direct);
      expect([kind, validate(made)]).toEqual([kind, 'valid']);
      for (const back of ['full', 'hybrid', 'paravirtual'] as const)
        expect([kind, back, validate(toKind(made, back, direct))]).toEqual([kind, back, 'valid']);
    }
  },
);

it('libvirt’s schema takes a domain with everything added', () => {
  const changes = [
    {
      do: 'cpu',
      count: 2,
      max: 8,
      topology: { sockets: 2, cores: 2, threads: 2 },
      mode: 'model',
      model: 'Skylake-Client',
    },
    { do: 'memory', max: 4096, current: 2048 },
    {
      do: 'edit-disk',
      target: 'vda',
      cache: 'none',
      limits: { readBytes: 1000, writeBytes: 2000, totalIops: 30 },
    },
    { do: 'add-nic', type: 'bridge', source: 'br0', model: 'e1000e' },
    { do: 'edit-nic', mac: '52:54:00:00:01:01', linkUp: false },
    { do: 'restrict', on: true },
    { do: 'add-forward', hostPort: 9000, guestPort: 90 },
    { do: 'sound', model: 'ich9' },
    { do: 'tpm', model: 'tpm-crb' },
    { do: 'watchdog', model: 'i6300esb', action: 'poweroff' },
    { do: 'add-usb', vendor: 0x46d, product: 0xc52b },
    { do: 'add-folder', path: '/srv', tag: 'srv' },
    { do: 'boot-order', order: ['sda', 'vda', '52:54:00:00:01:01'] },
  ];
  const context = { targets: new Set<string>(), mac: '52:54:00:00:09:09' };
  const made = changes.reduce<Domain>(
    (domain, change) => editHardware(domain, hardwareChange.parse(change) as PlainChange, context),
    completeDomain(newDomain(newSpecs['new-hybrid']!)),
  );
  const added = { device: 'disk', file: '/x/y.qcow2', format: 'qcow2', cache: null } as const;
  const more = addDisk(addDisk(made, { ...added, target: 'vdb', bus: 'virtio' }), {
    ...added,
    target: 'sdb',
    bus: 'scsi',
  });
  expect(validate(completeDomain(more))).toBe('valid');
});
