import { describe, expect, it } from 'vitest';
import { hardwareChange } from '../../../shared/ipc/hardware.ts';
import { completeDomain, Domain, newDomain } from '../domain/index.ts';
import { everyDomain, newSpecs } from '../domain/testing.ts';
import { qemuArgv } from '../qemu/argv.ts';
import { differences } from './differences.ts';
import { addDisk, freeTarget, usualBus } from './drives.ts';
import { editHardware, type PlainChange } from './edits.ts';
import { whyNotLive } from './live.ts';
import { hardwareOf } from './model.ts';
import { jsonArguments } from './qemu-devices.ts';
import { revertPart } from './revert.ts';

const hybrid = newDomain(newSpecs['new-hybrid']!);
const context = { targets: new Set<string>(), mac: '52:54:00:00:09:09' };
const edit = (domain: Domain, change: unknown) => {
  const parsed = hardwareChange.parse(change) as PlainChange;
  return completeDomain(editHardware(completeDomain(domain), parsed, context));
};
const told = (from: Domain, to: Domain) =>
  differences(hardwareOf(from), hardwareOf(to)).map(({ part, from: a, to: b }) => [part, a, b]);

const changes: readonly unknown[] = [
  { do: 'cpu', count: 3 },
  { do: 'cpu', count: 1, max: 4, topology: { sockets: 1, cores: 2, threads: 2 } },
  { do: 'cpu', mode: 'model', model: 'Skylake-Client' },
  { do: 'cpu', mode: 'default' },
  { do: 'memory', max: 2048 },
  { do: 'memory', current: 512 },
  { do: 'memory', balloon: false },
  { do: 'edit-disk', target: 'vda', cache: 'none', discard: false, limits: { totalBytes: 1000 } },
  { do: 'edit-disk', target: 'vda', bus: 'sata' },
  { do: 'remove-disk', target: 'sda' },
  { do: 'medium', target: 'sda', file: '/tmp/a.iso' },
  { do: 'add-nic' },
  { do: 'add-nic', type: 'bridge', source: 'br0', model: 'e1000e' },
  { do: 'edit-nic', mac: '52:54:00:00:01:01', model: 'e1000e', linkUp: false },
  { do: 'edit-nic', mac: '52:54:00:00:01:01', newMac: '52:54:00:00:01:77', type: 'network', source: 'lan' },
  { do: 'remove-nic', mac: '52:54:00:00:01:01' },
  { do: 'add-forward', hostPort: 9000, guestPort: 90 },
  { do: 'remove-forward', hostPort: 8080 },
  { do: 'remove-forward', hostPort: 2222 },
  { do: 'display', video: 'vga' },
  { do: 'display', screen: false },
  { do: 'clipboard', on: true },
  { do: 'sound', model: 'ich9' },
  { do: 'tpm', model: 'tpm-crb' },
  { do: 'rng', on: false },
  { do: 'watchdog', model: 'i6300esb', action: 'poweroff' },
  { do: 'add-usb', vendor: 0x46d, product: 0xc52b },
  { do: 'add-folder', path: '/srv', tag: 'srv' },
  { do: 'boot-order', order: ['sda', '52:54:00:00:01:01'] },
];

