/**
 * The smallest image there is: one program that ends at once. It tells whether podman can run anything, and with which
 * settings, without a network and without a program of the host. elf(5), tar(5) (ustar).
 */

/** `exit(0)` for the architectures podman names. */
const exitCode: Readonly<Record<string, { machine: number; code: readonly number[] }>> = {
  // mov eax, 60; xor edi, edi; syscall
  amd64: { machine: 62, code: [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05] },
  // mov x8, 93; mov x0, 0; svc 0
  arm64: { machine: 183, code: [0xa8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 0x01, 0, 0, 0xd4] },
};

const base = 0x400000n;
const headerSize = 64 + 56;

/** A static ELF64 program that ends with 0; null for an architecture it was not written for. */
export function exitProgram(arch: string): Buffer | null {
  const known = exitCode[arch];
  if (!known) return null;
  const file = Buffer.alloc(headerSize + known.code.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]).copy(file);
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(known.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(base + BigInt(headerSize), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(base, 80);
  file.writeBigUInt64LE(base, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  Buffer.from(known.code).copy(file, headerSize);
  return file;
}

export interface TarEntry {
  /** Below 100 bytes. */
  readonly name: string;
  readonly mode: number;
  /** A folder has none. */
  readonly data?: Uint8Array;
  /** A symbolic link to this. */
  readonly link?: string;
}

/** A ustar archive of a few small files, all root's. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { name, mode, data, link } of entries) {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100, 'latin1');
    header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100, 'latin1');
    header.write('0000000\0', 108, 'latin1');
    header.write('0000000\0', 116, 'latin1');
    header.write(`${(data?.length ?? 0).toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    header.write('00000000000\0', 136, 'latin1');
    header.write('        ', 148, 'latin1');
    header.write(link === undefined ? (data ? '0' : '5') : '2', 156, 'latin1');
    if (link !== undefined) header.write(link, 157, 100, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    let sum = 0;
    for (const byte of header) sum += byte;
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    blocks.push(header);
    if (data) blocks.push(Buffer.from(data), Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}
