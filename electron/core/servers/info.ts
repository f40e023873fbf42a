import type { ServerInfo } from '../../../shared/model/server.ts';
import { visible } from '../ssh/prompts.ts';

/** One round trip: `key=value` lines, each value on one line. Runs in any POSIX shell, needs no rights. */
export const infoScript = `
show() { printf '%s=%s\\n' "$1" "$(printf '%s' "$2" | tr '\\n' ' ')"; }
os=
for f in /etc/os-release /usr/lib/os-release; do
  if [ -r "$f" ]; then os=$( . "$f" 2>/dev/null; printf '%s' "$PRETTY_NAME"); break; fi
done
show os "$os"
show kernel "$(uname -sr)"
show hostname "$(uname -n)"
show machine-id "$(cat /etc/machine-id 2>/dev/null || cat /var/lib/dbus/machine-id 2>/dev/null)"
show uptime "$(cut -d ' ' -f 1 /proc/uptime 2>/dev/null)"
show user "$(id -un)"
`;

/** Reads what {@link infoScript} printed. The host may print anything: lengths are capped, control characters shown. */
export function readInfo(text: string, now: number): ServerInfo {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(os|kernel|hostname|machine-id|uptime|user)=(.*)$/.exec(line);
    if (match) values.set(match[1]!, visible(match[2]!.trim(), 200));
  }
  const machineId = values.get('machine-id') ?? '';
  const uptime = Number.parseFloat(values.get('uptime') ?? '');
  return {
    os: values.get('os') || values.get('kernel') || 'unknown',
    kernel: values.get('kernel') ?? '',
    hostname: values.get('hostname') ?? '',
    machineId: /^[0-9a-f]{32}$/.test(machineId) ? machineId : null,
    uptime: Number.isFinite(uptime) && uptime >= 0 ? uptime : null,
    user: values.get('user') ?? '',
    at: now,
  };
}
