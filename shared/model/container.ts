import * as z from 'zod';
import type { WireError } from '../errors.ts';

/** `local`, a guest's or server's id, or that id with `/root`: the same machine, by `sudo`. */
export const localHost = 'local';

/** Limits by what they hold. */
export const limitKinds = [
  'memory',
  'swap',
  'cpus',
  'cpuWeight',
  'cpuSet',
  'pids',
  'disk',
  'netUp',
  'netDown',
] as const;
export type LimitKind = (typeof limitKinds)[number];

export const limitWords: Readonly<Record<LimitKind, string>> = {
  memory: 'Memory',
  swap: 'Swap',
  cpus: 'CPU',
  cpuWeight: 'CPU weight',
  cpuSet: 'CPU set',
  pids: 'Processes',
  disk: 'Disk',
  netUp: 'Network up',
  netDown: 'Network down',
};

/** Whether a host can enforce a limit. */
export interface LimitSupport {
  readonly kind: LimitKind;
  readonly ok: boolean;
  /** Why not, or what it does not hold; a sentence. Null: it holds without a word more. */
  readonly why: string | null;
  /** How to get it; null when there is nothing to do. */
  readonly todo: string | null;
}

export interface BlockDevice {
  /** `/dev/vda` */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** A machine whose podman runs containers. */
export interface ContainerHost {
  readonly id: string;
  readonly name: string;
  readonly kind: 'local' | 'guest' | 'server';
  /** As root by `sudo -n`, on a machine one logs in to as someone else. */
  readonly sudo: boolean;
  /** `missing`: no podman. `unusable`: podman is there and runs nothing. `away`: it does not answer. */
  readonly status: 'unknown' | 'looking' | 'ready' | 'missing' | 'unusable' | 'away';
  readonly error: WireError | null;
  readonly facts: HostFacts | null;
}

/** What a host's podman is and can. */
export interface HostFacts {
  /** podman's version. */
  readonly version: string;
  readonly rootless: boolean;
  readonly user: string;
  /** `v1` includes hosts where v2 is mounted beside it without controllers. */
  readonly cgroups: 'v1' | 'v2';
  /** Who keeps podman's control groups. */
  readonly manager: 'systemd' | 'cgroupfs';
  readonly runtime: string;
  /** `amd64`, `arm64` */
  readonly arch: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly limits: readonly LimitSupport[];
  readonly devices: readonly BlockDevice[];
  /** Settings its containers need, found by trying; for people. */
  readonly needs: readonly string[];
  /** `sudo -n podman` works there too, and this is not it already. */
  readonly sudoWorks: boolean;
}

export type ContainerState = 'created' | 'running' | 'paused' | 'exited' | 'stopping' | 'other';

export interface ContainerPort {
  /** Address it listens on; empty: all. */
  readonly address: string;
  readonly hostPort: number;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
}

/** A container, as `podman ps` tells. */
export interface Container {
  /** `HOST:ID`, unique over all hosts. */
  readonly id: string;
  readonly host: string;
  /** podman's id, 64 hexadecimal digits. */
  readonly podmanId: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly state: ContainerState;
  /** As podman words it: "Exited (137) 2 minutes ago". */
  readonly statusText: string;
  /** Milliseconds since the epoch; null when it never ran. */
  readonly startedAt: number | null;
  readonly createdAt: number;
  readonly exitCode: number | null;
  readonly ports: readonly ContainerPort[];
  readonly pid: number | null;
}

/** Limits in force; null: none. */
export interface Limits {
  /** Bytes. */
  readonly memory: number | null;
  /** Bytes of swap beside the memory; 0: none. */
  readonly swap: number | null;
  /** 0.5 is half a core. */
  readonly cpus: number | null;
  /** cgroup v2's weight, 1 to 10,000; 100 is what everyone has. */
  readonly cpuWeight: number | null;
  /** `0-1,3` */
  readonly cpuSet: string | null;
  readonly pids: number | null;
  readonly disk: readonly DiskLimit[];
  /** Bits a second. */
  readonly netUp: number | null;
  readonly netDown: number | null;
}

export const noLimits: Limits = {
  memory: null,
  swap: null,
  cpus: null,
  cpuWeight: null,
  cpuSet: null,
  pids: null,
  disk: [],
  netUp: null,
  netDown: null,
};

/** Bytes and operations a second by block device; null: none. */
export interface DiskLimit {
  readonly device: string;
  readonly readBps: number | null;
  readonly writeBps: number | null;
  readonly readIops: number | null;
  readonly writeIops: number | null;
}

export interface ContainerMount {
  readonly type: string;
  /** Folder on the host, or the volume's name. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerDetail {
  readonly container: Container;
  /** Names and values; values may be secret and are shown only when asked for. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly ContainerMount[];
  /** `no`, `always`, `on-failure`, `unless-stopped`. */
  readonly restart: string;
  readonly workingDir: string;
  readonly user: string;
  readonly addresses: readonly string[];
  readonly oomKilled: boolean;
  readonly error: string;
  /** What was asked for at creation or changed later; what is in force while it runs is in its stats. */
  readonly wanted: Limits;
  /** Read from the kernel; null when it does not run. */
  readonly inForce: Limits | null;
  /** `podman inspect`, indented. */
  readonly inspect: string;
}

/** What a container uses; counters are the kernel's own. */
export interface ContainerStats {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** 1 = one core busy; null in the first sample. */
  readonly cpu: number | null;
  /** Part of the time, 0 to 1, in which its CPU limit held it back; null where there is none. */
  readonly throttled: number | null;
  /** Bytes, without what the kernel gives back at once (page cache that was not used lately). */
  readonly memory: number;
  readonly pids: number;
  /** Bytes a second; null in the first sample. */
  readonly diskRead: number | null;
  readonly diskWrite: number | null;
  readonly netIn: number | null;
  readonly netOut: number | null;
  /** Processes the kernel killed for the memory limit, since its start. */
  readonly oomKills: number;
  /** Times a new process was refused for the limit, since its start. */
  readonly pidsRefused: number;
  /** Times the memory limit was reached, since its start. */
  readonly memoryHits: number;
  readonly limits: Limits;
}

export interface ContainerImage {
  readonly id: string;
  /** `localhost/web:1`, or the short id of one without a name. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: number;
}

/** Why this cannot be a container's name, or null (podman's own rule, names.go). */
export function containerNameProblem(name: string): string | null {
  if (name === '') return 'Enter a name.';
  if (name.length > 80) return 'At most 80 characters.';
  if (!/^[a-zA-Z0-9]/.test(name)) return 'A name begins with a letter or a digit.';
  if (!/^[a-zA-Z0-9_.-]+$/.test(name))
    return 'A name holds letters, digits, dots, dashes and underscores, and no spaces.';
  return null;
}

/** Why this cannot name an image, or null (the grammar of docker/distribution's reference.go, without its corners). */
export function imageNameProblem(name: string): string | null {
  if (name === '') return 'Enter an image.';
  if (name.length > 255) return 'At most 255 characters.';
  if (/^[0-9a-f]{12,64}$/.test(name)) return null;
  if (!/^[a-z0-9]/i.test(name)) return 'An image name begins with a letter or a digit.';
  if (
    !/^(?:[A-Za-z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/.test(
      name,
    )
  )
    return 'An image name looks like docker.io/library/debian:12, in small letters.';
  return null;
}

const from = (problem: (text: string) => string | null) =>
  z.string().superRefine((text, ctx) => {
    const message = problem(text);
    if (message) ctx.addIssue({ code: 'custom', message });
  });

export const containerName = from(containerNameProblem);
export const imageName = from(imageNameProblem);

const noNul = /^[^\0]*$/;
const cpuSetProblem = (text: string) =>
  /^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/.test(text) ? null : 'CPUs are given like 0-1,3.';
const rate = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).nullable().default(null);

export const limitsSchema = z.object({
  memory: z
    .number()
    .int()
    .min(512 * 1024, 'A container needs at least 512 KiB of memory.')
    .max(2 ** 50)
    .nullable()
    .default(null),
  swap: z
    .number()
    .int()
    .min(0)
    .max(2 ** 50)
    .nullable()
    .default(null),
  cpus: z.number().min(0.01, 'At least a hundredth of a core.').max(4096).nullable().default(null),
  cpuWeight: z.number().int().min(1).max(10_000).nullable().default(null),
  cpuSet: from(cpuSetProblem).nullable().default(null),
  pids: z
    .number()
    .int()
    .min(1)
    .max(4 << 20)
    .nullable()
    .default(null),
  disk: z
    .array(
      z.object({
        device: z.string().regex(/^\/dev\/[A-Za-z0-9_/-]{1,64}$/, 'A device is named like /dev/vda.'),
        readBps: rate,
        writeBps: rate,
        readIops: rate,
        writeIops: rate,
      }),
    )
    .max(20)
    .default([]),
  /** Bits a second; at least 8 kbit, below which a network does not work. */
  netUp: z.number().int().min(8000).max(1e12).nullable().default(null),
  netDown: z.number().int().min(8000).max(1e12).nullable().default(null),
});
export type LimitsInput = z.input<typeof limitsSchema>;

const hostFolder = z
  .string()
  .min(1)
  .max(4096)
  .startsWith('/', 'A folder is given by its full path.')
  .regex(/^[^\0\r\n:,]*$/, 'podman cannot take a folder with a colon, comma or line break in its name.');

export const restartPolicies = ['no', 'on-failure', 'unless-stopped', 'always'] as const;

/** Where a container's file system comes from. */
export const imageSource = z.discriminatedUnion('kind', [
  /** One that is there already. */
  z.object({ kind: z.literal('local'), image: imageName }),
  z.object({ kind: z.literal('pull'), image: imageName }),
  /** A root file system as a tar on this computer; may be compressed (gzip, xz, zstd, bzip2). */
  z.object({
    kind: z.literal('tar'),
    path: z.string().min(1).max(4096).startsWith('/', 'The path must be absolute.'),
    image: imageName,
  }),
  /** busybox of this computer, nothing else: 2 MB. */
  z.object({ kind: z.literal('busybox') }),
  /** A minimal Debian with these packages, built here from Debian's own. */
  z.object({
    kind: z.literal('debian'),
    packages: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,100}$/, 'A Debian package is named in small letters.'))
      .max(100)
      .default([]),
  }),
]);
export type ImageSource = z.output<typeof imageSource>;

