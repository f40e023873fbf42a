/** The names alone: the preload imports this file and nothing else, so that it stays small. */

export const guestCalls = [
  'guests.detail',
  'guests.create',
  'guests.start',
  'guests.shutdown',
  'guests.reboot',
  'guests.reset',
  'guests.pause',
  'guests.resume',
  'guests.forceOff',
  'guests.save',
  'guests.discardSaved',
  'guests.rename',
  'guests.setAutostart',
  'guests.setLabels',
  'guests.deletePlan',
  'guests.delete',
  'guests.log',
  'guests.waitSsh',
] as const;

export const coreCalls = [
  'core.snapshot',
  'host.report',
  'operations.cancel',
  'operations.undo',
  'settings.set',
] as const;

export const starterCalls = ['starters.list', 'starters.build'] as const;

export const terminalCalls = ['terminals.openSerial', 'terminals.close', 'terminals.list'] as const;

/** Answered by core: over IPC in the window, over the socket for other clients. */
export const callNames = [...coreCalls, ...guestCalls, ...starterCalls, ...terminalCalls] as const;
export type CallName = (typeof callNames)[number];

/** Answered by the window's own process. */
export const shellCallNames = [
  'shell.openExternal',
  'shell.showInFolder',
  'shell.writeClipboard',
  'shell.info',
] as const;
export type ShellCallName = (typeof shellCallNames)[number];
