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

/** Sends each file as a line: kind, mode, uid, gid, path, content. Larger files than 1 MiB are left out. */
export const snapshotScript = `
b() { base64 | tr -d '\\n'; }
emit() {
  if [ -L "$1" ]; then printf 'l 777 0 0 %s %s\\n' "$(printf %s "$1" | b)" "$(readlink "$1" | tr -d '\\n' | b)"
  elif [ -d "$1" ]; then printf 'd %s %s -\\n' "$(stat -c '%a %u %g' "$1")" "$(printf %s "$1" | b)"
  elif [ -f "$1" ] && [ -r "$1" ]; then
    [ "$(stat -c %s "$1")" -le 1048576 ] || return 0
    printf 'f %s %s %s\\n' "$(stat -c '%a %u %g' "$1")" "$(printf %s "$1" | b)" "$(b < "$1")"
  fi
}
for p in ${interesting} ${bootIdPath}; do emit "$p"; done
if [ "$(id -u)" = 0 ]; then
  PATH=$PATH:/usr/sbin:/sbin sshd -T 2>/dev/null | sed -n 's/^hostkey //p' | while IFS= read -r p; do
    case $p in /*) for q in "$p" "$p.pub" "$p-cert.pub"; do emit "$q"; done;; esac
  done
fi
echo end
`;

/**
 * Reads lines of edits from stdin and applies them: a temporary file beside the target, owner and mode, then rename.
 * Ends with the check of machine-id(5)'s documented procedure: `dbus-uuidgen --ensure` must be content.
 */
export const applyScript = `
set -eu
umask 077
d() { printf %s "$1" | base64 -d; }
while read -r action mode uid gid path content; do
  p=$(d "$path"; printf x); p=\${p%x}
  case $action in
    w) t=$(mktemp "$p.XXXXXX")
       if [ "$content" = - ]; then : > "$t"; else d "$content" > "$t"; fi
       if [ "$mode" = - ]; then [ ! -e "$p" ] || { chmod --reference="$p" "$t"; }; else chmod "$mode" "$t"; fi
       if [ "$uid" = - ]; then [ ! -e "$p" ] || chown --reference="$p" "$t"; else chown "$uid:$gid" "$t"; fi
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

const maxEntries = 5000;

/**
 * Reads what {@link snapshotScript} printed. Its output is a stranger's: bounded, and nothing in it becomes a path here.
 * @throws {GuesthouseError} `program-failed` when it is cut off or not of the form
 */
export async function parseSnapshot(output: string, now: number): Promise<RemoteSnapshot> {
  const lines = output.split('\n').filter((line) => line !== '');
  if (lines.pop() !== 'end')
    throw new GuesthouseError('program-failed', 'The answer of the machine was cut off.', {
      todo: 'Check that it has base64, stat and readlink, and try again.',
    });
  if (lines.length > maxEntries)
    throw new GuesthouseError('program-failed', 'The machine sent too many files.');
  const tree = new MemoryTree();
  let bootId: string | null = null;
  for (const line of lines) {
    const match = /^([lfd]) ([0-7]{1,4}) (\d+) (\d+) ([A-Za-z0-9+/=]+) ?([A-Za-z0-9+/=-]*)$/.exec(line);
    if (!match) throw new GuesthouseError('program-failed', 'The machine answered something unexpected.');
    const [, kind, mode, uid, gid, path64, content64] = match;
    const path = Buffer.from(path64!, 'base64').toString('utf8');
    const content = Buffer.from(content64 === '-' ? '' : content64!, 'base64');
    if (path === bootIdPath) {
      bootId = content.toString('utf8').trim() || null;
      continue;
    }
    const owner = { mode: Number.parseInt(mode!, 8), uid: Number(uid), gid: Number(gid) };
    if (!/^\/[^\0]*$/.test(path)) continue;
    tree.put(
      path,
      kind === 'l' ? { link: content.toString('utf8') } : kind === 'd' ? 'folder' : content,
      owner,
    );
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
