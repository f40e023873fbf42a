import type { MovableProcess } from '../../../shared/model/group.ts';
import { parseStat } from '../platform/proc.ts';

/** All of /proc by four processes, however many there are. */
const listScript = `
cd /proc || exit 1
grep -sH '' [0-9]*/stat; echo '=T'
grep -sH '^Uid:' [0-9]*/status; echo '=T'
grep -saH '' [0-9]*/cmdline; echo '=T'
cat /etc/passwd; exit 0`;
export const listProcesses: [string, ...string[]] = ['sh', '-c', listScript];

/** One process, in the same form. */
export const oneProcess = (pid: number): [string, ...string[]] => [
  'sh',
  '-c',
  listScript.replaceAll('[0-9]*', '"$1"'),
  'sh',
  String(pid),
];

export interface FoundProcess extends MovableProcess {
  readonly uid: number;
  /** Without a command line: part of the kernel, or a zombie. */
  readonly kernel: boolean;
}

export function parseProcesses(text: string): FoundProcess[] {
  const [stats = '', statuses = '', commands = '', passwd = ''] = text.split(/^=T$/m);
  const byPid = (part: string, file: string) => {
    const found = new Map<number, string>();
    for (const line of part.split('\n')) {
      const parts = new RegExp(`^(\\d+)/${file}:(.*)$`, 's').exec(line);
      if (!parts) continue;
      const pid = Number(parts[1]);
      const before = found.get(pid);
      found.set(pid, before === undefined ? parts[2]! : `${before}\n${parts[2]}`);
    }
    return found;
  };
  const users = new Map(
    passwd.split('\n').map((line) => {
      const [name = '', , uid] = line.split(':');
      return [Number(uid), name] as const;
    }),
  );
  const uids = byPid(statuses, 'status');
  const lines = byPid(commands, 'cmdline');
  return [...byPid(stats, 'stat')].flatMap(([pid, line]) => {
    const stat = parseStat(line);
    const uid = Number(/^Uid:\s+(\d+)/.exec(uids.get(pid) ?? '')?.[1] ?? Number.NaN);
    if (!stat || Number.isNaN(uid)) return [];
    const command = (lines.get(pid) ?? '').replace(/\0+$/, '').replaceAll('\0', ' ');
    const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')'));
    return [
      {
        pid,
        startTime: stat.startTime,
        name,
        command,
        uid,
        user: users.get(uid) ?? String(uid),
        memory: stat.rssPages * 4096,
        kernel: command === '' || stat.state === 'Z' || stat.state === 'X',
      },
    ];
  });
}