export const containerSpec = z.object({
  host: z.string().min(1).max(200).default(localHost),
  name: containerName,
  source: imageSource,
  /** Program and arguments; empty: what the image says. */
  command: z
    .array(z.string().max(65536).regex(noNul, 'An argument cannot hold a NUL.'))
    .max(1000)
    .default([]),
  env: z
    .array(
      z.object({
        name: z
          .string()
          .max(256)
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'A variable is named with letters, digits and underscores.'),
        value: z
          .string()
          .max(1 << 17)
          .regex(/^[^\0\r\n]*$/, 'The value of a variable is one line.'),
      }),
    )
    .max(500)
    .default([]),
  ports: z
    .array(
      z.object({
        /** Loopback unless another is asked for; empty: all addresses. */
        address: z
          .string()
          .max(64)
          .regex(/^[0-9a-fA-F.:]*$/, 'Give an IP address.')
          .default('127.0.0.1'),
        /** 0: a free one. */
        hostPort: z.number().int().min(0).max(65535),
        port: z.number().int().min(1).max(65535),
        protocol: z.enum(['tcp', 'udp']).default('tcp'),
      }),
    )
    .max(100)
    .default([]),
  volumes: z
    .array(z.object({ source: hostFolder, target: hostFolder, readOnly: z.boolean().default(false) }))
    .max(50)
    .default([]),
  restart: z.enum(restartPolicies).default('no'),
  limits: limitsSchema.default(noLimits as z.output<typeof limitsSchema>),
  /** A resource group of the same host, by id or name, whose limits hold for it too; null: none. */
  group: z.string().min(1).max(200).nullable().default(null),
  /** False: cut off from every network. */
  network: z.boolean().default(true),
  /** Starts it once it is made. */
  start: z.boolean().default(true),
  /** Keeps stdin open, so that a shell as its command waits instead of ending. */
  interactive: z.boolean().default(false),
});
export type ContainerSpec = z.input<typeof containerSpec>;
export type ParsedContainerSpec = z.output<typeof containerSpec>;

/** A guest and a container of the same application, measured here. */
export interface Comparison {
  readonly guest: ComparisonSide;
  readonly container: ComparisonSide;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface ComparisonSide {
  readonly id: string;
  readonly name: string;
  /** Bytes of memory of this computer it takes. */
  readonly memory: number | null;
  /** Milliseconds from the order to start until it was up (a guest: until SSH answers); null when not measured. */
  readonly start: number | null;
  /** Bytes on the disk, with its image or backing files. */
  readonly disk: number | null;
  /** What was measured how, for people. */
  readonly notes: readonly string[];
}
