import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';

/** UEFI firmware of this computer that fits a machine. Paths are absolute. */
export interface UefiFirmware {
  readonly code: string;
  readonly nvramTemplate: string;
}

/** Where QEMU's firmware descriptors are, the most important folder first (QEMU, docs/interop/firmware.json). */
export const descriptorFolders = ['/etc/qemu/firmware', '/usr/share/qemu/firmware'] as const;

const image = z.object({ filename: z.string().startsWith('/'), format: z.literal('raw') });
const descriptor = z.object({
  'interface-types': z.array(z.string()),
  mapping: z.object({
    device: z.literal('flash'),
    mode: z.string().optional(),
    executable: image,
    'nvram-template': image,
  }),
  targets: z.array(z.object({ architecture: z.string(), machines: z.array(z.string()) })),
  features: z.array(z.string()),
});

/**
 * The firmware QEMU's descriptors name for an x86-64 machine. A file of one name in an earlier folder hides those in
 * later ones, and an empty one takes them away; among the rest the names' order decides.
 * @param secureBoot with Secure Boot and its keys enrolled; else without either, so that unsigned loaders start
 * @throws {GuesthouseError} `program-missing` when none is installed
 */
export async function findUefi(
  machine: string,
  secureBoot: boolean,
  folders: readonly string[] = descriptorFolders,
): Promise<UefiFirmware> {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const name of await fs.readdir(folder).catch(() => [] as string[]))
      if (name.endsWith('.json') && !files.has(name)) files.set(name, path.join(folder, name));
  for (const name of [...files.keys()].sort()) {
    const parsed = descriptor.safeParse(await readJson(files.get(name)!));
    if (!parsed.success) continue;
    const { mapping, targets, features } = parsed.data;
    const fits =
      parsed.data['interface-types'].includes('uefi') &&
      (mapping.mode ?? 'split') === 'split' &&
      targets.some((t) => t.architecture === 'x86_64' && t.machines.some((m) => matches(m, machine))) &&
      (secureBoot
        ? features.includes('secure-boot') && features.includes('enrolled-keys')
        : !features.includes('secure-boot') && !features.includes('requires-smm'));
    const found = { code: mapping.executable.filename, nvramTemplate: mapping['nvram-template'].filename };
    if (fits && (await readable(found.code)) && (await readable(found.nvramTemplate))) return found;
  }
  throw new GuesthouseError(
    'program-missing',
    `No UEFI firmware ${secureBoot ? 'with Secure Boot ' : ''}was found for this kind of machine.`,
    {
      why: `None of the descriptors in ${folders.join(' and ')} fits ${machine}.`,
      todo: 'Install OVMF (Debian: the package ovmf), or choose BIOS.',
    },
  );
}

/** Descriptors name machines by patterns of fnmatch(3), of which only `*` is in use. */
function matches(pattern: string, machine: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(machine);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await fs.readFile(file, 'utf8'));
  } catch {
    return null;
  }
}

async function readable(file: string): Promise<boolean> {
  return fs.access(file, fs.constants.R_OK).then(
    () => true,
    () => false,
  );
}
