import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';

export interface FirmwareImage {
  /** Absolute. */
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
}

/** UEFI firmware of this computer that fits a machine. */
export interface UefiFirmware {
  readonly code: FirmwareImage;
  readonly template: FirmwareImage;
}

/** Where QEMU's firmware descriptors are, the most important folder first (QEMU, docs/interop/firmware.json). */
export const descriptorFolders = ['/etc/qemu/firmware', '/usr/share/qemu/firmware'] as const;

const image = z
  .object({ filename: z.string().startsWith('/'), format: z.enum(['raw', 'qcow2']) })
  .transform(({ filename, format }): FirmwareImage => ({ file: filename, format }));
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
  for (const { mapping, targets, features } of await descriptors(folders)) {
    const fits =
      targets.some((t) => t.architecture === 'x86_64' && t.machines.some((m) => matches(m, machine))) &&
      (secureBoot
        ? features.includes('secure-boot') && features.includes('enrolled-keys')
        : !features.includes('secure-boot') && !features.includes('requires-smm'));
    const found = { code: mapping.executable, template: mapping['nvram-template'] };
    if (fits && (await readable(found.code.file)) && (await readable(found.template.file))) return found;
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

/** What a firmware's variable store is made of, by the descriptor that names it; null when none does. */
export async function templateOf(
  code: string,
  folders: readonly string[] = descriptorFolders,
): Promise<FirmwareImage | null> {
  for (const { mapping } of await descriptors(folders))
    if (mapping.executable.file === code && (await readable(mapping['nvram-template'].file)))
      return mapping['nvram-template'];
  return null;
}

/** The descriptors of UEFI in flash with a variable store, in their order. */
async function descriptors(folders: readonly string[]) {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const name of await fs.readdir(folder).catch(() => [] as string[]))
      if (name.endsWith('.json') && !files.has(name)) files.set(name, path.join(folder, name));
  const found: z.output<typeof descriptor>[] = [];
  for (const name of [...files.keys()].sort()) {
    const { data } = descriptor.safeParse(await readJson(files.get(name)!));
    if (data?.['interface-types'].includes('uefi') && (data.mapping.mode ?? 'split') === 'split')
      found.push(data);
  }
  return found;
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

/** @param writable and to be written to as well */
export async function readable(file: string, writable = false): Promise<boolean> {
  return fs.access(file, fs.constants.R_OK | (writable ? fs.constants.W_OK : 0)).then(
    () => true,
    () => false,
  );
}
