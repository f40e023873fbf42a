/** What a machine says of itself that matters to control groups. */
export interface Facts {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  /** `sudo -n` works. */
  readonly sudo: boolean;
  /** systemd is the init. */
  readonly systemd: boolean;
  /** Programs that are there, of those groups need. */
  readonly programs: ReadonlySet<string>;
  /** It is reached over SSH. */
  readonly far: boolean;
  /** Runtime folder of this user's own manager, and that manager's control group; null without one. */
  readonly userManager: {
    readonly runtime: string;
    readonly group: string;
    readonly controllers: string[];
    /** It answers on D-Bus, which moving processes needs; systemctl has a socket of its own. */
    readonly bus: boolean;
    /** It is kept when the last login ends (loginctl enable-linger). */
    readonly lingers: boolean;
  } | null;
  /** Mount of cgroup2 and the controllers at its root; null without one. */
  readonly v2: { readonly mount: string; readonly controllers: string[] } | null;
  /** The topmost part of cgroup2 above ourselves that we may write to; `inner`: not the file system's root. */
  readonly delegated: {
    readonly folder: string;
    readonly controllers: string[];
    readonly inner: boolean;
  } | null;
  /** Controllers of cgroup v1: mount point, and the folder in it we may use (null: none). */
  readonly v1: ReadonlyMap<string, { readonly mount: string; readonly base: string | null }>;
  readonly pressure: boolean;
  readonly swap: boolean;
  readonly bootId: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly disks: readonly {
    readonly path: string;
    readonly device: string;
    readonly size: number;
    readonly model: string;
  }[];
}

/** Prints what {@link parseFacts} reads. Constant: nothing of a person's is in it. */
export const factsScript = `
LC_ALL=C; export LC_ALL
uid=$(id -u); echo "uid $uid"; echo "gid $(id -g)"; echo "user $(id -un)"
[ "$1" = far ] && echo far yes
if [ "$uid" != 0 ] && [ "$1" = far ] && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then echo sudo yes; fi
[ -d /run/systemd/system ] && echo systemd yes
for p in systemctl systemd-run busctl setsid setpriv; do command -v "$p" >/dev/null && echo "program $p"; done
r=\${XDG_RUNTIME_DIR:-}; [ -S "$r/systemd/private" ] || r=/run/user/$uid
if [ -S "$r/systemd/private" ]; then
  g=$(XDG_RUNTIME_DIR=$r systemctl --user show -p ControlGroup --value 2>/dev/null) && {
    echo "manager $r"; echo "manager-group $g"
    [ -S "$r/bus" ] && echo manager-bus yes
    [ -e "/var/lib/systemd/linger/$(id -un)" ] && echo manager-lingers yes
    for m in /sys/fs/cgroup /sys/fs/cgroup/unified; do
      [ -r "$m$g/cgroup.controllers" ] && echo "manager-controllers $(cat "$m$g/cgroup.controllers")"
    done
  }
fi
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "cores $(getconf _NPROCESSORS_ONLN)"
sed -n 's/^MemTotal: *\\([0-9]*\\) kB/memory \\1/p' /proc/meminfo
[ "$(wc -l </proc/swaps)" -gt 1 ] && echo swap yes
cat /proc/pressure/cpu >/dev/null 2>&1 && echo pressure yes
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
while read -r _ m t o _; do
  case $t in
    cgroup2)
      echo "v2 $m"; echo "v2-controllers $(cat "$m/cgroup.controllers")"
      p=$m\${own%/}; top=
      while :; do
        [ -w "$p/cgroup.procs" ] && [ -w "$p/cgroup.subtree_control" ] && top=$p
        [ "$p" = "$m" ] && break
        case $p in "$m"/*) p=\${p%/*} ;; *) break ;; esac
      done
      if [ -n "$top" ]; then
        echo "delegated $top"; echo "delegated-controllers $(cat "$top/cgroup.controllers")"
        [ -e "$top/cgroup.type" ] && echo delegated-inner yes
      fi ;;
    cgroup)
      b=
      if [ -w "$m" ]; then b=$m/guesthouse; elif [ -w "$m/guesthouse-$uid" ]; then b=$m/guesthouse-$uid; fi
      echo "v1 $o $m \${b:-none}" ;;
  esac
done </proc/self/mounts
for d in /sys/block/*; do
  n=\${d##*/}
  case $n in loop*|ram*|zram*|sr*|fd*|nbd*|\\*) continue ;; esac
  echo "disk $n $(cat "$d/dev") $(cat "$d/size") $(cat "$d/device/model" 2>/dev/null)"
done
exit 0`;

const words = (text: string) => text.split(/\s+/).filter(Boolean);

export function parseFacts(text: string): Facts {
  const all = (key: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${key} `))
      .map((line) => line.slice(key.length + 1).trim());
  const one = (key: string): string | null => all(key)[0] ?? null;
  const v1 = new Map<string, { mount: string; base: string | null }>();
  for (const line of all('v1')) {
    const [options = '', mount = '', base = 'none'] = words(line);
    for (const controller of options.split(','))
      if (v1Controllers.has(controller)) v1.set(controller, { mount, base: base === 'none' ? null : base });
  }
  const [runtime, group, v2, delegated] = [one('manager'), one('manager-group'), one('v2'), one('delegated')];
  return {
    uid: Number(one('uid') ?? 65_534),
    gid: Number(one('gid') ?? 65_534),
    user: one('user') ?? '',
    sudo: one('sudo') === 'yes',
    systemd: one('systemd') === 'yes',
    far: one('far') === 'yes',
    programs: new Set(all('program')),
    userManager:
      runtime !== null && group !== null
        ? {
            runtime,
            group,
            controllers: words(one('manager-controllers') ?? ''),
            bus: one('manager-bus') === 'yes',
            lingers: one('manager-lingers') === 'yes',
          }
        : null,
    v2: v2 === null ? null : { mount: v2, controllers: words(one('v2-controllers') ?? '') },
    delegated:
      delegated === null
        ? null
        : {
            folder: delegated,
            controllers: words(one('delegated-controllers') ?? ''),
            inner: one('delegated-inner') === 'yes',
          },
    v1,
    pressure: one('pressure') === 'yes',
    swap: one('swap') === 'yes',
    bootId: one('boot') ?? '',
    cores: Number(one('cores') ?? 1) || 1,
    memory: Number(one('memory') ?? 0) * 1024,
    disks: all('disk').flatMap((line) => {
      const [name, device, sectors, ...model] = words(line);
      return name && /^\d+:\d+$/.test(device ?? '')
        ? [
            {
              path: `/dev/${name.replaceAll('!', '/')}`,
              device: device!,
              size: Number(sectors) * 512,
              model: model.join(' '),
            },
          ]
        : [];
    }),
  };
}

const v1Controllers = new Set(['memory', 'cpu', 'cpuacct', 'pids', 'blkio']);
