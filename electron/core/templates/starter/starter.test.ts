import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { findStarter, parseOsRelease } from './build.ts';
import { biosBootSector, biosCoreImage, layout, partitionScript, rootSize } from './disk.ts';
import { holdLock } from './lock.ts';
import { TreeProgressParser } from './progress.ts';
import { guestFiles, recipeHash } from './recipe.ts';
import { hasSubordinateIds, inSandbox } from './sandbox.ts';
import { aptOptions, parseSources, sourcesFor } from './sources.ts';

it('reads one-line and deb822 sources, leaving out what is switched off or only source code', () => {
  const line =
    'deb [arch=amd64] http://m.example/debian bookworm main # x\ndeb-src http://m.example/s bookworm main\n';
  expect(parseSources(line, 'line')).toEqual([{ uri: 'http://m.example/debian', suite: 'bookworm' }]);
  const stanzas =
    'Types: deb\nURIs: http://a.example/debian\n http://b.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\nEnabled: no\nTypes: deb\nURIs: http://c.example\nSuites: x\n';
  expect(parseSources(stanzas, 'deb822').map((s) => `${s.uri} ${s.suite}`)).toEqual([
    'http://a.example/debian bookworm',
    'http://a.example/debian bookworm-updates',
    'http://b.example/debian bookworm',
    'http://b.example/debian bookworm-updates',
  ]);
});

it("uses the host's mirror, Debian's where the host is no Debian", () => {
  const own = sourcesFor([{ uri: 'http://m.example/debian', suite: 'bookworm' }], 'bookworm');
  expect(own).toContain('http://m.example/debian bookworm main');
  expect(own).toContain('http://m.example/debian bookworm-updates main');
  expect(own).toContain('http://deb.debian.org/debian-security bookworm-security main');
  const ubuntu = sourcesFor([{ uri: 'http://archive.ubuntu.com/ubuntu', suite: 'jammy' }], 'bookworm');
  expect(ubuntu).not.toContain('ubuntu');
  expect(ubuntu).toContain('http://deb.debian.org/debian bookworm main');
});

it('hands on proxies and date checks, nothing else of apt', () => {
  const dump =
    'Acquire::http::Proxy "http://p.example:3128";\nAcquire::Check-Valid-Until "false";\nAPT::Install-Recommends "1";\nDPkg::Pre-Invoke:: "rm x";\nAcquire::http "";\n';
  expect(aptOptions(dump)).toEqual([
    'Acquire::http::Proxy "http://p.example:3128";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});

it('never names a mirror of this machine in the guest, and hashes the recipe without the UUID', () => {
  expect(recipeHash({ id: 'debian-12' })).toMatch(/^[0-9a-f]{12}$/);
  expect(recipeHash({ id: 'debian-12', virtualSize: 2 ** 32 })).not.toBe(recipeHash({ id: 'debian-12' }));
  const paths = guestFiles({ rootUuid: 'u' }).map((file) => file.path);
  expect(paths.every((name) => !name.startsWith('/') && !name.includes('..'))).toBe(true);
});

it('counts packages and moves forward only', () => {
  const seen: { phase: string; fraction: number }[] = [];
  const parser = new TreeProgressParser((p) => seen.push(p));
  const apt = (n: number) =>
    `${n} upgraded, ${n} newly installed, 0 to remove and 0 not upgraded.\nNeed to get 2000 kB of archives.\nGet:1 http://m a [1000 kB]\nGet:2 http://m b [1000 kB]\nUnpacking a (1) ...\nUnpacking b (1) ...\nSetting up a (1) ...\nSetting up b (1) ...\n`;
  const text = `I: running apt-get update...\n${apt(2)}${apt(2)}`;
  // In pieces of an odd size, as a pipe hands them over.
  for (let i = 0; i < text.length; i += 7) parser.push(text.slice(i, i + 7));
  const run = [
    'Resolving packages',
    'Downloading packages 1/2',
    'Downloading packages 2/2',
    'Unpacking packages 1/2',
    'Unpacking packages 2/2',
    'Installing packages 1/2',
    'Installing packages 2/2',
  ];
  expect(seen.map((p) => p.phase)).toEqual(['Resolving packages', ...run, ...run]);
  const fractions = seen.map((p) => p.fraction);
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(fractions.at(-1)).toBeCloseTo(1);
});

it('lays the partitions side by side, the last within the disk', () => {
  const size = 8 * 2 ** 30;
  expect(layout.biosBoot.offset + layout.biosBoot.size).toBe(layout.esp.offset);
  expect(layout.esp.offset + layout.esp.size).toBe(layout.root.offset);
  expect(layout.root.offset + rootSize(size)).toBeLessThan(size - 33 * 512);
  expect(partitionScript(size).match(/^start=/gm)).toHaveLength(3);
});

it("writes GRUB's boot sector around the partition table and its block list", () => {
  const boot = Buffer.alloc(512, 0xee);
  const mbr = Buffer.alloc(512, 0x11);
  const out = biosBootSector(boot, mbr, 2048);
  expect(out.readBigUInt64LE(0x5c)).toBe(2048n);
  expect(out[0]).toBe(0xee);
  expect(out.subarray(440)).toEqual(mbr.subarray(440));
  const core = biosCoreImage(Buffer.alloc(1300, 1), 2048);
  expect(core.length).toBe(1536);
  expect(core.readBigUInt64LE(0x1f4)).toBe(2049n);
  expect(core.readUInt16LE(0x1fc)).toBe(2);
  expect(core.readUInt16LE(0x1fe)).toBe(0x820);
  expect(() => biosCoreImage(Buffer.alloc(2 ** 20 + 1), 2048)).toThrow(RangeError);
});

it('knows when an account may not have other users in its namespace', () => {
  expect(hasSubordinateIds('ann:100000:65536\n', 'ann', 1000)).toBe(true);
  expect(hasSubordinateIds('1000:100000:65536\n', 'ann', 1000)).toBe(true);
  expect(hasSubordinateIds('ann:100000:1000\nbob:1:65536\n', 'ann', 1000)).toBe(false);
  expect(inSandbox(['rm', '-rf', 'x'], true)).not.toContain('--user');
  expect(inSandbox(['true'], false)).toContain('--map-auto');
});

it('reads os-release', () => {
  expect(parseOsRelease('ID=debian\nPRETTY_NAME="A \\"b\\""\n# c\n')).toEqual({
    ID: 'debian',
    PRETTY_NAME: 'A "b"',
  });
});

it('gives the lock to one at a time; a wait can be cancelled; the info file alone is no image', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'gh-lock-'));
  try {
    const file = path.join(dir, '.lock');
    const release = await holdLock(file, new AbortController().signal, () => {});
    const impatient = new AbortController();
    const waited = new Promise<void>((resolve) => {
      holdLock(file, impatient.signal, resolve).catch(() => {});
    });
    await waited;
    const second = holdLock(file, impatient.signal, () => {});
    impatient.abort();
    await expect(second).rejects.toMatchObject({ code: 'cancelled' });
    await release();
    await (await holdLock(file, new AbortController().signal, () => {}))();
    await writeFile(path.join(dir, 'starter.json'), '{}');
    expect(await findStarter({ id: 'debian-12' }, { cache: dir } as never)).toBeNull();
  } finally {
    await rm(dir, { recursive: true });
  }
});
