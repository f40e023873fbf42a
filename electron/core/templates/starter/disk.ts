/** A GPT disk that boots by itself under BIOS and UEFI, made in an ordinary file: no root, no loop device, no mount. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { run } from '../../platform/exec.ts';

const sector = 512;
const MiB = 2 ** 20;

/** Where each partition lies, in bytes. The root partition comes last, so that it can grow. */
export const layout = {
  biosBoot: { offset: 1 * MiB, size: 1 * MiB },
  esp: { offset: 2 * MiB, size: 126 * MiB },
  root: { offset: 128 * MiB },
} as const;

/** The backup GPT (33 sectors), rounded up to keep the root partition's end on a whole MiB. */
const tail = 1 * MiB;

/** Size of the root partition on a disk of `virtualSize` bytes. */
export const rootSize = (virtualSize: number): number => virtualSize - layout.root.offset - tail;

/** Input of sfdisk(8). The root's type is "Linux root (x86-64)", which systemd-repart finds it by. */
export function partitionScript(virtualSize: number): string {
  const line = (p: { offset: number }, size: number, type: string, name: string) =>
    `start=${p.offset / sector}, size=${size / sector}, type=${type}, name="${name}"\n`;
  return `label: gpt\nunit: sectors\n${line(
    layout.biosBoot,
    layout.biosBoot.size,
    '21686148-6449-6E6F-744E-656564454649',
    'bios',
  )}${line(layout.esp, layout.esp.size, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', 'esp')}${line(
    layout.root,
    rootSize(virtualSize),
    '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
    'root',
  )}`;
}

/**
 * mkfs.ext4(8) arguments to fill the root partition from a folder. The features are named one by one: newer e2fsprogs
 * switch on some that GRUB 2.06 cannot read. Run where the tree's owners are the guest's (the sandbox).
 */
export function mkfsArgs(disk: string, tree: string, uuid: string, virtualSize: number): string[] {
  const features =
    'none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum';
  const extended = `offset=${layout.root.offset},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,resize=${2 ** 28}`;
  return [
    'mkfs.ext4', '-q', '-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-i', '16384', '-m', '1', '-J', 'size=64',
    '-O', features, '-E', extended, '-U', uuid, '-L', 'root', '-d', tree, disk, `${rootSize(virtualSize) / 1024}k`,
  ]; // biome-ignore format: a list
}

/**
 * The first sector as grub-bios-setup would write it: boot.img's code, knowing where core.img starts, around the
 * partition table that is there. GRUB 2.06, include/grub/i386/pc/boot.h: BPB at 3..0x59, kernel sector at 0x5c.
 * @param mbr the disk's present first sector
 */
export function biosBootSector(bootImage: Buffer, mbr: Buffer, coreLba: number): Buffer {
  if (bootImage.length !== sector || mbr.length !== sector)
    throw new RangeError('a boot sector has 512 bytes');
  const out = Buffer.from(mbr);
  bootImage.copy(out, 0, 0, 440);
  out.writeBigUInt64LE(BigInt(coreLba), 0x5c);
  return out;
}

/**
 * core.img with the block list of its own rest, for a BIOS boot partition where it lies in one piece.
 * GRUB 2.06: the last entry of diskboot.img (first sector, offset 0x1f4): u64 LBA, u16 sectors, u16 segment.
 */
export function biosCoreImage(core: Buffer, lba: number): Buffer {
  const sectors = Math.ceil(core.length / sector);
  if (sectors * sector > layout.biosBoot.size) throw new RangeError('core.img does not fit its partition');
  const out = Buffer.alloc(sectors * sector);
  core.copy(out);
  out.writeBigUInt64LE(BigInt(lba + 1), 0x1f4);
  out.writeUInt16LE(sectors - 1, 0x1fc);
  out.writeUInt16LE(0x820, 0x1fe);
  return out;
}

/** Makes the file, sparse, with its partition table. */
export async function makePartitions(disk: string, virtualSize: number, signal: AbortSignal): Promise<void> {
  const handle = await fs.open(disk, 'wx', 0o600);
  try {
    await handle.truncate(virtualSize);
  } finally {
    await handle.close();
  }
  await run(['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', disk], {
    input: partitionScript(virtualSize),
    signal,
  });
}

/** Writes GRUB for BIOS into the gaps made for it, and for UEFI as the removable-media loader on the ESP. */
export async function installBootLoaders(disk: string, tree: string, signal: AbortSignal): Promise<void> {
  const grub = path.join(tree, 'boot/grub');
  const boot = await fs.readFile(path.join(grub, 'i386-pc/boot.img'));
  const core = await fs.readFile(path.join(grub, 'i386-pc/core.img'));
  const lba = layout.biosBoot.offset / sector;
  const handle = await fs.open(disk, 'r+');
  try {
    const mbr = Buffer.alloc(sector);
    await handle.read(mbr, 0, sector, 0);
    if (mbr.readUInt16LE(510) !== 0xaa55)
      throw new GuesthouseError('disk-damaged', 'The partition table of the new disk was not written.');
    await handle.write(biosBootSector(boot, mbr, lba), 0, sector, 0);
    const image = biosCoreImage(core, lba);
    await handle.write(image, 0, image.length, layout.biosBoot.offset);
  } finally {
    await handle.close();
  }
  const esp = `${disk}@@${layout.esp.offset}`;
  const env = { MTOOLS_SKIP_CHECK: '1', MTOOLSRC: '/dev/null' };
  const sectors = String(layout.esp.size / sector);
  await run(
    ['mformat', '-i', esp, '-F', '-c', '1', '-T', sectors, '-h', '16', '-s', '63', '-v', 'ESP', '::'],
    {
      env,
      signal,
    },
  );
  await run(['mmd', '-i', esp, '::/EFI', '::/EFI/BOOT'], { env, signal });
  await run(['mcopy', '-i', esp, path.join(grub, 'bootx64.efi'), '::/EFI/BOOT/BOOTX64.EFI'], { env, signal });
}
