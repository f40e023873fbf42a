import type { CallName } from '../../shared/ipc/channels.ts';
import type { CallInput, CallOutput, ParsedInput } from '../../shared/ipc/contract.ts';
import type { CoreEvent, EventEnvelope } from '../../shared/ipc/events.ts';

export interface CallContext {
  /** Fires when the caller went away. */
  readonly signal: AbortSignal;
}

/** What each resource contributes: one async function a call, given parsed input. */
export type Handlers<N extends CallName = CallName> = {
  readonly [K in N]: (input: ParsedInput<K>, context: CallContext) => Promise<CallOutput<K>>;
};

/** How a resource announces its state. */
export type Announce = (event: CoreEvent) => void;

/** A two-way message channel: an Electron MessagePort, a child process, or frames on a socket. */
export interface PortLike {
  postMessage(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  onClose(listener: () => void): void;
  close(): void;
  /**
   * The Electron port under it, when there is one: who takes it posts it on to another process, and uses this object no
   * more. So a terminal's bytes go straight between its process and the page.
   */
  readonly native?: unknown;
}

/**
 * A core one can talk to: the owner itself or a client of the owner's socket. Everything is asynchronous, since the
 * owner may be another process or one day another machine.
 */
export interface Core {
  /** Parses `input` by the contract, then runs the call. Rejects with GuesthouseError. */
  call<N extends CallName>(name: N, input: CallInput<N>, context?: CallContext): Promise<CallOutput<N>>;
  onEvent(listener: (envelope: EventEnvelope) => void): () => void;
  /** Joins a byte channel to a terminal or a guest's screen. Resolves when joined. */
  openPort(kind: 'terminal' | 'screen', id: string, port: PortLike): Promise<void>;
  /** Lets go: the owner cancels operations and frees the socket; guests go on. */
  close(): Promise<void>;
}
