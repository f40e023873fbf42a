import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, get } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import * as path from 'node:path';
import { decode, encode } from 'dns-packet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../platform/log.ts';
import { processStat } from '../platform/proc.ts';
import { Cable } from '../testing/network-cable.ts';
import { networkHostForTests } from '../testing/network-host.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { networkFiles } from './host.ts';
import { createNetworks } from './index.ts';
import { NetworkLink, networkDir } from './link.ts';
import {
  broadcastMac,
  checksum,
  etherTypes,
  ipBytes,
  macBytes,
  readIp,
  readIpv4,
  readMac,
} from './packets.ts';
import type { NetworkConfig } from './protocol.ts';

// A network's real process with its real way out. Its guests are sockets of this test: they can lie as no system would.

const router = '52:55:0a:4d:00:01';
let home: TempHome;
let dir = '';
let child: ChildProcess;
let link: NetworkLink;
let program: readonly string[];
let config: NetworkConfig;
let a: Cable;
let b: Cable;

/** Starts the network's process. */
async function serve(): Promise<void> {
  child = spawn(program[0]!, [...program.slice(1), dir], { stdio: 'inherit' });
  for (;;) {
    const found = await NetworkLink.connect(dir);
    if (found) {
      link = found;
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await link.ask({ do: 'configure', config });
}
const ended = () =>
  child.exitCode !== null || child.signalCode !== null
    ? null
    : new Promise((resolve) => child.once('exit', resolve));

beforeAll(async () => {
  home = tempHome();
  dir = networkDir(home.paths.runtime, 'default');
  mkdirSync(dir, { recursive: true });
  a = new Cable(path.join(dir, 'a'), '52:54:00:00:00:0a', '10.77.0.10');
  b = new Cable(path.join(dir, 'b'), '52:54:00:00:00:0b', '10.77.0.11');
  await a.listen();
  await b.listen();
  config = {
    name: 'default',
    prefix: '10.77.0.',
    domain: 'lab.internal',
    wayOut: true,
    reachHost: false,
    keepOn: false,
    qemu: 'qemu-system-x86_64',
    members: [a, b].map(({ file, mac, ip }, index) => ({
      guest: `g${index}`,
      mac,
      address: ip,
      name: `web-0${index + 1}`,
      socket: file,
      forwards: [],
    })),
  };
  writeFileSync(networkFiles(dir).config, JSON.stringify(config));
  program = networkHostForTests(home.home);
  await serve();
  await a.plugged();
  await b.plugged();
});
afterAll(async () => {
  link?.close();
  a?.close();
  b?.close();
  // Not killed: its way out would outlive it.
  child?.kill('SIGTERM');
  if (child) await ended();
  home?.remove();
});

function dhcp(mac: string, type: number, options: readonly number[] = []): Buffer {
  const message = Buffer.alloc(300);
  message.set([1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
  macBytes(mac).copy(message, 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, 12, 4, ...Buffer.from('mine'), ...options, 255], 236);
  return message;
}
const dhcpServer = { mac: broadcastMac, ip: '255.255.255.255', port: 67 };
const nobody = (cable: Cable) => ({ mac: cable.mac, ip: '0.0.0.0', port: 68 });
const dhcpAnswer = (frame: Buffer) => {
  const packet = readIpv4(frame);
  if (packet?.ports?.source !== 67 || !packet.udp) return null;
  return { type: packet.udp[242]!, ip: readIp(packet.udp, 16), options: packet.udp.subarray(240) };
};

/** A TCP segment to the router without data; {@link sumTcp} makes it one that is taken. */
function tcp(from: Cable, ip: string, source: number, destination: number, flags: number): Buffer {
  const frame = Buffer.alloc(60);
  macBytes(router).copy(frame, 0);
  macBytes(from.mac).copy(frame, 6);
  frame.writeUInt16BE(etherTypes.ipv4, 12);
  frame[14] = 0x45;
  frame.writeUInt16BE(40, 16);
  frame[22] = 64;
  frame[23] = 6;
  ipBytes(from.ip).copy(frame, 26);
  ipBytes(ip).copy(frame, 30);
  frame.writeUInt16BE(checksum(frame.subarray(14, 34)), 24);
  frame.writeUInt16BE(source, 34);
  frame.writeUInt16BE(destination, 36);
  frame[46] = 0x50;
  frame[47] = flags;
  frame.writeUInt16BE(4096, 48);
  return frame;
}
function sumTcp(frame: Buffer): void {
  const pseudo = Buffer.concat([frame.subarray(26, 34), Buffer.from([0, 6, 0, 20])]);
  frame.writeUInt16BE(0, 50);
  frame.writeUInt16BE(checksum(Buffer.concat([pseudo, frame.subarray(34, 54)])), 50);
}

async function resolve(cable: Cable, name: string, type: 'A' | 'PTR' | 'AAAA' = 'A') {
  const query = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type, name }] });
  cable.udp({ mac: router, ip: '10.77.0.2', port: 53 }, query, { mac: cable.mac, ip: cable.ip, port: 5353 });
  return cable.heard((frame) => {
    const packet = readIpv4(frame);
    return packet?.ports?.source === 53 && packet.udp ? decode(packet.udp) : null;
  });
}

