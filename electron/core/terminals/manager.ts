import { randomUUID } from 'node:crypto';
import { type ErrorCode, GuesthouseError, toWire } from '../../../shared/errors.ts';
import { type Guest, type GuestState, guestStateWords } from '../../../shared/model/guest.ts';
import type { Terminal } from '../../../shared/model/terminal.ts';
import type { Announce, Handlers, PortLike } from '../api.ts';
import { baseEnv } from '../platform/exec.ts';
import type { Log } from '../platform/log.ts';
import { HostLink } from './host-link.ts';
import type { ForkTerminalHost } from './host-process.ts';
import type { SourceEnd } from './host-protocol.ts';
import { trimSerialLog } from './serial-log.ts';
import { freeNumber, numbered } from './titles.ts';

/** A guest's serial port, as the one who knows guests tells it. */
export interface SerialPort {
  /** The guest's id (its folder's name). */
  readonly id: string;
  readonly name: string;
  readonly state: GuestState;
  /** QEMU's unix socket of the port; made when QEMU starts. */
  readonly socket: string;
  /** The chardev's `logfile`, written with `logappend=on`. */
  readonly log: string;
}

export interface TerminalDeps {
  readonly fork: ForkTerminalHost;
  readonly announce: Announce;
  readonly log: Log;
  /** Finds a guest by id or name. @throws {GuesthouseError} `not-found` */
  readonly serial: (ref: string) => SerialPort;
  /** All guests' serial ports, for keeping their logs small. */
  readonly serialPorts: () => readonly SerialPort[];
}

/** A program to run in a console. */
export interface Program {
  readonly argv: readonly [string, ...string[]];
  /** Added to the clean base environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute; the home folder when left out. */
  readonly cwd?: string;
}

export interface PtyConsole {
  readonly kind: 'ssh' | 'exec';
  readonly title: string;
  /** Guest, server or container id. */
  readonly subject: string | null;
  /**
   * Says what to run, when it can be run: called again at each reconnect. `waiting` tells people what for, e.g.
   * "starting sshd, 4 s". A rejection ends the console with its message.
   */
  readonly launch: (waiting: (reason: string) => void, signal: AbortSignal) => Promise<Program>;
  /** Turns an exit into words and a code. It may have to look, which takes a moment. */
  readonly explain?: (end: SourceEnd) => EndExplained | Promise<EndExplained>;
}

/** Why a console's program ended. */
export interface EndExplained {
  readonly reason: string;
  /** Try again by itself. */
  readonly again: boolean;
  /** The code of the failure, where it has one. */
  readonly error?: ErrorCode | null;
}

type TerminalHandlers = Handlers<
  'terminals.openSerial' | 'terminals.close' | 'terminals.again' | 'terminals.list'
>;

export interface Terminals {
  readonly handlers: TerminalHandlers;
  list(): readonly Terminal[];
  /** Opens a console that runs a program, such as ssh or `podman exec`. */
  open(console: PtyConsole): Terminal;
  /** The same for a program that can run at once. */
  openPty(spec: Program & Pick<PtyConsole, 'title' | 'subject'> & { kind?: 'ssh' | 'exec' }): Terminal;
  /** Runs an ended console's program anew, in the same tab. */
  again(id: string): void;
  /** Joins a view. @throws {GuesthouseError} `not-found` */
  openPort(id: string, port: PortLike): Promise<void>;
  /** A guest's state changed: its serial console connects, waits or says why it ended. */
  guestChanged(guest: Pick<Guest, 'id' | 'name' | 'state'>): void;
  guestGone(id: string): void;
  close(): Promise<void>;
}

interface Entry {
  terminal: Terminal;
  readonly console: PtyConsole | null;
  /** Tells apart consoles of one kind to one machine; from 1. */
  readonly number: number;
  /** Of a launch under way. */
  launching: AbortController | null;
  /** A source was asked for and has not ended. */
  started: boolean;
}

/** Milliseconds between looks at the size of serial logs. */
const trimEveryMs = 15_000;
/** Milliseconds until a lost serial port of a running guest is tried again. */
const reconnectMs = 1000;

const isLive = (state: GuestState) => !['off', 'saved', 'crashed', 'broken'].includes(state);

export function createTerminals(deps: TerminalDeps): Terminals {
  return new Manager(deps);
}

class Manager implements Terminals {
  private readonly entries = new Map<string, Entry>();
  private readonly link: HostLink;
  private trimmedAll = false;
  private readonly trimTimer: NodeJS.Timeout;
  private closed = false;

  readonly handlers: TerminalHandlers = {
    'terminals.openSerial': async ({ id }) => this.openSerial(id),
    'terminals.close': async ({ id }) => this.remove(id),
    'terminals.again': async ({ id }) => this.again(id),
    'terminals.list': async () => this.list(),
  };

