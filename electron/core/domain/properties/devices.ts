import { declare, hex, int, mac, oneOf, onOff, string, uuid, word, yesNo } from './types.ts';

type Declare = ReturnType<typeof declare>;

/** `<address>`: one element for all buses; which fields mean something follows from its type. */
function address(d: Declare) {
  return {
    addressType: d.value(
      'addressType',
      'address@type',
      oneOf('pci', 'drive', 'virtio-serial', 'usb', 'virtio-mmio', 'isa', 'ccid', 'dimm', 'unassigned'),
    ),
    pciDomain: d.value('pciDomain', 'address@domain', hex(4)),
    pciBus: d.value('pciBus', 'address@bus', hex(2)),
    pciSlot: d.value('pciSlot', 'address@slot', hex(2)),
    pciFunction: d.value('pciFunction', 'address@function', hex(1)),
  };
}

const disk = declare('disk');
export const diskProps = {
  type: disk.value('type', '@type', oneOf('file', 'block', 'network', 'volume', 'dir', 'nvme', 'vhostuser')),
  device: disk.value('device', '@device', oneOf('disk', 'cdrom', 'floppy', 'lun')),
  snapshot: disk.value('snapshot', '@snapshot', oneOf('internal', 'external', 'no', 'manual')),
  driverName: disk.value('driverName', 'driver@name', word),
  format: disk.value('format', 'driver@type', word),
  cache: disk.value(
    'cache',
    'driver@cache',
    oneOf('none', 'writeback', 'writethrough', 'directsync', 'unsafe', 'default'),
  ),
  io: disk.value('io', 'driver@io', oneOf('threads', 'native', 'io_uring')),
  discard: disk.value('discard', 'driver@discard', oneOf('unmap', 'ignore')),
  detectZeroes: disk.value('detectZeroes', 'driver@detect_zeroes', oneOf('off', 'on', 'unmap')),
  errorPolicy: disk.value(
    'errorPolicy',
    'driver@error_policy',
    oneOf('stop', 'report', 'ignore', 'enospace'),
  ),
  iothread: disk.value('iothread', 'driver@iothread', int),
  queues: disk.value('queues', 'driver@queues', int),
  file: disk.value('file', 'source@file', string),
  dev: disk.value('dev', 'source@dev', string),
  startupPolicy: disk.value(
    'startupPolicy',
    'source@startupPolicy',
    oneOf('mandatory', 'requisite', 'optional'),
  ),
  backingEnd: disk.present('backingEnd', 'backingStore'),
  backingType: disk.value('backingType', 'backingStore@type', word),
  backingFormat: disk.value('backingFormat', 'backingStore/format@type', word),
  backingFile: disk.value('backingFile', 'backingStore/source@file', string),
  backingDev: disk.value('backingDev', 'backingStore/source@dev', string),
  target: disk.value('target', 'target@dev', word),
  bus: disk.value('bus', 'target@bus', oneOf('virtio', 'sata', 'ide', 'scsi', 'usb', 'fdc', 'sd')),
  removable: disk.value('removable', 'target@removable', onOff),
  rotationRate: disk.value('rotationRate', 'target@rotation_rate', int),
  tray: disk.value('tray', 'target@tray', oneOf('open', 'closed')),
  readonly: disk.present('readonly', 'readonly'),
  shareable: disk.present('shareable', 'shareable'),
  transient: disk.present('transient', 'transient', {
    ignored: 'changes to a transient disk are kept here, not thrown away at the end',
  }),
  serial: disk.value('serial', 'serial', string),
  wwn: disk.value('wwn', 'wwn', word),
  bootOrder: disk.value('bootOrder', 'boot@order', int),
  totalBytesSec: disk.value('totalBytesSec', 'iotune/total_bytes_sec', int),
  readBytesSec: disk.value('readBytesSec', 'iotune/read_bytes_sec', int),
  writeBytesSec: disk.value('writeBytesSec', 'iotune/write_bytes_sec', int),
  totalIopsSec: disk.value('totalIopsSec', 'iotune/total_iops_sec', int),
  readIopsSec: disk.value('readIopsSec', 'iotune/read_iops_sec', int),
  writeIopsSec: disk.value('writeIopsSec', 'iotune/write_iops_sec', int),
  ...address(disk),
  driveController: disk.value('driveController', 'address@controller', int),
  /** Where PCI counts in hexadecimal, drives count in decimal. */
  driveBus: disk.value('driveBus', 'address@bus', int),
  driveTarget: disk.value('driveTarget', 'address@target', int),
  driveUnit: disk.value('driveUnit', 'address@unit', int),
  alias: disk.value('alias', 'alias@name', string),
};

