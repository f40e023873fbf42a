import type { WireError } from '../errors.ts';

/** A guest's card on a shared network. */
export interface NetworkMember {
  /** The guest's id and name. */
  readonly guest: string;
  readonly guestName: string;
  /** Position of the card among the guest's. */
  readonly card: number;
  readonly mac: string;
  /** Its own for good: the card is given no other. */
  readonly address: string;
  /** The label others find it by, in the network's domain or alone. */
  readonly name: string;
  /** `waiting`: its QEMU runs and is being plugged in. */
  readonly link: 'off' | 'waiting' | 'plugged-in';
  /** Milliseconds since the epoch of the last time it took its address by DHCP, in this run of the network. */
  readonly leasedAt: number | null;
  /** What the guest calls itself; shown, never believed. */
  readonly says: string | null;
  /** Bytes in this run of the network, from and to the guest. */
  readonly sent: number;
  readonly received: number;
  /** Frames that were refused: another's address, or to where the network does not lead. */
  readonly refused: number;
}

/** A network that guests of this computer share, without privileges. */
export interface SharedNetwork {
  /** The same as its name, which never changes. */
  readonly id: string;
  /** Lower-case letters, digits and dashes; what `<source network=…>` says. */
  readonly name: string;
  /** `10.77.0.0/24` */
  readonly subnet: string;
  readonly gateway: string;
  readonly dns: string;
  /** What names are completed with. */
  readonly domain: string;
  /** Guests reach the world beyond, as this person's own connections. */
  readonly wayOut: boolean;
  /** Guests reach services on this computer's loopback, at the gateway's address. */
  readonly reachHost: boolean;
  /** Goes on while no guest is on it. */
  readonly keepOn: boolean;
  readonly state: 'off' | 'starting' | 'on' | 'failed';
  /** Milliseconds since the epoch; null when off. */
  readonly since: number | null;
  readonly pid: number | null;
  /** Why it failed, or what of it does not work. */
  readonly problem: WireError | null;
  readonly members: readonly NetworkMember[];
}

/** A bridge of this computer that QEMU's helper could join guests to. */
export interface HostBridge {
  readonly name: string;
  /** True when the helper's list allows it (/etc/qemu/bridge.conf). */
  readonly allowed: boolean;
}

/** Where a card can be plugged in. */
export type NicPlace =
  /** A network of its own behind this computer; `restrict`: without a way out or to this computer, forwards alone. */
  | { readonly kind: 'user'; readonly restrict: boolean }
  | { readonly kind: 'shared'; readonly network: string }
  | { readonly kind: 'bridge'; readonly bridge: string };

/** Why `name` cannot be a network's, as a sentence, or null. */
export function networkNameProblem(name: string): string | null {
  if (name === '') return 'Enter a name.';
  if (!/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name))
    return 'A network’s name has up to 20 lower-case letters, digits and dashes, and begins with a letter.';
  return null;
}

/** Why `subnet` cannot be a shared network's, as a sentence, or null: a private /24 (RFC 1918). */
export function subnetProblem(subnet: string): string | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.0\/24$/.exec(subnet);
  const [a, b, c] = (match ?? []).slice(1).map(Number);
  if (a === undefined || b === undefined || c === undefined || [a, b, c].some((n) => n > 255))
    return 'It should look like 10.77.0.0/24.';
  const own = a === 10 || (a === 192 && b === 168) || (a === 172 && b >= 16 && b <= 31);
  return own ? null : 'Use addresses that are nobody’s: 10.x.y.0/24, 172.16–31.x.0/24 or 192.168.x.0/24.';
}

/** Why `domain` cannot be a network's, as a sentence, or null. */
export function networkDomainProblem(domain: string): string | null {
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  if (domain.length > 100 || !new RegExp(`^${label}(\\.${label})*$`).test(domain))
    return 'A domain looks like lab.internal: lower-case letters, digits, dashes and dots.';
  if (/(^|\.)local$/.test(domain)) return 'Names in .local belong to mDNS. Use .internal.';
  return null;
}
