import { GuesthouseError } from '../../../shared/errors.ts';
import type { HostFacts, Limits } from '../../../shared/model/container.ts';
import type { Engine } from './engine.ts';

type Rates = Pick<Limits, 'netUp' | 'netDown'>;

export const holdsNet = ({ netUp, netDown }: Rates) => netUp !== null || netDown !== null;

/**
 * Holds what goes out of (and, where the container's network has an end on the host, comes into) a container to a rate,
 * by a token bucket: tc-tbf(8). After the process id, podman's id and the two rates in bits a second (0: none) stand the
 * words that enter its network. A network that is the host's own, or another container's too, is left alone: the rate
 * would hold them as well.
 */
const netScript = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
pid=$1 id=$2 up=$3 down=$4; shift 4
ns=$(readlink "/proc/$pid/ns/net") || exit 9
[ "$ns" != "$(readlink /proc/self/ns/net)" ] || exit 8
for q in $(ls -l /proc/[0-9]*/ns/net 2>/dev/null | grep -F "$ns" | sed 's|.*/proc/\\([0-9]*\\)/ns.*|\\1|'); do
  grep libpod- "/proc/$q/cgroup" 2>/dev/null | grep -qv "$id" && exit 8
done
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

const refusals: Readonly<Record<number, string>> = {
  5: 'The container has no network interface of its own.',
  7: 'Its network has no end on the host, so what comes in cannot be held back.',
  8: 'It uses the network of its host or of other containers, which the rate would hold as well.',
  9: 'The container has ended.',
};

/**
 * Holds a running container's network to its rates, or lifts them.
 * @throws {GuesthouseError} `unsupported` where it has no network to hold; `program-failed` when tc refuses
 */
export async function applyNet(
  engine: Engine,
  { podmanId, pid }: { readonly podmanId: string; readonly pid: number },
  wanted: Rates,
  facts: HostFacts,
): Promise<void> {
  const able = facts.limits.some(({ kind, ok }) => kind === 'netUp' && ok);
  if (!able) return;
  const enter = ['nsenter', '-t', String(pid), '-n'];
  const words = facts.rootless ? ['podman', 'unshare', ...enter] : enter;
  const { code, stderr } = await engine.script(
    netScript,
    [String(pid), podmanId, String(wanted.netUp ?? 0), String(wanted.netDown ?? 0), ...words],
    { okCodes: [0, 5, 6, 7, 8, 9] },
  );
  // What holds no network is not to be lifted.
  if (code === 0 || !holdsNet(wanted)) return;
  const why = refusals[code ?? 0];
  throw new GuesthouseError(why ? 'unsupported' : 'program-failed', 'The network limit could not be set.', {
    why: why ?? 'tc refused it.',
    todo: why && code !== 9 ? 'Give the container a network of its own, or leave the rate out.' : undefined,
    detail: stderr.trim() || undefined,
  });
}
