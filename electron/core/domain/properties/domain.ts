import { declare, int, oneOf, onOff, string, uuid, type ValueType, word, yesNo } from './types.ts';

const d = declare(null);

/** libvirt 8.5 and newer may name it in a `<source>` below instead: then there is white space here, and no path. */
const nvramFile: ValueType<string> = {
  ...string,
  name: 'nvram file',
  read: (raw) => (raw.trim() === '' ? null : raw),
};

/** `/domain` itself and what stands once in it (libvirt, formatdomain.html). */
export const domainProps = {
  type: d.value('type', '@type', word),
  name: d.value('name', 'name', string),
  title: d.value('title', 'title', string, { label: true }),
  description: d.value('description', 'description', string, { label: true }),
  uuid: d.value('uuid', 'uuid', uuid),
  genid: d.value('genid', 'genid', uuid),
  genidPresent: d.present('genidPresent', 'genid'),
  memory: d.memory('memory', 'memory'),
  currentMemory: d.memory('currentMemory', 'currentMemory', 'KiB', { label: true }),
  memoryDumpCore: d.value('memoryDumpCore', 'memory@dumpCore', onOff),
  vcpu: d.value('vcpu', 'vcpu', int),
  vcpuCurrent: d.value('vcpuCurrent', 'vcpu@current', int),
  vcpuPlacement: d.value('vcpuPlacement', 'vcpu@placement', oneOf('static', 'auto'), {
    ignored: 'processors are not pinned',
    fine: ['static'],
  }),
  iothreads: d.value('iothreads', 'iothreads', int),
  emulator: d.value('emulator', 'devices/emulator', string, { label: true }),

  osType: d.value('osType', 'os/type', word),
  arch: d.value('arch', 'os/type@arch', word),
  machine: d.value('machine', 'os/type@machine', word),
  firmware: d.value('firmware', 'os@firmware', oneOf('bios', 'efi')),
  loader: d.value('loader', 'os/loader', string),
  loaderReadonly: d.value('loaderReadonly', 'os/loader@readonly', yesNo, {
    ignored: 'the firmware itself is never written to',
    fine: [true],
  }),
  loaderSecure: d.value('loaderSecure', 'os/loader@secure', yesNo),
  loaderType: d.value('loaderType', 'os/loader@type', oneOf('rom', 'pflash')),
  loaderFormat: d.value('loaderFormat', 'os/loader@format', oneOf('raw', 'qcow2')),
  nvram: d.value('nvram', 'os/nvram', nvramFile),
  nvramType: d.value('nvramType', 'os/nvram@type', oneOf('file', 'block', 'network'), {
    ignored: 'the firmware’s variables are kept in a local file',
    fine: ['file'],
  }),
  nvramSource: d.value('nvramSource', 'os/nvram/source@file', string),
  nvramTemplate: d.value('nvramTemplate', 'os/nvram@template', string, { label: true }),
  nvramTemplateFormat: d.value('nvramTemplateFormat', 'os/nvram@templateFormat', oneOf('raw', 'qcow2'), {
    label: true,
  }),
  nvramFormat: d.value('nvramFormat', 'os/nvram@format', oneOf('raw', 'qcow2')),
  kernel: d.value('kernel', 'os/kernel', string),
  initrd: d.value('initrd', 'os/initrd', string),
  cmdline: d.value('cmdline', 'os/cmdline', string),
  bootmenu: d.value('bootmenu', 'os/bootmenu@enable', yesNo),
  bootmenuTimeout: d.value('bootmenuTimeout', 'os/bootmenu@timeout', int),
  smbiosMode: d.value('smbiosMode', 'os/smbios@mode', oneOf('emulate', 'host', 'sysinfo'), {
    ignored: 'the guest does not see this computer’s own SMBIOS tables',
    fine: ['emulate', 'sysinfo'],
  }),

  cpuMode: d.value('cpuMode', 'cpu@mode', oneOf('custom', 'host-model', 'host-passthrough', 'maximum')),
  cpuMatch: d.value('cpuMatch', 'cpu@match', oneOf('exact', 'minimum', 'strict'), {
    ignored: 'the processor is the model named: no more and no less is asked',
    fine: ['exact'],
  }),
  cpuCheck: d.value('cpuCheck', 'cpu@check', oneOf('none', 'partial', 'full'), { label: true }),
  cpuMigratable: d.value('cpuMigratable', 'cpu@migratable', onOff),
  cpuModel: d.value('cpuModel', 'cpu/model', word),
  cpuVendorId: d.value('cpuVendorId', 'cpu/model@vendor_id', string),
  cpuFallback: d.value('cpuFallback', 'cpu/model@fallback', oneOf('allow', 'forbid'), { label: true }),
  cpuSockets: d.value('cpuSockets', 'cpu/topology@sockets', int),
  cpuDies: d.value('cpuDies', 'cpu/topology@dies', int),
  cpuCores: d.value('cpuCores', 'cpu/topology@cores', int),
  cpuThreads: d.value('cpuThreads', 'cpu/topology@threads', int),

  acpi: d.present('acpi', 'features/acpi'),
  apic: d.present('apic', 'features/apic', { label: true }),
  pae: d.present('pae', 'features/pae', { label: true }),
  smm: d.value('smm', 'features/smm@state', onOff),
  vmport: d.value('vmport', 'features/vmport@state', onOff),
  kvmHidden: d.value('kvmHidden', 'features/kvm/hidden@state', onOff),

  clockOffset: d.value(
    'clockOffset',
    'clock@offset',
    oneOf('utc', 'localtime', 'timezone', 'variable', 'absolute'),
  ),
  clockTimezone: d.value('clockTimezone', 'clock@timezone', string, {
    ignored: 'a clock in a named time zone is not offered: the clock starts at UTC',
  }),
  clockAdjustment: d.value('clockAdjustment', 'clock@adjustment', word, {
    ignored: 'the adjustment of the clock is not carried over: the clock starts at its offset',
  }),
  onPoweroff: d.value(
    'onPoweroff',
    'on_poweroff',
    oneOf('destroy', 'restart', 'preserve', 'rename-restart'),
    { label: true },
  ),
  onReboot: d.value('onReboot', 'on_reboot', oneOf('restart', 'destroy', 'preserve', 'rename-restart')),
  onCrash: d.value(
    'onCrash',
    'on_crash',
    oneOf('destroy', 'restart', 'preserve', 'rename-restart', 'coredump-destroy', 'coredump-restart'),
    { label: true },
  ),
  suspendToMem: d.value('suspendToMem', 'pm/suspend-to-mem@enabled', yesNo),
  suspendToDisk: d.value('suspendToDisk', 'pm/suspend-to-disk@enabled', yesNo),

  memorySource: d.value('memorySource', 'memoryBacking/source@type', oneOf('anonymous', 'memfd', 'file'), {
    ignored: 'memory is not kept in a file',
    fine: ['anonymous', 'memfd'],
  }),
  memoryAccess: d.value('memoryAccess', 'memoryBacking/access@mode', oneOf('private', 'shared')),
  memoryLocked: d.present('memoryLocked', 'memoryBacking/locked', {
    ignored: 'the guest’s memory is not locked into this computer’s',
  }),

  sysinfoManufacturer: d.value(
    'sysinfoManufacturer',
    "sysinfo[@type='smbios']/system/entry[@name='manufacturer']",
    string,
  ),
  sysinfoProduct: d.value('sysinfoProduct', "sysinfo[@type='smbios']/system/entry[@name='product']", string),
  sysinfoVersion: d.value('sysinfoVersion', "sysinfo[@type='smbios']/system/entry[@name='version']", string),
  sysinfoSerial: d.value('sysinfoSerial', "sysinfo[@type='smbios']/system/entry[@name='serial']", string),
  sysinfoUuid: d.value('sysinfoUuid', "sysinfo[@type='smbios']/system/entry[@name='uuid']", uuid),
  sysinfoSku: d.value('sysinfoSku', "sysinfo[@type='smbios']/system/entry[@name='sku']", string),
  sysinfoFamily: d.value('sysinfoFamily', "sysinfo[@type='smbios']/system/entry[@name='family']", string),

  seclabelType: d.value('seclabelType', 'seclabel@type', oneOf('none', 'dynamic', 'static'), {
    ignored: 'no security label is set: QEMU runs as you, in its own sandbox',
  }),
  seclabelModel: d.value('seclabelModel', 'seclabel@model', word, { label: true }),
};

const b = declare('boot');
export const bootProps = { dev: b.value('dev', '@dev', oneOf('hd', 'cdrom', 'network', 'fd')) };

const f = declare('cpuFeature');
export const cpuFeatureProps = {
  name: f.value('name', '@name', word),
  policy: f.value('policy', '@policy', oneOf('require', 'disable', 'force', 'optional', 'forbid')),
};

const t = declare('timer');
export const timerProps = {
  name: t.value('name', '@name', word),
  present: t.value('present', '@present', yesNo),
  tickpolicy: t.value('tickpolicy', '@tickpolicy', oneOf('delay', 'catchup', 'merge', 'discard')),
};

const i = declare('iothreadId');
export const iothreadIdProps = { id: i.value('id', '@id', int) };
