import { declare, hex, int, mac, oneOf, onOff, string, word, yesNo } from './types.ts';

type Declare = ReturnType<typeof declare>;

/** `<address>`: one element for all buses; which fields mean something follows from its type. */
function address(d: Declare) {
  return {
    addressType: d.value(
      'addressType',
      'address@type',
      oneOf('pci', 'drive', 'virtio-serial', 'usb', 'virtio-mmio', 'isa', 'ccid', 'dimm', 'unassigned'),
    ),
    pciDomain: d.value('pciDomain', 'address@domain', hex(4), {
      ignored: 'a PC has one PCI domain, 0',
      fine: [0],
    }),
    pciBus: d.value('pciBus', 'address@bus', hex(2)),
    pciSlot: d.value('pciSlot', 'address@slot', hex(2)),
    pciFunction: d.value('pciFunction', 'address@function', hex(1)),
    pciMultifunction: d.value('pciMultifunction', 'address@multifunction', onOff),
  };
}

const disk = declare('disk');
export const diskProps = {
  type: disk.value('type', '@type', oneOf('file', 'block', 'network', 'volume', 'dir', 'nvme', 'vhostuser')),
  device: disk.value('device', '@device', oneOf('disk', 'cdrom', 'floppy', 'lun')),
  snapshot: disk.value('snapshot', '@snapshot', oneOf('internal', 'external', 'no', 'manual'), {
    label: true,
  }),
  driverName: disk.value('driverName', 'driver@name', word, {
    ignored: 'the disk is read by QEMU',
    fine: ['qemu'],
  }),
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
    { label: true },
  ),
  backingEnd: disk.present('backingEnd', 'backingStore'),
  backingType: disk.value('backingType', 'backingStore@type', word, { label: true }),
  backingFormat: disk.value('backingFormat', 'backingStore/format@type', word),
  backingFile: disk.value('backingFile', 'backingStore/source@file', string),
  backingDev: disk.value('backingDev', 'backingStore/source@dev', string),
  target: disk.value('target', 'target@dev', word),
  bus: disk.value('bus', 'target@bus', oneOf('virtio', 'sata', 'ide', 'scsi', 'usb', 'fdc', 'sd')),
  removable: disk.value('removable', 'target@removable', onOff),
  rotationRate: disk.value('rotationRate', 'target@rotation_rate', int),
  tray: disk.value('tray', 'target@tray', oneOf('open', 'closed'), {
    ignored: 'the drive starts with its tray closed',
    fine: ['closed'],
  }),
  readonly: disk.present('readonly', 'readonly'),
  shareable: disk.present('shareable', 'shareable'),
  transient: disk.present('transient', 'transient', {
    ignored: 'changes to a transient disk are kept here, not thrown away at the end',
  }),
  serial: disk.value('serial', 'serial', string),
  wwn: disk.value('wwn', 'wwn', word, { ignored: 'the drive’s world wide name is left to QEMU' }),
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
  port: disk.value('port', 'address@port', word),
  alias: disk.value('alias', 'alias@name', string, { label: true }),
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
  portgroup: net.value('portgroup', 'source@portgroup', string, {
    ignored: 'port groups belong to libvirt’s networks',
  }),
  model: net.value('model', 'model@type', word),
  driver: net.value('driver', 'driver@name', oneOf('qemu', 'vhost'), {
    ignored: 'packets go through QEMU, not through the kernel’s vhost',
    fine: ['qemu'],
  }),
  queues: net.value('queues', 'driver@queues', int, { ignored: 'the card has one queue', fine: [1] }),
  /** Set before the guest runs, by QMP. */
  link: net.value('link', 'link@state', oneOf('up', 'down'), { label: true }),
  mtu: net.value('mtu', 'mtu@size', int),
  bootOrder: net.value('bootOrder', 'boot@order', int),
  backend: net.value('backend', 'backend@type', oneOf('default', 'passt'), {
    ignored: 'the network is QEMU’s own, not passt',
    fine: ['default'],
  }),
  /** libvirt writes the name it gave the card's end on the host into every dump of a running guest. */
  targetDev: net.value('targetDev', 'target@dev', string, { label: true }),
  ...address(net),
  alias: net.value('alias', 'alias@name', string, { label: true }),
};

