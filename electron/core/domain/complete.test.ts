import { describe, expect, it } from 'vitest';
import { channelProps, completeDomain, controllerProps, Domain, diskProps, el, newDomain } from './index.ts';
import { everyDomain, newSpecs } from './testing.ts';

/** All PCI addresses of a domain as written. */
function addresses(domain: Domain): string[] {
  return [...domain.text.matchAll(/<address type=["']pci["'][^>]*/g)].map(([tag]) =>
    ['bus', 'slot', 'function'].map((n) => Number(new RegExp(`${n}=["']([^"']*)`).exec(tag)![1])).join(':'),
  );
}

describe('completeDomain', () => {
  it('leaves new guests as they are', () => {
    for (const spec of Object.values(newSpecs)) {
      const domain = newDomain(spec);
      expect(completeDomain(domain)).toBe(domain);
    }
  });

  it('gives no address twice, changes none that is there, and is done after once', () => {
    for (const { name, text } of everyDomain()) {
      const domain = Domain.parse(text);
      const complete = completeDomain(domain);
      const after = addresses(complete);
      expect(new Set(after).size, name).toBe(after.length);
      expect(after, name).toEqual(expect.arrayContaining(addresses(domain)));
      expect(completeDomain(Domain.parse(complete.text)).text, name).toBe(complete.text);
    }
  });

  it('puts a new disk into a free root port', () => {
    const disk = el(
      'disk',
      { type: 'file' },
      el('source', { file: '/x' }),
      el('target', { dev: 'vdb', bus: 'virtio' }),
    );
    const before = newDomain(newSpecs['new-hybrid']!);
    const domain = completeDomain(before.add('disk', disk));
    const bus = domain.get(diskProps.pciBus, 2)!;
    expect(bus).toBeGreaterThan(0);
    expect(addresses(before)).not.toContain(`${bus}:0:0`);
    expect(domain.get(diskProps.pciSlot, 2)).toBe(0);
  });

  it('adds the controllers that devices stand on', () => {
    const text = `<domain type='kvm'><os><type machine='pc'>hvm</type></os><devices>
      <disk><source file='/x'/><target dev='sda' bus='scsi'/></disk><input type='tablet' bus='usb'/>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>`;
    const domain = completeDomain(Domain.parse(text));
    const types = domain.items('controller').map((_, i) => domain.get(controllerProps.type, i));
    expect(types.sort()).toEqual(['scsi', 'usb', 'virtio-serial']);
  });

  it('gives channels the ports that no other one names, whichever comes first', () => {
    const channel = (name: string, address = '') =>
      `<channel type='unix'><target type='virtio' name='${name}'/>${address}</channel>`;
    const at = (controller: number, port: number) =>
      `<address type='virtio-serial' controller='${controller}' bus='0' port='${port}'/>`;
    const domain = completeDomain(
      Domain.parse(
        `<domain type='kvm'><os><type machine='q35'>hvm</type></os><devices>${[
          channel('a'),
          channel('b', at(0, 1)),
          channel('c', at(1, 2)),
          channel('d'),
          channel('e', at(0, 4)),
          channel('f'),
        ].join('')}</devices></domain>`,
      ),
    );
    const ports = domain.items('channel').map((_, i) => domain.get(channelProps.port, i));
    expect(ports).toEqual([2, 1, 2, 3, 4, 5]);
  });

  it('leaves machines of other architectures and hypervisors alone', () => {
    const disk =
      "<devices><disk type='file'><source file='/x'/><target dev='vda' bus='virtio'/></disk></devices>";
    for (const head of [
      "<domain type='kvm'><os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>",
      "<domain type='qemu'><os><type arch='ppc64le' machine='pseries'>hvm</type></os>",
      "<domain type='kvm'><os><type arch='aarch64' machine='virt'>hvm</type></os>",
      "<domain type='xen'><os><type arch='x86_64' machine='xenfv'>hvm</type></os>",
      "<domain type='xen'><os><type>linux</type></os>",
      "<domain type='lxc'><os><type arch='x86_64'>exe</type></os>",
    ]) {
      const domain = Domain.parse(`${head}${disk}</domain>`);
      expect(completeDomain(domain), head).toBe(domain);
    }
  });

  it('keeps clear of the places of devices that are not run, and of addresses it does not know', () => {
    const pci = (slot: number) =>
      `<address type='pci' domain='0x0000' bus='0x00' slot='0x0${slot}' function='0x0'/>`;
    const text = `<domain type='kvm'><os><type machine='pc-i440fx-7.2'>hvm</type></os><devices>
      <hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x00' slot='0x09' function='0x0'/></source>${pci(3)}</hostdev>
      <vsock model='virtio'><cid auto='yes'/>${pci(4)}</vsock><shmem name='s'>${pci(5)}</shmem><parallel type='null'>${pci(6)}</parallel>
      <serial type='pty'><target type='pci-serial' port='0'/></serial>
      <disk type='file'><source file='/x'/><target dev='vda' bus='virtio'/></disk>
      <disk type='file'><source file='/y'/><target dev='vdb' bus='virtio'/><address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0000'/></disk>
      </devices></domain>`;
    const domain = completeDomain(Domain.parse(text));
    const slots = addresses(domain).map((address) => address.split(':')[1]);
    expect(slots).toEqual(['3', '4', '5', '6', '8', '7']);
    expect(domain.text.match(/<address/g)).toHaveLength(text.match(/<address/g)!.length + 2);
  });

  it('is done with thousands of devices', () => {
    const text = `<domain type='kvm'><os><type machine='q35'>hvm</type></os><devices>${"<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n".repeat(20_000)}</devices></domain>`;
    const after = addresses(completeDomain(Domain.parse(text)));
    expect(after.length).toBe(29); // slots 2 to 30 of the root bus
    expect(new Set(after).size).toBe(29);
  });
});