  constructor(private readonly deps: TerminalDeps) {
    this.link = new HostLink(deps.fork, deps.log, {
      started: (id) => this.change(id, { status: 'open', reason: null, exitCode: null, error: null }),
      ended: (id, end) => void this.ended(id, end),
      lost: () => this.hostLost(),
      anew: () => this.tellHost(),
    });
    this.trimTimer = setInterval(() => void this.trimLogs(), trimEveryMs);
    this.trimTimer.unref();
  }

  list(): readonly Terminal[] {
    return [...this.entries.values()].map((entry) => entry.terminal);
  }

  open(spec: PtyConsole): Terminal {
    const id = `${spec.kind}-${randomUUID()}`;
    const { kind, title, subject } = spec;
    const number = freeNumber(spec, this.entries.values());
    const terminal: Terminal = {
      id,
      kind,
      title: numbered(title, number),
      subject,
      status: 'waiting',
      reason: null,
      exitCode: null,
      error: null,
    };
    this.add({ terminal, console: spec, number, launching: null, started: false }, null);
    void this.launch(id);
    return this.entries.get(id)!.terminal;
  }

  openPty(spec: Program & Pick<PtyConsole, 'title' | 'subject'> & { kind?: 'ssh' | 'exec' }): Terminal {
    const { argv, env, cwd, title, subject, kind = 'exec' } = spec;
    return this.open({ kind, title, subject, launch: async () => ({ argv, env, cwd }) });
  }

  again(id: string): void {
    const entry = this.find(id);
    if (entry.started || entry.launching) return;
    if (entry.console) void this.launch(id);
    else if (entry.terminal.subject) this.connectSerial(id, this.deps.serial(entry.terminal.subject));
  }

  async openPort(id: string, port: PortLike): Promise<void> {
    this.find(id);
    this.link.attach(id, port);
  }

  guestChanged(guest: Pick<Guest, 'id' | 'name' | 'state'>): void {
    for (const [one, { terminal, number }] of this.entries)
      if (terminal.subject === guest.id && terminal.kind !== 'exec')
        this.change(one, { title: numbered(guest.name, number) });
    const id = serialId(guest.id);
    const entry = this.entries.get(id);
    if (!entry) return;
    if (entry.started) return;
    if (isLive(guest.state)) this.connectSerial(id, this.deps.serial(guest.id));
    else this.change(id, { status: 'waiting', reason: waitingFor(guest.state) });
  }