const controller = declare('controller');
export const controllerProps = {
  type: controller.value(
    'type',
    '@type',
    oneOf('pci', 'usb', 'scsi', 'sata', 'ide', 'virtio-serial', 'fdc', 'ccid', 'xenbus', 'isa'),
  ),
  index: controller.value('index', '@index', int),
  model: controller.value('model', '@model', word),
  ports: controller.value('ports', '@ports', int),
  chassis: controller.value('chassis', 'target@chassis', int),
  port: controller.value('port', 'target@port', hex(1)),
  hotplug: controller.value('hotplug', 'target@hotplug', onOff),
  iothread: controller.value('iothread', 'driver@iothread', int),
  queues: controller.value('queues', 'driver@queues', int),
  ...address(controller),
  pciMultifunction: controller.value('pciMultifunction', 'address@multifunction', onOff),
  master: controller.value('master', 'master@startport', int),
};

const net = declare('interface');
export const interfaceProps = {
  type: net.value(
    'type',
    '@type',
    oneOf(
      'user',
      'network',
      'bridge',
      'direct',
      'ethernet',
      'hostdev',
      'vhostuser',
      'udp',
      'mcast',
      'server',
      'client',
      'internal',
      'vdpa',
    ),
  ),
  mac: net.value('mac', 'mac@address', mac),
  network: net.value('network', 'source@network', string),
  bridge: net.value('bridge', 'source@bridge', string),
  portgroup: net.value('portgroup', 'source@portgroup', string),
  model: net.value('model', 'model@type', word),
  driver: net.value('driver', 'driver@name', oneOf('qemu', 'vhost')),
  queues: net.value('queues', 'driver@queues', int),
  link: net.value('link', 'link@state', oneOf('up', 'down')),
  mtu: net.value('mtu', 'mtu@size', int),
  bootOrder: net.value('bootOrder', 'boot@order', int),
  backend: net.value('backend', 'backend@type', oneOf('default', 'passt')),
  targetDev: net.value('targetDev', 'target@dev', string),
  ...address(net),
  alias: net.value('alias', 'alias@name', string),
};

/** serial, console and channel share `<source>`, `<target>` and `<log>`. */
function character(d: Declare) {
  return {
    type: d.value(
      'type',
      '@type',
      oneOf(
        'pty',
        'unix',
        'file',
        'null',
        'tcp',
        'udp',
        'stdio',
        'vc',
        'pipe',
        'dev',
        'spicevmc',
        'spiceport',
        'qemu-vdagent',
        'nmdm',
        'dbus',
      ),
    ),
    path: d.value('path', 'source@path', string),
    logFile: d.value('logFile', 'log@file', string),
    logAppend: d.value('logAppend', 'log@append', onOff),
    targetType: d.value('targetType', 'target@type', word),
    alias: d.value('alias', 'alias@name', string),
  };
}
const serial = declare('serial');
export const serialProps = {
  ...character(serial),
  targetPort: serial.value('targetPort', 'target@port', int),
  targetModel: serial.value('targetModel', 'target/model@name', word),
  ...address(serial),
};
const consoleList = declare('console');
export const consoleProps = {
  ...character(consoleList),
  targetPort: consoleList.value('targetPort', 'target@port', int),
};
const channel = declare('channel');
export const channelProps = {
  ...character(channel),
  mode: channel.value('mode', 'source@mode', oneOf('bind', 'connect')),
  targetName: channel.value('targetName', 'target@name', string),
  clipboard: channel.value('clipboard', 'source/clipboard@copypaste', yesNo),
  mouse: channel.value('mouse', 'source/mouse@mode', oneOf('server', 'client')),
  addressType: channel.value('addressType', 'address@type', word),
  controller: channel.value('controller', 'address@controller', int),
  port: channel.value('port', 'address@port', int),
};

const input = declare('input');
export const inputProps = {
  type: input.value('type', '@type', oneOf('tablet', 'mouse', 'keyboard', 'passthrough', 'evdev')),
  bus: input.value('bus', '@bus', oneOf('usb', 'ps2', 'virtio', 'xen')),
  ...address(input),
  port: input.value('port', 'address@port', word),
};

