/**
 * A boot sector that tells whether an accelerator really runs 64-bit kernels. It enters long mode, jumps to
 * 0xffffffff80000000, where Linux lives, and takes an int3; then it writes 42 to isa-debug-exit at I/O port 0xf4, which
 * ends QEMU with exit code 85. On the way serial prints R (real mode), L (long mode), H (high half), B (breakpoint
 * taken), C (counted). A real-mode boot sector alone would lie: paravirtual KVMs run that and then hang a kernel.
 *
 * Source, for GNU as and ld (`as --64 probe.S -o p.o; ld -m elf_x86_64 -Ttext 0x7c00 --oformat binary -e _start p.o`):
 * kvm-probe.S beside this file.
 */
export const kvmProbe: Buffer = Buffer.from(
  [
    '+jHAjtiOwI7QvAB8uvgDsFLuZr8AEAAADyLfZjHAZrkADAAA/Gbzq2bHBgAQAyAAAGbHBvgfAyAAAGbHBgAgAzAAAGbHBvAv',
    'AzAAAGbHBgAwgwAAAA8g4GaDyCAPIuBmuYAAAMAPMg0AAQ8wDwEWMH0PIMBmDQEAAIAPIsDqgnwIALgQAAAAjtiOwI7QZrr4',
    'A7BM7rivfAAASMfDAAAAgEgJ2EjHxAB8AABICdz/4Ga6+AOwSO6/AEAAAEgJ30iNBVEAAABmiUcwZsdHMggAZsdHNACOSMHo',
    'EGaJRzZIwegQiUc4x0c8AAAAAFdQZsdEJAb/Dw8BXCQGzLBC7rmA8PoC/8l1/LBD7g8g2A8i2LAq5vT06/1IzwAAAAAAAAAA',
    '//8AAACarwD//wAAAJLPABcAGH0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAVao=',
  ].join(''),
  'base64',
);

/** QEMU's exit code when the probe got to its end: (42 << 1) | 1. */
export const probeExitCode = 85;