  guestGone(id: string): void {
    for (const entry of this.entries.values())
      if (entry.terminal.subject === id && entry.terminal.kind !== 'exec') this.remove(entry.terminal.id);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.trimTimer);
    for (const entry of this.entries.values()) entry.launching?.abort();
    this.link.close();
    this.entries.clear();
  }

  private openSerial(ref: string): Terminal {
    const port = this.deps.serial(ref);
    const id = serialId(port.id);
    const known = this.entries.get(id);
    if (known) return known.terminal;
    const terminal: Terminal = {
      id,
      kind: 'serial',
      title: port.name,
      subject: port.id,
      status: 'waiting',
      reason: isLive(port.state) ? null : waitingFor(port.state),
      exitCode: null,
      error: null,
    };
    this.add({ terminal, console: null, number: 1, launching: null, started: false }, port.log);
    if (isLive(port.state)) this.connectSerial(id, port);
    return this.entries.get(id)!.terminal;
  }

  private connectSerial(id: string, port: SerialPort): void {
    const entry = this.entries.get(id);
    if (!entry || entry.started || this.closed) return;
    entry.started = true;
    this.change(id, { status: 'waiting', reason: 'Waiting for the serial port.' });
    if (!this.link.post({ t: 'start', id, source: { kind: 'serial', socket: port.socket } }))
      this.noHost(id, entry);
  }

  private async launch(id: string): Promise<void> {
    const entry = this.entries.get(id);
    if (!entry?.console) return;
    const controller = new AbortController();
    entry.launching = controller;
    this.change(id, { status: 'waiting', reason: null, exitCode: null, error: null });
    try {
      const program = await entry.console.launch(
        (reason) => entry.launching === controller && this.change(id, { status: 'waiting', reason }),
        controller.signal,
      );
      if (controller.signal.aborted) return;
      entry.launching = null;
      entry.started = true;
      const { argv, env, cwd = baseEnv().HOME ?? '/' } = program;
      if (!this.link.post({ t: 'start', id, source: { kind: 'pty', argv, env: baseEnv(env), cwd } }))
        this.noHost(id, entry);
    } catch (error) {
      if (controller.signal.aborted) return;
      entry.launching = null;
      const { code, message, why } = toWire(error);
      this.change(id, { status: 'ended', reason: why ? `${message} ${why}` : message, error: code });
    }
  }

  private async ended(id: string, end: SourceEnd): Promise<void> {
    const entry = this.entries.get(id);
    if (!entry) return;
    entry.started = false;
    if (entry.console) await this.programEnded(id, entry, entry.console, end);
    else this.serialEnded(id, entry, end);
  }

  private async programEnded(id: string, entry: Entry, spec: PtyConsole, end: SourceEnd): Promise<void> {
    const said = spec.explain?.(end) ?? { reason: explainEnd(end), again: false, error: null };
    const { exitCode } = end;
    if (said instanceof Promise)
      this.change(id, { status: 'ended', reason: 'The connection ended. Looking why…', exitCode });
    const { reason, again, error = null } = await said;
    // Someone connected again, or closed it, meanwhile.
    if (this.entries.get(id) !== entry || entry.started || entry.launching) return;
    this.change(id, { status: 'ended', reason, exitCode, error });
    if (again) void this.launch(id);
  }

  private serialEnded(id: string, entry: Entry, end: SourceEnd): void {
    const port = this.serialOf(entry);
    if (!port) {
      this.remove(id);
      return;
    }
    if (!isLive(port.state)) {
      this.change(id, { status: 'waiting', reason: waitingFor(port.state) });
      return;
    }
    // QEMU ended and the news is under way, or the port broke: the state will tell, else try again.
    this.change(id, { status: 'waiting', reason: end.error ?? 'The serial port was closed.' });
    setTimeout(() => {
      const now = this.entries.get(id) === entry ? this.serialOf(entry) : null;
      if (now && isLive(now.state)) this.connectSerial(id, now);
    }, reconnectMs).unref();
  }

  private serialOf(entry: Entry): SerialPort | null {
    try {
      return entry.terminal.subject === null ? null : this.deps.serial(entry.terminal.subject);
    } catch {
      return null;
    }
  }

  private noHost(id: string, entry: Entry): void {
    entry.started = false;
    this.change(id, {
      status: 'ended',
      reason: 'The process that holds the consoles ended again and again. Connect again in a minute.',
    });
  }

  /** A new terminal host knows nothing. */
  private tellHost(): void {
    for (const [id, entry] of this.entries) {
      this.link.post({ t: 'create', id, log: entry.console ? null : (this.serialOf(entry)?.log ?? null) });
      this.link.post({ t: 'status', id, terminal: entry.terminal });
    }
  }

  /** The terminal host ended: programs in it did too, serial ports are joined again. */
  private hostLost(): void {
    if (this.closed) return;
    this.tellHost();
    for (const [id, entry] of this.entries) {
      const wasStarted = entry.started;
      entry.started = false;
      const port = entry.console ? null : this.serialOf(entry);
      if (port && isLive(port.state)) this.connectSerial(id, port);
      else if (wasStarted)
        this.change(id, { status: 'ended', reason: 'The process that holds the consoles ended.' });
    }
  }

  private add(entry: Entry, log: string | null): void {
    const { id } = entry.terminal;
    this.entries.set(id, entry);
    this.link.post({ t: 'create', id, log });
    this.tell(entry.terminal);
  }

  private remove(id: string): void {
    const entry = this.entries.get(id);
    if (!entry) throw new GuesthouseError('not-found', 'That console is closed already.');
    entry.launching?.abort();
    this.entries.delete(id);
    this.link.post({ t: 'close', id });
    this.deps.announce({ type: 'terminal-gone', id });
  }

  private find(id: string): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new GuesthouseError('not-found', 'There is no such console any more.');
    return entry;
  }

  private change(id: string, patch: Partial<Terminal>): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    const after = { ...entry.terminal, ...patch };
    if (JSON.stringify(after) === JSON.stringify(entry.terminal)) return;
    entry.terminal = after;
    this.tell(after);
  }

  private tell(terminal: Terminal): void {
    this.link.post({ t: 'status', id: terminal.id, terminal });
    this.deps.announce({ type: 'terminal', terminal });
  }

  /** At first also of those that are off now: while nobody owned the library, nobody cut them. */
  private async trimLogs(): Promise<void> {
    const all = !this.trimmedAll;
    this.trimmedAll = true;
    for (const port of this.deps.serialPorts())
      if (all || isLive(port.state))
        await trimSerialLog(port.log).catch((error: unknown) => this.deps.log.error('a serial log', error));
  }
}

/** One serial console a guest: the same id for whoever opens it. */
const serialId = (guest: string) => `serial-${guest}`;

function waitingFor(state: GuestState): string {
  if (state === 'off') return 'The guest is off; its console opens when it starts.';
  if (state === 'saved') return 'The guest is saved; its console opens when it is resumed.';
  return `${guestStateWords[state].meaning} Its console opens when it starts.`;
}

function explainEnd(end: SourceEnd): string {
  if (end.error) return end.error;
  if (end.signal !== null) return `The program was ended by signal ${end.signal}.`;
  return end.exitCode === 0 ? 'The program ended.' : `The program ended with exit code ${end.exitCode}.`;
}
