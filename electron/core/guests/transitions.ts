import type { GuestState } from '../../../shared/model/guest.ts';

/**
 * The life of a guest as a pure state machine: what a person may ask in each state, what that asks of QEMU, and which
 * state follows from what QEMU tells. Running it is lifecycle.ts' part.
 */

/** QEMU's RunState (qapi/run-state.json, 7.2). */
export const runStates = [
  'debug',
  'finish-migrate',
  'inmigrate',
  'internal-error',
  'io-error',
  'paused',
  'postmigrate',
  'prelaunch',
  'restore-vm',
  'running',
  'save-vm',
  'shutdown',
  'suspended',
  'watchdog',
  'guest-panicked',
  'colo',
] as const;
export type RunState = (typeof runStates)[number];

/** What a person asks. */
export const requests = [
  'start',
  'shutdown',
  'reboot',
  'reset',
  'pause',
  'resume',
  'force-off',
  'save',
  'discard-saved',
  'delete',
] as const;
export type Request = (typeof requests)[number];

/** What happened. */
export type Fact =
  /** QEMU's answer to query-status. */
  | { readonly type: 'run-state'; readonly status: RunState }
  /** The driver begins a job. */
  | { readonly type: 'began'; readonly job: 'start' | 'restore' | 'save' | 'shutdown' }
  /** A start or restore failed or was cancelled: no QEMU is left. */
  | { readonly type: 'start-failed'; readonly saved: boolean }
  /** The deadline of a shut-down passed: QEMU runs on. */
  | { readonly type: 'deadline' }
  /** QEMU is gone. */
  | { readonly type: 'ended'; readonly how: 'off' | 'saved' | 'crashed' }
  /** Its files were read again. */
  | { readonly type: 'files'; readonly broken: boolean; readonly saved: boolean; readonly crashed: boolean };

export type Effect = 'stop' | 'cont' | 'system_reset' | 'system_wakeup' | 'system_powerdown' | 'quit';

/** `cancel`: of the start or restore under way. */
type Job = 'start' | 'restore' | 'save' | 'shutdown' | 'reboot' | 'cancel';

/** `effects` are QMP commands in order; `job` names what the driver has to run instead. */
export type Decision =
  | {
      readonly ok: true;
      readonly effects: readonly Effect[];
      readonly job: Job | null;
    }
  /** `why` is a sentence, `todo` another or null. */
  | { readonly ok: false; readonly why: string; readonly todo: string | null };

/** True when a QEMU runs in this state. */
export function isLive(state: GuestState): boolean {
  switch (state) {
    case 'off':
    case 'saved':
    case 'crashed':
    case 'broken':
      return false;
    case 'starting':
    case 'running':
    case 'paused':
    case 'shutting-down':
    case 'saving':
    case 'restoring':
    case 'suspended':
    case 'io-error':
    case 'guest-panicked':
    case 'internal-error':
    case 'watchdog':
    case 'migrating':
    case 'prelaunch':
    case 'debug':
    case 'unreachable':
      return true;
  }
}

const yes = (...effects: Effect[]): Decision => ({ ok: true, effects, job: null });
const run = (job: Job): Decision => ({
  ok: true,
  effects: [],
  job,
});
const no = (why: string, todo: string | null = null): Decision => ({ ok: false, why, todo });

const notRunning = no('It is not running.', 'Start it first.');
const noAnswer = no('Its QEMU does not answer.', 'Wait until it does, or force it off.');
const isBroken = no('Its files cannot be read.', 'Mend its domain XML, then try again.');
const inTransit = (state: GuestState): Decision | null => {
  switch (state) {
    case 'starting':
      return no('It is just being started.', 'Wait a moment.');
    case 'saving':
      return no('Its memory is being saved.', 'Wait for that to end, or cancel it.');
    case 'restoring':
      return no('Its memory is being restored.', 'Wait for that to end, or cancel it.');
    case 'migrating':
      return no('Its memory is being moved.', 'Wait for that to end.');
    case 'unreachable':
      return noAnswer;
    default:
      return null;
  }
};

