import type { ContainerStats, DiskLimit, Limits } from '../../../shared/model/container.ts';
import { noLimits } from '../../../shared/model/container.ts';
import { weightOf } from './read.ts';

/**
 * Reads the kernel's own counters of containers, given their first processes' ids: cgroup v2, v1, or, where podman made
 * no cgroup (rootless on v1), the processes of the container's PID namespace. One run of sh(1) and nothing else for all
 * of them, so that it is as cheap over SSH as here. The container's cgroup is the folder named after it (`libpod-ID`),
 * also when its process sits in a child of that.
 */
export const sampleScript = `
read -r up idle </proc/uptime
echo "up $up"
f() { [ -r "$2" ] && while read -r line; do echo "$1 $line"; done <"$2"; }
one() { while read -r k v; do case $k in $3) echo "$1 $k $v" ;; esac; done <"$2"; }
dev() { [ -r "$2" ] && while read -r d rest; do
  case $d in *:*) n=$(readlink "/sys/dev/block/$d"); echo "$1 \${n##*/} $rest" ;; esac; done <"$2"; }
for pid; do
  [ -r "/proc/$pid/cgroup" ] || continue
  echo "pid $pid"
  v2= mem= cpu= acct= pids= blk= set=
  while IFS= read -r line; do
    c=\${line#*:}; p=\${c#*:}; c=\${c%%:*}
    case $p in *libpod-*) ;; *) continue ;; esac
    b=\${p%%libpod-*}; r=\${p#"$b"}; p=$b\${r%%/*}
    case ,$c, in ,,) v2=$p ;; esac
    case ,$c, in *,memory,*) mem=/sys/fs/cgroup/memory$p ;; esac
    case ,$c, in *,cpu,*) cpu=/sys/fs/cgroup/cpu$p ;; esac
    case ,$c, in *,cpuacct,*) acct=/sys/fs/cgroup/cpuacct$p ;; esac
    case ,$c, in *,pids,*) pids=/sys/fs/cgroup/pids$p ;; esac
    case ,$c, in *,blkio,*) blk=/sys/fs/cgroup/blkio$p ;; esac
    case ,$c, in *,cpuset,*) set=/sys/fs/cgroup/cpuset$p ;; esac
  done <"/proc/$pid/cgroup"
  if [ -n "$mem" ]; then
    echo "mode v1"
    f mem "$mem/memory.usage_in_bytes"
    one stat "$mem/memory.stat" total_inactive_file
    f memsw "$mem/memory.memsw.usage_in_bytes"
    f memmax "$mem/memory.limit_in_bytes"
    f swmax "$mem/memory.memsw.limit_in_bytes"
    f hits "$mem/memory.failcnt"
    one oom "$mem/memory.oom_control" oom_kill
    f acct "$acct/cpuacct.usage"
    f cpu "$cpu/cpu.stat"
    f quota "$cpu/cpu.cfs_quota_us"
    f period "$cpu/cpu.cfs_period_us"
    f shares "$cpu/cpu.shares"
    f set "$set/cpuset.cpus"
    f above "\${set%/*}/cpuset.cpus"
    f pids "$pids/pids.current"
    f pidsmax "$pids/pids.max"
    f pidsev "$pids/pids.events"
    f io "$blk/blkio.throttle.io_service_bytes"
    for k in read_bps write_bps read_iops write_iops; do dev "lim $k" "$blk/blkio.throttle.\${k}_device"; done
  elif [ -n "$v2" ] && [ -e "/sys/fs/cgroup$v2/memory.current" ]; then
    d=/sys/fs/cgroup$v2
    echo "mode v2"
    f mem "$d/memory.current"
    one stat "$d/memory.stat" inactive_file
    f memmax "$d/memory.max"
    f swap "$d/memory.swap.current"
    f swapmax "$d/memory.swap.max"
    f memev "$d/memory.events"
    f cpu "$d/cpu.stat"
    f cpumax "$d/cpu.max"
    f weight "$d/cpu.weight"
    f set "$d/cpuset.cpus"
    f above "\${d%/*}/cpuset.cpus.effective"
    f pids "$d/pids.current"
    f pidsmax "$d/pids.max"
    f pidsev "$d/pids.events"
    f io "$d/io.stat"
    dev iomax "$d/io.max"
  else
    echo "mode none"
    ns=$(readlink "/proc/$pid/ns/pid")
    for q in $(ls -l /proc/[0-9]*/ns/pid 2>/dev/null | grep -F "$ns" | sed 's|.*/proc/\\([0-9]*\\)/ns.*|\\1|'); do
      f proc "/proc/$q/stat"
      one pio "/proc/$q/io" '*_bytes:'
    done
  fi
  f net "/proc/$pid/net/dev"
done
exit 0
`;

