import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { spawnDetached } from '../platform/detached.ts';
import { makePrivateDir, writeAtomic } from '../platform/fs.ts';
import { networkFiles } from './host.ts';
import {
  type NetworkConfig,
  type NetworkMessage,
  type NetworkRequest,
  type NetworkStatus,
  networkMessage,
} from './protocol.ts';

/** Milliseconds until a network's process must answer. */
const startMs = 20_000;

/** Omits over each member of a union. */
type Ask = NetworkRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never;

/** The folder of a network's sockets. A short hash stands for the name, since socket paths are short. */
export function networkDir(runtime: string, name: string): string {
  return path.join(runtime, 'n', createHash('sha256').update(name).digest('hex').slice(0, 12));
}

/** A connection to a network's own process. */
export class NetworkLink {
  private readonly waiting = new Map<number, (message: NetworkMessage | null) => void>();
  private nextId = 1;
  private rest = '';
  onStatus: (status: NetworkStatus) => void = () => {};
  onLost: () => void = () => {};

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => this.receive(chunk as unknown as string));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const settle of this.waiting.values()) settle(null);
      this.waiting.clear();
      this.onLost();
    });
  }

  /** Null when no process serves this network. */
  static connect(dir: string): Promise<NetworkLink | null> {
    return new Promise((resolve) => {
      const socket = connect(networkFiles(dir).control);
      socket.once('error', () => resolve(null));
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new NetworkLink(socket));
      });
    });
  }

  /**
   * Finds the network's process, or starts one that outlives this process.
   * @param program its program and arguments, before the folder
   * @throws {GuesthouseError} `program-failed` with the end of its log
   */
  static async open(program: readonly string[], dir: string, config: NetworkConfig): Promise<NetworkLink> {
    const found = await NetworkLink.connect(dir);
    if (found) return found;
    const files = networkFiles(dir);
    await makePrivateDir(dir);
    await writeAtomic(files.config, JSON.stringify(config));
    const log = await fs.open(files.log, 'w', 0o600);
    const failed = async (cause: unknown) =>
      new GuesthouseError('program-failed', `The network “${config.name}” did not start.`, {
        why: cause instanceof Error ? cause.message : 'Its process ended at once.',
        detail: (await fs.readFile(files.log, 'utf8').catch(() => '')).slice(-4000) || undefined,
        todo: 'Try again; if it stays so, give the guest a network of its own.',
      });
    try {
      const [first, ...rest] = program;
      const unit = `guesthouse-network-${config.name}-${process.pid}-${Date.now()}`;
      const child = await spawnDetached([first!, ...rest, dir], { cwd: dir, log: log.fd, unit }).catch(
        async (cause) => {
          throw await failed(cause);
        },
      );
      child.unref();
      for (let waited = 0; waited < startMs; waited += 20) {
        const link = await NetworkLink.connect(dir);
        if (link) return link;
        if (child.exitCode !== null || child.signalCode !== null) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      throw await failed(null);
    } finally {
      await log.close();
    }
  }

  /** @throws {GuesthouseError} `program-failed` when it refuses or ends */
  async ask(request: Ask): Promise<NetworkStatus> {
    const id = this.nextId++;
    const message = await new Promise<NetworkMessage | null>((resolve) => {
      const timer = setTimeout(() => settle(null), startMs);
      const settle = (answer: NetworkMessage | null) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(answer);
      };
      this.waiting.set(id, settle);
      if (this.socket.destroyed) settle(null);
      else this.socket.write(`${JSON.stringify({ ...request, id })}\n`);
    });
    if (message?.status) return message.status;
    throw new GuesthouseError('program-failed', 'The network’s process does not do as told.', {
      why: message?.error ?? 'It ended or hangs.',
    });
  }

  close(): void {
    this.onLost = () => {};
    this.socket.destroy();
  }

  private receive(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) {
      const parsed = networkMessage.safeParse(JSON.parse(line));
      if (!parsed.success) continue;
      if (parsed.data.id !== null) this.waiting.get(parsed.data.id)?.(parsed.data);
      else if (parsed.data.status) this.onStatus(parsed.data.status);
    }
  }
}
