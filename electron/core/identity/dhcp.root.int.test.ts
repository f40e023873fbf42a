import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openGuestDisk, withinFolders } from '../disks/index.ts';
import { baseEnv } from '../platform/exec.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// The problem that Guesthouse is for, with a real DHCP server: two plain copies of a guest, whose MACs differ, fight for
// one address; after the repair of one they have two. The network is a bridge in a namespace of its own (that takes
// root), and the guests are booted as anyone would boot them.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

const net = `gh-dhcp-${process.pid}`;
const macs = { one: '52:54:00:6e:00:01', two: '52:54:00:6e:00:02' } as const;
type Name = keyof typeof macs;
let home: TempHome;
let test: TestCore;
let folders: Record<Name, string>;
const processes: ChildProcess[] = [];
const file = (name: string) => path.join(home.home, name);
const inNet = (...argv: string[]) =>
  execFileSync('ip', ['netns', 'exec', net, ...argv], { env: baseEnv(), encoding: 'utf8', stdio: 'pipe' });

function startInNet(log: string, argv: readonly string[]): ChildProcess {
  const out = openSync(file(log), 'a');
  const child = spawn('ip', ['netns', 'exec', net, ...argv], {
    env: baseEnv(),
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  processes.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function closeCore(): Promise<void> {
  await test?.close();
}

/** The domain's definition of a guest in the library. */
const xmlOf = (name: Name) => path.join(folders[name], 'domain.xml');

/** Boots a guest's own disk on the bridge and waits until the server has given it an address. */
async function boot(name: Name, tap: string): Promise<{ child: ChildProcess; address: string }> {
  const disk = /<source file='([^']+)'/.exec(readFileSync(xmlOf(name), 'utf8'))![1]!;
  const root = await openGuestDisk({ path: disk, format: 'qcow2' }, withinFolders(home.paths.data));
  const boot = await root.extractKernel(file(`boot-${name}`)).finally(() => root.close());
  const before = given(name).length;
  const child = startInNet(`${name}.log`, [
    ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none'],
    ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-m', '512', '-serial', `file:${file(`${name}.serial`)}`],
    ...['-kernel', boot.kernel, '-initrd', boot.initrd!],
    ...['-append', `root=${boot.root} rw console=ttyS0`, '-device', 'virtio-rng-pci'],
    ...[
      '-blockdev',
      JSON.stringify({ driver: 'qcow2', 'node-name': 'd', file: { driver: 'file', filename: disk } }),
    ],
    ...['-device', 'virtio-blk-pci,drive=d,addr=0x4'],
    ...['-netdev', `tap,id=n,ifname=${tap},script=no,downscript=no`],
    ...['-device', `virtio-net-pci,netdev=n,mac=${macs[name]},addr=0x5`],
  ]);
  // Emulated and on a busy machine, a boot may take minutes.
  for (let n = 0; n < 1200 && given(name).length === before; n++) {
    if (child.exitCode !== null) throw new Error(readFileSync(file(`${name}.log`), 'utf8'));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return { child, address: given(name).at(-1)! };
}

/** Addresses that the server has acknowledged to a guest, in order. */
function given(name: Name): string[] {
  const found = readFileSync(file('dnsmasq.log'), 'utf8').matchAll(/DHCPACK\(br0\) (\S+) (\S+)/g);
  return [...found].filter((match) => match[2] === macs[name]).map((match) => match[1]!);
}

/** The server's own list: when, MAC, address, name, client id. */
const leases = () =>
  readFileSync(file('leases'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length === 5 && words[2]!.includes('.'))
    .map((words) => ({ mac: words[1]!, address: words[2]!, clientId: words[4]! }));

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  test = await openTestCore(home.paths);
  const made = await test.core.call('guests.create', {
    name: 'one',
    from: { kind: 'starter', id: 'debian-12' },
  });
  await test.done(made);
  const { folder } = await test.guest(made.id);
  await closeCore();
  // A plain copy, as careful people make it: another name, UUID and MAC.
  folders = { one: folder, two: path.join(home.paths.guests, 'two-00000000') };
  execFileSync('cp', ['-r', folders.one, folders.two]);
  const text = readFileSync(xmlOf('one'), 'utf8');
  const withMac = (from: string, mac: string) =>
    from.replace(/<mac address='[^']+'/, `<mac address='${mac}'`);
  writeFileSync(xmlOf('one'), withMac(text, macs.one));
  const uuid = /<uuid>([^<]+)</.exec(text)![1]!;
  writeFileSync(
    xmlOf('two'),
    withMac(text, macs.two)
      .replaceAll(folders.one, folders.two)
      .replace('<name>one<', '<name>two<')
      .replaceAll(uuid, randomUUID()),
  );
  test = await openTestCore(home.paths);

  execFileSync('ip', ['netns', 'add', net]);
  for (const argv of [
    'ip link set lo up',
    'ip link add br0 type bridge forward_delay 0',
    'ip addr add 10.99.0.1/24 dev br0',
    'ip link set br0 up',
    ...['tap-one', 'tap-two'].flatMap((tap) => [
      `ip tuntap add ${tap} mode tap`,
      `ip link set ${tap} master br0 up`,
    ]),
  ])
    inNet(...argv.split(' '));
  writeFileSync(file('dnsmasq.log'), '');
  startInNet('dnsmasq.out', [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--user=root', '--port=0'],
    ...[
      '--bind-interfaces',
      '--interface=br0',
      '--dhcp-range=10.99.0.10,10.99.0.99,1h',
      '--dhcp-authoritative',
    ],
    ...[`--dhcp-leasefile=${file('leases')}`, `--log-facility=${file('dnsmasq.log')}`],
  ]);
});

afterAll(async () => {
  for (const child of processes) await end(child);
  await closeCore();
  try {
    execFileSync('ip', ['netns', 'del', net], { stdio: 'pipe' });
  } catch {
    // It was never made.
  }
  home?.remove();
});

it('two plain copies are given one address; once one is repaired, they are given two', async () => {
  const one = await boot('one', 'tap-one');
  const copy = await boot('two', 'tap-two');
  expect(one.address).toMatch(/^10\.99\.0\./);
  // Both run, both believe it is theirs, and the server knows only one of them.
  expect(copy.address).toBe(one.address);
  expect(leases()).toMatchObject([{ address: one.address, mac: macs.two }]);
  const fought = leases()[0]!.clientId;

  // Nothing in the definitions is the same, so the disk alone tells.
  await end(copy.child);
  const found = await test.core.call('identity.audit', {});
  expect(found.groups.map((group) => group.kind)).toContain('machine-id');
  expect(found.groups.map((group) => group.kind)).not.toContain('mac');
  const plan = await test.core.call('identity.planRepair', { ids: ['two'] });
  expect(plan.items[0]).toMatchObject({ via: 'disk', error: null });
  await test.done(await test.core.call('identity.repair', { planId: plan.planId }));

  const repaired = await boot('two', 'tap-two');
  expect(repaired.address).toMatch(/^10\.99\.0\./);
  expect(repaired.address).not.toBe(one.address);
  // The other one asks again after a boot and is given the address it had.
  await end(one.child);
  const again = await boot('one', 'tap-one');
  expect(again.address).toBe(one.address);
  expect(
    leases()
      .map((lease) => lease.address)
      .sort(),
  ).toEqual([one.address, repaired.address].sort());
  const ids = new Set(leases().map((lease) => lease.clientId));
  expect(ids.size).toBe(2);
  expect(ids).toContain(fought);
});
