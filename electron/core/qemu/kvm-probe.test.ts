import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { kvmProbe } from './kvm-probe.ts';

it('is what its source assembles to', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gh-probe-'));
  try {
    const object = join(dir, 'p.o');
    const binary = join(dir, 'p.bin');
    execFileSync('as', ['--64', join(__dirname, 'kvm-probe.S'), '-o', object]);
    execFileSync('ld', [
      ...['-m', 'elf_x86_64', '-Ttext', '0x7c00', '--oformat', 'binary', '-e', '_start'],
      ...[object, '-o', binary],
    ]);
    expect(readFileSync(binary).equals(kvmProbe)).toBe(true);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
