import { describe, expect, it } from 'vitest';
import { completeDomain, Domain, newDomain } from '../domain/index.ts';
import { everyDomain, newSpecs } from '../domain/testing.ts';
import { withVdagent } from '../guests/clipboard.ts';
import { qemuArgv } from '../qemu/argv.ts';
import { planKind, toKind } from './kinds.ts';
import { hardwareOf } from './model.ts';
import { jsonArguments } from './qemu-devices.ts';

const direct = { kernel: '/g/boot/vmlinuz', initrd: '/g/boot/initrd', cmdline: 'root=UUID=1 console=ttyS0' };
const run = {
  accelerator: 'tcg', qmp: '/q', serial: '/s', serialLog: '/l', agent: '/a', vnc: '/v', pidfile: '/p',
} as const; // biome-ignore format: paths

const drivers = (domain: Domain) =>
  jsonArguments(qemuArgv(domain, run).argv)
    .filter(({ option }) => option === '-device')
    .map(({ value }) => String(value.driver));

describe('another kind of hardware', () => {
  const hybrid = newDomain(newSpecs['new-hybrid']!);

  it('full has emulated hardware alone', () => {
    const full = toKind(hybrid, 'full', null);
    expect(drivers(full).filter((driver) => driver.startsWith('virtio'))).toEqual([]);
    expect(drivers(full)).toEqual(expect.arrayContaining(['ide-hd', 'e1000e', 'VGA']));
    expect(hardwareOf(full)).toMatchObject({ kind: 'full', kernel: null });
  });

  it('paravirtual has no PCI device', () => {
    const micro = toKind(hybrid, 'paravirtual', null);
    expect(drivers(micro).filter((driver) => driver.includes('pci'))).toEqual([]);
    expect(drivers(micro)).toEqual(expect.arrayContaining(['virtio-blk-device', 'virtio-net-device']));
    expect(micro.text).not.toMatch(/type='pci'/);
  });

  it('keeps what a kind has nothing to do with, there and back', () => {
    for (const kind of ['full', 'paravirtual'] as const) {
      const back = toKind(toKind(hybrid, kind, direct), 'hybrid', direct);
      expect(back.kind).toBe('hybrid');
      expect(back.metadata).toEqual({
        ...hybrid.metadata,
        bootFromDisk: kind === 'full' ? null : { disk: 'vda' },
      });
      const macs = (domain: Domain) => domain.interfaces().map((nic) => nic.mac);
      expect(macs(back)).toEqual(macs(hybrid));
      expect(back.disks()[0]).toMatchObject({ target: 'vda', bus: 'virtio', file: hybrid.disks()[0]!.file });
      expect(back.uuid).toBe(hybrid.uuid);
    }
  });

  it('gives the agent’s channel a port, so that one named later takes another', () => {
    for (const kind of ['full', 'paravirtual'] as const) {
      const back = toKind(toKind(hybrid, kind, direct), 'hybrid', direct);
      const tied = withVdagent(back);
      const ports = (domain: Domain) =>
        jsonArguments(qemuArgv(domain, run).argv)
          .filter(({ value }) => value.driver === 'virtserialport')
          .map(({ value }) => value.nr);
      expect(ports(back)).toEqual([1]);
      expect(ports(tied)).toEqual([1, 2]);
    }
  });

  it.each(everyDomain())('$name can become each kind, or says why not', ({ text }) => {
    const domain = Domain.parse(text);
    for (const kind of ['full', 'hybrid', 'paravirtual'] as const) {
      const plan = planKind(domain, kind, direct);
      if (plan.blocked !== null || plan.from === kind) continue;
      const made = Domain.parse(plan.xml);
      expect(made.kind).toBe(kind);
      expect(completeDomain(made).text).toBe(made.text);
      expect(plan.changes.length).toBeGreaterThan(0);
      // No two devices in one place.
      const places = [...made.text.matchAll(/<address type='(?:pci|drive)'[^>]*>/g)].map(([place]) =>
        place.replace(/ multifunction='\w+'/, ''),
      );
      expect(new Set(places).size).toBe(places.length);
    }
  });

  it('needs a kernel to be paravirtual', () => {
    const plan = planKind(newDomain(newSpecs['new-full-q35']!), 'paravirtual', null);
    expect(plan.blocked).toMatch(/kernel/);
    expect(plan.needs.some(({ met }) => met === false)).toBe(true);
  });
});
