import { GuesthouseError } from '../../../shared/errors.ts';
import { type HostFacts, type LimitKind, type Limits, limitWords } from '../../../shared/model/container.ts';
import type { Engine } from './engine.ts';
import { placeOf } from './engine.ts';
import { applyNet, holdsNet } from './net.ts';
import { sharesOf } from './read.ts';
import { type Counters, readSample, sampleScript } from './sample.ts';
import { scopeOf, scopeProperties } from './scope.ts';

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
    # cgroup v1 knows no "as above": what stands there is written down.
    set) [ "$v" = none ] && v=$(cat "\${set%/*}/cpuset.cpus"); w "$set/cpuset.cpus" "$v" ;;
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
    set) [ "$v" = none ] && v=; w "$v2/cpuset.cpus" "$v" ;;
    pids) w "$v2/pids.max" "$x" ;;
    disk)
      d=\${v%%:*}; r=\${v#*:}; a=\${r%%:*}; r=\${r#*:}; b=\${r%%:*}; r=\${r#*:}; c=\${r%%:*}; e=\${r#*:}
      for y in a b c e; do eval "[ \\$$y = 0 ] && $y=max"; done
      w "$v2/io.max" "$(cat "/sys/class/block/\${d##*/}/dev") rbps=$a wbps=$b riops=$c wiops=$e" ;;
  esac; fi
done
exit 0
`;

/** An SSH log-in without pam_systemd does not say where the user's manager listens. */
const systemctlScript = `
: "\${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"
export XDG_RUNTIME_DIR
exec systemctl "$@"
`;

/** What the kernel holds the process's container to. Null when it is gone. */
export async function inForce(engine: Engine, pid: number): Promise<Limits | null> {
  const counters = readSample((await engine.script(sampleScript, [String(pid)])).stdout).get(pid);
  return counters?.limits ?? null;
}

/** Limits that are not as wanted. A null that is not `exact` stands for "whatever podman gives". */
export function differing(
  wanted: Limits,
  { limits: now, cpusAbove }: Pick<Counters, 'limits' | 'cpusAbove'>,
  exact: boolean,
): LimitKind[] {
  const kinds: LimitKind[] = [];
  const near = (a: number | null, b: number | null, slack: number) =>
    a === b || (a !== null && b !== null && Math.abs(a - b) <= slack);
  // The kernel counts memory in pages, and quotas in microseconds of 100,000.
  if (!near(wanted.memory, now.memory, 4096)) kinds.push('memory');
  if (wanted.memory !== null && (exact || wanted.swap !== null) && !near(wanted.swap, now.swap, 8192))
    kinds.push('swap');
  if (!near(wanted.cpus, now.cpus, 0.001)) kinds.push('cpus');
  if ((wanted.cpuWeight ?? 100) !== (now.cpuWeight ?? 100)) kinds.push('cpuWeight');
  // Without a set of its own a container has what is above it; cgroup v1 then tells that as its own.
  const cpuSet = wanted.cpuSet ?? (now.cpuSet === null ? null : cpusAbove);
  if ((exact || wanted.cpuSet !== null) && cpus(cpuSet ?? '') !== cpus(now.cpuSet ?? ''))
    kinds.push('cpuSet');
  if ((exact || wanted.pids !== null) && wanted.pids !== now.pids) kinds.push('pids');
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

function writes(wanted: Limits, now: Limits, kinds: readonly LimitKind[], v2: boolean): string[] {
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
  if (has('cpuSet')) words.push('set', wanted.cpuSet ?? 'none');
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

export interface ApplyOptions {
  /** Null means "no limit"; false leaves what podman gives by itself. */
  readonly exact: boolean;
  /** Its network was held to a rate before: to be lifted where none is wanted. */
  readonly netBefore: boolean;
}

/**
 * Brings a running container's limits to what is wanted and reads them back from the kernel.
 *
 * @throws {GuesthouseError} `wrong-state` when it uses more memory than it would be allowed; `unsupported` when it has no
 *   network of its own to hold; `program-failed` naming what the kernel did not take
 */
export async function applyLimits(
  engine: Engine,
  { podmanId, pid }: { readonly podmanId: string; readonly pid: number },
  wanted: Limits,
  facts: HostFacts,
  { exact, netBefore }: ApplyOptions,
): Promise<void> {
  const look = async () =>
    readSample((await engine.script(sampleScript, [String(pid)])).stdout).get(pid) ?? null;
  const now = await look();
  // Without a cgroup (rootless on v1) nothing but the network can be held, and nothing else was let through.
  const grouped = now !== null && now.mode !== 'none';
  if (grouped && wanted.memory !== null && now.memory > wanted.memory)
    throw new GuesthouseError('wrong-state', 'The container uses more memory than that.', {
      why: `It uses ${mib(now.memory)} MiB; ${mib(wanted.memory)} MiB would make the kernel kill it.`,
      todo: 'Give it more, or stop it first.',
    });
  // First, since it is what may be refused.
  if (netBefore || holdsNet(wanted)) await applyNet(engine, { podmanId, pid }, wanted, facts);
  if (!grouped) return;
  let left = differing(wanted, now, exact);
  if (left.length === 0) return;
  const check = async () => {
    const after = await look();
    left = after ? differing(wanted, after, exact) : [];
    return left.length === 0;
  };
  const v2 = facts.cgroups === 'v2';
  const args = updateArgs(wanted, left);
  if (args.length) await engine.podman(['update', ...args, '--', podmanId]).catch(() => {}); // read back below
  let said = '';
  if (v2 && facts.manager === 'systemd') {
    // systemd writes what it knows again when it likes, at a daemon-reload for one: so it must know.
    const words = [
      'set-property',
      '--runtime',
      scopeOf(podmanId),
      ...scopeProperties(wanted, now.limits, left),
    ];
    const { stderr } = await engine.script(systemctlScript, facts.rootless ? ['--user', ...words] : words, {
      okCodes: [0, 1, 4, 5],
    });
    said = stderr;
    // It answers before it has written.
    for (let tries = 0; tries < 3; tries++) if (await check()) return;
  }
  const { stderr } = await engine.script(writeScript, [String(pid), ...writes(wanted, now.limits, left, v2)]);
  if (await check()) return;
  throw new GuesthouseError(
    'program-failed',
    `${left.map((kind) => limitWords[kind]).join(' and ')} could not be changed on ${placeOf(engine)}.`,
    { why: 'The kernel did not take the new value.', detail: `${said}\n${stderr}`.trim() || undefined },
  );
}

const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);