it('gives each card its own address, and no other', async () => {
  a.udp(dhcpServer, dhcp(a.mac, 1), nobody(a));
  expect(await a.heard(dhcpAnswer)).toMatchObject({ type: 2, ip: '10.77.0.10' });
  a.udp(dhcpServer, dhcp(a.mac, 3, [50, 4, ...ipBytes('10.77.0.10')]), nobody(a));
  const ack = await a.heard(dhcpAnswer);
  expect(ack).toMatchObject({ type: 5, ip: '10.77.0.10' });
  expect(ack.options.includes(Buffer.from('lab.internal'))).toBe(true);
  b.udp(dhcpServer, dhcp(b.mac, 3, [50, 4, ...ipBytes('10.77.0.10')]), nobody(b));
  expect((await b.heard(dhcpAnswer)).type).toBe(6);
  const { members } = await link.ask({ do: 'status' });
  expect(members[0]).toMatchObject({ connected: true, says: 'mine' });
  expect(members[0]!.leasedAt).not.toBeNull();
});

it('tells names both ways, in any case, and says when there is none', async () => {
  for (const name of ['web-02', 'WEB-02.lab.internal'])
    expect((await resolve(a, name)).answers, name).toMatchObject([{ data: '10.77.0.11' }]);
  expect((await resolve(a, '11.0.77.10.in-addr.arpa', 'PTR')).answers).toMatchObject([
    { data: 'web-02.lab.internal' },
  ]);
  expect((await resolve(a, 'web-02', 'AAAA')).answers).toEqual([]);
  expect((await resolve(a, 'nobody.lab.internal')) as { rcode?: string }).toMatchObject({
    rcode: 'NXDOMAIN',
  });
});

it('carries what a guest sends as itself, and nothing that poses as another', async () => {
  const hello = Buffer.from('hello');
  const to = { mac: b.mac, ip: b.ip, port: 9 };
  const before = (await link.ask({ do: 'status' })).members[0]!.refused;
  a.udp(to, hello, { mac: b.mac, ip: a.ip, port: 9 });
  a.udp(to, hello, { mac: a.mac, ip: '10.77.0.99', port: 9 });
  a.udp(to, hello, { mac: a.mac, ip: a.ip, port: 67 }); // a DHCP server of its own
  // ARP that claims the gateway's address.
  const arp = Buffer.alloc(60);
  macBytes(broadcastMac).copy(arp, 0);
  macBytes(a.mac).copy(arp, 6);
  arp.writeUInt16BE(etherTypes.arp, 12);
  arp.set([0, 1, 8, 0, 6, 4, 0, 2], 14);
  macBytes(a.mac).copy(arp, 22);
  ipBytes('10.77.0.1').copy(arp, 28);
  a.send(arp);
  const ipv6 = Buffer.alloc(60);
  macBytes(b.mac).copy(ipv6, 0);
  macBytes(a.mac).copy(ipv6, 6);
  ipv6.writeUInt16BE(0x86dd, 12);
  a.send(ipv6);
  a.udp(to, Buffer.from('true'), { mac: a.mac, ip: a.ip, port: 9 });
  // In order: had one of the lies been carried, it would have come first.
  const first = await b.heard((frame) => frame);
  expect(readIpv4(first)?.udp?.toString()).toBe('true');
  expect(readMac(first, 6)).toBe(a.mac);
  expect((await link.ask({ do: 'status' })).members[0]!.refused).toBe(before + 4);
});

it('lets no guest at this computer’s loopback unless it may, by whatever address', async () => {
  const web = createHttp((_, answer) => answer.end('inside')).listen(0, '127.0.0.1');
  await new Promise((done) => web.once('listening', done));
  const { port } = web.address() as AddressInfo;
  const syn = (ip: string) => tcp(a, ip, 40000, port, 0x02);
  const refused = async () => (await link.ask({ do: 'status' })).members[0]!.refused;
  const before = await refused();
  for (const ip of ['10.77.0.1', '10.77.0.2', '10.77.0.77', '127.0.0.1', '0.0.0.0', '169.254.169.254'])
    a.send(syn(ip));
  a.udp({ mac: b.mac, ip: b.ip, port: 9 }, Buffer.from('after'), { mac: a.mac, ip: a.ip, port: 9 });
  await b.heard((frame) => readIpv4(frame)?.udp?.toString() === 'after');
  expect(await refused()).toBe(before + 6);
  web.close();
});

