import type { PortLike } from '../api.ts';
import type { Log } from '../platform/log.ts';
import type { ForkTerminalHost, HostProcess } from './host-process.ts';
import type { FromHost, SourceEnd, ToHost } from './host-protocol.ts';

interface Listener {
  started(id: string): void;
  ended(id: string, end: SourceEnd): void;
  /** The process ended unasked; the next message starts another. */
  lost(): void;
  /** A process was started after one had been refused: it is to be told of every console. */
  anew(): void;
}

/** More ends of the process than this within so many milliseconds are not followed by another start. */
const maxLosses = 5;
const lossesWithinMs = 60_000;

/** The terminal host's process, started with the first console, and the channels that go through this process. */
export class HostLink {
  private process: HostProcess | null = null;
  private readonly ports = new Map<number, PortLike>();
  private nextPort = 1;
  private losses: number[] = [];
  private closed = false;
  /** Messages were dropped: the next process knows of no console. */
  private dropped = false;

  constructor(
    private readonly fork: ForkTerminalHost,
    private readonly log: Log,
    private readonly listener: Listener,
  ) {}

  /** @returns false when no process may be started now */
  post(message: ToHost, transfer?: readonly unknown[]): boolean {
    const process = this.running();
    process?.postMessage(message, transfer);
    return process !== null;
  }

  /** Joins a view to a session: hands the port over where that can be done, else carries its messages. */
  attach(id: string, port: PortLike): void {
    const number = this.nextPort++;
    const process = this.running();
    if (!process) {
      port.close();
      return;
    }
    if (process.takesPorts && port.native !== undefined) {
      process.postMessage({ t: 'attach', id, port: number } satisfies ToHost, [port.native]);
      return;
    }
    this.ports.set(number, port);
    this.post({ t: 'attach', id, port: number });
    port.onClose(() => {
      if (this.ports.delete(number)) this.post({ t: 'detach', port: number });
    });
    port.onMessage((message) => this.post({ t: 'message', port: number, message }));
  }

  close(): void {
    this.closed = true;
    this.process?.kill();
    this.process = null;
    this.dropPorts();
  }

  private running(): HostProcess | null {
    if (this.closed) return null;
    if (this.process) return this.process;
    this.losses = this.losses.filter((at) => Date.now() - at < lossesWithinMs);
    if (this.losses.length > maxLosses) {
      this.dropped = true;
      return null;
    }
    const process = this.fork();
    this.process = process;
    process.onMessage((message) => this.receive(message as FromHost));
    process.onExit((code) => {
      if (this.process !== process) return;
      this.process = null;
      this.dropPorts();
      if (this.closed) return;
      this.log.error(`the terminal host ended unasked (${code})`);
      this.losses.push(Date.now());
      this.listener.lost();
    });
    if (this.dropped) {
      this.dropped = false;
      this.listener.anew();
    }
    return process;
  }

  private receive(message: FromHost): void {
    switch (message.t) {
      case 'started':
        this.listener.started(message.id);
        return;
      case 'ended':
        this.listener.ended(message.id, message.end);
        return;
      case 'message':
        this.ports.get(message.port)?.postMessage(message.message);
        return;
      case 'detached': {
        const port = this.ports.get(message.port);
        this.ports.delete(message.port);
        port?.close();
      }
    }
  }

  private dropPorts(): void {
    const ports = [...this.ports.values()];
    this.ports.clear();
    for (const port of ports) port.close();
  }
}
