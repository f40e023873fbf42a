import type { WireError } from '../../../shared/errors.ts';
import type { NetworkMember, SharedNetwork } from '../../../shared/model/network.ts';
import { type Card, cardSocket, forwardsOf } from './members.ts';
import { dnsHost, gatewayHost, type NetworkConfig, type NetworkStatus } from './protocol.ts';
import { type NetworkRecord, prefixOf } from './store.ts';

/** What is known of a network beside what is stored. */
export interface NetworkState {
  readonly record: NetworkRecord;
  readonly state: SharedNetwork['state'];
  readonly problem: WireError | null;
  /** What its process last said; null without one. */
  readonly status: NetworkStatus | null;
}

/** A network as people see it. @param cards those on it */
export function rowOf(
  { record, state, problem, status }: NetworkState,
  cards: readonly Card[],
): SharedNetwork {
  const prefix = prefixOf(record.subnet);
  const members = cards.map(({ guest, nic, mac, name }): NetworkMember => {
    const now = status?.members.find((member) => member.mac === mac);
    return {
      guest: guest.id,
      guestName: guest.name,
      card: nic.index,
      mac,
      address: record.leases[mac] ?? '',
      name,
      link: now?.connected ? 'plugged-in' : guest.live ? 'waiting' : 'off',
      leasedAt: now?.leasedAt ?? null,
      says: now?.says ?? null,
      sent: now?.sent ?? 0,
      received: now?.received ?? 0,
      refused: now?.refused ?? 0,
    };
  });
  const { name, subnet, domain, wayOut, reachHost, keepOn } = record;
  return {
    id: name,
    name,
    subnet,
    domain,
    wayOut,
    reachHost,
    keepOn,
    gateway: `${prefix}${gatewayHost}`,
    dns: `${prefix}${dnsHost}`,
    state,
    since: status?.startedAt ?? null,
    pid: status?.pid ?? null,
    problem: problem ?? outProblem(status),
    members,
  };
}

/** What a network's process is told. A card without an address yet is left out. */
export function configOf(record: NetworkRecord, cards: readonly Card[], qemu: string): NetworkConfig {
  const { name, subnet, domain, wayOut, reachHost, keepOn, leases } = record;
  return {
    name,
    prefix: prefixOf(subnet),
    domain,
    wayOut,
    reachHost,
    keepOn,
    qemu,
    members: cards.flatMap((card) => {
      const address = leases[card.mac];
      if (!address) return [];
      const { guest, nic, mac } = card;
      const socket = guest.live ? cardSocket(guest.dir, nic.index) : null;
      return [{ guest: guest.id, mac, address, name: card.name, socket, forwards: forwardsOf(card) }];
    }),
  };
}

/** What is wrong with the way out, though the network itself is on. */
export function outProblem(status: NetworkStatus | null): WireError | null {
  if (!status) return null;
  if (status.problem)
    return {
      code: 'qemu-failed',
      message: 'The way out does not work.',
      why: `${status.problem}.`,
      todo: 'It is tried again every second. Guests reach each other meanwhile.',
    };
  const ports = Object.entries(status.forwardProblems);
  if (ports.length === 0) return null;
  return {
    code: 'port-taken',
    message: `${ports.length === 1 ? 'A forward' : `${ports.length} forwards`} could not be opened.`,
    why: ports.map(([rule, said]) => `${rule}: ${said}`).join(' '),
  };
}

/** Addresses that running guests took, by guest. */
export function takenAddresses(
  { leases }: NetworkRecord,
  status: NetworkStatus,
  cards: readonly Card[],
): Map<string, string[]> {
  const byGuest = new Map<string, string[]>();
  for (const { guest, mac } of cards) {
    const address = leases[mac];
    const leased = status.members.find((member) => member.mac === mac)?.leasedAt ?? null;
    if (address && leased !== null && guest.live)
      byGuest.set(guest.id, [...(byGuest.get(guest.id) ?? []), address]);
  }
  return byGuest;
}
