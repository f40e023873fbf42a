import { describe, expect, it } from 'vitest';
import { completeDomain, controllerProps, Domain, diskProps, el, newDomain } from './index.ts';
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
    const text = `<domain><os><type machine='pc'>hvm</type></os><devices>
      <disk><source file='/x'/><target dev='sda' bus='scsi'/></disk><input type='tablet' bus='usb'/>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>`;
    const domain = completeDomain(Domain.parse(text));
    const types = domain.items('controller').map((_, i) => domain.get(controllerProps.type, i));
    expect(types.sort()).toEqual(['scsi', 'usb', 'virtio-serial']);
  });
});
