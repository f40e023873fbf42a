import { refusedArchive } from './archive.ts';

/** What a manifest says of one file. */
export interface ManifestLine {
  /** As Node's crypto calls it. */
  readonly algorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  /** Lower-case hexadecimal. */
  readonly digest: string;
}

const digits = { sha1: 40, sha256: 64, sha384: 96, sha512: 128 } as const;

/**
 * Reads an OVF manifest: `SHA256(disk.vmdk)= 12ab...`, a line a file (DSP0243, 5.1).
 * @throws {GuesthouseError} `disk-refused` for a line that is none, an unknown algorithm or a file listed twice
 */
export function readManifest(text: string): ReadonlyMap<string, ManifestLine> {
  const lines = new Map<string, ManifestLine>();
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const match = /^\s*(SHA-?\d{1,3})\s*\((.+)\)\s*=\s*([0-9a-fA-F]+)\s*$/i.exec(line);
    const algorithm = match?.[1]?.toLowerCase().replace('-', '') as ManifestLine['algorithm'] | undefined;
    if (!match || !algorithm || !Object.hasOwn(digits, algorithm) || match[3]!.length !== digits[algorithm])
      throw refusedArchive(
        'The manifest in the archive cannot be read.',
        `A line of it is ${JSON.stringify(line.slice(0, 200))}.`,
      );
    const name = match[2]!.replace(/^(\.\/+)+/, '');
    if (lines.has(name))
      throw refusedArchive(
        'The manifest in the archive names a file twice.',
        `It is ${JSON.stringify(name)}.`,
      );
    lines.set(name, { algorithm, digest: match[3]!.toLowerCase() });
  }
  return lines;
}
