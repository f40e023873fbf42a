import type { WireError } from '../errors.ts';

/**
 * What a guest is doing. The first group is ours; the second is a QEMU RunState (qapi/run-state.json) that the person
 * must hear about. `guestStateWords` gives each its word.
 */
export const guestStates = [
  'off', // no QEMU, nothing saved
  'starting', // QEMU is being started
  'running',
  'paused', // by the person
  'shutting-down', // asked by ACPI or agent, not down yet
  'saving',
  'saved', // no QEMU; memory is in the guest's folder, start resumes it
  'restoring',
  'crashed', // QEMU ended without being asked: see `crash`
  'broken', // its domain XML or a disk cannot be read: see `problem`
  'suspended', // the system inside sleeps (S3)
  'io-error', // paused by QEMU: a disk write failed, mostly a full host disk
  'guest-panicked',
  'internal-error', // KVM or QEMU gave up on it
  'watchdog',
  'migrating', // inmigrate, postmigrate, finish-migrate, restore-vm, save-vm, colo
  'prelaunch', // started stopped, before its first instruction
  'debug', // stopped by a debugger
  'unreachable', // its QEMU runs and does not answer: see `problem`; it is asked again and again
] as const;
export type GuestState = (typeof guestStates)[number];

/** How the hardware is presented (DESIGN.md). `unknown`: imported XML that fits none. */
export type VirtKind = 'full' | 'hybrid' | 'paravirtual' | 'unknown';

export interface DiskSummary {
  /** `vda`, `sda`… */
  readonly target: string;
  readonly device: 'disk' | 'cdrom' | 'floppy';
  /** Absolute path, or null for an empty drive. */
  readonly file: string | null;
  readonly format: string | null;
  readonly bus: string | null;
  /** Bytes the guest sees, null when unreadable. */
  readonly virtualSize: number | null;
  /** Bytes used on this computer's disk. */
  readonly allocatedSize: number | null;
  /** Backing file, absolute, or null. */
  readonly backing: string | null;
}

export interface PortForward {
  readonly proto: 'tcp' | 'udp';
  /** Port on this machine's loopback. */
  readonly hostPort: number;
  readonly guestPort: number;
}

/** How one reaches the guest by SSH. */
export interface SshAccess {
  /** Null: nobody said whom to log in as; ssh takes its own configuration's word, else the name one has here. */
  readonly user: string | null;
  readonly address: string;
  readonly port: number;
}

export interface Crash {
  /** Milliseconds since the epoch when it was noticed. */
  readonly at: number;
  readonly reason: string;
  /** Last lines of QEMU's log. */
  readonly logTail: string;
}

export interface Guest {
  /** The folder's name in the library: stable for life, also when the UUID or the name changes. */
  readonly id: string;
  /** The label people see; unique among guests and templates, compared without case. */
  readonly name: string;
  /** Domain UUID; null when the XML is broken. */
  readonly uuid: string | null;
  readonly folder: string;
  readonly state: GuestState;
  /** Milliseconds since the epoch of the last change of state that this owner saw. */
  readonly stateSince: number;
  readonly kind: VirtKind;
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  readonly disks: readonly DiskSummary[];
  readonly forwards: readonly PortForward[];
  readonly ssh: SshAccess | null;
  /** Addresses known from the agent or the network; loopback excluded. */
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  readonly description: string;
  readonly autostart: boolean;
  /** Template or starter it was made from. */
  readonly origin: { readonly id: string; readonly name: string; readonly linked: boolean } | null;
  /** Of the running QEMU; null when none runs. */
  readonly accelerator: 'kvm' | 'tcg' | null;
  readonly pid: number | null;
  /** True when the XML was edited since this QEMU started: takes effect at next start. */
  readonly pendingRestart: boolean;
  /** Why it is broken or unreachable. */
  readonly problem: WireError | null;
  readonly crash: Crash | null;
  /** Notes about the present run, for people, e.g. "KVM runs nothing here; running under TCG". */
  readonly notes: readonly string[];
}

/** One sample. Rates are over the time since the sample before. */
export interface GuestStats {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Host CPU used by the QEMU process: 1 = one core busy. */
  readonly cpu: number;
  /** Bytes resident on the host. */
  readonly memory: number;
  /** Bytes per second; null when unknown. */
  readonly diskRead: number | null;
  readonly diskWrite: number | null;
}

/** Words and meanings for people. `tone` picks the dot's colour; the word is always beside it. */
export const guestStateWords: Record<
  GuestState,
  { word: string; tone: 'running' | 'waiting' | 'failed' | 'off'; meaning: string }
> = {
  off: { word: 'Off', tone: 'off', meaning: 'Not running.' },
  starting: { word: 'Starting', tone: 'waiting', meaning: 'QEMU is being started.' },
  running: { word: 'Running', tone: 'running', meaning: 'Running.' },
  paused: { word: 'Paused', tone: 'waiting', meaning: 'Frozen by you; its memory stays in use.' },
  'shutting-down': {
    word: 'Shutting down',
    tone: 'waiting',
    meaning: 'The system inside was asked to shut down.',
  },
  saving: { word: 'Saving', tone: 'waiting', meaning: 'Its memory is being written to disk.' },
  saved: { word: 'Saved', tone: 'off', meaning: 'Its memory is on disk; start resumes where it was.' },
  restoring: { word: 'Restoring', tone: 'waiting', meaning: 'Its memory is being read from disk.' },
  crashed: { word: 'Crashed', tone: 'failed', meaning: 'QEMU ended without being asked to.' },
  broken: { word: 'Broken', tone: 'failed', meaning: 'Its files cannot be read.' },
  suspended: { word: 'Asleep', tone: 'waiting', meaning: 'The system inside went to sleep (S3).' },
  'io-error': {
    word: 'Stopped: disk error',
    tone: 'failed',
    meaning: 'Paused: a disk could not be written. Mostly the disk of this computer is full.',
  },
  'guest-panicked': { word: 'Kernel panic', tone: 'failed', meaning: 'The kernel inside gave up.' },
  'internal-error': {
    word: 'Stopped: internal error',
    tone: 'failed',
    meaning: 'The processor or QEMU could not go on with this guest.',
  },
  watchdog: { word: 'Stopped by watchdog', tone: 'failed', meaning: 'The system inside stopped answering.' },
  migrating: { word: 'Moving memory', tone: 'waiting', meaning: 'Its memory is being loaded or copied.' },
  prelaunch: { word: 'Waiting to run', tone: 'waiting', meaning: 'Started, but not let run yet.' },
  debug: { word: 'Held by debugger', tone: 'waiting', meaning: 'Stopped by a debugger.' },
  unreachable: {
    word: 'Not answering',
    tone: 'failed',
    meaning: 'It runs, but its QEMU does not answer. Guesthouse keeps asking.',
  },
};
