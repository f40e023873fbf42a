import * as z from 'zod';
import type { WireError } from '../errors.ts';

/** 1 MiB: less than any program needs to begin, and what a person gets who forgets the unit. */
const leastMemory = 1 << 20;
const most = Number.MAX_SAFE_INTEGER;
const rate = z.number().int().min(1).max(most).nullable().default(null);

/** A whole disk by its path. The kernel limits whole disks, never partitions (block/blk-throttle.c). */
export const blockDevice = z
  .string()
  .max(200)
  .regex(/^\/dev\/(?!.*\.\.)[A-Za-z0-9_+./-]+$/, 'A device is a path such as /dev/sda.');

export const ioLimit = z.object({
  device: blockDevice,
  /** Bytes a second; null: no limit. */
  readBytes: rate,
  writeBytes: rate,
  /** Operations a second; null: no limit. */
  readOps: rate,
  writeOps: rate,
});
export type IoLimit = z.output<typeof ioLimit>;

/** What all members of a group may use together. Null: no limit of its own. */
export const groupLimits = z.object({
  /** Bytes. Above it the kernel reclaims, then ends a member's process (memory.max). */
  memoryMax: z.number().int().min(leastMemory, 'At least 1 MiB.').max(most).nullable().default(null),
  /** Bytes. Above it members are slowed down and their memory reclaimed; nothing is ended (memory.high). */
  memoryHigh: z.number().int().min(leastMemory, 'At least 1 MiB.').max(most).nullable().default(null),
  /** Bytes of swap beside the memory. */
  swapMax: z.number().int().min(0).max(most).nullable().default(null),
  /** Cores' worth of time: 0.5 is half of one. */
  cpus: z.number().min(0.01, 'At least 0.01 cores.').max(4096).nullable().default(null),
  /** Share against neighbours when the processors are busy; 100 is everyone's. */
  cpuWeight: z.number().int().min(1).max(10_000).nullable().default(null),
  /** Processes and threads. */
  tasksMax: z.number().int().min(1, 'At least one task.').max(4_194_304).nullable().default(null),
  io: z.array(ioLimit).max(32).default([]),
});
export type GroupLimits = z.output<typeof groupLimits>;
export const noLimits: GroupLimits = groupLimits.parse({});

/** What a host can hold a group to, or tell about it. `network` is no limit of a control group: it is there to say so. */
export const limitNames = [
  'memoryMax',
  'memoryHigh',
  'swapMax',
  'cpus',
  'cpuWeight',
  'tasksMax',
  'io',
  'pressure',
  'network',
] as const;
export type LimitName = (typeof limitNames)[number];

export const limitWords: Record<LimitName, string> = {
  memoryMax: 'Memory',
  memoryHigh: 'Memory mark',
  swapMax: 'Swap',
  cpus: 'Processor',
  cpuWeight: 'Processor share',
  tasksMax: 'Tasks',
  io: 'Disk',
  pressure: 'Pressure',
  network: 'Network',
};

export interface Ability {
  readonly limit: LimitName;
  /** `partly`: held with an exception that `why` names. */
  readonly held: 'yes' | 'partly' | 'no';
  /** A sentence; null when it is simply held. */
  readonly why: string | null;
  /** How to get it, as a sentence. */
  readonly todo: string | null;
  /** A command that does it, to copy. */
  readonly command: string | null;
}

export interface GroupDevice {
  readonly path: string;
  /** Bytes; null when unknown. */
  readonly size: number | null;
  readonly model: string;
}

/**
 * Through what groups are made: `systemd`: slices and scopes of a manager; `v2`, `v1`: the control group file systems
 * (`v1` also on hybrid hosts); `none`: not at all.
 */
export type GroupBackendKind = 'systemd' | 'v2' | 'v1' | 'none';

/** A machine that can hold groups, as it was last looked at. */
export interface GroupHost {
  /** Guest or server; null: this machine. */
  readonly host: string | null;
  readonly backend: GroupBackendKind;
  /** One sentence: through what, and as whom. */
  readonly summary: string;
  /** Why there can be no groups; null when there can. */
  readonly problem: WireError | null;
  readonly abilities: readonly Ability[];
  /** Why what runs in groups there ends before one would expect, and a command against it; null: it does not. */
  readonly ends: { readonly why: string; readonly todo: string; readonly command: string } | null;
  readonly devices: readonly GroupDevice[];
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
}

