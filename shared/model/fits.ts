import type { HostReport } from './host.ts';

/** What a guest is to have. */
export interface Wanted {
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  /** Bytes its disk takes at once, and those it can grow to. */
  readonly diskNow: number;
  readonly diskLater: number;
}

/**
 * What this computer may not have enough of, a sentence each.
 * @param bytes as the reader's side writes them
 */
export function shortages(
  { vcpus, memory, diskNow, diskLater }: Wanted,
  { memory: ram, disk, cpu, accelerator }: HostReport,
  bytes: (count: number) => string,
): string[] {
  const found: string[] = [];
  if (memory * 2 ** 20 > ram.available)
    found.push(
      `Only ${bytes(ram.available)} of memory are free: the guest may not start, or this computer may become slow.`,
    );
  if (vcpus > cpu.threads)
    found.push(
      `This computer has ${cpu.threads === 1 ? 'one processor' : `${cpu.threads} processors`}: more in the guest only slow it down.`,
    );
  if (diskNow > disk.free)
    found.push(`The disk needs up to ${bytes(diskNow)}, and ${bytes(disk.free)} are free on this computer.`);
  else if (diskLater > disk.free)
    found.push(
      `The disk can grow to ${bytes(diskLater)}, and ${bytes(disk.free)} are free: a full disk pauses the guest.`,
    );
  if (accelerator.chosen === 'tcg' && accelerator.kvm !== 'trying')
    found.push('KVM does not work here: the guest runs on QEMU’s emulator, many times slower.');
  return found;
}
