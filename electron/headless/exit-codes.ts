import type { ErrorCode } from '../../shared/errors.ts';

/** Exit codes of the command line; docs/cli.md tells them to people. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** The command line is wrong, or wants a yes that was not given. */
  usage: 2,
  notFound: 3,
  /** The state does not allow it now: off, running, busy, name taken, in use. */
  state: 4,
  timeout: 5,
  /** It was looked at and something was found: what would not run, or reaches outside. */
  findings: 6,
  /** As a shell says it of a program ended by Ctrl-C. */
  cancelled: 130,
} as const;

export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'cancelled':
      return exitCodes.cancelled;
    case 'invalid-input':
    case 'needs-consent':
      return exitCodes.usage;
    case 'not-found':
    case 'disk-missing':
      return exitCodes.notFound;
    case 'wrong-state':
    case 'busy':
    case 'name-taken':
    case 'disk-in-use':
    case 'template-in-use':
    case 'port-taken':
      return exitCodes.state;
    case 'timeout':
      return exitCodes.timeout;
    default:
      return exitCodes.failed;
  }
}
