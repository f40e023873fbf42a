/**
 * Errors as data. Everything that can go wrong crosses between processes as {@link WireError}: what happened,
 * why, and what the person can do. Codes are stable; texts are for people.
 */

export const errorCodes = [
  'cancelled', // the person stopped it; never shown as a failure
  'invalid-input',
  'not-found',
  'name-taken',
  'wrong-state', // the guest's state does not allow it
  'busy', // another operation holds the thing
  'disk-in-use', // another QEMU holds a lock on the image
  'disk-missing',
  'disk-refused', // hostile or unsupported image
  'disk-damaged',
  'no-space',
  'no-memory',
  'port-taken',
  'no-permission',
  'program-missing',
  'program-failed',
  'accelerator-unusable',
  'qemu-failed',
  'qmp-error',
  'qmp-closed',
  'timeout',
  'xml-invalid',
  'outside-library',
  'needs-consent', // something reaches outside; ask first
  'template-in-use',
  'host-key-changed',
  'host-key-unknown',
  'auth-failed',
  'unreachable',
  'not-owner', // the core that owns the library went away
  'unsupported',
  'internal',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** An error as it travels. `message` is *what happened*; `why` and `todo` are sentences or absent. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly why?: string;
  /** What the person can do, as a sentence in the imperative. */
  readonly todo?: string;
  /** Log excerpt or program output, shown behind "Show log". */
  readonly detail?: string;
  /** The guest, server or key the error belongs to. */
  readonly subject?: string;
}

export interface GuesthouseErrorOptions {
  why?: string;
  todo?: string;
  detail?: string;
  subject?: string;
  cause?: unknown;
}

/** The one error class core throws on purpose. Anything else that reaches the border becomes `internal`. */
export class GuesthouseError extends Error {
  readonly code: ErrorCode;
  readonly why?: string;
  readonly todo?: string;
  readonly detail?: string;
  readonly subject?: string;

  constructor(code: ErrorCode, message: string, options: GuesthouseErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GuesthouseError';
    this.code = code;
    this.why = options.why;
    this.todo = options.todo;
    this.detail = options.detail;
    this.subject = options.subject;
  }
}

/** Thrown when an AbortSignal fired. Its own type so that no view shows it as a failure. */
export class CancelledError extends GuesthouseError {
  constructor(message = 'Cancelled') {
    super('cancelled', message);
    this.name = 'CancelledError';
  }
}

export function isCancelled(error: unknown): boolean {
  return (
    (error instanceof GuesthouseError && error.code === 'cancelled') ||
    (error instanceof Error && error.name === 'AbortError')
  );
}

/** Turns anything thrown into data. Unknown errors keep their message, but never a stack: stacks name paths. */
export function toWire(error: unknown): WireError {
  if (error instanceof GuesthouseError) {
    const { code, message, why, todo, subject } = error;
    // A program's one line may be the reason and all there is: it is said once.
    const detail = error.detail?.trim() === why ? undefined : error.detail;
    return { code, message, why, todo, detail, subject };
  }
  if (isCancelled(error)) return { code: 'cancelled', message: 'Cancelled' };
  const errno = (error as { code?: unknown } | null)?.code;
  const text = error instanceof Error ? error.message : String(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return {
      code: 'no-space',
      message: 'The disk of this computer is full.',
      why: text,
      todo: 'Free some space and try again.',
    };
  if (errno === 'EACCES' || errno === 'EPERM')
    return { code: 'no-permission', message: 'Not permitted.', why: text };
  return { code: 'internal', message: text };
}

/** The inverse of {@link toWire}. */
export function fromWire(wire: WireError): GuesthouseError {
  return wire.code === 'cancelled'
    ? new CancelledError(wire.message)
    : new GuesthouseError(wire.code, wire.message, wire);
}
