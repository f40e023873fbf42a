import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import type { SourceImage } from '../../../shared/ipc/guests.ts';

/** Where libosinfo's database of operating systems is (osinfo-db-path(1)), the person's own not among it. */
const databases = ['/usr/local/share/osinfo/os', '/usr/share/osinfo/os'] as const;

interface Resources {
  readonly '@arch'?: string;
  readonly recommended?: { readonly ram?: string; readonly storage?: string };
  readonly minimum?: { readonly ram?: string; readonly storage?: string };
}

/**
 * What the osinfo database says of an installation medium with this volume label; null where there is no database or
 * it knows no such label. Some 800 small files are read; the newest system wins where several share a label.
 */
export function systemByLabel(label: string, folders?: readonly string[]): Promise<SourceImage['system']> {
  return newest((text) => knows(text, label), folders);
}

/**
 * What the database says of an installed system by its os-release(5); null as above. The database's short names are the
 * fields ID and VERSION_ID in one word, `debian12`.
 */
export function systemByRelease(
  id: string,
  version: string,
  folders?: readonly string[],
): Promise<SourceImage['system']> {
  return newest((text) => text.includes(`<short-id>${id}${version}</short-id>`), folders);
}

async function newest(
  fits: (text: string) => boolean,
  folders: readonly string[] = databases,
): Promise<SourceImage['system']> {
  let best: { system: NonNullable<SourceImage['system']>; released: string } | null = null;
  for (const folder of folders)
    for (const vendor of await fs.readdir(folder).catch(() => [] as string[]))
      for (const file of await fs.readdir(path.join(folder, vendor)).catch(() => [] as string[])) {
        if (!file.endsWith('.xml')) continue;
        const text = await fs.readFile(path.join(folder, vendor, file), 'utf8').catch(() => '');
        if (!fits(text)) continue;
        const found = read(text);
        if (found && (best === null || found.released > best.released)) best = found;
      }
  return best?.system ?? null;
}

function knows(text: string, label: string): boolean {
  for (const [, pattern] of text.matchAll(/<volume-id>([^<]{1,200})<\/volume-id>/g)) {
    const plain = pattern!.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
    try {
      // The database's patterns are anchored nowhere, as g_regex_match; one that fits everything tells nothing.
      if (new RegExp(plain).test(label) && !new RegExp(plain).test('')) return true;
    } catch {} // a pattern of a kind that JavaScript has not
  }
  return false;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  processEntities: false,
  isArray: (name) => name === 'name' || name === 'resources',
});

function read(text: string): { system: NonNullable<SourceImage['system']>; released: string } | null {
  try {
    const { os } = (parser.parse(text) as { libosinfo: { os: Record<string, unknown> } }).libosinfo;
    const names = os.name as readonly unknown[];
    const name = names.find((one) => typeof one === 'string') as string | undefined;
    if (!name) return null;
    const all = (os.resources ?? []) as readonly Resources[];
    const fitting = all.find((one) => one['@arch'] === 'x86_64') ?? all.find((one) => one['@arch'] === 'all');
    const asked = fitting?.recommended ?? fitting?.minimum;
    const windows = String(os.family ?? '').startsWith('win');
    const ram = Number(asked?.ram ?? fitting?.minimum?.ram) || 2 ** 31;
    const storage = Number(asked?.storage ?? fitting?.minimum?.storage) || 20 * 2 ** 30;
    return {
      system: {
        name: name.slice(0, 80),
        // Windows has no virtio drivers of its own.
        kind: windows ? 'full' : 'hybrid',
        memory: Math.max(512, Math.round(ram / 2 ** 20)),
        disk: Math.max(4, Math.ceil(storage / 2 ** 30)),
      },
      released: String(os['release-date'] ?? ''),
    };
  } catch {
    return null;
  }
}
