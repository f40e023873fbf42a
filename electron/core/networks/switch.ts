import { answerDhcp, type DhcpNetwork } from './dhcp.ts';
import { answerLinkName, answerName, type Zone } from './names.ts';
import {
  arpReply,
  broadcastMac,
  etherTypes,
  type Ipv4,
  ipBytes,
  readArp,
  readIpv4,
  readMac,
  udpFrame,
} from './packets.ts';
import {
  dnsHost,
  gatewayHost,
  type MemberConfig,
  type MemberStatus,
  type NetworkConfig,
} from './protocol.ts';

/** Sends one frame to a guest or out; drops it where the other side is slow, as switches do. */
export type Send = (frame: Buffer) => void;

interface Port {
  member: MemberConfig;
  send: Send | null;
  leasedAt: number | null;
  says: string | null;
  sent: number;
  received: number;
  refused: number;
  /** UDP that came in by a forward, as `guest port:gateway’s port`: its answers may go back. */
  readonly asked: Set<string>;
}

const dhcpServerPort = 67;
const dhcpClientPort = 68;
const dnsPort = 53;
const linkNamePort = 5355;
const linkNameAddress = '224.0.0.252';
const icmp = 1;
const udp = 17;
const maxAsked = 256;

/**
 * A switch for a handful of guests that knows who is on which port, so that no guest can pose as another: a frame is
 * carried only with its card's own MAC and address. IPv4 and ARP alone are carried. DHCP and the names of this network
 * are answered here; all else that leaves goes to the way out, which is QEMU's user network (qemu, net/slirp.c).
 */
export class Switch {
  private readonly ports = new Map<string, Port>();
  private config: NetworkConfig;
  private zone!: Zone;
  private dhcp!: DhcpNetwork;
  private gateway!: string;
  private dns!: string;
  /** Where the way out is; libslirp takes every frame sent to it and calls itself so (slirp.c, special_ethaddr). */
  private routerMac!: string;
  private out: Send | null = null;

  constructor(
    config: NetworkConfig,
    private readonly now: () => number,
    private readonly changed: () => void,
  ) {
    this.config = config;
    this.configure(config);
  }

  /** Takes up another wish. Ports of members that stay keep their connection and counters. */
  configure(config: NetworkConfig): void {
    this.config = config;
    const { prefix, domain, wayOut } = config;
    this.gateway = `${prefix}${gatewayHost}`;
    this.dns = `${prefix}${dnsHost}`;
    this.routerMac = `52:55:${ipBytes(this.gateway)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:')}`;
    const names = new Map<string, string>();
    for (const member of config.members) if (!names.has(member.name)) names.set(member.name, member.address);
    if (!names.has('gateway')) names.set('gateway', this.gateway);
    this.zone = { domain, names, prefix, wayOut };
    this.dhcp = {
      gateway: this.gateway,
      dns: this.dns,
      mask: '255.255.255.0',
      broadcast: `${prefix}255`,
      domain,
      wayOut,
    };
    const wanted = new Map(config.members.map((member) => [member.mac, member]));
    for (const mac of [...this.ports.keys()]) if (!wanted.has(mac)) this.ports.delete(mac);
    for (const [mac, member] of wanted) {
      const port = this.ports.get(mac);
      if (port) port.member = member;
      else
        this.ports.set(mac, {
          member,
          send: null,
          leasedAt: null,
          says: null,
          sent: 0,
          received: 0,
          refused: 0,
          asked: new Set(),
        });
    }
  }

  setOut(send: Send | null): void {
    this.out = send;
  }

  plug(mac: string, send: Send): void {
    const port = this.ports.get(mac);
    if (!port) return;
    port.send = send;
    this.changed();
  }

  unplug(mac: string): void {
    const port = this.ports.get(mac);
    if (!port) return;
    port.send = null;
    this.changed();
  }

  members(): MemberStatus[] {
    return [...this.ports].map(([mac, { send, leasedAt, says, sent, received, refused }]) => ({
      mac,
      connected: send !== null,
      leasedAt,
      says,
      sent,
      received,
      refused,
    }));
  }

  /** A frame from the guest with this card. */
  fromGuest(mac: string, frame: Buffer): void {
    const port = this.ports.get(mac);
    if (!port) return;
    port.sent += frame.length;
    if (!this.take(port, frame)) port.refused++;
  }

  /** A frame from the way out: always for one guest. */
  fromOut(frame: Buffer): void {
    if (frame.length < 14) return;
    const type = frame.readUInt16BE(12);
    if (type === etherTypes.arp) {
      const arp = readArp(frame);
      if (arp?.op !== 'request') return;
      for (const [mac, { member }] of this.ports)
        if (member.address === arp.targetIp) this.out?.(arpReply(arp, mac));
      return;
    }
    if (type !== etherTypes.ipv4) return;
    const port = this.ports.get(readMac(frame, 0));
    if (!port) return;
    const packet = readIpv4(frame);
    if (packet?.protocol === udp && packet.ports && packet.source === this.gateway) {
      if (port.asked.size > maxAsked) port.asked.clear();
      port.asked.add(`${packet.ports.destination}:${packet.ports.source}`);
    }
    this.deliver(port, frame);
  }

