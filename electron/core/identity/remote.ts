import { GuesthouseError } from '../../../shared/errors.ts';
import type { IdentityFacts, IdentityPart } from '../../../shared/model/identity.ts';
import { readFacts } from './facts.ts';
import { MemoryTree } from './memory-tree.ts';
import type { TreeEdit } from './tree.ts';

/**
 * Identity over SSH. The far side runs two small POSIX scripts: one that sends the files which matter, one that writes
 * what was planned here. So a running machine is planned by the very code that plans a disk, and every value is made
 * on this machine. Paths and contents travel as base64 in stdin and stdout, never in a command line.
 */

const bootIdPath = '/proc/sys/kernel/random/boot_id';
const uuidPath = '/sys/class/dmi/id/product_uuid';
/** Of cards alone: bridges, bonds and tunnels have no device. What a card in a bond had before is beside it. */
const macPaths = '/sys/class/net/*/device/net/*/address /sys/class/net/*/bonding_slave/perm_hwaddr';

/** What the planners read (plan/*.ts); a pattern names the files of a folder. Words for the far shell's own globbing. */
const interesting = [
  '/etc/machine-id /var/lib/dbus /var/lib/dbus/machine-id /etc/hostname /etc/hosts /etc/HOSTNAME /etc/conf.d/hostname',
  '/etc/os-release /usr/lib/os-release /etc/passwd',
  '/etc/ssh /etc/ssh/ssh_host_* /etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/ssh/sshd_config.d/*.conf',
  '/var/lib/systemd /var/lib/systemd/random-seed /var/lib/urandom/random-seed /var/lib/misc/random-seed /var/lib/random-seed',
  '/var/lib/dhcp/* /var/lib/dhclient/* /var/lib/dhcpcd/* /etc/dhcpcd.duid /etc/dhcpcd.secret /var/lib/NetworkManager/*',
  '/var/lib/systemd/network/* /var/lib/wicked/* /var/lib/connman/*/*.lease /var/db/dhcpcd*',
  '/etc/udev/rules.d/*net*.rules /etc/systemd/network/* /etc/netplan/* /etc/NetworkManager/system-connections/*',
  '/var/lib/cloud/seed/nocloud/*-data /var/lib/cloud/instances/guesthouse-*/*.txt* /var/lib/cloud/instances/guesthouse-*/obj.pkl',
  '/etc/network/interfaces /etc/network/interfaces.d/* /etc/sysconfig/network-scripts/ifcfg-* /etc/sysconfig/network/ifcfg-*',
].join(' ');

/** Files larger than this are left out, bytes. */
const maxContent = 1 << 20;
/** More paths than this are not looked at: something is wrong there. */
const maxEntries = 2000;

/**
 * Sends all paths in one line, then a line for each: type and mode as stat's hex `%f`, uid, gid, content. One `stat` for
 * all and one `base64` for each file: starting programs is what takes the time on an emulated machine. A file that goes
 * away meanwhile shows as a wrong count at the end. Works with GNU's and busybox's tools.
 */
export const snapshotScript = (also = '') => `
b() { base64 -w0; }
echo | base64 -w0 >/dev/null 2>&1 || b() { base64 | tr -d '\\n'; }
keys=
if [ "$(id -u)" = 0 ]; then keys=$(PATH=$PATH:/usr/sbin:/sbin sshd -T 2>/dev/null | sed -n 's/^hostkey //p'); fi
set -- ${interesting} ${also} ${bootIdPath} ${uuidPath} ${macPaths}
[ $# -le ${maxEntries} ] || { echo many; exit 0; }
for p in "$@"; do
  shift
  if [ -L "$p" ] || [ -d "$p" ] || { [ -f "$p" ] && [ -r "$p" ]; }; then set -- "$@" "$p"; fi
done
set -f
IFS='
'
for k in $keys; do
  case $k in /*) for p in "$k" "$k.pub" "$k-cert.pub"; do
    if [ ! -L "$p" ] && [ -f "$p" ] && [ -r "$p" ]; then set -- "$@" "$p"; fi
  done;; esac
done
unset IFS
printf '%s\\0' "$@" | b
echo
stat -c '%f %u %g %s' "$@" | {
  while read -r f u g s; do
    [ $# -gt 0 ] || { echo more; exit 0; }
    case $f in
      a*) printf '%s %s %s ' "$f" "$u" "$g"; readlink "$1" | b ;;
      8*) if [ "$s" -le ${maxContent} ]; then printf '%s %s %s ' "$f" "$u" "$g"; b <"$1"; else printf -; fi ;;
      *) printf '%s %s %s ' "$f" "$u" "$g" ;;
    esac
    echo
    shift
  done
  echo "end $#"
}
`;

