import { fromWire } from '../../shared/errors.ts';
import type { CallName, ShellCallName } from '../../shared/ipc/channels.ts';
import type { Bridge, CallInput, CallOutput } from '../../shared/ipc/contract.ts';
import type { ShellCallInput, ShellCallOutput } from '../../shared/ipc/shell.ts';

declare global {
  interface Window {
    guesthouse: Bridge;
  }
}

/** Calls without input may leave it out. */
type Input<T> = undefined extends T ? [input?: T] : [input: T];

async function send(name: CallName | ShellCallName, input: unknown): Promise<unknown> {
  const envelope = await window.guesthouse.call(name, input);
  if (envelope.ok) return envelope.value;
  throw fromWire(envelope.error);
}

/** Calls core. Rejects with GuesthouseError; a cancelled one is a CancelledError, which no view shows as a failure. */
export function call<N extends CallName>(name: N, ...input: Input<CallInput<N>>): Promise<CallOutput<N>> {
  return send(name, input[0]) as Promise<CallOutput<N>>;
}

/** Calls the window's own process: clipboard, browser, folders. Rejects with GuesthouseError. */
export function shell<N extends ShellCallName>(
  name: N,
  ...input: Input<ShellCallInput<N>>
): Promise<ShellCallOutput<N>> {
  return send(name, input[0]) as Promise<ShellCallOutput<N>>;
}
