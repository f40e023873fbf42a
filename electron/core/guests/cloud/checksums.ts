/**
 * The checksum a vendor's list gives a file: `HASH  name` and `HASH *name` (sha256sum(1)), `SHA256 (name) = HASH` (its
 * `--tag`, also within a clear-signed text), or a hash alone when the list is of one file.
 * @returns lower-case hexadecimal, or null when the list does not name the file, or names it with two hashes
 */
export function checksumOf(list: string, file: string, algorithm: 'sha256' | 'sha512'): string | null {
  const digits = algorithm === 'sha256' ? 64 : 128;
  const found = new Set<string>();
  const lines = list.split(/\r?\n/).map((line) => line.trim());
  for (const line of lines) {
    const plain = /^([0-9a-f]+)\s+\*?(\S.*)$/i.exec(line);
    const tagged = /^(SHA256|SHA512)\s*\((.+)\)\s*=\s*([0-9a-f]+)$/i.exec(line);
    const [name, hash] = plain
      ? [plain[2]!, plain[1]!]
      : tagged && tagged[1]!.toLowerCase() === algorithm
        ? [tagged[2]!, tagged[3]!]
        : [null, ''];
    if (name !== null && name.replace(/^(\.\/)+/, '') === file && hash.length === digits)
      found.add(hash.toLowerCase());
  }
  const written = lines.filter((line) => line !== '');
  if (written.length === 1 && new RegExp(`^[0-9a-f]{${digits}}$`, 'i').test(written[0]!))
    found.add(written[0]!.toLowerCase());
  return found.size === 1 ? [...found][0]! : null;
}
