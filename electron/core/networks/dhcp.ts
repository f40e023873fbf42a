import { ipBytes, readIp, readMac } from './packets.ts';

/** What a network tells its guests by DHCP. */
export interface DhcpNetwork {
  readonly gateway: string;
  readonly dns: string;
  readonly mask: string;
  readonly broadcast: string;
  readonly domain: string;
  /** False leaves the router out: there is no way to anywhere. */
  readonly wayOut: boolean;
}

export interface DhcpLease {
  readonly mac: string;
  readonly ip: string;
  readonly hostname: string;
}

export interface DhcpAnswer {
  readonly kind: 'offer' | 'ack' | 'nak' | 'none';
  /** The message to send; null for what is not answered. */
  readonly data: Buffer | null;
  /** Where it goes: everybody's address, or the guest's own. */
  readonly to: string;
  /** What the guest calls itself (option 12): its word, for show. */
  readonly says: string | null;
}

/** Seconds. Addresses never move, so a guest need not ask often, also while nobody is there to answer. */
export const leaseSeconds = 86_400;

const cookie = 0x63825363;
const messageTypes = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 };
const everybody = '255.255.255.255';

/**
 * Answers one DHCP message of a guest (RFC 2131, options of RFC 2132 and 3397). The address is the one Guesthouse chose
 * for this network card and no other. Null when it is no DHCP message of this very card.
 */
export function answerDhcp(message: Buffer, lease: DhcpLease, network: DhcpNetwork): DhcpAnswer | null {
  if (message.length < 240 || message[0] !== 1 || message[1] !== 1 || message[2] !== 6) return null;
  if (message.readUInt32BE(236) !== cookie || readMac(message, 28) !== lease.mac) return null;
  const options = readOptions(message);
  const type = options.get(53)?.[0];
  const says = printable(options.get(12));
  const nothing: DhcpAnswer = { kind: 'none', data: null, to: everybody, says };
  const client = readIp(message, 12);
  const own = client === lease.ip;
  const broadcast = (message.readUInt16BE(10) & 0x8000) !== 0;
  const reply = (kind: 'offer' | 'ack' | 'nak', withLease: boolean): DhcpAnswer => ({
    kind,
    data: build(message, messageTypes[kind], lease, network, withLease),
    to: kind === 'nak' ? everybody : own ? client : broadcast ? everybody : lease.ip,
    says,
  });
  switch (type) {
    case messageTypes.discover:
      return reply('offer', true);
    case messageTypes.request: {
      const server = options.get(54);
      // It chose another server's offer; there is none, but what it says is not for us.
      if (server?.length === 4 && readIp(server, 0) !== network.gateway) return nothing;
      const asked = options.get(50);
      const wanted = asked?.length === 4 ? readIp(asked, 0) : client;
      return wanted === lease.ip ? reply('ack', true) : reply('nak', false);
    }
    case messageTypes.inform:
      return own ? reply('ack', false) : nothing;
    default:
      return nothing;
  }
}

function readOptions(message: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 240; at < message.length; ) {
    const code = message[at]!;
    if (code === 255) break;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = message[at + 1] ?? 0;
    if (at + 2 + length > message.length) break;
    options.set(code, message.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

function printable(bytes: Buffer | undefined): string | null {
  const text = bytes?.toString('latin1').replace(/\0+$/, '') ?? '';
  return /^[A-Za-z0-9._-]{1,64}$/.test(text) ? text : null;
}

function build(
  request: Buffer,
  type: number,
  lease: DhcpLease,
  network: DhcpNetwork,
  withLease: boolean,
): Buffer {
  const fixed = Buffer.alloc(240);
  fixed[0] = 2;
  fixed[1] = 1;
  fixed[2] = 6;
  request.copy(fixed, 4, 4, 8); // the transaction
  request.copy(fixed, 10, 10, 12); // flags
  if (type !== messageTypes.nak) {
    request.copy(fixed, 12, 12, 16);
    if (withLease) ipBytes(lease.ip).copy(fixed, 16);
  }
  request.copy(fixed, 28, 28, 44);
  fixed.writeUInt32BE(cookie, 236);
  const parts: Buffer[] = [fixed];
  const option = (code: number, value: Uint8Array) =>
    parts.push(Buffer.from([code, value.length]), Buffer.from(value));
  option(53, Uint8Array.of(type));
  option(54, ipBytes(network.gateway));
  if (type !== messageTypes.nak) {
    if (withLease) {
      const seconds = Buffer.alloc(4);
      seconds.writeUInt32BE(leaseSeconds);
      option(51, seconds);
    }
    option(1, ipBytes(network.mask));
    option(28, ipBytes(network.broadcast));
    if (network.wayOut) option(3, ipBytes(network.gateway));
    option(6, ipBytes(network.dns));
    option(15, Buffer.from(network.domain, 'ascii'));
    option(119, searchList(network.domain));
    option(12, Buffer.from(lease.hostname, 'ascii'));
  }
  parts.push(Buffer.from([255]));
  const message = Buffer.concat(parts);
  // RFC 951: clients may expect 300 bytes.
  return message.length >= 300 ? message : Buffer.concat([message, Buffer.alloc(300 - message.length)]);
}

/** A domain in the labels of DNS (RFC 3397). */
function searchList(domain: string): Buffer {
  const labels = domain.split('.').map((label) => Buffer.from(label, 'ascii'));
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0]),
  ]);
}