it('opens forwards, says which it cannot open, and closes them again', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => squatter.once('listening', done));
  const taken = (squatter.address() as AddressInfo).port;
  const free = await new Promise<number>((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
  const forward = (hostPort: number) => ({
    proto: 'tcp' as const,
    hostAddress: '127.0.0.1',
    hostPort,
    guestPort: 22,
  });
  const [first, ...others] = config.members;
  const wish = { ...config, members: [{ ...first!, forwards: [forward(taken), forward(free)] }, ...others] };
  const status = await link.ask({ do: 'configure', config: wish });
  expect(Object.keys(status.forwardProblems)).toEqual([`tcp:127.0.0.1:${taken}`]);
  // A connection becomes a SYN for the guest, from the gateway.
  const socket = connect(free, '127.0.0.1');
  const opening = await a.heard((frame) => {
    const packet = readIpv4(frame);
    return packet?.opens && packet.ports?.destination === 22 ? { packet, frame: Buffer.from(frame) } : null;
  });
  expect(opening.packet.source).toBe('10.77.0.1');
  // The guest's answer goes back to the gateway, though the guest may open nothing there itself.
  const answer = tcp(a, '10.77.0.1', 22, opening.packet.ports!.source, 0x12);
  answer.writeUInt32BE((opening.frame.readUInt32BE(38) + 1) >>> 0, 42);
  sumTcp(answer);
  a.send(answer);
  await a.heard((frame) => readIpv4(frame)?.ports?.destination === 22 && frame[47] === 0x10);
  socket.destroy();
  await link.ask({ do: 'configure', config });
  await expect(
    new Promise((done, fail) => get(`http://127.0.0.1:${free}/`, done).on('error', fail)),
  ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  squatter.close();
});

it('stands garbage of every length and a stream that is none, and takes the guest up again', async () => {
  for (let length = 0; length < 200; length++) {
    a.send(Buffer.alloc(length, length));
    const frame = Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) & 255));
    if (length >= 14) macBytes(a.mac).copy(frame, 6);
    if (length >= 14) frame.writeUInt16BE(length % 2 ? etherTypes.ipv4 : etherTypes.arp, 12);
    a.send(frame);
  }
  for (let length = 0; length < 120; length++)
    a.udp({ mac: router, ip: '10.77.0.2', port: 53 }, Buffer.alloc(length, 0xc0 + (length % 8)), {
      mac: a.mac,
      ip: a.ip,
      port: 1,
    });
  for (let length = 0; length < 300; length += 7)
    a.udp(dhcpServer, dhcp(a.mac, 1).subarray(0, length), nobody(a));
  a.raw(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
  await a.unplugged();
  await a.plugged();
  expect((await resolve(a, 'web-02')).answers).toMatchObject([{ data: '10.77.0.11' }]);
  expect(child.exitCode).toBeNull();
});

it('finds a way out again when it was killed', async () => {
  const pid = () => Number(readFileSync(path.join(dir, 'out.pid'), 'utf8'));
  const old = pid();
  process.kill(old, 'SIGKILL');
  while (processStat(old)) await new Promise((done) => setTimeout(done, 10));
  for (;;) {
    const { problem } = await link.ask({ do: 'status' });
    const now = await Promise.resolve()
      .then(pid)
      .catch(() => old);
    if (problem === null && now !== old && processStat(now)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
});

it('has no way out left when it says that it ended, with whatever it was told before', async () => {
  const pid = () => Number(readFileSync(path.join(dir, 'out.pid'), 'utf8'));
  const old = pid();
  // One that is being made anew is ended as well.
  void link.ask({ do: 'configure', config: { ...config, reachHost: true } }).catch(() => {});
  await link.ask({ do: 'end' });
  expect(processStat(old)).toBeNull();
  expect(() => process.kill(pid(), 0)).toThrow(/ENOENT|ESRCH/);
});

it('that was killed leaves a way out, which the next core ends, whether a guest needs the network or not', async () => {
  await ended();
  await serve();
  const pid = Number(readFileSync(path.join(dir, 'out.pid'), 'utf8'));
  child.kill('SIGKILL');
  await ended();
  expect(processStat(pid)).not.toBeNull();
  const networks = createNetworks({
    paths: home.paths,
    log: silentLog,
    announce: () => {},
    host: ['/not-started-here'],
    guests: () => [],
    onAddresses: () => {},
  });
  await networks.load();
  expect(processStat(pid)).toBeNull();
  networks.close();
});