describe('a change of a guest’s hardware', () => {
  it.each(changes)('%j is told, can be taken back, and QEMU has arguments for it', (change) => {
    const after = edit(hybrid, change);
    expect(told(hybrid, after).length).toBeGreaterThan(0);
    let back = after;
    for (const [part] of told(hybrid, after)) back = revertPart(back, hybrid, part as string);
    expect(told(hybrid, back)).toEqual([]);
    const argv = () =>
      qemuArgv(after, {
        accelerator: 'tcg',
        qmp: '/r/q',
        serial: '/r/s',
        serialLog: '/r/l',
        agent: '/r/a',
        vnc: '/r/v',
        pidfile: '/r/p',
      });
    expect(argv).not.toThrow();
  });

  it('moves no other device', () => {
    const places = (domain: Domain) =>
      new Map(
        [...domain.text.matchAll(/<(disk|interface|rng|memballoon)\b.*?<\/\1>/gs)].map(([all]) => {
          const name = /<mac address='([^']+)'|<target dev='([^']+)'|model='(\w+)'/.exec(all)!;
          return [name[1] ?? name[2] ?? all.slice(0, 12), /<address [^>]*>/.exec(all)?.[0]];
        }),
      );
    const before = places(completeDomain(hybrid));
    for (const change of changes) {
      const parsed = change as { do: string };
      if (['edit-disk', 'edit-nic', 'memory'].includes(parsed.do)) continue;
      for (const [name, address] of places(edit(hybrid, change)))
        if (before.has(name)) expect([parsed.do, name, address]).toEqual([parsed.do, name, before.get(name)]);
    }
  });

  it.each(everyDomain())('keeps every byte of $name that it does not touch', ({ text }) => {
    const domain = Domain.parse(text);
    const max = domain.memoryMiB;
    const there = editHardware(domain, { do: 'memory', max: max + 512 }, context);
    expect(editHardware(there, { do: 'memory', max }, context).text.length).toBeGreaterThan(0);
    const on = editHardware(domain, { do: 'restrict', on: !domain.metadata.restrict }, context);
    expect(editHardware(on, { do: 'restrict', on: domain.metadata.restrict }, context).text).toBe(text);
  });

  it('refuses what makes no machine, with the reason', () => {
    const no = (change: unknown, domain = hybrid) => {
      try {
        edit(domain, change);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'nothing refused';
    };
    expect(no({ do: 'cpu', count: 4, max: 2 })).toBe('invalid-input');
    expect(no({ do: 'cpu', max: 4, topology: { sockets: 1, cores: 3, threads: 1 } })).toBe('invalid-input');
    expect(no({ do: 'memory', current: 4096 })).toBe('invalid-input');
    expect(no({ do: 'edit-disk', target: 'vda', limits: { totalBytes: 1, readBytes: 1 } })).toBe(
      'invalid-input',
    );
    expect(no({ do: 'edit-disk', target: 'vda', bus: 'ide' })).toBe('unsupported');
    expect(no({ do: 'edit-disk', target: 'vdz' })).toBe('not-found');
    expect(no({ do: 'edit-disk', target: 'sda', bus: 'virtio' })).toBe('unsupported');
    expect(no({ do: 'add-nic', type: 'bridge' })).toBe('invalid-input');
    expect(no({ do: 'add-nic', mac: '52:54:00:00:01:01' })).toBe('name-taken');
    expect(no({ do: 'add-forward', hostPort: 2222, guestPort: 1 })).toBe('port-taken');
    expect(no({ do: 'boot-order', order: ['vdq'] })).toBe('not-found');
    const micro = newDomain(newSpecs['new-paravirtual']!);
    for (const change of [
      { do: 'sound', model: 'ich9' },
      { do: 'tpm', model: 'tpm-crb' },
      { do: 'display', screen: true },
      { do: 'add-usb', vendor: 1, product: 2 },
      { do: 'edit-disk', target: 'vda', bus: 'sata' },
    ])
      expect(no(change, micro)).toBe('unsupported');
  });

  it('lets no name become an option or a path', () => {
    for (const change of [
      { do: 'add-nic', type: 'bridge', source: 'br0,script=/tmp/x' },
      { do: 'cpu', model: 'max,-kvm' },
      { do: 'add-folder', path: 'relative', tag: 'x' },
      { do: 'add-folder', path: '/x', tag: '../x' },
      { do: 'remove-disk', target: 'vda,format=raw' },
      { do: 'add-nic', mac: '53:54:00:00:00:00' }, // a multicast address
    ])
      expect(hardwareChange.safeParse(change).success).toBe(false);
  });
});

describe('disks', () => {
  const add = (domain: Domain, bus: 'virtio' | 'sata' | 'ide' | 'scsi' | 'usb', target: string) =>
    completeDomain(
      addDisk(completeDomain(domain), {
        target,
        bus,
        device: 'disk',
        file: `/x/${target}`,
        format: 'qcow2',
        cache: null,
      }),
    );

  it('stand one beside the other on each bus, and in a port of their own', () => {
    let domain = hybrid;
    for (const target of ['sdb', 'sdc', 'sdd']) domain = add(domain, 'sata', target);
    domain = add(domain, 'virtio', 'vdb');
    domain = add(add(domain, 'scsi', 'sde'), 'scsi', 'sdf');
    const places = jsonArguments(
      qemuArgv(domain, {
        accelerator: 'tcg', qmp: '/q', serial: '/s', serialLog: '/l', agent: '/a', vnc: '/v', pidfile: '/p',
      }).argv, // biome-ignore format: paths
    )
      .filter(({ option, value }) => option === '-device' && String(value.id).startsWith('disk-'))
      .map(({ value }) => `${value.bus} ${value.addr ?? ''} ${value.lun ?? ''}`);
    expect(new Set(places).size).toBe(places.length);
    expect(places).toHaveLength(domain.count('disk'));
  });

  it('run out of places with a word', () => {
    let domain = newDomain(newSpecs['new-full-pc']!);
    domain = add(domain, 'ide', 'hdd');
    expect(() => add(domain, 'ide', 'hde')).toThrow(/no free place/);
    expect(freeTarget('virtio', new Set(['vda', 'vdb']))).toBe('vdc');
    expect(usualBus(domain, 'disk')).toBe('ide');
    expect(usualBus(hybrid, 'cdrom')).toBe('sata');
  });
});

describe('what can be changed while it runs', () => {
  const live = (change: unknown, domain = hybrid) =>
    whyNotLive(hardwareChange.parse(change), completeDomain(domain), edit(domain, change));
  it('is told from what cannot', () => {
    expect(live({ do: 'memory', current: 512 })).toBeNull();
    expect(live({ do: 'memory', max: 4096 })).toMatch(/memory it started with/);
    expect(live({ do: 'add-nic' })).toBeNull();
    expect(live({ do: 'add-nic', type: 'network', source: 'lan' })).toMatch(/user networks/);
    expect(live({ do: 'remove-disk', target: 'sda' })).toMatch(/SATA/);
    expect(live({ do: 'edit-disk', target: 'vda', limits: { totalBytes: 5 } })).toBeNull();
    expect(live({ do: 'edit-disk', target: 'vda', cache: 'none' })).toMatch(/when the guest starts/);
    expect(live({ do: 'cpu', count: 3 })).toMatch(/most it may have/);
    const roomy = edit(hybrid, { do: 'cpu', count: 1, max: 4 });
    expect(live({ do: 'cpu', count: 3 }, roomy)).toBeNull();
    expect(live({ do: 'add-nic' }, newDomain(newSpecs['new-paravirtual']!))).toMatch(/microvm/);
    expect(live({ do: 'remove-disk', target: 'vda' })).toMatch(/runs from this disk/);
  });
});
