/** Ethernet, ARP, IPv4 and UDP as far as a shared network reads and writes them. All numbers in network order. */

export const etherTypes = { ipv4: 0x0800, arp: 0x0806 } as const;
export const broadcastMac = 'ff:ff:ff:ff:ff:ff';
/** Bytes of the longest frame that is carried: Ethernet's 1514 and room for a tag. */
export const maxFrame = 1518;

/** Reads a MAC as lower-case hex with colons. */
export function readMac(frame: Buffer, at: number): string {
  return frame.toString('hex', at, at + 6).replace(/(..)(?=.)/g, '$1:');
}

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** `10.77.0.1` of four bytes. */
export function readIp(frame: Buffer, at: number): string {
  return `${frame[at]}.${frame[at + 1]}.${frame[at + 2]}.${frame[at + 3]}`;
}

export function ipBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

export interface Arp {
  readonly op: 'request' | 'reply';
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetIp: string;
}

/** Null for what is no ARP for IPv4 over Ethernet (RFC 826). */
export function readArp(frame: Buffer): Arp | null {
  if (frame.length < 42 || frame.readUInt16BE(14) !== 1 || frame.readUInt16BE(16) !== 0x0800) return null;
  if (frame[18] !== 6 || frame[19] !== 4) return null;
  const op = frame.readUInt16BE(20);
  if (op !== 1 && op !== 2) return null;
  return {
    op: op === 1 ? 'request' : 'reply',
    senderMac: readMac(frame, 22),
    senderIp: readIp(frame, 28),
    targetIp: readIp(frame, 38),
  };
}

/** The answer to an ARP request: `ip` is at `mac`. */
export function arpReply(request: Arp, mac: string): Buffer {
  const frame = Buffer.alloc(60);
  macBytes(request.senderMac).copy(frame, 0);
  macBytes(mac).copy(frame, 6);
  frame.writeUInt16BE(etherTypes.arp, 12);
  Buffer.from([0, 1, 8, 0, 6, 4, 0, 2]).copy(frame, 14);
  macBytes(mac).copy(frame, 22);
  ipBytes(request.targetIp).copy(frame, 28);
  macBytes(request.senderMac).copy(frame, 32);
  ipBytes(request.senderIp).copy(frame, 38);
  return frame;
}

export interface Ipv4 {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** A piece of a larger packet other than its first, or one that more follow. */
  readonly fragment: boolean;
  /** UDP and TCP; null for other protocols and for pieces that do not hold them. */
  readonly ports: { readonly source: number; readonly destination: number } | null;
  /** TCP that begins a connection: SYN without ACK. */
  readonly opens: boolean;
  /** What UDP carries; null for everything else. */
  readonly udp: Buffer | null;
}

/** Null for what is no whole IPv4 header (RFC 791). */
export function readIpv4(frame: Buffer): Ipv4 | null {
  if (frame.length < 34 || frame[14]! >> 4 !== 4) return null;
  const header = (frame[14]! & 15) * 4;
  const total = frame.readUInt16BE(16);
  if (header < 20 || total < header || frame.length < 14 + total) return null;
  const fragment = (frame.readUInt16BE(20) & 0x3fff) !== 0;
  const protocol = frame[23]!;
  const body = 14 + header;
  const ports =
    !fragment && (protocol === 6 || protocol === 17) && total >= header + 8
      ? { source: frame.readUInt16BE(body), destination: frame.readUInt16BE(body + 2) }
      : null;
  const flags = protocol === 6 && ports && total >= header + 20 ? frame[body + 13]! : 0;
  const udpLength = ports && protocol === 17 ? frame.readUInt16BE(body + 4) : 0;
  const udp =
    udpLength >= 8 && udpLength <= total - header ? frame.subarray(body + 8, body + udpLength) : null;
  return {
    protocol,
    source: readIp(frame, 26),
    destination: readIp(frame, 30),
    fragment,
    ports: protocol === 6 && total < header + 20 ? null : ports,
    opens: (flags & 0x12) === 0x02,
    udp,
  };
}

export interface UdpFrame {
  readonly from: { readonly mac: string; readonly ip: string; readonly port: number };
  readonly to: { readonly mac: string; readonly ip: string; readonly port: number };
  readonly data: Uint8Array;
}

/** A whole frame with an IPv4 and UDP header and their checksums. */
export function udpFrame({ from, to, data }: UdpFrame): Buffer {
  const frame = Buffer.alloc(Math.max(60, 42 + data.length));
  macBytes(to.mac).copy(frame, 0);
  macBytes(from.mac).copy(frame, 6);
  frame.writeUInt16BE(etherTypes.ipv4, 12);
  frame[14] = 0x45;
  frame.writeUInt16BE(28 + data.length, 16);
  frame[22] = 64;
  frame[23] = 17;
  ipBytes(from.ip).copy(frame, 26);
  ipBytes(to.ip).copy(frame, 30);
  frame.writeUInt16BE(checksum(frame.subarray(14, 34)), 24);
  frame.writeUInt16BE(from.port, 34);
  frame.writeUInt16BE(to.port, 36);
  frame.writeUInt16BE(8 + data.length, 38);
  frame.set(data, 42);
  const pseudo = Buffer.alloc(12);
  frame.copy(pseudo, 0, 26, 34);
  pseudo[9] = 17;
  pseudo.writeUInt16BE(8 + data.length, 10);
  // Zero would mean "none" (RFC 768).
  frame.writeUInt16BE(checksum(Buffer.concat([pseudo, frame.subarray(34, 42 + data.length)])) || 0xffff, 40);
  return frame;
}

/** The internet checksum (RFC 1071). */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
