import * as z from 'zod';
import type { Terminal, TerminalToView } from '../../../shared/model/terminal.ts';
import type { PortLike } from '../api.ts';
import { Backlog, Batch, batchMs } from './flow.ts';
import type { SourceEnd } from './host-protocol.ts';
import { ReplayBuffer } from './replay.ts';
import type { Source, SourceEvents } from './source.ts';

/** What a view sends: see TerminalFromView. A page could be made to send anything. */
const fromView = z.discriminatedUnion('t', [
  z.object({ t: z.literal('input'), text: z.string().max(16 << 20) }),
  z.object({
    t: z.literal('resize'),
    cols: z.number().int().min(1).max(2000),
    rows: z.number().int().min(1).max(2000),
  }),
  z.object({ t: z.literal('ack'), bytes: z.number().int().min(0) }),
]);

interface View {
  readonly port: PortLike;
  readonly backlog: Backlog;
}

/**
 * One console: a source of bytes, what it said last, and the views that show it. It outlives its views (the window is
 * loaded again) and its sources (the guest restarts).
 *
 * A view gets `status`, `replay`, `live`, then `data`. It mutes input until it has drawn the replay, since a terminal
 * answers queries it finds in there, and the program would take the answers for typing.
 */
export class Session {
  private readonly views = new Set<View>();
  private readonly replay = new ReplayBuffer();
  private readonly batch = new Batch();
  private timer: NodeJS.Timeout | undefined;
  private source: Source | null = null;
  private paused = false;
  private size = { cols: 80, rows: 24 };
  private terminal: Terminal | null = null;

  /** @param told what the owner hears of the source */
  constructor(private readonly told: { started(): void; ended(end: SourceEnd): void }) {}

  get running(): boolean {
    return this.source !== null;
  }

  /** What was said before this session began. */
  history(bytes: Uint8Array): void {
    this.replay.push(bytes);
  }

  /** Starts a source; the one before has ended. */
  start(make: (events: SourceEvents, size: { cols: number; rows: number }) => Source): void {
    if (this.source) return;
    let done = false;
    const end = (info: SourceEnd) => {
      if (done) return;
      done = true;
      this.source = null;
      this.flush();
      this.told.ended(info);
    };
    try {
      this.source = make(
        { start: () => this.told.started(), data: (chunk) => this.output(chunk), end },
        { ...this.size },
      );
    } catch (error) {
      end({ exitCode: null, signal: null, error: (error as Error).message });
      return;
    }
    if (done) this.source = null;
    this.paused = false;
    this.regulate();
  }

  stop(): void {
    this.source?.close();
  }

  status(terminal: Terminal): void {
    this.terminal = terminal;
    this.flush();
    this.send({ t: 'status', terminal });
  }

  attach(port: PortLike): void {
    this.flush();
    const view: View = { port, backlog: new Backlog() };
    this.views.add(view);
    if (this.terminal) port.postMessage({ t: 'status', terminal: this.terminal } satisfies TerminalToView);
    port.postMessage({ t: 'replay', bytes: this.replay.bytes() } satisfies TerminalToView);
    port.postMessage({ t: 'live' } satisfies TerminalToView);
    port.onClose(() => {
      this.views.delete(view);
      this.regulate();
    });
    port.onMessage((message) => this.fromView(view, message));
  }

  /** Ends the source and lets the views go. */
  close(): void {
    this.stop();
    this.flush();
    for (const view of this.views) view.port.close();
    this.views.clear();
    this.regulate();
  }

  private fromView(view: View, message: unknown): void {
    const parsed = fromView.safeParse(message);
    if (!parsed.success || !this.views.has(view)) return;
    switch (parsed.data.t) {
      case 'input':
        this.source?.write(parsed.data.text);
        return;
      case 'resize': {
        const { cols, rows } = parsed.data;
        if (cols === this.size.cols && rows === this.size.rows) return;
        this.size = { cols, rows };
        this.source?.resize(cols, rows);
        return;
      }
      case 'ack':
        view.backlog.acked(parsed.data.bytes);
        this.regulate();
    }
  }

  private output(chunk: Buffer): void {
    this.replay.push(chunk);
    if (this.views.size === 0) return;
    if (this.batch.add(chunk)) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), batchMs);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.batch.empty) return;
    const bytes = this.batch.take();
    for (const view of this.views) view.backlog.sent(bytes.length);
    this.send({ t: 'data', bytes });
    this.regulate();
  }

  private send(message: TerminalToView): void {
    for (const view of this.views) view.port.postMessage(message);
  }

  /** The slowest view sets the pace: what one view is not sent, none is. */
  private regulate(): void {
    const full = [...this.views].some((view) => view.backlog.full);
    if (full === this.paused) return;
    this.paused = full;
    if (full) this.source?.pause();
    else this.source?.resume();
  }
}
