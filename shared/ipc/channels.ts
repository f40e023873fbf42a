/** The names alone: the preload imports this file and nothing else, so that it stays small. */

export const guestCalls = [
  'guests.detail',
  'guests.create',
  'guests.start',
  'guests.startWithApp',
  'guests.allowOutside',
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
  'guests.inspectSource',
  'guests.screenshot',
  'guests.agent',
  'guests.freeze',
  'guests.thaw',
  'guests.checkXml',
  'guests.exportXml',
  'guests.setXml',
  'guests.importXml',
] as const;

export const cloudImageCalls = ['cloudImages.list', 'cloudImages.fetch', 'cloudImages.discard'] as const;

export const coreCalls = [
  'core.snapshot',
  'host.report',
  'operations.cancel',
  'operations.undo',
  'settings.set',
] as const;

export const starterCalls = ['starters.list', 'starters.build'] as const;

export const terminalCalls = [
  'terminals.openSerial',
  'terminals.close',
  'terminals.again',
  'terminals.list',
] as const;

export const templateCalls = [
  'templates.list',
  'templates.planSeal',
  'templates.seal',
  'templates.make',
  'templates.xml',
  'templates.rename',
  'templates.edit',
  'templates.deletePlan',
  'templates.delete',
  'clones.makeFull',
  'clones.plan',
  'clones.run',
  'clones.results',
] as const;

export const identityCalls = [
  'identity.audit',
  'identity.planRepair',
  'identity.repair',
  'identity.restore',
  'identity.verify',
] as const;

export const seedCalls = ['seeds.compose', 'seeds.check'] as const;

export const keyCalls = [
  'keys.list',
  'keys.create',
  'keys.import',
  'keys.changePassphrase',
  'keys.publicText',
  'keys.agentAdd',
  'keys.agentRemove',
  'keys.delete',
  'keys.restore',
  'keys.emptyTrash',
  'keys.check',
  'keys.fix',
  'keys.copyId',
  'keys.copyState',
  'keys.removeFromHost',
] as const;

export const serverCalls = [
  'servers.list',
  'servers.add',
  'servers.edit',
  'servers.remove',
  'servers.importCandidates',
  'servers.import',
  'servers.test',
  'servers.refresh',
] as const;

export const sshCalls = [
  'prompts.answer',
  'prompts.cancel',
  'terminals.openSsh',
  'ssh.command',
  'ssh.prepare',
  'ssh.hostKeys',
  'ssh.forgetHostKey',
  'ssh.upload',
  'sshConfig.preview',
  'sshConfig.export',
  'sshConfig.include',
  'sshConfig.undoInclude',
  'ansible.export',
] as const;

export const groupCalls = [
  'groups.list',
  'groups.host',
  'groups.connect',
  'groups.create',
  'groups.rename',
  'groups.setLimits',
  'groups.remove',
  'groups.addGuest',
  'groups.startApplication',
  'groups.startAgain',
  'groups.moveProcess',
  'groups.processes',
  'groups.endMember',
  'groups.removeMember',
  'groups.log',
  'groups.use',
] as const;

export const containerCalls = [
  'containers.watch',
  'containers.list',
  'containers.detail',
  'containers.create',
  'containers.start',
  'containers.stop',
  'containers.restart',
  'containers.pause',
  'containers.unpause',
  'containers.remove',
  'containers.logs',
  'containers.console',
  'containers.setLimits',
  'containers.images',
  'containers.removeImage',
  'containers.addHost',
  'containers.removeHost',
  'containers.lookAtHost',
  'containers.compare',
  'containers.comparison',
] as const;

export const hardwareCalls = [
  'hardware.view',
  'hardware.change',
  'hardware.revert',
  'hardware.deleteDisk',
  'hardware.usbDevices',
  'hardware.planKind',
  'hardware.compare',
  'hardware.comparison',
] as const;

export const snapshotCalls = [
  'snapshots.list',
  'snapshots.take',
  'snapshots.revert',
  'snapshots.rename',
  'snapshots.delete',
] as const;

export const networkCalls = [
  'networks.list',
  'networks.bridges',
  'networks.create',
  'networks.edit',
  'networks.delete',
  'networks.plug',
] as const;

/** Answered by core: over IPC in the window, over the socket for other clients. */
export const callNames = [
  ...coreCalls,
  ...guestCalls,
  ...hardwareCalls,
  ...snapshotCalls,
  ...cloudImageCalls,
  ...starterCalls,
  ...terminalCalls,
  ...keyCalls,
  ...serverCalls,
  ...sshCalls,
  ...templateCalls,
  ...identityCalls,
  ...containerCalls,
  ...networkCalls,
  ...groupCalls,
  ...seedCalls,
] as const;
export type CallName = (typeof callNames)[number];

/** Answered by the window's own process. */
export const shellCallNames = [
  'shell.openExternal',
  'shell.showInFolder',
  'shell.writeClipboard',
  'shell.saveText',
  'shell.pickFile',
  'shell.readClipboard',
  'shell.savePicture',
  'shell.openScreen',
  'shell.keepKeys',
  'shell.fullScreen',
  'shell.info',
] as const;
export type ShellCallName = (typeof shellCallNames)[number];