  private deliver(port: Port, frame: Buffer): void {
    if (!port.send) return;
    port.received += frame.length;
    port.send(frame);
  }

  /** False for what is refused. */
  private take(port: Port, frame: Buffer): boolean {
    if (frame.length < 14 || readMac(frame, 6) !== port.member.mac) return false;
    const type = frame.readUInt16BE(12);
    if (type === etherTypes.arp) return this.arp(port, frame);
    if (type !== etherTypes.ipv4) return true; // systems try IPv6 everywhere: dropped, but no lie
    const packet = readIpv4(frame);
    if (!packet) return false;
    if (packet.ports && packet.protocol === udp) {
      if (packet.ports.destination === dhcpServerPort) return this.askedForAddress(port, packet);
      // Another guest's DHCP answers would lead this network astray.
      if (packet.ports.source === dhcpServerPort || packet.ports.destination === dhcpClientPort) return false;
    }
    if (packet.source !== port.member.address) return false;
    if (packet.destination === linkNameAddress && packet.ports?.destination === linkNamePort)
      return this.askedForLinkName(port, packet);
    return this.carry(port, frame, packet);
  }

  private arp(port: Port, frame: Buffer): boolean {
    const arp = readArp(frame);
    const { mac, address } = port.member;
    if (!arp || arp.senderMac !== mac || (arp.senderIp !== address && arp.senderIp !== '0.0.0.0'))
      return false;
    if (arp.op === 'request' && (arp.targetIp === this.gateway || arp.targetIp === this.dns)) {
      this.deliver(port, arpReply(arp, this.routerMac));
      return true;
    }
    return this.forward(port, frame);
  }

  private carry(port: Port, frame: Buffer, packet: Ipv4): boolean {
    const { destination } = packet;
    if (readMac(frame, 0) !== this.routerMac) return this.forward(port, frame);
    if (destination === this.dns) {
      if (packet.ports?.destination !== dnsPort) return packet.protocol === icmp && this.goOut(frame);
      if (packet.protocol !== udp) return this.config.wayOut && this.goOut(frame);
      if (!packet.udp) return false;
      const answer = answerName(packet.udp, this.zone);
      if (answer === 'forward') return this.goOut(frame);
      if (answer) this.answer(port, { ip: this.dns, port: dnsPort }, packet, answer);
      return answer !== null;
    }
    if (destination === this.gateway) return this.mayReachHost(port, packet) && this.goOut(frame);
    // libslirp takes any other address of this network, and all of these, for this computer itself.
    if (
      destination.startsWith(this.config.prefix) ||
      /^(0|127|169\.254|22[4-9]|2[3-5]\d)\./.test(destination)
    )
      return false;
    return this.config.wayOut && this.goOut(frame);
  }

  /** Pings and answers to what came in by a forward always go to the gateway; all else goes on to this computer. */
  private mayReachHost(port: Port, { protocol, fragment, ports, opens }: Ipv4): boolean {
    if (protocol === icmp) return true;
    if (fragment || !ports) return false;
    if (this.config.reachHost) return true;
    // libslirp takes nothing but a lone SYN for the beginning of a connection (tcp_input.c).
    if (protocol !== udp) return !opens;
    return port.asked.has(`${ports.source}:${ports.destination}`);
  }

  private goOut(frame: Buffer): boolean {
    this.out?.(frame);
    return true;
  }

  /** To the guest with that card, or to all others. */
  private forward(port: Port, frame: Buffer): boolean {
    if ((frame[0]! & 1) === 1) {
      for (const other of this.ports.values()) if (other !== port) this.deliver(other, frame);
      return true;
    }
    const other = this.ports.get(readMac(frame, 0));
    if (!other || other === port) return false;
    this.deliver(other, frame);
    return true;
  }

  private askedForAddress(port: Port, packet: Ipv4): boolean {
    const { mac, address, name } = port.member;
    if (!packet.udp || (packet.source !== '0.0.0.0' && packet.source !== address)) return false;
    const answer = answerDhcp(packet.udp, { mac, ip: address, hostname: name }, this.dhcp);
    if (!answer) return false;
    const news = answer.says !== port.says || answer.kind === 'ack';
    port.says = answer.says ?? port.says;
    if (answer.kind === 'ack') port.leasedAt = this.now();
    if (answer.data)
      this.deliver(
        port,
        udpFrame({
          from: { mac: this.routerMac, ip: this.gateway, port: dhcpServerPort },
          to: {
            mac: answer.to === '255.255.255.255' ? broadcastMac : mac,
            ip: answer.to,
            port: dhcpClientPort,
          },
          data: answer.data,
        }),
      );
    if (news) this.changed();
    return true;
  }

  private askedForLinkName(port: Port, packet: Ipv4): boolean {
    const answer = packet.udp && answerLinkName(packet.udp, this.zone);
    if (answer) this.answer(port, { ip: this.dns, port: linkNamePort }, packet, answer);
    return true;
  }

  private answer(port: Port, from: { ip: string; port: number }, packet: Ipv4, data: Buffer): void {
    const { mac, address } = port.member;
    this.deliver(
      port,
      udpFrame({
        from: { ...from, mac: this.routerMac },
        to: { mac, ip: address, port: packet.ports!.source },
        data,
      }),
    );
  }
}
