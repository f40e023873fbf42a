import type { SourceImage } from '../../../shared/ipc/guests.ts';
import { type DiskRef, type ImagePolicy, openGuestDisk, UnsupportedDiskError } from '../disks/index.ts';
import { systemByLabel, systemByRelease } from './osinfo.ts';

/** Labels vendors give, and what such a system wants. Only a first suggestion: the person chooses. */
const systems: readonly (readonly [RegExp, NonNullable<SourceImage['system']>])[] = [
  [/^debian/i, { name: 'Debian', kind: 'hybrid', memory: 2048, disk: 20 }],
  [/ubuntu/i, { name: 'Ubuntu', kind: 'hybrid', memory: 4096, disk: 25 }],
  [/^fedora/i, { name: 'Fedora', kind: 'hybrid', memory: 4096, disk: 25 }],
  [/^(rocky|alma|centos|rhel)/i, { name: 'Enterprise Linux', kind: 'hybrid', memory: 4096, disk: 25 }],
  [/^(open)?suse|^sles/i, { name: 'openSUSE', kind: 'hybrid', memory: 4096, disk: 30 }],
  [/^alpine/i, { name: 'Alpine Linux', kind: 'hybrid', memory: 512, disk: 4 }],
  [/^arch(_|$)/i, { name: 'Arch Linux', kind: 'hybrid', memory: 2048, disk: 20 }],
  [/^nixos/i, { name: 'NixOS', kind: 'hybrid', memory: 4096, disk: 30 }],
  [/freebsd/i, { name: 'FreeBSD', kind: 'hybrid', memory: 2048, disk: 20 }],
  // Windows has no virtio drivers of its own.
  [
    /^(ccsa|ccco|cpba|cena|ssss|j_ccsa|gsp1|esd-iso|win)/i,
    { name: 'Windows', kind: 'full', memory: 4096, disk: 64 },
  ],
  [/linux/i, { name: 'Linux', kind: 'hybrid', memory: 2048, disk: 20 }],
];

/** The osinfo database's word where it is installed, else ours. */
export async function systemFor(label: string | null): Promise<SourceImage['system']> {
  return (label !== null && (await systemByLabel(label))) || systemOf(label);
}

export function systemOf(label: string | null): SourceImage['system'] {
  return (label !== null && systems.find(([pattern]) => pattern.test(label))?.[1]) || null;
}

/**
 * What the system on a disk is, by the os-release(5) that our own code reads on it, and what it wants. A disk with NTFS
 * and no Linux is taken for Windows.
 * @returns null for other disks, and for those that are damaged: nothing is refused here
 */
export async function systemOnDisk(disk: DiskRef, policy: ImagePolicy): Promise<SourceImage['system']> {
  let text: string | null;
  try {
    const root = await openGuestDisk(disk, policy);
    try {
      text =
        (await root.readTextIfAny('/etc/os-release', 64 << 10)) ??
        (await root.readTextIfAny('/usr/lib/os-release', 64 << 10));
    } finally {
      await root.close();
    }
  } catch (error) {
    return error instanceof UnsupportedDiskError && error.kinds.includes('ntfs') ? systemOf('win') : null;
  }
  return text === null ? null : systemOfRelease(text);
}

/** @param text of an os-release(5) */
export async function systemOfRelease(
  text: string,
  folders?: readonly string[],
): Promise<SourceImage['system']> {
  const field = (name: string) => {
    const found = new RegExp(`^${name}=(?:"([^"\\n]*)"|'([^'\\n]*)'|(\\S*))$`, 'm').exec(text);
    return (found?.[1] ?? found?.[2] ?? found?.[3] ?? '').replace(/\p{Cc}/gu, '').slice(0, 80);
  };
  const id = field('ID').toLowerCase();
  const known =
    (await systemByRelease(id, field('VERSION_ID'), folders)) ??
    systemOf(id) ??
    systemOf(field('ID_LIKE')) ??
    systemOf('linux');
  return known && { ...known, name: field('PRETTY_NAME') || field('NAME') || known.name };
}
