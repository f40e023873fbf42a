import * as fs from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import * as path from 'node:path';
import { writeAtomic } from '../platform/fs.ts';
import { encodeFrame, FrameDecoder } from './framing.ts';
import { maxWaiting, WayOut } from './out.ts';
import {
  type NetworkConfig,
  type NetworkMessage,
  type NetworkStatus,
  networkConfig,
  networkRequest,
} from './protocol.ts';
import { Switch } from './switch.ts';

/** Milliseconds without a guest and without a core, after which it ends. */
const lonelyMs = 30_000;
/** Milliseconds between tries to reach a guest's QEMU. */
const retryMs = 250;
const maxLine = 1 << 20;

/** Files of one network's run. */
export function networkFiles(dir: string) {
  return {
    dir,
    control: path.join(dir, 'control.sock'),
    config: path.join(dir, 'network.json'),
    log: path.join(dir, 'network.log'),
  };
}

/**
 * One shared network: its switch, its way out, and the socket by which the core tells it what to be. It outlives the
 * core, since guests do, and ends when neither needs it.
 */
export class NetworkHost {
  private readonly links = new Map<string, Link>();
  private readonly cores = new Set<Socket>();
  private readonly startedAt = Date.now();
  private fabric!: Switch;
  private config!: NetworkConfig;
  private server: Server | null = null;
  private out: WayOut | null = null;
  private outProblem: string | null = null;
  private opening: Promise<void> = Promise.resolve();
  private lonelySince = Date.now();
  private told = '';
  private ending: Promise<void> | null = null;

  constructor(
    private readonly dir: string,
    private readonly onEnd: () => void,
  ) {}

  /** @throws when another one serves this network, or its folder cannot be used */
  async start(): Promise<void> {
    const files = networkFiles(this.dir);
    this.config = networkConfig.parse(JSON.parse(await fs.readFile(files.config, 'utf8')));
    if (await answers(files.control)) throw new Error('this network is served already');
    await fs.rm(files.control, { force: true });
    this.fabric = new Switch(this.config, Date.now, () => this.tell());
    this.server = createServer((socket) => this.serve(socket));
    await new Promise<void>((resolve, reject) => {
      this.server!.once('error', reject);
      this.server!.listen(files.control, resolve);
    });
    this.take(this.config);
    setInterval(() => this.beat(), 1000);
  }

  /** The way out is gone when this resolves: who was told that the network ended may kill what is left of it. */
  end(): Promise<void> {
    this.ending ??= this.stop();
    return this.ending;
  }

  private async stop(): Promise<void> {
    this.server?.close();
    for (const link of this.links.values()) link.close();
    await this.out?.close();
    setTimeout(this.onEnd, 50); // the last answer goes out
  }

  private take(config: NetworkConfig): void {
    const before = this.config;
    this.config = config;
    this.fabric.configure(config);
    const wanted = new Map(
      config.members.flatMap(({ mac, socket }) => (socket === null ? [] : [[mac, socket] as const])),
    );
    for (const [mac, link] of [...this.links])
      if (wanted.get(mac) !== link.socketPath) {
        link.close();
        this.links.delete(mac);
      }
    for (const [mac, socketPath] of wanted)
      if (!this.links.has(mac)) this.links.set(mac, new Link(this.fabric, mac, socketPath));
    const again =
      before.wayOut !== config.wayOut ||
      before.reachHost !== config.reachHost ||
      before.prefix !== config.prefix;
    this.opening = this.opening.then(() => this.openOut(again)).catch(() => {});
  }

  /** Makes the way out be as it should, anew when it is not there. */
  private async openOut(again: boolean): Promise<void> {
    if (again) {
      await this.out?.close();
      this.out = null;
    }
    if (this.ending) return;
    try {
      if (!this.out) {
        const out: WayOut = new WayOut(
          this.dir,
          (frame) => this.fabric.fromOut(frame),
          () => {
            if (this.out === out) this.out = null;
            this.fabric.setOut(null);
            this.tell();
          },
        );
        this.out = out; // so that an end meanwhile ends it too
        try {
          await out.start(this.config);
        } catch (error) {
          await out.close();
          this.out = null;
          throw error;
        }
        this.fabric.setOut((frame) => out.send(frame));
      }
      await this.out.setForwards(
        this.config.members.flatMap(({ address, socket, forwards }) =>
          socket === null ? [] : forwards.map((forward) => ({ ...forward, address })),
        ),
      );
      this.outProblem = null;
    } catch (error) {
      this.outProblem = (error as Error).message;
    }
    this.tell();
  }

  private beat(): void {
    if (!this.out) this.opening = this.opening.then(() => this.openOut(false)).catch(() => {});
    const needed =
      this.config.keepOn || this.cores.size > 0 || [...this.links.values()].some((link) => link.connected);
    if (needed) this.lonelySince = Date.now();
    if (Date.now() - this.lonelySince > lonelyMs) void this.end();
    else this.tell();
  }

  private status(): NetworkStatus {
    return {
      pid: process.pid,
      startedAt: this.startedAt,
      problem: this.outProblem,
      forwardProblems: Object.fromEntries(this.out?.refused ?? []),
      members: this.fabric.members(),
    };
  }

  /** Tells the core what is new, if anything is. */
  private tell(): void {
    if (this.cores.size === 0) return;
    const status = this.status();
    const text = JSON.stringify(status);
    if (text === this.told) return;
    this.told = text;
    for (const core of this.cores) send(core, { id: null, status, error: null });
  }

  private serve(socket: Socket): void {
    this.cores.add(socket);
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      if (rest.length > maxLine) socket.destroy();
      for (const line of lines) void this.answer(socket, line);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.cores.delete(socket));
  }

  private async answer(socket: Socket, line: string): Promise<void> {
    let id: number | null = null;
    try {
      const request = networkRequest.parse(JSON.parse(line));
      id = request.id;
      if (request.do === 'configure') {
        await writeAtomic(networkFiles(this.dir).config, JSON.stringify(request.config));
        this.take(request.config);
        await this.opening;
      }
      if (request.do === 'end') await this.end();
      send(socket, { id, status: this.status(), error: null });
    } catch (error) {
      send(socket, { id, status: null, error: (error as Error).message.slice(0, 1000) });
    }
  }
}

function send(socket: Socket, message: NetworkMessage): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}

/** Whether somebody serves this socket. */
function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The cable to one guest: its QEMU listens, so that a new network process finds it again. */
class Link {
  private socket: Socket | null = null;
  private closed = false;
  connected = false;

  constructor(
    private readonly fabric: Switch,
    private readonly mac: string,
    readonly socketPath: string,
  ) {
    this.dial();
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private dial(): void {
    if (this.closed) return;
    const socket = connect(this.socketPath);
    this.socket = socket;
    const decoder = new FrameDecoder();
    socket.on('connect', () => {
      this.connected = true;
      this.fabric.plug(this.mac, (frame) => {
        if (socket.writableLength < maxWaiting) socket.write(encodeFrame(frame));
      });
    });
    socket.on('data', (chunk) => {
      try {
        for (const frame of decoder.push(chunk as Buffer)) this.fabric.fromGuest(this.mac, frame);
      } catch {
        socket.destroy(); // no frame: nothing behind it can be understood
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.connected) this.fabric.unplug(this.mac);
      this.connected = false;
      if (!this.closed) setTimeout(() => this.dial(), retryMs);
    });
  }
}
