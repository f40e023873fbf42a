import type { GuestState } from '../../shared/model/guest.ts';

/** Everything one can do to a guest. Ids are stable: tests and the palette name them. */
export const guestActionIds = [
  'start',
  'console',
  'screen',
  'ssh',
  'copy-ssh',
  'copy-key',
  'shutdown',
  'pause',
  'resume',
  'reboot',
  'save',
  'clone',
  'template',
  'discard-saved',
  'reset',
  'force-off',
  'rename',
  'labels',
  'show-folder',
  'delete',
] as const;
export type GuestActionId = (typeof guestActionIds)[number];

export interface GuestActions {
  /** Buttons, the first one the obvious next step. */
  readonly primary: readonly GuestActionId[];
  /** In the menu behind the dots. */
  readonly more: readonly GuestActionId[];
}

const keep: readonly GuestActionId[] = ['rename', 'labels', 'show-folder'];
const stuck: GuestActions = { primary: ['console', 'screen', 'force-off'], more: ['reset', ...keep] };
const passing: GuestActions = { primary: ['console', 'screen'], more: ['force-off', ...keep] };

/** What each state allows, as one table. */
const table: Readonly<Record<GuestState, GuestActions>> = {
  off: { primary: ['start', 'console'], more: ['screen', 'clone', 'template', ...keep, 'delete'] },
  saved: { primary: ['start', 'console'], more: ['screen', 'discard-saved', ...keep, 'delete'] },
  crashed: { primary: ['start', 'console'], more: ['screen', 'clone', 'template', ...keep, 'delete'] },
  broken: { primary: ['show-folder'], more: ['delete'] },
  running: {
    primary: ['console', 'screen', 'ssh', 'shutdown'],
    more: ['copy-ssh', 'copy-key', 'pause', 'save', 'reboot', 'reset', 'force-off', 'template', ...keep],
  },
  paused: { primary: ['resume', 'console', 'screen'], more: ['save', 'reset', 'force-off', ...keep] },
  'io-error': { primary: ['resume', 'console', 'screen'], more: ['reset', 'force-off', ...keep] },
  suspended: { primary: ['resume', 'console', 'screen'], more: ['reset', 'force-off', ...keep] },
  prelaunch: { primary: ['resume', 'console', 'screen'], more: ['force-off', ...keep] },
  'shutting-down': passing,
  starting: passing,
  saving: { primary: ['console'], more: keep },
  restoring: passing,
  migrating: passing,
  debug: passing,
  'guest-panicked': stuck,
  'internal-error': stuck,
  watchdog: stuck,
  unreachable: { primary: ['console', 'force-off'], more: keep },
};

export function actionsFor(state: GuestState): GuestActions {
  return table[state];
}

export function allows(state: GuestState, action: GuestActionId): boolean {
  const { primary, more } = table[state];
  return primary.includes(action) || more.includes(action);
}

/** What makes sense for several guests at once: actions that at least one of them allows, in a fixed order. */
export function bulkActions(states: readonly GuestState[]): readonly GuestActionId[] {
  const bulk: readonly GuestActionId[] = [
    'start',
    'resume',
    'console',
    'screen',
    'ssh',
    'shutdown',
    'pause',
    'save',
    'copy-key',
    'clone',
    'force-off',
    'delete',
  ];
  return bulk.filter((action) => states.some((state) => allows(state, action)));
}

/** Labels; a dialog follows where there are dots. */
export const guestActionLabels: Readonly<Record<GuestActionId, string>> = {
  start: 'Start',
  console: 'Console',
  screen: 'Screen',
  ssh: 'SSH',
  'copy-ssh': 'Copy SSH command',
  'copy-key': 'Copy a key to it…',
  shutdown: 'Shut down',
  pause: 'Pause',
  resume: 'Resume',
  reboot: 'Reboot',
  save: 'Save and stop',
  clone: 'Clone…',
  template: 'Make template…',
  'discard-saved': 'Discard saved memory…',
  reset: 'Reset…',
  'force-off': 'Force off…',
  rename: 'Rename…',
  labels: 'Tags, notes and login…',
  'show-folder': 'Show folder',
  delete: 'Delete…',
};
