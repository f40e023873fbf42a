import type { PortLike } from '../api.ts';
import type { FromHost, SourceSpec, ToHost } from './host-protocol.ts';
import { PtySource } from './pty-source.ts';
import { LogCursor } from './serial-log.ts';
import { SerialSource } from './serial-source.ts';
import { Session } from './session.ts';
import type { Source, SourceEvents } from './source.ts';

/** A view's channel that comes by messages through the owner, where a port cannot be handed over. */
class RelayedPort implements PortLike {
  private onMessageFn: ((message: unknown) => void) | null = null;
  private onCloseFn: (() => void) | null = null;

  constructor(
    private readonly number: number,
    private readonly send: (message: FromHost) => void,
    private readonly forget: () => void,
  ) {}

  postMessage(message: unknown): void {
    this.send({ t: 'message', port: this.number, message });
  }
  onMessage(listener: (message: unknown) => void): void {
    this.onMessageFn = listener;
  }
  onClose(listener: () => void): void {
    this.onCloseFn = listener;
  }
  close(): void {
    this.send({ t: 'detached', port: this.number });
    this.forget();
  }
  received(message: unknown): void {
    this.onMessageFn?.(message);
  }
  detached(): void {
    this.forget();
    this.onCloseFn?.();
  }
}

interface Held {
  readonly session: Session;
  readonly cursor: LogCursor | null;
}

/** All sessions of the terminal host's process. */
export class TerminalHost {
  private readonly sessions = new Map<string, Held>();
  private readonly relayed = new Map<number, RelayedPort>();

  constructor(private readonly send: (message: FromHost) => void) {}

  /** @param port the Electron port that came with an `attach`, if one did */
  handle(message: ToHost, port: PortLike | null): void {
    switch (message.t) {
      case 'create':
        this.create(message.id, message.log);
        return;
      case 'start':
        this.start(message.id, message.source);
        return;
      case 'stop':
        this.sessions.get(message.id)?.session.stop();
        return;
      case 'status':
        this.sessions.get(message.id)?.session.status(message.terminal);
        return;
      case 'attach':
        this.attach(message.id, message.port, port);
        return;
      case 'message':
        this.relayed.get(message.port)?.received(message.message);
        return;
      case 'detach':
        this.relayed.get(message.port)?.detached();
        return;
      case 'close':
        this.sessions.get(message.id)?.session.close();
        this.sessions.delete(message.id);
    }
  }

  /** The owner went away: so do all programs. */
  closeAll(): void {
    for (const { session } of this.sessions.values()) session.close();
    this.sessions.clear();
  }

  private create(id: string, log: string | null): void {
    if (this.sessions.has(id)) return;
    const session = new Session({
      started: () => this.send({ t: 'started', id }),
      ended: (end) => this.send({ t: 'ended', id, end }),
    });
    const cursor = log === null ? null : new LogCursor(log);
    if (cursor) session.history(cursor.history());
    this.sessions.set(id, { session, cursor });
  }

  private start(id: string, spec: SourceSpec): void {
    const held = this.sessions.get(id);
    held?.session.start((events, size) => makeSource(spec, held.cursor, events, size));
  }

  private attach(id: string, number: number, native: PortLike | null): void {
    const port = native ?? new RelayedPort(number, this.send, () => this.relayed.delete(number));
    if (port instanceof RelayedPort) this.relayed.set(number, port);
    const held = this.sessions.get(id);
    if (held) held.session.attach(port);
    else port.close();
  }
}

function makeSource(
  spec: SourceSpec,
  cursor: LogCursor | null,
  events: SourceEvents,
  size: { readonly cols: number; readonly rows: number },
): Source {
  if (spec.kind === 'pty') return new PtySource(spec, size, events);
  return new SerialSource(spec.socket, cursor ?? new LogCursor('/dev/null'), events);
}
