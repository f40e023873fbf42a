/** What the options of `container` commands say, read. */
import { type Command, InvalidArgumentError } from 'commander';
import type { ContainerHost, DiskLimit } from '../../../shared/model/container.ts';
import type { ContainerSpec, LimitsInput } from '../../../shared/model/container-spec.ts';

type DiskRate = Exclude<keyof DiskLimit, 'device'>;

export const collect = (value: string, before: string[]): string[] => [...before, value];

/** `64m`, `1.5G`: bytes, 1024 to the step; a bare number is in MiB, as for a guest's memory. */
export function bytesOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('A size is given like 64m or 1.5g.');
  const power = ' kmgt'.indexOf(match[2]!.toLowerCase() || 'm');
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** `8mbit`, `500kbit`: bits a second, 1000 to the step, as tc(8) reads them. */
function bitsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:bit)?$/i.exec(text.trim());
  if (!match) throw new InvalidArgumentError('A rate is given like 8mbit.');
  const power = ' kmg'.indexOf(match[2]!.toLowerCase() || ' ');
  return Math.round(Number(match[1]) * 1000 ** power);
}

export const numberOf = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('That is no number.');
  return value;
};

export interface LimitOptions {
  memory?: number;
  swap?: number;
  cpus?: number;
  cpuWeight?: number;
  cpuset?: string;
  pids?: number;
  diskRead?: string[];
  diskWrite?: string[];
  diskReadOps?: string[];
  diskWriteOps?: string[];
  netUp?: number;
  netDown?: number;
}

export function limitOptions(command: Command): Command {
  return command
    .option('--memory <size>', 'at most this much memory, and no swap: 64m', bytesOf)
    .option('--swap <size>', 'this much swap beside it', bytesOf)
    .option('--cpus <number>', 'at most this many cores: 0.5', numberOf)
    .option('--cpu-weight <number>', 'share when CPU is short; 100 is usual', numberOf)
    .option('--cpuset <list>', 'on these CPUs alone: 0-1,3')
    .option('--pids <number>', 'at most this many processes', numberOf)
    .option(
      '--disk-read <device=size>',
      'bytes a second: /dev/vda=10m; may be given several times',
      collect,
      [],
    )
    .option('--disk-write <device=size>', 'bytes a second; may be given several times', collect, [])
    .option('--disk-read-ops <device=number>', 'operations a second: /dev/vda=100', collect, [])
    .option('--disk-write-ops <device=number>', 'operations a second', collect, [])
    .option('--net-up <rate>', 'what it sends: 8mbit', bitsOf)
    .option('--net-down <rate>', 'what it receives: 8mbit', bitsOf);
}

export function limitsOf(o: LimitOptions, host: ContainerHost | undefined): LimitsInput {
  const disks = new Map<string, Partial<Record<DiskRate, number>>>();
  const fill = (key: DiskRate, list: readonly string[] = [], read: (text: string) => number) => {
    for (const one of list) {
      const at = one.indexOf('=');
      if (at < 0) throw new InvalidArgumentError('A disk’s rate is given like /dev/vda=10m.');
      const device = one.slice(0, at);
      disks.set(device, { ...disks.get(device), [key]: read(one.slice(at + 1)) });
    }
  };
  fill('readBps', o.diskRead, bytesOf);
  fill('writeBps', o.diskWrite, bytesOf);
  fill('readIops', o.diskReadOps, numberOf);
  fill('writeIops', o.diskWriteOps, numberOf);
  const countsSwap = host?.facts?.limits.some(({ kind, ok }) => kind === 'swap' && ok) ?? true;
  return {
    memory: o.memory ?? null,
    swap: o.swap ?? (o.memory !== undefined && countsSwap ? 0 : null),
    cpus: o.cpus ?? null,
    cpuWeight: o.cpuWeight ?? null,
    cpuSet: o.cpuset ?? null,
    pids: o.pids ?? null,
    disk: [...disks].map(([device, rates]) => ({ device, ...rates })),
    netUp: o.netUp ?? null,
    netDown: o.netDown ?? null,
  };
}

export function sourceOf(o: {
  debian?: string | true;
  tar?: string;
  image?: string;
  pull?: string;
}): ContainerSpec['source'] {
  if (o.debian !== undefined)
    return { kind: 'debian', packages: o.debian === true ? [] : o.debian.split(/[\s,]+/).filter(Boolean) };
  if (o.image !== undefined) return { kind: 'local', image: o.image };
  if (o.pull !== undefined) return { kind: 'pull', image: o.pull };
  if (o.tar !== undefined) {
    const base = (o.tar.split('/').at(-1) ?? '').replace(/\..*$/, '').toLowerCase();
    const path = o.tar.startsWith('/') ? o.tar : `${process.cwd()}/${o.tar}`;
    return { kind: 'tar', path, image: `localhost/${base.replace(/[^a-z0-9]+/g, '') || 'root'}:1` };
  }
  return { kind: 'busybox' };
}

export function portOf(text: string): { address: string; hostPort: number; port: number } {
  const match = /^(?:(.+):)?(\d*):(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('A port is given like 8080:80 or 0.0.0.0:8080:80.');
  const bind = (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, '');
  return { address: bind, hostPort: Number(match[2] || 0), port: Number(match[3]) };
}

export function volumeOf(text: string): { source: string; target: string; readOnly: boolean } {
  const [source = '', target = '', mode, more] = text.split(':');
  if (!source || !target || more !== undefined || (mode !== undefined && mode !== 'ro' && mode !== 'rw'))
    throw new InvalidArgumentError(
      'A folder is given like /data:/srv or /data:/srv:ro, a volume like data:/srv.',
    );
  return { source, target, readOnly: mode === 'ro' };
}
