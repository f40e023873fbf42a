import type { DiskLimit, HostFacts, Limits } from '../../../shared/model/container.ts';
import { bytes, cores } from '../../ui/format.ts';

/** Limits in words, those that are set alone. All CPUs of the host are no limit. */
export function limitLines(
  limits: Limits,
  facts: HostFacts | null,
): readonly { readonly name: string; readonly value: string }[] {
  const lines: { name: string; value: string }[] = [];
  const { memory, swap, cpus, cpuWeight, cpuSet, pids, disk, netUp, netDown } = limits;
  if (memory !== null)
    lines.push({
      name: 'Memory',
      value: `${bytes(memory)}${swap === null ? '' : swap === 0 ? ', no swap' : `, ${bytes(swap)} swap`}`,
    });
  if (cpus !== null) lines.push({ name: 'CPU', value: `${cores(cpus)} of a core` });
  if (cpuWeight !== null) lines.push({ name: 'CPU weight', value: String(cpuWeight) });
  const all = facts ? (facts.cpus === 1 ? '0' : `0-${facts.cpus - 1}`) : null;
  if (cpuSet !== null && cpuSet !== all) lines.push({ name: 'CPUs', value: cpuSet });
  if (pids !== null) lines.push({ name: 'Processes', value: String(pids) });
  for (const one of disk) {
    const parts = [
      one.readBps !== null && `read ${bytes(one.readBps)}/s`,
      one.writeBps !== null && `write ${bytes(one.writeBps)}/s`,
      one.readIops !== null && `${one.readIops} reads/s`,
      one.writeIops !== null && `${one.writeIops} writes/s`,
    ].filter(Boolean);
    lines.push({ name: one.device, value: parts.join(', ') });
  }
  const mbit = (bits: number) => `${Math.round(bits / 1e4) / 100} Mbit/s`;
  if (netUp !== null) lines.push({ name: 'Network up', value: mbit(netUp) });
  if (netDown !== null) lines.push({ name: 'Network down', value: mbit(netDown) });
  return lines;
}

/** What a graph of bytes read or written may reach; null where no disk is limited. */
export function diskCeiling(
  disk: readonly DiskLimit[],
  what: 'readBps' | 'writeBps',
): { readonly words: string; readonly value: number } | null {
  const held = disk.filter((one) => one[what] !== null);
  const [first] = held;
  if (!first) return null;
  const value = held.reduce((sum, one) => sum + one[what]!, 0);
  const where = held.length === 1 ? first.device.replace('/dev/', '') : `${held.length} disks`;
  return { words: `of ${bytes(value)}/s on ${where}`, value };
}
