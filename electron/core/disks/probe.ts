import * as path from 'node:path';
import { FileReader } from './reader.ts';

export type ProbedFormat =
  | 'raw' | 'qcow2' | 'qcow1' | 'qed' | 'vmdk' | 'vdi' | 'vhdx' | 'vpc' | 'luks' | 'iso' | 'ova'
  | 'gzip' | 'xz' | 'zstd' | 'bzip2' | 'parallels'; // biome-ignore format: a list

/**
 * What a file looks like by its magic numbers. For imports only, shown to the person and then stated: a guest can
 * write any magic into a raw disk, so this never decides how a disk in use is opened.
 */
export async function probeFormat(file: string): Promise<ProbedFormat> {
  const reader = await FileReader.open(path.resolve(file));
  try {
    const head = Buffer.alloc(512);
    await reader.readPadded(head, 0);
    const starts = (bytes: string, at = 0) => head.toString('latin1', at, at + bytes.length) === bytes;
    if (starts('QFI\xfb')) return head.readUInt32BE(4) === 1 ? 'qcow1' : 'qcow2';
    if (starts('QED\0')) return 'qed';
    if (starts('KDMV') || starts('COWD') || starts('# Disk DescriptorFile')) return 'vmdk';
    if (head.readUInt32LE(64) === 0xbeda107f) return 'vdi';
    if (starts('vhdxfile')) return 'vhdx';
    if (starts('conectix')) return 'vpc';
    if (starts('LUKS\xba\xbe')) return 'luks';
    if (starts('\x1f\x8b')) return 'gzip';
    if (starts('\xfd7zXZ\0')) return 'xz';
    if (starts('\x28\xb5\x2f\xfd')) return 'zstd';
    if (starts('BZh')) return 'bzip2';
    if (starts('WithoutFreeSpace') || starts('WithouFreSpacExt')) return 'parallels';
    if (starts('ustar', 257)) return 'ova';
    const volume = Buffer.alloc(8);
    await reader.readPadded(volume, 32768);
    if (volume.toString('latin1', 1, 6) === 'CD001') return 'iso';
    if (reader.size >= 512) {
      await reader.readPadded(volume, reader.size - 512); // a fixed VHD has its mark in the last sector alone
      if (volume.toString('latin1') === 'conectix') return 'vpc';
    }
    return 'raw';
  } finally {
    await reader.close();
  }
}

const otherFiles: readonly (readonly [mark: string, what: string])[] = [
  ['\x7fELF', 'a program'],
  ['%PDF', 'a PDF document'],
  ['\x89PNG', 'a picture'],
  ['\xff\xd8\xff', 'a picture'],
  ['PK\x03\x04', 'a ZIP archive'],
  ['7z\xbc\xaf\x27\x1c', 'a 7z archive'],
];

/**
 * What a file without a disk's mark plainly is instead of a raw disk: "text", "a PDF document"; null when it may be one,
 * which any bytes may.
 */
export async function plainlyNoDisk(file: string): Promise<string | null> {
  const reader = await FileReader.open(path.resolve(file));
  try {
    if (reader.size === 0) return 'empty';
    const head = Buffer.alloc(Math.min(512, reader.size));
    await reader.readPadded(head, 0);
    const text = head.toString('latin1');
    const other = otherFiles.find(([mark]) => text.startsWith(mark));
    if (other) return other[1];
    // A boot sector, a file system and an empty disk have other bytes here: the first ones are a jump, or zeros follow.
    return !text.includes('\0') && /^[\t\n\r\x20-\x7e]{16}/.test(text.padEnd(16)) ? 'text' : null;
  } finally {
    await reader.close();
  }
}
