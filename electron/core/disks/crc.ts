/** Checksums of on-disk structures: CRC-32 (GPT) and CRC-32C (ext4 metadata, the jbd2 journal). */

function makeTable(polynomial: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? polynomial ^ (c >>> 1) : c >>> 1;
    table[n] = c >>> 0;
  }
  return table;
}

const crc32Table = makeTable(0xedb88320);
const crc32cTable = makeTable(0x82f63b78);

/** CRC-32 as in zlib and the UEFI specification. */
export function crc32(bytes: Uint8Array): number {
  return (update(crc32Table, 0xffffffff, bytes) ^ 0xffffffff) >>> 0;
}

/** CRC-32C as ext4 uses it: seeded by the caller, not inverted at the end. */
export function crc32c(seed: number, bytes: Uint8Array): number {
  return update(crc32cTable, seed, bytes);
}

function update(table: Uint32Array, seed: number, bytes: Uint8Array): number {
  let c = seed;
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return c >>> 0;
}
