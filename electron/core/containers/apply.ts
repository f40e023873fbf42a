import { GuesthouseError } from '../../../shared/errors.ts';
import { type HostFacts, type LimitKind, type Limits, limitWords } from '../../../shared/model/container.ts';
import type { Engine } from './engine.ts';
import { placeOf } from './engine.ts';
import { sharesOf } from './read.ts';
import { readSample, sampleScript } from './sample.ts';

/**
 * Writes limits into the cgroup of a container: `KEY VALUE` pairs after the process id; `none` lifts one. podman 4.3's
 * `update` cannot lift a limit nor change processes and disks of a running container, and says nothing when it does not.
 */
const writeScript = `
pid=$1; shift
v2= mem= cpu= pids= blk= set=
while IFS= read -r line; do
  c=\${line#*:}; p=\${c#*:}; c=\${c%%:*}
  case $p in *libpod-*) ;; *) continue ;; esac
  b=\${p%%libpod-*}; r=\${p#"$b"}; p=$b\${r%%/*}
  case ,$c, in ,,) v2=/sys/fs/cgroup$p ;; esac
  case ,$c, in *,memory,*) mem=/sys/fs/cgroup/memory$p ;; esac
  case ,$c, in *,cpu,*) cpu=/sys/fs/cgroup/cpu$p ;; esac
  case ,$c, in *,pids,*) pids=/sys/fs/cgroup/pids$p ;; esac
  case ,$c, in *,blkio,*) blk=/sys/fs/cgroup/blkio$p ;; esac
  case ,$c, in *,cpuset,*) set=/sys/fs/cgroup/cpuset$p ;; esac
done <"/proc/$pid/cgroup" || exit 3
[ -n "$mem$v2" ] || exit 4
w() { printf '%s\\n' "$2" 2>/dev/null >"$1" || echo "failed $1" >&2; }
q() { printf '%s\\n' "$2" 2>/dev/null >"$1"; }
while [ $# -ge 2 ]; do
  k=$1 v=$2; shift 2
  n=$v; [ "$v" = none ] && n=-1
  x=$v; [ "$v" = none ] && x=max
  if [ -n "$mem" ]; then case $k in
    memory) m=\${n%:*} s=\${n#*:}
      # The lower of the two must move first: which one that is depends on where they stand.
      { q "$mem/memory.memsw.limit_in_bytes" "$s"; q "$mem/memory.limit_in_bytes" "$m"; } 2>/dev/null
      [ -e "$mem/memory.memsw.limit_in_bytes" ] && w "$mem/memory.memsw.limit_in_bytes" "$s"
      w "$mem/memory.limit_in_bytes" "$m" ;;
    cpus) w "$cpu/cpu.cfs_period_us" 100000; w "$cpu/cpu.cfs_quota_us" "$n" ;;
    weight) w "$cpu/cpu.shares" "$v" ;;
    set) w "$set/cpuset.cpus" "$v" ;;
    pids) w "$pids/pids.max" "$x" ;;
    disk) # DEVICE:rbps:wbps:riops:wiops, 0 for none
      d=\${v%%:*}; r=\${v#*:}; a=\${r%%:*}; r=\${r#*:}; b=\${r%%:*}; r=\${r#*:}
      mm=$(cat "/sys/class/block/\${d##*/}/dev")
      w "$blk/blkio.throttle.read_bps_device" "$mm $a"; w "$blk/blkio.throttle.write_bps_device" "$mm $b"
      w "$blk/blkio.throttle.read_iops_device" "$mm \${r%%:*}"; w "$blk/blkio.throttle.write_iops_device" "$mm \${r#*:}" ;;
  esac; else case $k in
    memory) w "$v2/memory.max" "\${x%:*}"; s=\${x#*:}; [ -e "$v2/memory.swap.max" ] && w "$v2/memory.swap.max" "$s" ;;
    cpus) [ "$v" = none ] && v=max; w "$v2/cpu.max" "$v 100000" ;;
    weight) w "$v2/cpu.weight" "$v" ;;
    set) w "$v2/cpuset.cpus" "$v" ;;
    pids) w "$v2/pids.max" "$x" ;;
    disk)
      d=\${v%%:*}; r=\${v#*:}; a=\${r%%:*}; r=\${r#*:}; b=\${r%%:*}; r=\${r#*:}; c=\${r%%:*}; e=\${r#*:}
      for y in a b c e; do eval "[ \\$$y = 0 ] && $y=max"; done
      w "$v2/io.max" "$(cat "/sys/class/block/\${d##*/}/dev") rbps=$a wbps=$b riops=$c wiops=$e" ;;
  esac; fi
done
exit 0
`;

