import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { domainProblems, newDomain } from '../domain/index.ts';
import { makeIso } from './iso.ts';
import { makeSeed, seedDisk, withoutSeedDrive, withSeedDrive } from './seed.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gh-seed-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the medium', () => {
  it('is an ISO 9660 volume with Joliet names, each file where its record says', () => {
    const iso = makeIso('CIDATA', [{ name: 'user-data', content: Buffer.alloc(3000, 'x') }], 0);
    expect(iso.length % 2048).toBe(0);
    expect(iso.toString('latin1', 16 * 2048 + 1, 16 * 2048 + 6)).toBe('CD001');
    expect(iso.toString('latin1', 16 * 2048 + 40, 16 * 2048 + 72).trim()).toBe('CIDATA');
    const joliet = iso.subarray(17 * 2048, 18 * 2048);
    expect(joliet.toString('latin1', 88, 91)).toBe('%/E');
    const root = joliet.readUInt32LE(156 + 2) * 2048;
    const record = iso.subarray(root + 68); // behind itself and its parent
    expect(
      Buffer.from(record.subarray(33, 33 + record[32]!))
        .swap16()
        .toString('utf16le'),
    ).toBe('user-data;1');
    const at = record.readUInt32LE(2) * 2048;
    expect(record.readUInt32LE(10)).toBe(3000);
    expect(iso.toString('latin1', at, at + 3000)).toBe('x'.repeat(3000));
  });

  it('is made for this person alone and refuses what it cannot hold', async () => {
    await makeSeed(folder, '#cloud-config\n', { instanceId: 'i', hostname: 'a', hostKeys: [] }, 0);
    expect(statSync(path.join(folder, 'seed.iso')).mode & 0o777).toBe(0o400);
    expect(readFileSync(path.join(folder, 'seed.iso'), 'latin1')).toContain('instance-id: i');
    expect(() => makeIso('X', [{ name: 'a/b', content: Buffer.alloc(0) }], 0)).toThrow(RangeError);
    await expect(
      makeSeed(folder, 'packages: 1', { instanceId: 'i', hostname: null, hostKeys: [] }, 0),
    ).rejects.toMatchObject({ code: 'invalid-input' });
  });
});

describe('its drive', () => {
  const disk = { file: '/lib/guests/a/disk.qcow2', format: 'qcow2' };
  it.each([
    ['hybrid', 'pc-q35-7.2', 'virtio', 'disk'],
    ['full', 'pc-i440fx-7.2', 'ide', 'cdrom'],
    ['paravirtual', 'microvm', 'virtio', 'disk'],
  ] as const)('fits a %s guest, new or made before, and goes again', (kind, machine, bus, device) => {
    const spec = { name: 'a', kind, machine, memoryMiB: 512, vcpus: 1 };
    const made = newDomain({ ...spec, disks: [disk, seedDisk('/lib/guests/a', kind)] });
    const added = withSeedDrive(newDomain({ ...spec, disks: [disk] }), '/lib/guests/a');
    for (const domain of [made, added]) {
      expect(domain.disks()[1]).toMatchObject({
        file: '/lib/guests/a/seed.iso',
        bus,
        device,
        readonly: true,
        format: 'raw',
      });
      expect(new Set(domain.disks().map(({ target }) => target)).size).toBe(2);
      expect(domainProblems(domain, () => true)).toEqual([]);
      expect(withoutSeedDrive(domain).disks()).toHaveLength(1);
      // Another guest's seed is replaced, never kept beside.
      expect(
        withSeedDrive(domain, '/lib/guests/b')
          .disks()
          .map(({ file }) => file),
      ).toEqual([disk.file, '/lib/guests/b/seed.iso']);
    }
  });
});