/** What a repair over SSH or by guestfish looks at beside that: cloud-init, and who may log in. */
export const alsoInteresting =
  '/etc/cloud/cloud.cfg /var/lib/cloud /var/lib/cloud/* /var/lib/cloud/seed/nocloud /root/.ssh /root/.ssh/authorized_keys /home/* /home/*/.ssh /home/*/.ssh/authorized_keys';

/** Parts that reach further into the tree than is sent. */
const beyond: readonly IdentityPart[] = ['logs', 'histories', 'tmp', 'user-ssh'];

/** The parts that can be done with what the scripts send, and what to say of the others. */
export function withinReach(parts: readonly IdentityPart[]): {
  readonly parts: readonly IdentityPart[];
  readonly warnings: readonly string[];
} {
  const left = parts.filter((part) => beyond.includes(part));
  return {
    parts: parts.filter((part) => !beyond.includes(part)),
    warnings:
      left.length > 0
        ? [`On this machine these stay as they are: ${left.join(', ')}. Remove them inside it.`]
        : [],
  };
}

/**
 * Reads lines of edits from stdin and applies them. First every file is written beside its target, with owner and mode;
 * only when all of them and the last line are there, they take their places: a connection that breaks leaves all of the
 * old. From then on a hang-up stops nothing. Ends with the check of machine-id(5)'s documented procedure:
 * `dbus-uuidgen --ensure` must be content.
 */
export const applyScript = `
set -eu
umask 077
command -v restorecon >/dev/null 2>&1 || restorecon() { :; }
command -v shred >/dev/null 2>&1 ||
  shred() { head -c "$(wc -c <"$3")" /dev/zero | dd of="$3" conv=notrunc 2>/dev/null; }
d() { printf %s "$1" | base64 -d; }
list=
each() {
  printf %s "$list" | while read -r action path content; do
    p=$(d "$path"; printf x); p=\${p%x}; t=$p.guesthouse-new
    "$1"
  done
}
drop() { case $action in w*) rm -f -- "$t" ;; esac; }
old() { case $action in *s) [ ! -f "$p" ] || [ -L "$p" ] || shred -n1 -- "$p" 2>/dev/null || : ;; esac; }
place() {
  case $action in
    w*) old; mv -f -- "$t" "$p"; restorecon "$p" 2>/dev/null || : ;;
    r*) if [ -d "$p" ] && [ ! -L "$p" ]; then rm -rf -- "$p"; else old; rm -f -- "$p"; fi ;;
    l) rm -f -- "$p"; ln -s "$(d "$content")" "$p" ;;
  esac
}
trap 'each drop' EXIT
whole= id=
while read -r action mode uid gid path content; do
  p=$(d "$path"; printf x); p=\${p%x}; t=$p.guesthouse-new
  case $action in
    e) whole=yes; break ;;
    d) mkdir -p "$p"; chmod "$mode" "$p"; [ "$uid" = - ] || chown "$uid:$gid" "$p"; continue ;;
    l) list="$list$action $path $content
" ;;
    *) list="$list$action $path
" ;;
  esac
  case $p in */etc/machine-id) id=yes ;; esac
  case $action in w*)
    rm -f -- "$t"
    ( set -C; if [ "$content" = - ]; then : > "$t"; else d "$content" > "$t"; fi )
    if [ "$uid" = - ]; then [ ! -e "$p" ] || chown "$(stat -Lc %u:%g "$p")" "$t"; else chown "$uid:$gid" "$t"; fi
    if [ "$mode" = - ]; then [ ! -e "$p" ] || chmod "$(stat -Lc %a "$p")" "$t"; else chmod "$mode" "$t"; fi ;;
  esac
done
[ "$whole" = yes ] || { echo 'The edits did not arrive whole.' >&2; exit 1; }
trap '' HUP INT PIPE TERM
each place
trap - EXIT
sync
if [ "$id" = yes ] && command -v dbus-uuidgen >/dev/null 2>&1; then
  if ! { dbus-uuidgen --ensure && [ "$(dbus-uuidgen --get)" = "$(cat /etc/machine-id)" ]; }; then
    echo 'The new values are written, but dbus-uuidgen is not content with /var/lib/dbus/machine-id.' >&2
    exit 1
  fi
fi
echo applied
`;