/** May a person ask this in this state, and what is to be done then? */
export function decide(state: GuestState, request: Request): Decision {
  if (state === 'broken' && request !== 'delete') return isBroken;
  switch (request) {
    case 'start':
      if (state === 'off' || state === 'crashed') return run('start');
      if (state === 'saved') return run('restore');
      return inTransit(state) ?? no('It runs already.');
    case 'delete':
      return isLive(state) ? no('It is running.', 'Shut it down first.') : yes();
    case 'discard-saved':
      return state === 'saved' ? yes() : no('It has no saved memory.');
    case 'force-off':
      if (!isLive(state)) return notRunning;
      if (state === 'saving') return inTransit(state)!;
      return state === 'starting' || state === 'restoring' ? run('cancel') : yes('quit');
    case 'shutdown':
    case 'reboot':
      if (!isLive(state)) return notRunning;
      if (state === 'running' || state === 'shutting-down') return run(request);
      if (state === 'suspended') return no('The system inside is asleep.', 'Resume it first.');
      return (
        inTransit(state) ?? no('It stands still and cannot answer.', 'Resume it, reset it, or force it off.')
      );
    case 'reset':
      if (!isLive(state)) return notRunning;
      switch (state) {
        // QEMU refuses `cont` in these until the machine has been reset.
        case 'guest-panicked':
        case 'internal-error':
        case 'watchdog':
        case 'io-error':
        case 'debug':
          return yes('system_reset', 'cont');
        default:
          return inTransit(state) ?? yes('system_reset');
      }
    case 'pause':
      if (!isLive(state)) return notRunning;
      if (state === 'running' || state === 'shutting-down') return yes('stop');
      return inTransit(state) ?? no('It stands still already.');
    case 'resume':
      if (!isLive(state)) return notRunning;
      switch (state) {
        case 'suspended':
          return yes('system_wakeup');
        case 'paused':
        case 'io-error':
        case 'watchdog':
        case 'prelaunch':
        case 'debug':
          return yes('cont');
        case 'guest-panicked':
        case 'internal-error':
          return no('It cannot go on from here.', 'Reset it, or force it off.');
        default:
          return inTransit(state) ?? no('It runs already.');
      }
    case 'save':
      if (!isLive(state)) return notRunning;
      switch (state) {
        case 'running':
        case 'paused':
        case 'suspended':
        case 'io-error':
        case 'prelaunch':
        case 'shutting-down':
        case 'watchdog':
          return run('save');
        default:
          return (
            inTransit(state) ??
            no('A memory in this state is not worth keeping.', 'Reset it, or force it off.')
          );
      }
  }
}

/** The state that follows from a fact. The same state means: nothing changed. */
export function follow(state: GuestState, fact: Fact): GuestState {
  switch (fact.type) {
    case 'began':
      switch (fact.job) {
        case 'start':
          return 'starting';
        case 'restore':
          return 'restoring';
        case 'save':
          return 'saving';
        case 'shutdown':
          return 'shutting-down';
      }
      break;
    case 'start-failed':
      return state === 'starting' || state === 'restoring' ? (fact.saved ? 'saved' : 'off') : state;
    case 'deadline':
      return state === 'shutting-down' ? 'running' : state;
    case 'ended':
      // A failed start has its own fact: the end of a QEMU that never ran says nothing new.
      if (!isLive(state) || state === 'starting' || state === 'restoring') return state;
      return fact.how;
    case 'files':
      if (isLive(state)) return state;
      if (fact.broken) return 'broken';
      return fact.saved ? 'saved' : fact.crashed ? 'crashed' : 'off';
    case 'run-state':
      return ofRunState(state, fact.status);
  }
  return state;
}

function ofRunState(state: GuestState, status: RunState): GuestState {
  if (!isLive(state)) return state;
  // Jobs that stop and move the memory themselves know best when they are over.
  if (state === 'saving' || state === 'restoring') return state;
  switch (status) {
    case 'running':
      return state === 'shutting-down' ? 'shutting-down' : 'running';
    case 'paused':
      return state === 'starting' ? 'starting' : 'paused';
    case 'suspended':
      return 'suspended';
    case 'io-error':
      return 'io-error';
    case 'guest-panicked':
      return 'guest-panicked';
    case 'internal-error':
      return 'internal-error';
    case 'watchdog':
      return 'watchdog';
    case 'debug':
      return 'debug';
    case 'prelaunch':
      return state === 'starting' ? 'starting' : 'prelaunch';
    case 'inmigrate':
    case 'postmigrate':
    case 'finish-migrate':
    case 'restore-vm':
    case 'save-vm':
    case 'colo':
      return 'migrating';
    case 'shutdown':
      return 'shutting-down';
  }
}
