import {
  CirclePause,
  ClipboardCopy,
  Copy,
  FolderOpen,
  KeyRound,
  Monitor,
  Pencil,
  Play,
  Power,
  PowerOff,
  RotateCcw,
  RotateCw,
  Save,
  SquareTerminal,
  Stamp,
  Tags,
  Terminal,
  Trash2,
} from 'lucide-react';
import type { ReactElement } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { actionsFor, type GuestActionId, guestActionLabels } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import type { MenuEntry } from '../../ui/Menu.tsx';
import { actionTestId } from '../../ui/testids.ts';

export const actionIcons: Readonly<Record<GuestActionId, ReactElement>> = {
  start: <Play size={16} aria-hidden="true" />,
  ssh: <Terminal size={16} aria-hidden="true" />,
  'copy-ssh': <ClipboardCopy size={16} aria-hidden="true" />,
  'copy-key': <KeyRound size={16} aria-hidden="true" />,
  console: <SquareTerminal size={16} aria-hidden="true" />,
  screen: <Monitor size={16} aria-hidden="true" />,
  shutdown: <Power size={16} aria-hidden="true" />,
  pause: <CirclePause size={16} aria-hidden="true" />,
  resume: <Play size={16} aria-hidden="true" />,
  reboot: <RotateCw size={16} aria-hidden="true" />,
  save: <Save size={16} aria-hidden="true" />,
  clone: <Copy size={16} aria-hidden="true" />,
  template: <Stamp size={16} aria-hidden="true" />,
  'discard-saved': <Trash2 size={16} aria-hidden="true" />,
  reset: <RotateCcw size={16} aria-hidden="true" />,
  'force-off': <PowerOff size={16} aria-hidden="true" />,
  rename: <Pencil size={16} aria-hidden="true" />,
  labels: <Tags size={16} aria-hidden="true" />,
  'show-folder': <FolderOpen size={16} aria-hidden="true" />,
  delete: <Trash2 size={16} aria-hidden="true" />,
};

const keys: Partial<Record<GuestActionId, string>> = { console: 'Enter', rename: 'F2', delete: 'Del' };
/** What is lost by these does not come back. */
export const dangerous: ReadonlySet<GuestActionId> = new Set([
  'reset',
  'force-off',
  'delete',
  'discard-saved',
]);

/** "Resume" is what start does to a saved guest. */
export function actionLabel(action: GuestActionId, guest: Guest): string {
  return action === 'start' && guest.state === 'saved' ? 'Resume' : guestActionLabels[action];
}

export function menuEntries(actions: readonly GuestActionId[], guest: Guest): MenuEntry[] {
  return actions.map((action, index) => ({
    id: action,
    label: actionLabel(action, guest),
    icon: actionIcons[action],
    keys: keys[action],
    dangerous: dangerous.has(action),
    apart: index > 0 && (action === 'clone' || action === 'rename' || action === 'delete'),
    testId: actionTestId(action),
    run: () => runGuestAction(action, [guest]),
  }));
}

/** Everything the guest's state allows, for the context menu. */
export function allMenuEntries(guest: Guest): MenuEntry[] {
  const { primary, more } = actionsFor(guest.state);
  return menuEntries([...primary, ...more], guest);
}
