/** What a person may ask of a container, and why not; what podman tells of one is in container.ts. */
import * as z from 'zod';
import { localHost, noLimits } from './container.ts';

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

/** A volume of podman's own, by name, in the place of a folder (podman-volume-create(1)). */
export const isVolumeName = (source: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$/.test(source);

const hostFolderOrVolume = z.union([z.string().refine(isVolumeName), hostFolder], {
  error:
    'Give a folder by its full path, without colon or comma, or a volume by a name of letters, digits, dots, dashes and underscores.',
});

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
    .array(
      z.object({
        /** A folder of the host, or the name of a volume, which is made where there is none and stays when the container goes. */
        source: hostFolderOrVolume,
        target: hostFolder,
        readOnly: z.boolean().default(false),
      }),
    )
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
