import type { WireError } from '../errors.ts';

/** Kinds `ssh-keygen -t` makes. The sk- ones need a security key in the computer. */
export const keyTypes = ['ed25519', 'rsa', 'ecdsa', 'ed25519-sk', 'ecdsa-sk'] as const;
export type KeyType = (typeof keyTypes)[number];

/** What is wrong with the mode or owner of one file, and what OpenSSH does about it. */
export interface PermissionProblem {
  /** Absolute path. */
  readonly path: string;
  readonly what:
    | 'private-key'
    | 'public-key'
    | 'ssh-folder'
    | 'app-folder'
    | 'authorized-keys'
    | 'config'
    | 'home';
  readonly kind: 'too-open' | 'too-closed' | 'wrong-owner';
  /** Permission bits as they are and as they should be, e.g. 0o644 and 0o600. Equal when only the owner is wrong. */
  readonly mode: number;
  readonly wanted: number;
  /** e.g. "Others can read this private key." */
  readonly problem: string;
  /** What ssh or sshd does about it, e.g. "ssh refuses to use this key." */
  readonly consequence: string;
  /** `refused`: OpenSSH will not use the file. `exposed`: it works, but others can read or change it. */
  readonly severity: 'refused' | 'exposed';
  /** True when `keys.fix` can repair it. It never loosens: it only takes permission bits away. */
  readonly fixable: boolean;
  /** The command that repairs it, for people. */
  readonly command: string;
}

/** A key pair in `~/.ssh` or in the app's own folder. */
export interface Key {
  /** `ssh:<file>` or `app:<file>`: stable while the file keeps its name. */
  readonly id: string;
  /** File name, for people. */
  readonly name: string;
  readonly location: 'ssh' | 'app';
  /** The private key; null when only a public key lies here (the private one is on a card or in an agent). */
  readonly path: string | null;
  /** Null when there is no .pub file beside it. */
  readonly publicPath: string | null;
  /** As ssh-keygen names it: ED25519, RSA, ECDSA, ED25519-SK; null when it cannot be told. */
  readonly type: string | null;
  readonly bits: number | null;
  /** `SHA256:…`; null for a PEM key with a passphrase and without its public half. */
  readonly fingerprint: string | null;
  /** Why a private key that can be read has no fingerprint, and what to do; null when it has one. */
  readonly noFingerprint: string | null;
  /** Lines, as ssh-keygen -v draws it. */
  readonly randomart: string | null;
  /** Control characters are made visible. */
  readonly comment: string;
  /** Has a passphrase. Null when there is no private key here. */
  readonly encrypted: boolean | null;
  readonly inAgent: boolean;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
  readonly problems: readonly PermissionProblem[];
  /** Why it could not be read, or null. */
  readonly unreadable: string | null;
  /** Guests and servers known to accept it, by id. */
  readonly usedBy: readonly string[];
}

export interface KeyList {
  readonly keys: readonly Key[];
  /** Of folders and files that are no key: `~/.ssh`, authorized_keys, config, home. */
  readonly problems: readonly PermissionProblem[];
  readonly agent: 'running' | 'none';
  /** Absolute paths of the two folders. */
  readonly sshFolder: string;
  readonly appFolder: string;
  /** True when a FIDO security key can be used: a device is there and this OpenSSH has the support. */
  readonly securityKey: boolean;
  /** Deleted keys that can be brought back. */
  readonly trash: readonly TrashedKey[];
}

export interface TrashedKey {
  readonly id: string;
  readonly name: string;
  readonly location: 'ssh' | 'app';
  /** Milliseconds since the epoch. */
  readonly deletedAt: number;
}

/** One host of a copy (ssh-copy-id), as it goes on. */
export interface KeyCopyHost {
  /** Guest or server id. */
  readonly target: string;
  /** For people. */
  readonly name: string;
  /**
   * `copied` and `already` were checked afterwards by logging in with the key. `unconfirmed`: it stands in
   * authorized_keys, yet the host did not let it in (see `error`).
   */
  readonly status:
    | 'waiting'
    | 'connecting'
    | 'checking'
    | 'copied'
    | 'already'
    | 'unconfirmed'
    | 'failed'
    | 'cancelled';
  readonly error: WireError | null;
  /** Lines of the live log. */
  readonly log: readonly string[];
}

/** State of a `keys.copyId` operation; announced as a whole at every change. */
export interface KeyCopy {
  readonly operation: string;
  readonly keyId: string;
  readonly keyName: string;
  readonly hosts: readonly KeyCopyHost[];
}