/**
 * Holds what goes out of (and, where the container's network has an end on the host, comes into) a container to a rate,
 * by a token bucket: tc-tbf(8). After the process id and the two rates in bits a second (0: none) stand the words that
 * enter its network.
 */
const netScript = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
up=$1 down=$2; shift 2
burst() { b=$(($1 / 800)); [ $b -lt 16384 ] && b=16384; echo $b; }
link=$("$@" ip -o link show | sed -n 's/^[0-9]*: \\([^:]*\\):.*/\\1/p' | grep -v '^lo$' | head -n 1)
[ -n "$link" ] || exit 5
dev=\${link%@*}
if [ "$up" = 0 ]; then "$@" tc qdisc del dev "$dev" root 2>/dev/null
else "$@" tc qdisc replace dev "$dev" root tbf rate "\${up}bit" burst "$(burst $up)" latency 100ms || exit 6; fi
peer=\${link#*@if}
[ "$peer" = "$link" ] && { [ "$down" = 0 ] && exit 0; exit 7; }
host=$(ip -o link show | sed -n "s/^$peer: \\([^:@]*\\).*/\\1/p")
[ -n "$host" ] || { [ "$down" = 0 ] && exit 0; exit 7; }
if [ "$down" = 0 ]; then tc qdisc del dev "$host" root 2>/dev/null
else tc qdisc replace dev "$host" root tbf rate "\${down}bit" burst "$(burst $down)" latency 100ms || exit 6; fi
exit 0
`;

/** What the kernel holds the process's container to. Null when it is gone. */
export async function inForce(engine: Engine, pid: number): Promise<Limits | null> {
  const counters = readSample((await engine.script(sampleScript, [String(pid)])).stdout).get(pid);
  return counters?.limits ?? null;
}

/** Limits that are not as wanted. A null that is not `strict` stands for "whatever podman gives". */
export function differing(wanted: Limits, now: Limits, strict: boolean): LimitKind[] {
  const kinds: LimitKind[] = [];
  const near = (a: number | null, b: number | null, slack: number) =>
    a === b || (a !== null && b !== null && Math.abs(a - b) <= slack);
  // The kernel counts memory in pages, and quotas in microseconds of 100,000.
  if (!near(wanted.memory, now.memory, 4096)) kinds.push('memory');
  if (wanted.memory !== null && wanted.swap !== null && !near(wanted.swap, now.swap, 8192))
    kinds.push('swap');
  if (!near(wanted.cpus, now.cpus, 0.001)) kinds.push('cpus');
  if ((wanted.cpuWeight ?? 100) !== (now.cpuWeight ?? 100)) kinds.push('cpuWeight');
  if (wanted.cpuSet !== null && cpus(wanted.cpuSet) !== cpus(now.cpuSet ?? '')) kinds.push('cpuSet');
  if ((strict || wanted.pids !== null) && wanted.pids !== now.pids) kinds.push('pids');
  const devices = new Set([...wanted.disk, ...now.disk].map(({ device }) => device));
  for (const device of devices) if (rates(wanted, device) !== rates(now, device)) kinds.push('disk');
  return [...new Set(kinds)];
}

function rates(limits: Limits, device: string): string {
  const one = limits.disk.find((disk) => disk.device === device);
  return [one?.readBps, one?.writeBps, one?.readIops, one?.writeIops].map((rate) => rate ?? 0).join(':');
}

/** `0-2` and `0,1,2` are one. */
function cpus(text: string): string {
  const all = text
    .split(',')
    .filter(Boolean)
    .flatMap((part) => {
      const [from = 0, to = from] = part.split('-').map(Number);
      return Array.from({ length: Math.min(4096, to - from + 1) }, (_, i) => from + i);
    });
  return [...new Set(all)].sort((a, b) => a - b).join(',');
}

function writes(
  wanted: Limits,
  now: Limits,
  kinds: readonly LimitKind[],
  v2: boolean,
  allCpus: number,
): string[] {
  const words: string[] = [];
  const has = (kind: LimitKind) => kinds.includes(kind);
  if (has('memory') || has('swap')) {
    const { memory, swap } = wanted;
    const second = memory === null || swap === null ? (v2 ? 'max' : -1) : v2 ? swap : memory + swap;
    words.push('memory', memory === null ? 'none' : `${memory}:${second}`);
  }
  if (has('cpus'))
    words.push('cpus', wanted.cpus === null ? 'none' : String(Math.round(wanted.cpus * 100_000)));
  if (has('cpuWeight'))
    words.push('weight', String(v2 ? (wanted.cpuWeight ?? 100) : sharesOf(wanted.cpuWeight ?? 100)));
  if (has('cpuSet')) words.push('set', wanted.cpuSet ?? `0-${allCpus - 1}`);
  if (has('pids')) words.push('pids', wanted.pids === null ? 'none' : String(wanted.pids));
  if (has('disk'))
    for (const device of new Set([...wanted.disk, ...now.disk].map((one) => one.device)))
      words.push('disk', `${device}:${rates(wanted, device)}`);
  return words;
}

/** The part of a change that `podman update` can make: it also tells systemd, where that keeps the cgroup. */
function updateArgs(wanted: Limits, kinds: readonly LimitKind[]): string[] {
  const args: string[] = [];
  if (kinds.includes('memory') && wanted.memory !== null) {
    args.push(`--memory=${wanted.memory}`);
    if (wanted.swap !== null) args.push(`--memory-swap=${wanted.memory + wanted.swap}`);
  }
  if (kinds.includes('cpus') && wanted.cpus !== null) args.push(`--cpus=${wanted.cpus}`);
  if (kinds.includes('cpuSet') && wanted.cpuSet !== null) args.push(`--cpuset-cpus=${wanted.cpuSet}`);
  return args;
}

/**
 * Brings a running container's limits to what is wanted and reads them back from the kernel.
 *
 * @param strict null means "no limit"; false leaves podman's default number of processes
 * @throws {GuesthouseError} `wrong-state` when it uses more memory than it would be allowed; `program-failed` naming
 *   what the kernel did not take
 */
export async function applyLimits(
  engine: Engine,
  podmanId: string,
  pid: number,
  wanted: Limits,
  facts: HostFacts,
  strict: boolean,
): Promise<void> {
  const look = async () =>
    readSample((await engine.script(sampleScript, [String(pid)])).stdout).get(pid) ?? null;
  const now = await look();
  // Without a cgroup (rootless on v1) nothing but the network can be held, and nothing else was let through.
  if (!now || now.mode === 'none') return applyNet(engine, pid, wanted, facts);
  if (wanted.memory !== null && now.memory > wanted.memory)
    throw new GuesthouseError('wrong-state', 'The container uses more memory than that.', {
      why: `It uses ${mib(now.memory)} MiB; ${mib(wanted.memory)} MiB would make the kernel kill it.`,
      todo: 'Give it more, or stop it first.',
    });
  const kinds = differing(wanted, now.limits, strict);
  if (kinds.length) {
    const args = updateArgs(wanted, kinds);
    if (args.length) await engine.podman(['update', ...args, '--', podmanId]).catch(() => {}); // read back below
    const words = writes(wanted, now.limits, kinds, facts.cgroups === 'v2', facts.cpus);
    const { stderr } = await engine.script(writeScript, [String(pid), ...words]);
    const after = await look();
    const left = after ? differing(wanted, after.limits, strict) : [];
    if (left.length)
      throw new GuesthouseError(
        'program-failed',
        `${left.map((kind) => limitWords[kind]).join(' and ')} could not be changed on ${placeOf(engine)}.`,
        { why: 'The kernel did not take the new value.', detail: stderr.trim() || undefined },
      );
  }
  await applyNet(engine, pid, wanted, facts);
}

const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);

async function applyNet(
  engine: Engine,
  pid: number,
  wanted: Pick<Limits, 'netUp' | 'netDown'>,
  facts: HostFacts,
): Promise<void> {
  const able = facts.limits.some(({ kind, ok }) => kind === 'netUp' && ok);
  if (!able) return;
  const enter = ['nsenter', '-t', String(pid), '-n'];
  const words = facts.rootless ? ['podman', 'unshare', ...enter] : enter;
  const result = await engine.script(
    netScript,
    [String(wanted.netUp ?? 0), String(wanted.netDown ?? 0), ...words],
    { okCodes: [0, 5, 6, 7] },
  );
  // No network at all is held to any rate.
  if (result.code === 0 || (result.code === 5 && wanted.netUp === null && wanted.netDown === null)) return;
  if (wanted.netUp === null && wanted.netDown === null) return;
  throw new GuesthouseError('program-failed', 'The network limit could not be set.', {
    why:
      result.code === 5
        ? 'The container has no network interface of its own.'
        : result.code === 7
          ? 'Its network has no end on the host, so what comes in cannot be held back.'
          : 'tc refused it.',
    detail: result.stderr.trim() || undefined,
  });
}
