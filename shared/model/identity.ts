import type { WireError } from '../errors.ts';

/** What must differ between two machines, as read from one of them. */
export interface IdentityFacts {
  readonly source: 'disk' | 'ssh' | 'agent';
  /** Milliseconds since the epoch when it was read. */
  readonly readAt: number;
  /** 32 lower-case hex digits; null unless `machineIdState` is `ok`. */
  readonly machineId: string | null;
  readonly machineIdState: 'ok' | 'empty' | 'uninitialized' | 'missing' | 'malformed';
  /** What /var/lib/dbus/machine-id is. `none`: the system has no D-Bus folder, nothing to do; `unreadable`: on a file system of a kind we cannot read. */
  readonly dbus: 'link' | 'same' | 'different' | 'missing' | 'empty' | 'none' | 'unreadable';
  readonly hostname: string | null;
  readonly hostKeys: readonly HostKeyFact[];
  /** Boot id of a running system (/proc/sys/kernel/random/boot_id), null from a disk. */
  readonly bootId: string | null;
  /** PRETTY_NAME of os-release. */
  readonly os: string | null;
  /** The hardware as a running system sees it; null from a disk. */
  readonly seen: {
    /** DMI's product_uuid, lower case; null where there is none, or only root may read it. */
    readonly uuid: string | null;
    /** Of real network cards, lower case. */
    readonly macs: readonly string[];
  } | null;
}

export interface HostKeyFact {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`… */
  readonly type: string;
  /** `SHA256:…` as ssh-keygen -l prints it. */
  readonly fingerprint: string;
  readonly path: string | null;
}

/** One line of the Identity page. */
export interface IdentityRow {
  readonly kind: 'guest' | 'template' | 'server';
  readonly id: string;
  readonly name: string;
  /** The guest's state word, for people. */
  readonly state: string;
  readonly facts: IdentityFacts | null;
  /** Why it could not be read. */
  readonly error: WireError | null;
  readonly uuid: string | null;
  readonly macs: readonly string[];
  /**
   * `planned`: written to the disk, no boot has confirmed it; `verified`: read from a boot later than the edit and as
   * planned; `differs`: a later boot shows something else; `none`: Guesthouse never wrote one.
   */
  readonly verification: 'none' | 'planned' | 'restart-needed' | 'verified' | 'differs';
  /** Milliseconds since the epoch of the last repair or making, or null. */
  readonly writtenAt: number | null;
  /** True when the values before the last repair are kept and can be put back. */
  readonly restorable: boolean;
}

export type DuplicateKind = 'machine-id' | 'host-key' | 'uuid' | 'mac' | 'hostname';

export interface DuplicateGroup {
  readonly kind: DuplicateKind;
  readonly value: string;
  /** Rows, by kind and id. */
  readonly members: readonly { readonly kind: IdentityRow['kind']; readonly id: string }[];
  /** What really follows from it, one sentence. */
  readonly consequence: string;
  readonly severity: 'problem' | 'note';
}

export interface IdentityReport {
  readonly rows: readonly IdentityRow[];
  readonly groups: readonly DuplicateGroup[];
  readonly checkedAt: number;
  /** Rows answered from the cache because no disk changed. */
  readonly cached: number;
}

/** What to renew or empty. Each is a choice with a default; see `identityParts`. */
export const identityPartIds = [
  'machine-id',
  'host-keys',
  'hostname',
  'random-seed',
  'leases',
  'network-config',
  'cloud-init',
  'logs',
  'histories',
  'tmp',
  'user-ssh',
] as const;
export type IdentityPart = (typeof identityPartIds)[number];

/** For people: what a part is and what follows from leaving it. Defaults for a clone, a repair and a seal. */
export const identityParts: Record<
  IdentityPart,
  { title: string; meaning: string; clone: boolean; repair: boolean; seal: boolean }
> = {
  'machine-id': {
    title: 'machine-id',
    meaning: 'Names this installation to systemd, D-Bus and DHCP. Two with one id ask for one address.',
    clone: true,
    repair: true,
    seal: true,
  },
  'host-keys': {
    title: 'SSH host keys',
    meaning: 'Prove to SSH clients which machine answers. Whoever holds a copy can pose as the other.',
    clone: true,
    repair: true,
    seal: true,
  },
  hostname: {
    title: 'Hostname',
    meaning: 'The name in prompts, logs and DHCP requests: /etc/hostname and /etc/hosts.',
    clone: true,
    repair: false,
    seal: true,
  },
  'random-seed': {
    title: 'Random seeds',
    meaning: 'Start the random generator at boot. Shared seeds make shared "random" numbers.',
    clone: true,
    repair: true,
    seal: true,
  },
  leases: {
    title: 'DHCP leases and network state',
    meaning: 'Remembered addresses and identifiers of dhclient, dhcpcd, networkd and NetworkManager.',
    clone: true,
    repair: true,
    seal: true,
  },
  'network-config': {
    title: 'Network files that name the old MAC',
    meaning: 'Configuration bound to the old network card would leave the new one without network.',
    clone: true,
    repair: true,
    seal: false,
  },
  'cloud-init': {
    title: 'cloud-init',
    meaning: 'Makes cloud-init see a new machine, and gives it the same planned keys and name.',
    clone: true,
    repair: false,
    seal: true,
  },
  logs: {
    title: 'Logs',
    meaning: 'Journals and files under /var/log tell the story of the old machine.',
    clone: false,
    repair: false,
    seal: true,
  },
  histories: {
    title: 'Shell histories',
    meaning: 'What was typed, passwords among it.',
    clone: false,
    repair: false,
    seal: true,
  },
  tmp: { title: 'Temporary files', meaning: '/tmp and /var/tmp.', clone: false, repair: false, seal: true },
  'user-ssh': {
    title: "Users' ~/.ssh",
    meaning: 'Keys and authorized_keys of all users. Without them nobody logs in by key.',
    clone: false,
    repair: false,
    seal: false,
  },
};

/** One change on a disk, as shown beforehand. Values of secrets are never included. */
export interface IdentityChange {
  readonly part: IdentityPart | 'authorized-keys' | 'seed';
  readonly path: string;
  readonly action: 'write' | 'remove' | 'link' | 'directory';
  /** Short text of the old and new value, null when none or secret. */
  readonly before: string | null;
  readonly after: string | null;
}

/** The identity a clone or repaired guest will get, secrets left out. */
export interface PlannedIdentity {
  readonly machineId: string | null;
  readonly hostname: string | null;
  readonly uuid: string | null;
  readonly macs: readonly string[];
  readonly hostKeys: readonly HostKeyFact[];
}

export interface RepairPlan {
  readonly planId: string;
  readonly items: readonly {
    readonly kind: 'guest' | 'server';
    readonly id: string;
    readonly name: string;
    /** Where the edit happens. */
    readonly via: 'disk' | 'ssh';
    readonly identity: PlannedIdentity;
    readonly changes: readonly IdentityChange[];
    /** Why it cannot be repaired now. */
    readonly error: WireError | null;
    readonly warnings: readonly string[];
  }[];
}
