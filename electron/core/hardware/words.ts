import type { HardwareChange } from '../../../shared/ipc/hardware.ts';

/** What an operation is called: "web-01: new disk: done". */
export function wordsOf(change: HardwareChange): string {
  switch (change.do) {
    case 'cpu':
      return 'processors';
    case 'memory':
      return 'memory';
    case 'add-disk':
      return change.device === 'cdrom' ? 'new CD drive' : 'new disk';
    case 'edit-disk':
      return `disk ${change.target}`;
    case 'remove-disk':
      return `${change.target} taken out`;
    case 'grow-disk':
      return `disk ${change.target} grown`;
    case 'medium':
      return change.file === null ? 'CD ejected' : 'CD put in';
    case 'add-nic':
      return 'new network card';
    case 'edit-nic':
      return 'network card';
    case 'remove-nic':
      return 'network card taken out';
    case 'restrict':
      return change.on ? 'cut off' : 'no longer cut off';
    case 'add-forward':
      return `port ${change.hostPort} opened`;
    case 'remove-forward':
      return `port ${change.hostPort} closed`;
    case 'display':
      return 'screen';
    case 'clipboard':
      return change.on ? 'clipboard tied' : 'clipboard untied';
    case 'sound':
      return change.model === null ? 'sound card taken out' : 'sound card';
    case 'tpm':
      return change.model === null ? 'TPM taken out' : 'TPM';
    case 'rng':
      return change.on ? 'random numbers' : 'random numbers taken out';
    case 'watchdog':
      return change.model === null ? 'watchdog taken out' : 'watchdog';
    case 'add-usb':
      return 'USB device';
    case 'remove-usb':
      return 'USB device taken back';
    case 'add-folder':
      return `folder ${change.tag} shared`;
    case 'remove-folder':
      return `folder ${change.tag} no longer shared`;
    case 'boot-order':
      return 'boot order';
    case 'kind':
      return `made ${change.kind}`;
  }
}