/** A machine's files as they were sent. */
export interface RemoteSnapshot {
  readonly tree: MemoryTree;
  readonly facts: IdentityFacts;
}

/**
 * Reads what {@link snapshotScript} printed. Its output is a stranger's: bounded, and nothing in it becomes a path here.
 * @param source who ran it there
 * @throws {GuesthouseError} `program-failed` when it is cut off or not of the form
 */
export async function parseSnapshot(
  output: string,
  now: number,
  source: 'ssh' | 'agent' = 'ssh',
): Promise<RemoteSnapshot> {
  const [paths64, ...lines] = output.replace(/\n$/, '').split('\n');
  if (paths64 === 'many')
    throw new GuesthouseError('program-failed', 'The machine has too many files of one kind.', {
      why: `More than ${maxEntries} files match what identifies a machine.`,
      todo: 'Look into /etc/ssh on that machine.',
    });
  if (lines.pop() !== 'end 0')
    throw new GuesthouseError('program-failed', 'The answer of the machine was cut off.', {
      todo: 'Check that it has base64, stat and readlink, and try again.',
    });
  const unexpected = () =>
    new GuesthouseError('program-failed', 'The machine answered something unexpected.');
  if (!/^[A-Za-z0-9+/=]*$/.test(paths64!)) throw unexpected();
  const paths = Buffer.from(paths64!, 'base64').toString('utf8').split('\0').slice(0, -1);
  if (paths.length > maxEntries || paths.length !== lines.length) throw unexpected();
  const tree = new MemoryTree();
  let bootId: string | null = null;
  let uuid: string | null = null;
  const macs = new Set<string>();
  for (const [index, line] of lines.entries()) {
    if (line === '-') continue;
    const match = /^([0-9a-f]{4}) (\d+) (\d+) ([A-Za-z0-9+/=]*)$/.exec(line);
    if (!match) throw unexpected();
    const type = Number.parseInt(match[1]!, 16) & 0o170000;
    const owner = {
      mode: Number.parseInt(match[1]!, 16) & 0o7777,
      uid: Number(match[2]),
      gid: Number(match[3]),
    };
    const path = paths[index]!;
    const content = Buffer.from(match[4]!, 'base64');
    if (path === bootIdPath) {
      bootId = content.toString('utf8').trim() || null;
      continue;
    }
    if (path.startsWith('/sys/')) {
      const value = content.toString('latin1').trim().toLowerCase();
      if (path === uuidPath && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) uuid = value;
      if (path !== uuidPath && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(value)) macs.add(value);
      continue;
    }
    if (!path.startsWith('/')) continue;
    if (type === 0o120000) tree.put(path, { link: content.toString('utf8').replace(/\n$/, '') }, owner);
    else if (type === 0o040000) tree.put(path, 'folder', owner);
    else if (type === 0o100000) tree.put(path, content, owner);
  }
  const seen = { uuid, macs: [...macs].sort() };
  return { tree, facts: { ...(await readFacts(tree, now)), source, bootId, seen } };
}

const b64 = (value: string | Buffer) => Buffer.from(value).toString('base64') || '-';
const octal = (mode: number | undefined) => (mode === undefined ? '-' : mode.toString(8));

function editLine(edit: TreeEdit): string {
  switch (edit.action) {
    case 'write':
      return `${edit.shred ? 'ws' : 'w'} ${octal(edit.mode)} ${edit.uid ?? '-'} ${edit.gid ?? edit.uid ?? '-'} ${b64(edit.path)} ${b64(edit.content)}`;
    case 'remove':
      return `${edit.shred ? 'rs' : 'r'} - - - ${b64(edit.path)} -`;
    case 'link':
      return `l - - - ${b64(edit.path)} ${b64(edit.target)}`;
    case 'directory':
      return `d ${octal(edit.mode)} ${edit.uid ?? '-'} ${edit.gid ?? edit.uid ?? '-'} ${b64(edit.path)} -`;
  }
}

/** The stdin of {@link applyScript}. Holds secrets. */
export function applyInput(edits: readonly TreeEdit[]): string {
  return `${[...edits.map(editLine), `e - - - ${b64('end')} -`].join('\n')}\n`;
}