const graphics = declare('graphics');
export const graphicsProps = {
  type: graphics.value(
    'type',
    '@type',
    oneOf('vnc', 'spice', 'sdl', 'rdp', 'desktop', 'egl-headless', 'dbus'),
  ),
  port: graphics.value('port', '@port', int),
  autoport: graphics.value('autoport', '@autoport', yesNo),
  listenAttribute: graphics.value('listenAttribute', '@listen', string),
  socketAttribute: graphics.value('socketAttribute', '@socket', string),
  password: graphics.value('password', '@passwd', string, {
    ignored: 'the screen has no password: it is a socket only you can open',
  }),
  keymap: graphics.value('keymap', '@keymap', word),
  listen: graphics.value('listen', 'listen@type', oneOf('none', 'socket', 'address', 'network')),
  listenAddress: graphics.value('listenAddress', 'listen@address', string),
  listenNetwork: graphics.value('listenNetwork', 'listen@network', string),
  socket: graphics.value('socket', 'listen@socket', string),
};

const video = declare('video');
export const videoProps = {
  model: video.value(
    'model',
    'model@type',
    oneOf(
      'vga',
      'virtio',
      'cirrus',
      'qxl',
      'bochs',
      'ramfb',
      'none',
      'vmvga',
      'xen',
      'vbox',
      'gop',
      'virtio-vga',
    ),
  ),
  vram: video.value('vram', 'model@vram', int),
  ram: video.value('ram', 'model@ram', int),
  vgamem: video.value('vgamem', 'model@vgamem', int),
  heads: video.value('heads', 'model@heads', int),
  primary: video.value('primary', 'model@primary', yesNo),
  accel3d: video.value('accel3d', 'model/acceleration@accel3d', yesNo, {
    ignored: 'the screen is drawn without 3D acceleration',
  }),
  xres: video.value('xres', 'model/resolution@x', int),
  yres: video.value('yres', 'model/resolution@y', int),
  ...address(video),
};

const sound = declare('sound');
export const soundProps = {
  model: sound.value('model', '@model', oneOf('ich9', 'ich6', 'ac97', 'es1370', 'sb16', 'usb', 'pcspk')),
  ...address(sound),
};

const rng = declare('rng');
export const rngProps = {
  model: rng.value('model', '@model', oneOf('virtio', 'virtio-transitional', 'virtio-non-transitional')),
  backend: rng.value('backend', 'backend', string),
  backendModel: rng.value('backendModel', 'backend@model', oneOf('random', 'egd', 'builtin')),
  rateBytes: rng.value('rateBytes', 'rate@bytes', int),
  ratePeriod: rng.value('ratePeriod', 'rate@period', int),
  ...address(rng),
};

const memballoon = declare('memballoon');
export const memballoonProps = {
  model: memballoon.value(
    'model',
    '@model',
    oneOf('virtio', 'none', 'xen', 'virtio-transitional', 'virtio-non-transitional'),
  ),
  autodeflate: memballoon.value('autodeflate', '@autodeflate', onOff),
  freePageReporting: memballoon.value('freePageReporting', '@freePageReporting', onOff),
  statsPeriod: memballoon.value('statsPeriod', 'stats@period', int),
  ...address(memballoon),
};

const tpm = declare('tpm');
export const tpmProps = {
  model: tpm.value('model', '@model', oneOf('tpm-crb', 'tpm-tis', 'tpm-spapr', 'spapr-tpm-proxy')),
  backend: tpm.value('backend', 'backend@type', oneOf('emulator', 'passthrough', 'external')),
  version: tpm.value('version', 'backend@version', oneOf('2.0', '1.2')),
};

const watchdog = declare('watchdog');
export const watchdogProps = {
  model: watchdog.value('model', '@model', oneOf('i6300esb', 'ib700', 'diag288', 'itco')),
  action: watchdog.value(
    'action',
    '@action',
    oneOf('reset', 'shutdown', 'poweroff', 'pause', 'none', 'dump', 'inject-nmi'),
  ),
  ...address(watchdog),
};

