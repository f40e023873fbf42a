import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Domain } from '../domain/index.ts';
import { newDomain } from '../domain/new.ts';
import { newSpecs } from '../domain/testing.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { type Libvirtd, startLibvirtd } from './testing/libvirtd.ts';

let home: TempHome;
let at: TestCore;
let libvirtd: Libvirtd;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeAll(async () => {
  libvirtd = await startLibvirtd();
  home = tempHome();
  at = await openTestCore(home.paths, { qemu: '/nonexistent/qemu' });
});
afterAll(async () => {
  await at?.close();
  home?.remove();
  await libvirtd?.close();
});

async function imported(xml: string) {
  const started = await call('guests.importXml', { xml });
  await at.done(started);
  return started;
}
const exported = async (id: string) => (await call('guests.exportXml', { id })).xml;

describe('libvirt’s own QEMU driver', () => {
  for (const [name, spec] of Object.entries(newSpecs))
    it(`defines ${name} as exported, and what it keeps is imported and exported without a difference`, async () => {
      // libvirtd wants /dev/kvm for type='kvm', and here it may be nobody's.
      const made = newDomain({ ...spec, type: 'qemu' });
      const first = await imported(made.text);
      expect(first.changes).toEqual([]);
      const text = await exported(first.id);
      expect(text).toBe(made.text);
      libvirtd.define(text);
      const kept = libvirtd.dump(spec.name);
      await call('guests.delete', { id: first.id });

      const second = await imported(kept);
      expect(second.changes).toEqual([]);
      expect(await exported(second.id)).toBe(kept);
      const { problems } = await call('guests.detail', { id: second.id });
      // libvirt names its QEMU, and that one is never run.
      expect(
        problems.filter(({ kind, path }) => kind === 'unsupported' && path !== 'devices/emulator'),
      ).toEqual([]);
      // libvirt finds nothing to add to its own words, so neither did we lose any.
      libvirtd.undefine(spec.name);
      libvirtd.define(await exported(second.id));
      expect(libvirtd.dump(spec.name)).toBe(kept);
      expect(machineOf(kept)).toEqual(machineOf(text));
      libvirtd.undefine(spec.name);
      await call('guests.delete', { id: second.id });
    });

  it('refuses what is no domain, so that its word means something', () => {
    expect(() => libvirtd.define("<domain type='qemu'><name>x</name><invented/></domain>")).toThrow();
  });
});

/** What makes the machine the same for the system inside: disks, cards, kind and identity. */
function machineOf(text: string) {
  const domain = Domain.parse(text);
  return {
    uuid: domain.uuid,
    kind: domain.kind,
    disks: domain.disks().map(({ target, bus, file, format }) => ({ target, bus, file, format })),
    macs: domain.interfaces().map(({ mac, model }) => ({ mac, model })),
  };
}
