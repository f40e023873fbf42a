import { GuesthouseError } from '../../../shared/errors.ts';
import type { IdentityFacts } from '../../../shared/model/identity.ts';
import { readFacts } from './facts.ts';
import { MemoryTree } from './memory-tree.ts';
import type { TreeEdit } from './tree.ts';

/**
 * Identity over SSH. The far side runs two small POSIX scripts: one that sends the files which matter, one that writes
 * what was planned here. So a running machine is planned by the very code that plans a disk, and every value is made
 * on this machine. Paths and contents travel as base64 in stdin and stdout, never in a command line.
 */

const bootIdPath = '/proc/sys/kernel/random/boot_id';

/** What the planners read (plan/*.ts); a pattern names the files of a folder. Words for the far shell's own globbing. */
const interesting = [
  '/etc/machine-id /var/lib/dbus /var/lib/dbus/machine-id /etc/hostname /etc/hosts /etc/HOSTNAME /etc/conf.d/hostname',
  '/etc/os-release /usr/lib/os-release /etc/passwd',
  '/etc/ssh /etc/ssh/ssh_host_* /etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/ssh/sshd_config.d/*.conf',
  '/var/lib/systemd /var/lib/systemd/random-seed /var/lib/urandom/random-seed /var/lib/misc/random-seed /var/lib/random-seed',
  '/var/lib/dhcp/* /var/lib/dhclient/* /var/lib/dhcpcd/* /etc/dhcpcd.duid /etc/dhcpcd.secret /var/lib/NetworkManager/*',
  '/var/lib/systemd/network/* /var/lib/wicked/* /var/lib/connman/*/*.lease /var/db/dhcpcd*',
  '/etc/udev/rules.d/*net*.rules /etc/systemd/network/* /etc/netplan/* /etc/NetworkManager/system-connections/*',
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
set -- ${interesting} ${also} ${bootIdPath}
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

/**
 * Reads lines of edits from stdin and applies them: a temporary file beside the target, owner and mode, then rename.
 * Ends with the check of machine-id(5)'s documented procedure: `dbus-uuidgen --ensure` must be content.
 */
export const applyScript = `
set -eu
umask 077
command -v restorecon >/dev/null 2>&1 || restorecon() { :; }
command -v shred >/dev/null 2>&1 || shred() { :; }
d() { printf %s "$1" | base64 -d; }
while read -r action mode uid gid path content; do
  p=$(d "$path"; printf x); p=\${p%x}
  case $action in
    w) t=$(mktemp "$p.XXXXXX")
       if [ "$content" = - ]; then : > "$t"; else d "$content" > "$t"; fi
       if [ "$mode" = - ]; then [ ! -e "$p" ] || chmod "$(stat -Lc %a "$p")" "$t"; else chmod "$mode" "$t"; fi
       if [ "$uid" = - ]; then [ ! -e "$p" ] || chown "$(stat -Lc %u:%g "$p")" "$t"; else chown "$uid:$gid" "$t"; fi
       if [ -f "$p" ] && [ ! -L "$p" ]; then
         case $p in *_key|*seed*) shred -n1 "$p" 2>/dev/null || : ;; esac
       fi
       mv -f "$t" "$p"
       restorecon "$p" 2>/dev/null || : ;;
    r) if [ -d "$p" ] && [ ! -L "$p" ]; then rm -rf -- "$p"; else
         case $p in *_key|*seed*) shred -n1 "$p" 2>/dev/null || : ;; esac
         rm -f -- "$p"; fi ;;
    l) rm -f -- "$p"; ln -s "$(d "$content")" "$p" ;;
    d) mkdir -p "$p"; chmod "$mode" "$p"; [ "$uid" = - ] || chown "$uid:$gid" "$p" ;;
    e) [ "$p" = end ] && sync && break ;;
  esac
done
if command -v dbus-uuidgen >/dev/null 2>&1; then dbus-uuidgen --ensure && [ "$(dbus-uuidgen --get)" = "$(cat /etc/machine-id)" ]; fi
echo applied
`;

/** A machine's files as they were sent. */
export interface RemoteSnapshot {
  readonly tree: MemoryTree;
  readonly facts: IdentityFacts;
}

/**
 * Reads what {@link snapshotScript} printed. Its output is a stranger's: bounded, and nothing in it becomes a path here.
 * @throws {GuesthouseError} `program-failed` when it is cut off or not of the form
 */
export async function parseSnapshot(output: string, now: number): Promise<RemoteSnapshot> {
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
    if (!path.startsWith('/')) continue;
    if (type === 0o120000) tree.put(path, { link: content.toString('utf8').replace(/\n$/, '') }, owner);
    else if (type === 0o040000) tree.put(path, 'folder', owner);
    else if (type === 0o100000) tree.put(path, content, owner);
  }
  return { tree, facts: { ...(await readFacts(tree, now)), source: 'ssh', bootId } };
}

const b64 = (value: string | Buffer) => Buffer.from(value).toString('base64') || '-';
const octal = (mode: number | undefined) => (mode === undefined ? '-' : mode.toString(8));

function editLine(edit: TreeEdit): string {
  switch (edit.action) {
    case 'write':
      return `w ${octal(edit.mode)} ${edit.uid ?? '-'} ${edit.gid ?? edit.uid ?? '-'} ${b64(edit.path)} ${b64(edit.content)}`;
    case 'remove':
      return `r - - - ${b64(edit.path)} -`;
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
