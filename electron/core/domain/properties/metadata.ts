import { declare, int, oneOf, string, uuid, word, yesNo } from './types.ts';

const meta = declare(null);
/** What libvirt's schema has no word for, in `<metadata>` under our own namespace. */
export const metaProps = {
  kind: meta.value('gh.kind', 'metadata/gh:guest@kind', oneOf('full', 'hybrid', 'paravirtual'), {
    label: true,
  }),
  starter: meta.value('gh.starter', 'metadata/gh:guest@starter', word, { label: true }),
  template: meta.value('gh.template', 'metadata/gh:guest@template', yesNo, { label: true }),
  autostart: meta.value('gh.autostart', 'metadata/gh:guest@autostart', yesNo, { label: true }),
  originUuid: meta.value('gh.originUuid', 'metadata/gh:guest/gh:origin@uuid', uuid, { label: true }),
  originName: meta.value('gh.originName', 'metadata/gh:guest/gh:origin@name', string, { label: true }),
  originLinked: meta.value('gh.originLinked', 'metadata/gh:guest/gh:origin@linked', yesNo, { label: true }),
  sshUser: meta.value('gh.sshUser', 'metadata/gh:guest/gh:ssh@user', string, { label: true }),
  sshPort: meta.value('gh.sshPort', 'metadata/gh:guest/gh:ssh@host-port', int),
  restrict: meta.value('gh.restrict', 'metadata/gh:guest/gh:network@restrict', yesNo),
  bootFromDisk: meta.present('gh.bootFromDisk', 'metadata/gh:guest/gh:boot-from-disk', { label: true }),
  bootRoot: meta.value('gh.bootRoot', 'metadata/gh:guest/gh:boot-from-disk@disk', word, { label: true }),
  /** Format of the variable store, for libvirt before 9.2, whose schema has no word for it. */
  nvramFormat: meta.value('gh.nvramFormat', 'metadata/gh:guest/gh:nvram@format', oneOf('raw', 'qcow2')),
  notes: meta.value('gh.notes', 'metadata/gh:guest/gh:notes', string, { label: true }),
  limitCpu: meta.value('gh.limitCpu', 'metadata/gh:guest/gh:limits@cpu-percent', int, { label: true }),
  limitMemory: meta.value('gh.limitMemory', 'metadata/gh:guest/gh:limits@memory-mib', int, { label: true }),
  limitReadBps: meta.value('gh.limitReadBps', 'metadata/gh:guest/gh:limits@read-bytes-sec', int, {
    label: true,
  }),
  limitWriteBps: meta.value('gh.limitWriteBps', 'metadata/gh:guest/gh:limits@write-bytes-sec', int, {
    label: true,
  }),
};

const forward = declare('forward');
export const forwardProps = {
  proto: forward.value('proto', '@proto', oneOf('tcp', 'udp')),
  hostAddress: forward.value('hostAddress', '@host-address', string),
  hostPort: forward.value('hostPort', '@host-port', int),
  guestPort: forward.value('guestPort', '@guest-port', int),
};

const tag = declare('tag');
export const tagProps = { name: tag.value('name', '', string, { label: true }) };
