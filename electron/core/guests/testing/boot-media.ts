import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

/** 16-bit code that writes `word` to the first serial port, then halts for good. At most 160 characters. */
export function bootCode(word: string): Buffer {
  const bytes = [0xfa, 0xba, 0xf8, 0x03]; // cli; mov dx, 3f8h
  for (const letter of Buffer.from(word, 'latin1')) bytes.push(0xb0, letter, 0xee); // mov al, letter; out dx, al
  bytes.push(0xf4, 0xeb, 0xfd); // hlt; jmp $-1
  return Buffer.from(bytes);
}

/**
 * 16-bit code that says `prompt` on the screen and the first serial port, then repeats there every key that is typed;
 * the BIOS's own Ctrl+Alt+Del starts it anew.
 */
export function echoCode(prompt: string): Buffer {
  const bytes = [0x31, 0xdb, 0xba, 0xf8, 0x03]; // xor bx, bx; mov dx, 3f8h
  const show = [0xb4, 0x0e, 0xcd, 0x10, 0xee]; // mov ah, 0eh; int 10h; out dx, al
  for (const letter of Buffer.from(prompt, 'latin1')) bytes.push(0xb0, letter, ...show); // mov al, letter
  const loop = [0x30, 0xe4, 0xcd, 0x16, ...show]; // xor ah, ah; int 16h
  return Buffer.from([...bytes, ...loop, 0xeb, 0xfe - loop.length]); // jmp loop
}

/** A bootable CD image (El Torito, no emulation) that says `word` on the serial port. Returns its path. */
export function makeIso(dir: string, label: string, word: string, code = bootCode(word)): string {
  const tree = path.join(dir, 'iso-tree');
  mkdirSync(tree, { recursive: true });
  const boot = Buffer.alloc(2048);
  code.copy(boot);
  writeFileSync(path.join(tree, 'boot.bin'), boot);
  const iso = path.join(dir, `${label.replace(/[^a-z0-9]/gi, '-')}.iso`);
  execFileSync(
    'genisoimage',
    ['-quiet', '-V', label, '-b', 'boot.bin', '-no-emul-boot', '-boot-load-size', '4', '-o', iso, tree],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  rmSync(tree, { recursive: true });
  return iso;
}

/** A loader for x86-64 UEFI that nobody signed; it writes `word` to the first serial port and halts (PE format, PE32+). */
function efiLoader(word: string): Buffer {
  const code = [0xfa, 0x66, 0xba, 0xf8, 0x03]; // cli; mov dx, 3f8h
  for (const letter of Buffer.from(word, 'latin1')) code.push(0xb0, letter, 0xee); // mov al, letter; out dx, al
  code.push(0xf4, 0xeb, 0xfd); // hlt; jmp $-1
  const [headers, page] = [0x200, 0x1000];
  const file = Buffer.alloc(headers + 0x400);
  file.write('MZ');
  file.writeUInt32LE(0x40, 0x3c);
  file.write('PE', 0x40);
  const coff = 0x44;
  file.writeUInt16LE(0x8664, coff);
  file.writeUInt16LE(1, coff + 2); // sections
  file.writeUInt16LE(0xf0, coff + 16); // size of what follows
  file.writeUInt16LE(0x22, coff + 18); // executable, runs at any address
  const optional = coff + 20;
  file.writeUInt16LE(0x20b, optional);
  file.writeUInt32LE(0x400, optional + 4); // size of code
  for (const at of [16, 20]) file.writeUInt32LE(page, optional + at); // entry point, base of code
  file.writeUInt32LE(page, optional + 32); // alignment in memory
  file.writeUInt32LE(0x200, optional + 36); // and in the file
  file.writeUInt32LE(2 * page, optional + 56); // size in memory
  file.writeUInt32LE(headers, optional + 60);
  file.writeUInt16LE(10, optional + 68); // an EFI application
  file.writeUInt32LE(16, optional + 108); // directories, all empty
  const section = optional + 0xf0;
  file.write('.text', section);
  file.writeUInt32LE(0x400, section + 8);
  file.writeUInt32LE(page, section + 12);
  file.writeUInt32LE(0x400, section + 16);
  file.writeUInt32LE(headers, section + 20);
  file.writeUInt32LE(0x60000020, section + 36); // code: read, execute
  Buffer.from(code).copy(file, headers);
  return file;
}

/** A CD image that UEFI boots: its loader, which nobody signed, says `word` on the serial port. Returns its path. */
export function makeUefiIso(dir: string, label: string, word: string): string {
  const tree = path.join(dir, 'iso-tree');
  mkdirSync(tree, { recursive: true });
  const esp = path.join(tree, 'esp.img');
  const loader = path.join(dir, 'loader.efi');
  writeFileSync(loader, efiLoader(word));
  writeFileSync(esp, Buffer.alloc(1440 * 1024));
  const tool = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'ignore' });
  tool('mformat', '-i', esp, '-f', '1440', '::');
  tool('mmd', '-i', esp, '::/EFI', '::/EFI/BOOT');
  tool('mcopy', '-i', esp, loader, '::/EFI/BOOT/BOOTX64.EFI');
  const iso = path.join(dir, `${label}.iso`);
  const boot = ['-e', 'esp.img', '-no-emul-boot'];
  tool('genisoimage', '-quiet', '-V', label, ...boot, '-o', iso, tree);
  rmSync(tree, { recursive: true });
  return iso;
}
