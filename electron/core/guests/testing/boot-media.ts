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
