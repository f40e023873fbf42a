import type { ProgramStatus } from '../../../shared/model/host.ts';
import { run } from '../platform/exec.ts';
import { findProgram } from '../qemu/accelerators.ts';

interface Wanted {
  readonly name: string;
  readonly purpose: string;
  readonly package: string;
  readonly required: boolean;
  /** Arguments that print the version, and where it stands. Absent: finding it is enough. */
  readonly version?: readonly string[];
}

const wanted: readonly Wanted[] = [
  {
    name: 'qemu-system-x86_64',
    purpose: 'Runs guests',
    package: 'qemu-system-x86',
    required: true,
    version: ['--version'],
  },
  {
    name: 'qemu-img',
    purpose: 'Makes and converts disks',
    package: 'qemu-utils',
    required: true,
    version: ['--version'],
  },
  {
    name: 'qemu-storage-daemon',
    purpose: 'Opens disks for editing',
    package: 'qemu-system-common',
    required: true,
    version: ['--version'],
  },
  {
    name: 'debugfs',
    purpose: 'Writes files into disks',
    package: 'e2fsprogs',
    required: true,
    version: ['-V'],
  },
  { name: 'e2fsck', purpose: 'Checks file systems', package: 'e2fsprogs', required: true, version: ['-V'] },
  {
    name: 'fusermount3',
    purpose: 'Opens disks without root',
    package: 'fuse3',
    required: true,
    version: ['-V'],
  },
  {
    name: 'ssh',
    purpose: 'Consoles in guests and servers',
    package: 'openssh-client',
    required: true,
    version: ['-V'],
  },
  { name: 'ssh-keygen', purpose: 'Makes and reads keys', package: 'openssh-client', required: true },
  {
    name: 'mmdebstrap',
    purpose: 'Builds the starter guest',
    package: 'mmdebstrap',
    required: false,
    version: ['--version'],
  },
  {
    name: 'sfdisk',
    purpose: 'Partitions the starter’s disk',
    package: 'fdisk',
    required: false,
    version: ['--version'],
  },
  { name: 'mkfs.ext4', purpose: 'Makes the starter’s file system', package: 'e2fsprogs', required: false },
  { name: 'mcopy', purpose: 'Fills the starter’s EFI partition', package: 'mtools', required: false },
  {
    name: 'newuidmap',
    purpose: 'Builds the starter, and runs containers, without root',
    package: 'uidmap',
    required: false,
  },
  { name: 'flock', purpose: 'Keeps two owners apart', package: 'util-linux', required: true },
  {
    name: 'bwrap',
    purpose: 'Shuts image tools in',
    package: 'bubblewrap',
    required: false,
    version: ['--version'],
  },
  { name: 'swtpm', purpose: 'Gives guests a TPM', package: 'swtpm', required: false, version: ['--version'] },
  { name: 'podman', purpose: 'Runs containers', package: 'podman', required: false, version: ['--version'] },
];

/** The first thing in a text that looks like a version. */
export function versionIn(text: string): string | null {
  return /\d+\.\d+[\w.+~-]*/.exec(text)?.[0]?.replace(/[.,]$/, '') ?? null;
}

/** Looks for every program Guesthouse uses. None is needed to ask; a missing one says which package brings it. */
export function findPrograms(): Promise<ProgramStatus[]> {
  return Promise.all(
    wanted.map(async ({ name, purpose, package: pkg, required, version }) => {
      const path = await findProgram(name);
      let found: string | null = null;
      if (path && version) {
        const result = await run([path, ...version], { timeoutMs: 5000, okCodes: [0, 1] }).catch(() => null);
        found = result && versionIn(`${result.stdout}\n${result.stderr}`);
      }
      return { name, purpose, path, version: found, package: pkg, required };
    }),
  );
}