/** Counters of one container at one moment, in the kernel's units made plain. */
export interface Counters {
  readonly pid: number;
  readonly mode: 'v1' | 'v2' | 'none';
  /** Seconds since the host's boot. */
  readonly up: number;
  /** Seconds of CPU time. */
  readonly cpu: number;
  /** Seconds in which the quota held it back; periods counted and periods held back. */
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly memory: number;
  /** Bytes that lie in swap. */
  readonly swap: number;
  readonly pids: number;
  readonly diskRead: number;
  readonly diskWrite: number;
  readonly netIn: number;
  readonly netOut: number;
  readonly oomKills: number;
  readonly pidsRefused: number;
  readonly memoryHits: number;
  readonly limits: Limits;
  /** The CPUs it may have without a set of its own; null where that is not told. */
  readonly cpusAbove: string | null;
}

/** cgroup v1 says "no limit" with the largest multiple of a page. */
const unlimited = 2 ** 62;
const pageSize = 4096;
const ticksPerSecond = 100;

class Block {
  private readonly fields = new Map<string, string[]>();
  add(key: string, rest: string) {
    const known = this.fields.get(key);
    if (known) known.push(rest);
    else this.fields.set(key, [rest]);
  }
  all(key: string): readonly string[] {
    return this.fields.get(key) ?? [];
  }
  first(key: string): string | null {
    return this.fields.get(key)?.[0]?.trim() ?? null;
  }
  number(key: string): number {
    return Number(this.first(key)) || 0;
  }
  /** A value in a file of `name value` lines. */
  inner(key: string, name: string): number {
    const line = this.all(key).find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1)) || 0;
  }
  /** Null for `max`, for v1's huge number and where there is none. */
  limit(key: string): number | null {
    const text = this.first(key);
    const value = text === null || text === 'max' ? Number.NaN : Number(text);
    return Number.isFinite(value) && value >= 0 && value < unlimited ? value : null;
  }
}

/** Reads what {@link sampleScript} printed, by process id. */
export function readSample(text: string): Map<number, Counters> {
  const found = new Map<number, Counters>();
  let up = 0;
  let pid = 0;
  let block: Block | null = null;
  const finish = () => {
    if (block) found.set(pid, counters(pid, up, block));
    block = null;
  };
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    const key = at < 0 ? line : line.slice(0, at);
    const rest = at < 0 ? '' : line.slice(at + 1);
    if (key === 'up') up = Number(rest) || 0;
    else if (key === 'pid') {
      finish();
      pid = Number(rest);
      block = new Block();
    } else if (block) block.add(key, rest);
  }
  finish();
  return found;
}

function counters(pid: number, up: number, block: Block): Counters {
  const mode = block.first('mode');
  const common = { pid, up, ...network(block) };
  if (mode === 'v1')
    return {
      ...common,
      mode,
      cpu: block.number('acct') / 1e9,
      periods: block.inner('cpu', 'nr_periods'),
      throttledPeriods: block.inner('cpu', 'nr_throttled'),
      memory: Math.max(0, block.number('mem') - block.inner('stat', 'total_inactive_file')),
      swap: block.first('memsw') === null ? 0 : Math.max(0, block.number('memsw') - block.number('mem')),
      pids: block.number('pids'),
      ...v1Disk(block),
      oomKills: block.inner('oom', 'oom_kill'),
      pidsRefused: block.inner('pidsev', 'max'),
      memoryHits: block.number('hits'),
      limits: v1Limits(block),
      cpusAbove: block.first('above') || null,
    };
  if (mode === 'v2')
    return {
      ...common,
      mode,
      cpu: block.inner('cpu', 'usage_usec') / 1e6,
      periods: block.inner('cpu', 'nr_periods'),
      throttledPeriods: block.inner('cpu', 'nr_throttled'),
      memory: Math.max(0, block.number('mem') - block.inner('stat', 'inactive_file')),
      swap: block.number('swap'),
      pids: block.number('pids'),
      ...v2Disk(block),
      oomKills: block.inner('memev', 'oom_kill'),
      pidsRefused: block.inner('pidsev', 'max'),
      memoryHits: block.inner('memev', 'max'),
      limits: v2Limits(block),
      cpusAbove: block.first('above') || null,
    };
  return { ...common, mode: 'none', ...processes(block) };
}

function network(block: Block): { netIn: number; netOut: number } {
  let netIn = 0;
  let netOut = 0;
  for (const line of block.all('net')) {
    const match = /^\s*([^:\s]+):\s*(.*)$/.exec(line);
    if (!match || match[1] === 'lo') continue;
    const fields = match[2]!.split(/\s+/).map(Number);
    netIn += fields[0] ?? 0;
    netOut += fields[8] ?? 0;
  }
  return { netIn, netOut };
}

function v1Disk(block: Block) {
  const sum = (word: string) =>
    block
      .all('io')
      .map((line) => line.split(/\s+/))
      .filter((parts) => parts[1] === word)
      .reduce((total, parts) => total + (Number(parts[2]) || 0), 0);
  return { diskRead: sum('Read'), diskWrite: sum('Write') };
}

