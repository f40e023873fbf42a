import type { DiskLimit, LimitKind, Limits } from '../../../shared/model/container.ts';

/** The unit systemd keeps a container in where podman lets it. */
export const scopeOf = (podmanId: string) => `libpod-${podmanId}.scope`;

const rateProperties: readonly (readonly [Exclude<keyof DiskLimit, 'device'>, string])[] = [
  ['readBps', 'IOReadBandwidthMax'],
  ['writeBps', 'IOWriteBandwidthMax'],
  ['readIops', 'IOReadIOPSMax'],
  ['writeIops', 'IOWriteIOPSMax'],
];

/** Limits of these kinds as words for `systemctl set-property`; a null lifts one. systemd.resource-control(5) */
export function scopeProperties(wanted: Limits, now: Limits, kinds: readonly LimitKind[]): string[] {
  const words: string[] = [];
  const has = (kind: LimitKind) => kinds.includes(kind);
  const set = (name: string, value: number | string | null, none = '') =>
    words.push(`${name}=${value ?? none}`);
  if (has('memory') || has('swap')) {
    set('MemoryMax', wanted.memory, 'infinity');
    set('MemorySwapMax', wanted.memory === null ? null : wanted.swap, 'infinity');
  }
  if (has('cpus'))
    set('CPUQuota', wanted.cpus === null ? null : `${Math.round(wanted.cpus * 10_000) / 100}%`);
  if (has('cpuWeight')) set('CPUWeight', wanted.cpuWeight);
  if (has('cpuSet')) set('AllowedCPUs', wanted.cpuSet);
  if (has('pids')) set('TasksMax', wanted.pids, 'infinity');
  if (has('disk'))
    for (const [key, property] of rateProperties) {
      const devices = new Set([...wanted.disk, ...now.disk].map(({ device }) => device));
      for (const device of devices) {
        const rate = wanted.disk.find((one) => one.device === device)?.[key] ?? null;
        set(property, `${device} ${rate ?? 'infinity'}`);
      }
    }
  return words;
}
