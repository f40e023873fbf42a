/** The names tests find things by. Stable: a change here is a change for every test of the window. */
export const testIds = {
  app: 'app',
  guestList: 'guest-list',
  guestDetails: 'guest-details',
  guestFilter: 'guest-filter',
  bulkBar: 'bulk-bar',
  dock: 'dock',
  dockStatus: 'dock-status',
  terminal: 'terminal',
  palette: 'palette',
  commandField: 'command-field',
  newGuest: 'new-guest',
  firstRun: 'first-run',
  tryDebian: 'try-debian',
  createDialog: 'create-dialog',
  createName: 'create-name',
  createSubmit: 'create-submit',
  createProgress: 'create-progress',
  hostPage: 'host-page',
  consolesPage: 'consoles-page',
  operationsButton: 'operations-button',
  operationsPopover: 'operations-popover',
  settingsDialog: 'settings-dialog',
  errorNote: 'error-note',
  toast: 'toast',
  dialog: 'dialog',
  dialogConfirm: 'dialog-confirm',
} as const;

export const navTestId = (section: string) => `nav-${section}`;
export const guestRowTestId = (name: string) => `guest-row-${name}`;
export const guestStateTestId = (name: string) => `guest-state-${name}`;
/** `start`, `console`, `shutdown`, `force-off`, `pause`, `resume`, `save`, `delete`… as in stores/guest-actions.ts. */
export const actionTestId = (action: string) => `action-${action}`;
export const bulkTestId = (action: string) => `bulk-${action}`;
export const dockTabTestId = (title: string) => `dock-tab-${title}`;
export const tabTestId = (tab: string) => `tab-${tab}`;
