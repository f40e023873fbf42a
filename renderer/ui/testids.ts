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
  xmlTab: 'xml-tab',
  templateXml: 'template-xml-dialog',
  xmlDialog: 'xml-dialog',
  xmlEditor: 'xml-editor',
  screen: 'screen',
  screenHint: 'screen-hint',
  screenWindow: 'screen-window',
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
  prompt: 'prompt',
  promptAnswer: 'prompt-answer',
  promptSubmit: 'prompt-submit',
  keysPage: 'keys-page',
  keyDetails: 'key-details',
  keyProblems: 'key-problems',
  newKey: 'new-key',
  keyName: 'key-name',
  keySubmit: 'key-submit',
  copyKey: 'copy-key',
  copyKeySubmit: 'copy-key-submit',
  copyKeyDone: 'copy-key-done',
  serversPage: 'servers-page',
  serverDetails: 'server-details',
  serverDialog: 'server-dialog',
  serverAddress: 'server-address',
  serverSubmit: 'server-submit',
  accessDialog: 'access-dialog',
  typeToAll: 'type-to-all',
  openConsole: 'open-console',
  templatesPage: 'templates-page',
  templateDetails: 'template-details',
  sealDialog: 'seal-dialog',
  sealSubmit: 'seal-submit',
  cloneDialog: 'clone-dialog',
  cloneNames: 'clone-names',
  cloneNext: 'clone-next',
  cloneReview: 'clone-review',
  cloneSubmit: 'clone-submit',
  cloneDone: 'clone-done',
  seedFields: 'seed-fields',
  seedYaml: 'seed-yaml',
  seedProblems: 'seed-problems',
  identityPage: 'identity-page',
  identityProblems: 'identity-problems',
  identityRepair: 'identity-repair',
  repairDialog: 'repair-dialog',
  repairSubmit: 'repair-submit',
  groupsPage: 'groups-page',
  groupDetails: 'group-details',
  groupDialog: 'group-dialog',
  groupMemberDialog: 'group-member-dialog',
  groupName: 'group-name',
  groupSubmit: 'group-submit',
  groupAdd: 'group-add',
  groupLimits: 'group-limits',
  groupHits: 'group-hits',
  newGroup: 'new-group',
  hardwareTab: 'hardware-tab',
  addDevice: 'add-device',
  changeKind: 'change-kind',
  kindDialog: 'kind-dialog',
  compare: 'compare',
  compareStart: 'compare-start',
  compareChart: 'compare-chart',
} as const;

export const navTestId = (section: string) => `nav-${section}`;
export const guestRowTestId = (name: string) => `guest-row-${name}`;
export const guestStateTestId = (name: string) => `guest-state-${name}`;
export const templateRowTestId = (name: string) => `template-row-${name}`;
export const identityRowTestId = (name: string) => `identity-row-${name}`;
export const keyRowTestId = (name: string) => `key-row-${name}`;
export const serverRowTestId = (name: string) => `server-row-${name}`;
export const groupRowTestId = (name: string) => `group-row-${name}`;
export const memberRowTestId = (name: string) => `group-member-${name}`;
export const copyHostTestId = (name: string) => `copy-host-${name}`;
/** `start`, `console`, `shutdown`, `force-off`, `pause`, `resume`, `save`, `delete`… as in stores/guest-actions.ts. */
export const actionTestId = (action: string) => `action-${action}`;
export const bulkTestId = (action: string) => `bulk-${action}`;
export const dockTabTestId = (title: string) => `dock-tab-${title}`;
export const tabTestId = (tab: string) => `tab-${tab}`;
/** `cpu`, `memory`, `disk:vda`, as differences of hardware are named. */
export const hardwareRowTestId = (part: string) => `hardware-${part}`;