function v2Disk(block: Block) {
  const sum = (word: string) =>
    block
      .all('io')
      .reduce((total, line) => total + (Number(new RegExp(`\\b${word}=(\\d+)`).exec(line)?.[1]) || 0), 0);
  return { diskRead: sum('rbytes'), diskWrite: sum('wbytes') };
}

const emptyDisk = (device: string): DiskLimit => ({
  device,
  readBps: null,
  writeBps: null,
  readIops: null,
  writeIops: null,
});

function v1Limits(block: Block): Limits {
  const memory = block.limit('memmax');
  const both = block.limit('swmax');
  const quota = Number(block.first('quota') ?? -1);
  const shares = block.number('shares');
  const disks = new Map<string, DiskLimit>();
  const keys = { read_bps: 'readBps', write_bps: 'writeBps', read_iops: 'readIops', write_iops: 'writeIops' };
  for (const line of block.all('lim')) {
    const [kind, name, value] = line.split(' ');
    const key = keys[kind as keyof typeof keys];
    if (!key || !name || !value) continue;
    const device = `/dev/${name}`;
    disks.set(device, { ...(disks.get(device) ?? emptyDisk(device)), [key]: Number(value) });
  }
  return {
    ...noLimits,
    memory,
    swap: memory !== null && both !== null ? both - memory : null,
    cpus: quota > 0 ? quota / (block.number('period') || 100_000) : null,
    cpuWeight: shares > 0 && shares !== 1024 ? weightOf(shares) : null,
    cpuSet: block.first('set') || null,
    pids: block.limit('pidsmax'),
    disk: [...disks.values()],
  };
}

function v2Limits(block: Block): Limits {
  const [quota, period] = (block.first('cpumax') ?? 'max').split(' ');
  const weight = block.number('weight');
  const memory = block.limit('memmax');
  return {
    ...noLimits,
    memory,
    swap: memory === null ? null : block.limit('swapmax'),
    cpus: quota && quota !== 'max' ? Number(quota) / (Number(period) || 100_000) : null,
    cpuWeight: weight > 0 && weight !== 100 ? weight : null,
    cpuSet: block.first('set') || null,
    pids: block.limit('pidsmax'),
    disk: block.all('iomax').map((line) => {
      const [name, ...pairs] = line.split(' ');
      const value = (key: string) => {
        const text = pairs.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1);
        return text === undefined || text === 'max' ? null : Number(text);
      };
      return {
        device: `/dev/${name}`,
        readBps: value('rbps'),
        writeBps: value('wbps'),
        readIops: value('riops'),
        writeIops: value('wiops'),
      };
    }),
  };
}

/** Where there is no cgroup: the sum over the container's processes, those that ended not counted. */
function processes(block: Block) {
  let ticks = 0;
  let pages = 0;
  let count = 0;
  for (const line of block.all('proc')) {
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    ticks += (Number(fields[11]) || 0) + (Number(fields[12]) || 0);
    pages += Number(fields[21]) || 0;
    count++;
  }
  const io = (word: string) =>
    block
      .all('pio')
      .filter((line) => line.startsWith(`${word}: `))
      .reduce((total, line) => total + (Number(line.slice(word.length + 2)) || 0), 0);
  return {
    cpu: ticks / ticksPerSecond,
    periods: 0,
    throttledPeriods: 0,
    memory: pages * pageSize,
    swap: 0,
    pids: count,
    diskRead: io('read_bytes'),
    diskWrite: io('write_bytes'),
    oomKills: 0,
    pidsRefused: 0,
    memoryHits: 0,
    limits: noLimits,
    cpusAbove: null,
  };
}

/** Rates between two samples of the same process; the first sample has none. `net`: limits that tc holds. */
export function statsOf(
  id: string,
  at: number,
  now: Counters,
  before: Counters | undefined,
  net: Pick<Limits, 'netUp' | 'netDown'>,
): ContainerStats {
  const last = before && before.pid === now.pid && now.up > before.up ? before : null;
  const seconds = last ? now.up - last.up : 0;
  const rate = (key: 'cpu' | 'diskRead' | 'diskWrite' | 'netIn' | 'netOut') =>
    last ? Math.max(0, now[key] - last[key]) / seconds : null;
  const periods = last ? now.periods - last.periods : 0;
  return {
    id,
    at,
    cpu: rate('cpu'),
    throttled:
      now.limits.cpus === null
        ? null
        : periods > 0
          ? Math.min(1, (now.throttledPeriods - last!.throttledPeriods) / periods)
          : 0,
    memory: now.memory,
    swap: now.swap,
    pids: now.pids,
    diskRead: rate('diskRead'),
    diskWrite: rate('diskWrite'),
    netIn: rate('netIn'),
    netOut: rate('netOut'),
    oomKills: now.oomKills,
    pidsRefused: now.pidsRefused,
    memoryHits: now.memoryHits,
    limits: { ...now.limits, ...net },
  };
}