const hostdev = declare('hostdev');
export const hostdevProps = {
  mode: hostdev.value('mode', '@mode', oneOf('subsystem', 'capabilities')),
  type: hostdev.value(
    'type',
    '@type',
    oneOf('usb', 'pci', 'scsi', 'mdev', 'scsi_host', 'storage', 'misc', 'net'),
  ),
  managed: hostdev.value('managed', '@managed', yesNo),
  vendor: hostdev.value('vendor', 'source/vendor@id', hex(4)),
  product: hostdev.value('product', 'source/product@id', hex(4)),
  usbBus: hostdev.value('usbBus', 'source/address@bus', int),
  usbDevice: hostdev.value('usbDevice', 'source/address@device', int),
  bootOrder: hostdev.value('bootOrder', 'boot@order', int),
  addressType: hostdev.value('addressType', 'address@type', word),
  port: hostdev.value('port', 'address@port', word),
};

const filesystem = declare('filesystem');
export const filesystemProps = {
  type: filesystem.value('type', '@type', oneOf('mount', 'template', 'file', 'block', 'ram', 'bind')),
  accessmode: filesystem.value('accessmode', '@accessmode', oneOf('passthrough', 'mapped', 'squash')),
  driver: filesystem.value('driver', 'driver@type', oneOf('path', 'handle', 'virtiofs', 'loop', 'nbd')),
  source: filesystem.value('source', 'source@dir', string),
  target: filesystem.value('target', 'target@dir', string),
  readonly: filesystem.present('readonly', 'readonly'),
  ...address(filesystem),
};

/** Panic notifier devices; isa on PCs. */
const panic = declare('panic');
panic.value('model', '@model', oneOf('isa', 'hyperv', 'pvpanic', 's390', 'pseries'));

const vsock = declare('vsock');
export const vsockProps = {
  cid: vsock.value('cid', 'cid@address', int),
  auto: vsock.value('auto', 'cid@auto', yesNo),
};

const meta = declare(null);
/** What libvirt's schema has no word for, in `<metadata>` under our own namespace. */
export const metaProps = {
  kind: meta.value('gh.kind', 'metadata/gh:guest@kind', oneOf('full', 'hybrid', 'paravirtual')),
  starter: meta.value('gh.starter', 'metadata/gh:guest@starter', word),
  template: meta.value('gh.template', 'metadata/gh:guest@template', yesNo),
  autostart: meta.value('gh.autostart', 'metadata/gh:guest@autostart', yesNo),
  originUuid: meta.value('gh.originUuid', 'metadata/gh:guest/gh:origin@uuid', uuid),
  originName: meta.value('gh.originName', 'metadata/gh:guest/gh:origin@name', string),
  originLinked: meta.value('gh.originLinked', 'metadata/gh:guest/gh:origin@linked', yesNo),
  sshUser: meta.value('gh.sshUser', 'metadata/gh:guest/gh:ssh@user', string),
  sshPort: meta.value('gh.sshPort', 'metadata/gh:guest/gh:ssh@host-port', int),
  restrict: meta.value('gh.restrict', 'metadata/gh:guest/gh:network@restrict', yesNo),
  bootFromDisk: meta.present('gh.bootFromDisk', 'metadata/gh:guest/gh:boot-from-disk'),
  bootRoot: meta.value('gh.bootRoot', 'metadata/gh:guest/gh:boot-from-disk@disk', word),
  /** Format of the variable store, for libvirt before 9.2, whose schema has no word for it. */
  nvramFormat: meta.value('gh.nvramFormat', 'metadata/gh:guest/gh:nvram@format', oneOf('raw', 'qcow2')),
  notes: meta.value('gh.notes', 'metadata/gh:guest/gh:notes', string),
  limitCpu: meta.value('gh.limitCpu', 'metadata/gh:guest/gh:limits@cpu-percent', int),
  limitMemory: meta.value('gh.limitMemory', 'metadata/gh:guest/gh:limits@memory-mib', int),
  limitReadBps: meta.value('gh.limitReadBps', 'metadata/gh:guest/gh:limits@read-bytes-sec', int),
  limitWriteBps: meta.value('gh.limitWriteBps', 'metadata/gh:guest/gh:limits@write-bytes-sec', int),
};

const forward = declare('forward');
export const forwardProps = {
  proto: forward.value('proto', '@proto', oneOf('tcp', 'udp')),
  hostAddress: forward.value('hostAddress', '@host-address', string),
  hostPort: forward.value('hostPort', '@host-port', int),
  guestPort: forward.value('guestPort', '@guest-port', int),
};

const tag = declare('tag');
export const tagProps = { name: tag.value('name', '', string) };
