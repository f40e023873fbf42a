import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import * as path from 'node:path';
import { baseEnv } from '../platform/exec.ts';
import { executableOf } from '../platform/proc.ts';
import { QmpClient } from '../qmp/client.ts';
import { encodeFrame, FrameDecoder } from './framing.ts';
import { dnsHost, gatewayHost, type NetworkConfig } from './protocol.ts';

/** Bytes waiting for a slow reader, beyond which frames are dropped. */
export const maxWaiting = 1 << 20;

/** Milliseconds QEMU has to end when asked. */
const endMs = 2000;

const pidName = 'out.pid';

interface Forward {
  readonly proto: 'tcp' | 'udp';
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestPort: number;
  readonly address: string;
}

const ruleOf = ({ proto, hostAddress, hostPort }: Omit<Forward, 'address' | 'guestPort'>) =>
  `${proto}:${hostAddress}:${hostPort}`;

/**
 * The way out: a QEMU without a machine, whose user network (libslirp) turns what guests send into connections of this
 * person's own, and opens the forwards from this computer's loopback to guests. It runs also for a network without a way
 * out, then restricted to the forwards.
 */
export class WayOut {
  private child: ChildProcess | null = null;
  private qmp: QmpClient | null = null;
  private socket: Socket | null = null;
  private readonly open = new Map<string, string>();
  /** QEMU's words by rule, for forwards it could not open. */
  readonly refused = new Map<string, string>();
  private closed = false;

  constructor(
    private readonly dir: string,
    private readonly take: (frame: Buffer) => void,
    /** Called once when it ended unasked. */
    private readonly lost: () => void,
  ) {}

  /** Starts it and joins its stream. @throws when QEMU does not come up */
  async start(config: NetworkConfig): Promise<void> {
    const file = (name: string) => path.join(this.dir, name);
    await endLeftOver(this.dir);
    for (const name of ['out.sock', 'out.qmp']) await fs.rm(file(name), { force: true });
    if (this.closed) throw new Error('it was closed meanwhile');
    const unix = (name: string) => ({ type: 'unix', path: file(name) });
    const argv = [
      ...['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none'],
      ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
      ...['-pidfile', file(pidName)],
      ...['-chardev', `socket,id=qmp,path=${file('out.qmp').replaceAll(',', ',,')},server=on,wait=off`],
      ...['-mon', 'chardev=qmp,mode=control'],
      '-netdev',
      JSON.stringify({
        type: 'user',
        id: 'user',
        net: `${config.prefix}0/24`,
        host: `${config.prefix}${gatewayHost}`,
        dns: `${config.prefix}${dnsHost}`,
        ipv6: false,
        restrict: !config.wayOut && !config.reachHost,
      }),
      '-netdev',
      JSON.stringify({ type: 'stream', id: 'switch', server: true, addr: unix('out.sock') }),
      ...['user', 'switch'].flatMap((netdev, index) => [
        '-netdev',
        JSON.stringify({ type: 'hubport', id: `hub${index}`, hubid: 0, netdev }),
      ]),
    ];
    const child = spawn(config.qemu, argv, {
      cwd: this.dir,
      env: baseEnv(),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.child = child;
    let ended: string | null = null;
    child.on('error', (error) => {
      ended = error.message;
    });
    child.on('exit', (code, signal) => {
      ended ??= `QEMU ended (${signal ?? code})`;
      this.fail();
    });
    const until = Date.now() + 20_000;
    while (!this.qmp) {
      if (ended !== null) throw new Error(ended);
      if (this.closed || Date.now() > until) throw new Error('QEMU did not come up');
      this.qmp = await QmpClient.connect(file('out.qmp'), { timeoutMs: 5000 }).catch(() => null);
      if (!this.qmp) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const decoder = new FrameDecoder();
    const socket = connect(file('out.sock'));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    this.socket = socket;
    socket.on('data', (chunk) => {
      try {
        for (const frame of decoder.push(chunk as Buffer)) this.take(frame);
      } catch {
        this.fail();
      }
    });
    socket.on('error', () => this.fail());
    socket.on('close', () => this.fail());
  }

  send(frame: Buffer): void {
    if (this.socket && this.socket.writableLength < maxWaiting) this.socket.write(encodeFrame(frame));
  }

  /** Opens and closes forwards until they are these. What QEMU refuses is in {@link refused}. */
  async setForwards(forwards: readonly Forward[]): Promise<void> {
    const wanted = new Map(
      forwards.map((forward) => [
        ruleOf(forward),
        `${ruleOf(forward)}-${forward.address}:${forward.guestPort}`,
      ]),
    );
    this.refused.clear();
    for (const [rule, whole] of [...this.open])
      if (wanted.get(rule) !== whole) {
        await this.monitor(`hostfwd_remove user ${rule}`);
        this.open.delete(rule);
      }
    for (const [rule, whole] of wanted) {
      if (this.open.has(rule)) continue;
      const said = await this.monitor(`hostfwd_add user ${whole}`);
      if (said === '') this.open.set(rule, whole);
      else this.refused.set(rule, said);
    }
  }

  /** Resolves when QEMU is gone, and with it the ports it had. */
  async close(): Promise<void> {
    this.closed = true;
    this.qmp?.close();
    this.socket?.destroy();
    const { child } = this;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
    await gone;
    clearTimeout(timer);
  }

  private async monitor(command: string): Promise<string> {
    const said = await this.qmp?.execute<string>('human-monitor-command', { 'command-line': command });
    return (said ?? 'the way out is closed').trim();
  }

  private fail(): void {
    if (this.closed) return;
    void this.close();
    this.lost();
  }
}

/**
 * A way out whose network was killed holds its forwards' ports: it is ended, once it is surely that process.
 * @param dir the network's folder
 */
export async function endLeftOver(dir: string): Promise<void> {
  const pidfile = path.join(dir, pidName);
  const pid = Number((await fs.readFile(pidfile, 'utf8').catch(() => '')).trim());
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (!path.basename(executableOf(pid) ?? '').startsWith('qemu-system')) return;
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(pidfile)) return;
    process.kill(pid, 'SIGKILL');
    while (executableOf(pid) !== null) await new Promise((resolve) => setTimeout(resolve, 5));
  } catch {} // ended meanwhile
}
