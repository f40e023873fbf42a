import * as path from 'node:path';
import { hostnameFrom } from '../../../shared/model/names.ts';
import type { Domain, DomainInterface } from '../domain/index.ts';
import type { MemberConfig } from './protocol.ts';

/** A guest as the networks see it. */
export interface NetworkGuest {
  readonly id: string;
  readonly name: string;
  /** What it runs with, else what it would be started with. */
  readonly domain: Domain;
  /** A QEMU runs, or is being started. */
  readonly live: boolean;
  /** Folder of its sockets. */
  readonly dir: string;
}

export interface Card {
  readonly guest: NetworkGuest;
  readonly nic: DomainInterface;
  readonly mac: string;
  readonly name: string;
}

/** Where the QEMU of a guest listens for the network its nth card is on. */
export const cardSocket = (dir: string, index: number) => path.join(dir, `net${index}.sock`);

/** All cards on a network, each with a name of its own. */
export function cardsOn(network: string, guests: readonly NetworkGuest[]): Card[] {
  const cards: Card[] = [];
  const names = new Set(['gateway']);
  const macs = new Set<string>();
  for (const guest of guests)
    for (const nic of guest.domain.interfaces()) {
      const mac = nic.mac?.toLowerCase();
      if (nic.type !== 'network' || nic.source !== network || !mac || macs.has(mac)) continue;
      macs.add(mac);
      const label = hostnameFrom(guest.name);
      let name = label;
      for (let n = 2; names.has(name); n++) name = `${label.slice(0, 58)}-${n}`;
      names.add(name);
      cards.push({ guest, nic, mac, name });
    }
  return cards;
}

/**
 * Forwards that the network opens for a card: those of its guest, when it has no user network (which would open them)
 * and this is its first shared card.
 */
export function forwardsOf({ guest, nic }: Card): MemberConfig['forwards'] {
  const nics = guest.domain.interfaces();
  if (nics.some(({ type }) => type === 'user')) return [];
  if (nics.find(({ type }) => type === 'network')?.index !== nic.index) return [];
  const { ssh, forwards } = guest.domain.metadata;
  const all = forwards.filter(({ hostAddress }) => /^127(\.\d{1,3}){3}$/.test(hostAddress));
  if (ssh.hostPort === null) return [...all];
  return [{ proto: 'tcp', hostAddress: '127.0.0.1', hostPort: ssh.hostPort, guestPort: 22 }, ...all];
}