/** serial, console and channel share `<source>`, `<target>` and `<log>`. */
function character(d: Declare, log: { readonly label?: boolean; readonly ignored?: string }) {
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
      { label: true },
    ),
    path: d.value('path', 'source@path', string, { label: true }),
    logFile: d.value('logFile', 'log@file', string, log),
    logAppend: d.value('logAppend', 'log@append', onOff, { label: true }),
    targetType: d.value('targetType', 'target@type', word),
    alias: d.value('alias', 'alias@name', string, { label: true }),
  };
}
const serial = declare('serial');
export const serialProps = {
  ...character(serial, { label: true }),
  targetPort: serial.value('targetPort', 'target@port', int),
  targetModel: serial.value('targetModel', 'target/model@name', word, {
    ignored: 'the port is of another model',
    fine: ['isa-serial', 'pci-serial', 'usb-serial'],
  }),
  ...address(serial),
};
const consoleList = declare('console');
export const consoleProps = {
  ...character(consoleList, { label: true }),
  targetPort: consoleList.value('targetPort', 'target@port', int, { label: true }),
};
const channel = declare('channel');
export const channelProps = {
  ...character(channel, { ignored: 'what goes through a channel is not logged' }),
  mode: channel.value('mode', 'source@mode', oneOf('bind', 'connect'), { label: true }),
  targetName: channel.value('targetName', 'target@name', string),
  clipboard: channel.value('clipboard', 'source/clipboard@copypaste', yesNo),
  mouse: channel.value('mouse', 'source/mouse@mode', oneOf('server', 'client')),
  addressType: channel.value('addressType', 'address@type', word, { label: true }),
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
  port: graphics.value('port', '@port', int, { label: true }),
  autoport: graphics.value('autoport', '@autoport', yesNo, { label: true }),
  listenAttribute: graphics.value('listenAttribute', '@listen', string, { label: true }),
  socketAttribute: graphics.value('socketAttribute', '@socket', string, { label: true }),
  password: graphics.value('password', '@passwd', string, {
    ignored: 'the screen has no password: it is a socket only you can open',
  }),
  keymap: graphics.value('keymap', '@keymap', word),
  listen: graphics.value('listen', 'listen@type', oneOf('none', 'socket', 'address', 'network'), {
    label: true,
  }),
  listenAddress: graphics.value('listenAddress', 'listen@address', string, { label: true }),
  listenNetwork: graphics.value('listenNetwork', 'listen@network', string, { label: true }),
  socket: graphics.value('socket', 'listen@socket', string, { label: true }),
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
  primary: video.value('primary', 'model@primary', yesNo, {
    ignored: 'the first video card is the primary one',
    fine: (yes, index) => yes === (index === 0),
  }),
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
  statsPeriod: memballoon.value('statsPeriod', 'stats@period', int, {
    ignored: 'how often the balloon’s statistics are read is left to Guesthouse',
  }),
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
  mode: hostdev.value('mode', '@mode', oneOf('subsystem', 'capabilities'), {
    ignored: 'only USB devices are passed on',
    fine: ['subsystem'],
  }),
  type: hostdev.value(
    'type',
    '@type',
    oneOf('usb', 'pci', 'scsi', 'mdev', 'scsi_host', 'storage', 'misc', 'net'),
  ),
  managed: hostdev.value('managed', '@managed', yesNo, { label: true }),
  vendor: hostdev.value('vendor', 'source/vendor@id', hex(4)),
  product: hostdev.value('product', 'source/product@id', hex(4)),
  usbBus: hostdev.value('usbBus', 'source/address@bus', int),
  usbDevice: hostdev.value('usbDevice', 'source/address@device', int),
  bootOrder: hostdev.value('bootOrder', 'boot@order', int),
  addressType: hostdev.value('addressType', 'address@type', word),
  addressBus: hostdev.value('addressBus', 'address@bus', int),
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
panic.value('model', '@model', oneOf('isa', 'hyperv', 'pvpanic', 's390', 'pseries'), { label: true });

const vsock = declare('vsock');
export const vsockProps = {
  cid: vsock.value('cid', 'cid@address', int),
  auto: vsock.value('auto', 'cid@auto', yesNo, { label: true }),
};