/** `name`: for people. A member is in one group, and each in a control group of its own within it. */
export type GroupMember =
  | {
      readonly kind: 'guest';
      /** The guest's id. */
      readonly id: string;
      readonly name: string;
      readonly state: MemberState;
    }
  | {
      readonly kind: 'container';
      /** The container's full id, 64 hexadecimal digits. */
      readonly id: string;
      readonly name: string;
      readonly state: MemberState;
    }
  | {
      readonly kind: 'application';
      readonly id: string;
      readonly name: string;
      readonly state: MemberState;
      readonly command: readonly string[];
      /** Of its first process; null before it began and after it ended. */
      readonly pid: number | null;
      /** Milliseconds since the epoch; null before its first start. */
      readonly startedAt: number | null;
    }
  | {
      readonly kind: 'process';
      readonly id: string;
      readonly name: string;
      readonly state: MemberState;
      readonly pid: number;
    };

/**
 * `running`: in the group; `outside`: it runs, but not in the group (see the group's problem); `ended`: an application
 * or process that is over; `off`: a guest or container that does not run; `unknown`: its host was not looked at yet.
 */
export type MemberState = 'running' | 'outside' | 'ended' | 'off' | 'unknown';

export const hitKinds = ['oom-kill', 'memory-max', 'memory-high', 'throttled', 'tasks-max'] as const;
export type HitKind = (typeof hitKinds)[number];

export const hitWords: Record<HitKind, string> = {
  'oom-kill': 'A process was ended: the memory limit was reached',
  'memory-max': 'The memory limit was reached',
  'memory-high': 'Slowed down: above the memory mark',
  throttled: 'Held to its processor limit',
  'tasks-max': 'A new process was refused: the task limit was reached',
};

/** A limit that was met. What goes on without a pause is one hit with a first and a last moment. */
export interface GroupHit {
  readonly kind: HitKind;
  /** Milliseconds since the epoch. */
  readonly first: number;
  readonly last: number;
  /** How often, by the kernel's own counter. */
  readonly count: number;
}

/** A limit that was asked for and is not held. */
export interface NotHeld {
  readonly limit: LimitName;
  readonly how: 'no' | 'partly';
  readonly why: string;
  readonly todo: string | null;
}

export interface Group {
  /** Stable for life: also its control group's name. Letters, digits and dashes. */
  readonly id: string;
  readonly name: string;
  /** The group it is in; groups nest one level. */
  readonly parent: string | null;
  /** Guest or server it is on; null: this machine. */
  readonly host: string | null;
  readonly limits: GroupLimits;
  readonly members: readonly GroupMember[];
  /** `applied`: it is there and its limits hold; `unknown`: its host was not looked at since the start. */
  readonly state: 'applied' | 'failed' | 'unknown';
  /** Why it is not applied, or a member is outside. */
  readonly problem: WireError | null;
  readonly notHeld: readonly NotHeld[];
  /** The latest first. */
  readonly hits: readonly GroupHit[];
}

/** Percent of the last ten seconds in which some (or all) members waited for want of it (PSI, avg10). */
export interface Pressure {
  readonly some: number;
  readonly full: number;
}

/** One sample of a group. Null: the host does not tell. Rates are over the time since the sample before. */
export interface GroupUse {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** 1 = one core busy. */
  readonly cpu: number | null;
  /** Bytes, page cache included, as the limit counts it. */
  readonly memory: number | null;
  readonly swap: number | null;
  readonly tasks: number | null;
  /** Bytes and operations a second. */
  readonly readBytes: number | null;
  readonly writeBytes: number | null;
  readonly readOps: number | null;
  readonly writeOps: number | null;
  /** Part of the time it was held back by its processor limit, 0 to 1. */
  readonly throttled: number | null;
  readonly pressure: {
    readonly cpu: Pressure | null;
    readonly memory: Pressure | null;
    readonly io: Pressure | null;
  };
  readonly members: readonly {
    readonly id: string;
    readonly cpu: number | null;
    readonly memory: number | null;
    readonly tasks: number | null;
  }[];
}

/** A process that could be moved into a group. */
export interface MovableProcess {
  readonly pid: number;
  /** Clock ticks after boot at which it began: with the pid it names one process for ever. */
  readonly startTime: number;
  readonly name: string;
  readonly command: string;
  readonly user: string;
  /** Bytes resident. */
  readonly memory: number;
}
