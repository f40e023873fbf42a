import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';

/** Bytes of an answer that are read: the other end is the guest's, and may send without end. */
const maxAnswer = 1 << 20;
/** Milliseconds. The agent answers in a few; one that is not there never does. */
const syncTimeout = 3000;

const silent = (why: string) =>
  new GuesthouseError('unreachable', 'The guest agent does not answer.', {
    why,
    todo: 'Install and start qemu-guest-agent in the guest. Without it Guesthouse works all the same.',
  });

function refused(command: string, answer: Readonly<Record<string, unknown>> | null): GuesthouseError {
  const desc = (answer?.error as { desc?: unknown } | undefined)?.desc;
  return new GuesthouseError('unsupported', 'The guest agent cannot do that.', {
    why: String(desc ?? `It did not understand ${command}.`).slice(0, 500),
  });
}

const interfaces = z
  .array(
    z.object({
      name: z.string().max(64),
      'ip-addresses': z
        .array(z.object({ 'ip-address': z.string().max(64), 'ip-address-type': z.enum(['ipv4', 'ipv6']) }))
        .max(200)
        .optional(),
    }),
  )
  .max(200);
const osInfo = z.object({
  id: z.string().max(200).optional(),
  'pretty-name': z.string().max(200).optional(),
  'version-id': z.string().max(200).optional(),
  'kernel-release': z.string().max(200).optional(),
});
const count = z.number().int().min(0);
const fsInfo = z
  .array(
    z.object({
      mountpoint: z.string().max(4096),
      type: z.string().max(64),
      'used-bytes': z.number().min(0).optional(),
      'total-bytes': z.number().min(0).optional(),
    }),
  )
  .max(1000);
const started = z.object({ pid: z.number().int() });
const ended = z.object({
  exited: z.boolean(),
  exitcode: z.number().optional(),
  'out-data': z.string().optional(),
  'out-truncated': z.boolean().optional(),
  'err-data': z.string().optional(),
});

export interface AgentOs {
  /** `debian`; os-release(5). */
  readonly id: string | null;
  readonly name: string | null;
  readonly version: string | null;
  readonly kernel: string | null;
}

export interface AgentFileSystem {
  readonly mountpoint: string;
  /** `ext4`. */
  readonly type: string;
  /** Bytes; null when the agent does not say. */
  readonly used: number | null;
  readonly total: number | null;
}

/**
 * One conversation with a guest's agent (QEMU, docs/interop/qemu-ga-ref). Everything that comes back is the guest's
 * word: bounded, parsed, and never more than shown.
 */
export class AgentSession {
  private readonly socket;
  private buffer = Buffer.alloc(0);
  private wake: () => void = () => {};
  private ended: string | null = null;

  private constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('data', (chunk: Buffer) => {
      this.buffer = Buffer.concat([this.buffer, chunk]);
      if (this.buffer.length > maxAnswer) this.end('It sends without end.');
      this.wake();
    });
    this.socket.on('error', (error) => this.end(error.message));
    this.socket.on('close', () => this.end('The connection ended.'));
  }

  /**
   * Connects, synchronises and lets `use` talk. The socket takes one client: callers take turns ({@link Agents}).
   * @throws {GuesthouseError} `unreachable` when no agent answers
   */
  static async with<T>(path: string, use: (session: AgentSession) => Promise<T>): Promise<T> {
    const session = new AgentSession(path);
    try {
      await session.synchronise();
      return await use(session);
    } finally {
      session.socket.destroy();
    }
  }

  /** Addresses a person could use, loopback and link-local ones left out. */
  async addresses(): Promise<string[]> {
    const all = await this.execute('guest-network-get-interfaces', interfaces);
    const found = all
      .filter(({ name }) => name !== 'lo')
      .flatMap((one) => one['ip-addresses'] ?? [])
      .map((one) => one['ip-address'])
      .filter(
        (address) => /^[0-9a-f.:]+$/i.test(address) && !/^(127\.|169\.254\.|::1$|fe80:)/i.test(address),
      );
    return [...new Set(found)].slice(0, 32);
  }

  async os(): Promise<AgentOs> {
    const info = await this.execute('guest-get-osinfo', osInfo);
    return {
      id: info.id ?? null,
      name: info['pretty-name'] ?? null,
      version: info['version-id'] ?? null,
      kernel: info['kernel-release'] ?? null,
    };
  }

  /** File systems on disks, by mount point. */
  async fileSystems(): Promise<AgentFileSystem[]> {
    const all = await this.execute('guest-get-fsinfo', fsInfo);
    return all
      .map(({ mountpoint, type, ...bytes }) => ({
        mountpoint,
        type,
        used: bytes['used-bytes'] ?? null,
        total: bytes['total-bytes'] ?? null,
      }))
      .sort((a, b) => (a.mountpoint < b.mountpoint ? -1 : 1))
      .slice(0, 64);
  }

  /** Asks the system to shut down and switch off. The agent says nothing when it does, and why when it does not. */
  async shutdown(): Promise<void> {
    this.send('guest-shutdown', '{"mode":"powerdown"}');
    const line = await this.line(Date.now() + 500).catch(() => null);
    const refusal = line && parse(line);
    if (refusal && 'error' in refusal) throw refused('guest-shutdown', refusal);
  }

  async frozen(): Promise<boolean> {
    const status = await this.execute('guest-fsfreeze-status', z.enum(['thawed', 'frozen']));
    return status === 'frozen';
  }

  /** Freezes all file systems. Returns how many; call {@link thaw} whatever happens. */
  freeze(): Promise<number> {
    return this.execute('guest-fsfreeze-freeze', count, undefined, 30_000);
  }

  thaw(): Promise<number> {
    return this.execute('guest-fsfreeze-thaw', count, undefined, 30_000);
  }

  /** Sets the guest's clock. @param now milliseconds since the epoch */
  async setTime(now: number): Promise<void> {
    // Nanoseconds do not fit a JavaScript number exactly: written as digits.
    await this.execute('guest-set-time', z.unknown(), `{"time":${Math.floor(now)}000000}`, 10_000);
  }

  /** The guest's clock, in milliseconds since the epoch. */
  async time(): Promise<number> {
    return Math.floor((await this.execute('guest-get-time', z.number())) / 1e6);
  }

  /**
   * Runs a POSIX script as the agent's user, root, and gives its output.
   * @throws {GuesthouseError} `unsupported` where the agent may not (RHEL's default), `program-failed` when it failed,
   *   `timeout`
   */
  async script(text: string, timeoutMs: number): Promise<string> {
    const args = { path: '/bin/sh', arg: ['-c', text], 'capture-output': true };
    const { pid } = await this.execute('guest-exec', started, JSON.stringify(args));
    const until = Date.now() + timeoutMs;
    for (;;) {
      const status = await this.execute('guest-exec-status', ended, `{"pid":${pid}}`);
      if (status.exited) {
        const output = Buffer.from(status['out-data'] ?? '', 'base64').toString('utf8');
        if (status.exitcode === 0 && status['out-truncated'] !== true) return output;
        throw new GuesthouseError('program-failed', 'A script in the guest failed.', {
          detail: Buffer.from(status['err-data'] ?? '', 'base64')
            .toString('utf8')
            .slice(0, 2000),
        });
      }
      if (Date.now() >= until)
        throw new GuesthouseError('timeout', `A script in the guest took more than ${timeoutMs / 1000} s.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private async synchronise(): Promise<void> {
    const id = randomInt(1, 2 ** 31);
    // The leading 0xFF makes the agent drop half a command of an earlier client, and its answer is marked by one.
    this.socket.write(Buffer.from([0xff]));
    this.send('guest-sync-delimited', `{"id":${id}}`);
    const until = Date.now() + syncTimeout;
    for (;;) {
      const line = await this.line(until);
      const marked = line.lastIndexOf(0xff);
      if (marked !== -1 && parse(line.subarray(marked + 1))?.return === id) return;
    }
  }

  private async execute<T>(
    command: string,
    schema: z.ZodType<T>,
    args?: string,
    timeoutMs = 5000,
  ): Promise<T> {
    this.send(command, args);
    const answer = parse(await this.line(Date.now() + timeoutMs));
    if (!answer || 'error' in answer) throw refused(command, answer);
    const parsed = schema.safeParse(answer.return);
    if (!parsed.success) throw silent(`Its answer to ${command} makes no sense.`);
    return parsed.data;
  }

  private send(command: string, args?: string): void {
    this.socket.write(`{"execute":"${command}"${args === undefined ? '' : `,"arguments":${args}`}}\n`);
  }

  /** The next line; waits for it until `until`. */
  private async line(until: number): Promise<Buffer> {
    for (;;) {
      const newline = this.buffer.indexOf(0x0a);
      if (newline !== -1) {
        const line = this.buffer.subarray(0, newline);
        this.buffer = this.buffer.subarray(newline + 1);
        return line;
      }
      if (this.ended !== null) throw silent(this.ended);
      const left = until - Date.now();
      if (left <= 0) throw silent('It said nothing in time.');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private end(why: string): void {
    this.ended ??= why;
    this.socket.destroy();
    this.wake();
  }
}

function parse(line: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
