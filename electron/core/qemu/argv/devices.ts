import { GuesthouseError } from '../../../../shared/errors.ts';
import {
  channelProps,
  consoleProps,
  type Domain,
  domainProps,
  filesystemProps,
  graphicsProps,
  hostdevProps,
  inputProps,
  memballoonProps,
  rngProps,
  serialProps,
  soundProps,
  tpmProps,
  videoProps,
  vsockProps,
  watchdogProps,
} from '../../domain/index.ts';
import { type Buses, usbProps } from './address.ts';
import type { BootIndex } from './disks.ts';
import { type Arguments, comma, plainWord, type QemuRun, socketChardev, socketPath } from './run.ts';

/** Serial ports, consoles and channels. The first serial port is the serial console of the window. */
export function addCharacterDevices(args: Arguments, domain: Domain, run: QemuRun, buses: Buses): void {
  args.add('-chardev', socketChardev('serial0', run.serial, `,logfile=${comma(run.serialLog)},logappend=on`));
  const own = domain.count('serial');
  // A console alone is one end of a serial port (formatdomain, "Console").
  const first = domain.count('console') === 0 ? null : (domain.get(consoleProps.targetType) ?? 'serial');
  const serials = own === 0 && first === 'serial' ? 1 : own;
  const virtioConsole = domain
    .items('console')
    .findIndex((_, i) => domain.get(consoleProps.targetType, i) === 'virtio');
  for (let i = 0; i < Math.min(serials, 4); i++) {
    const usb = domain.get(serialProps.targetType, i) === 'usb-serial';
    const pci = domain.get(serialProps.targetType, i) === 'pci-serial';
    if (i > 0) {
      args.add('-chardev', `null,id=serial${i}`);
      args.note(`Serial port ${i + 1} is there, but leads nowhere: the first is the console.`);
    }
    const port = domain.get(serialProps.targetPort, i);
    args.json('-device', {
      driver: usb ? 'usb-serial' : pci ? 'pci-serial' : 'isa-serial',
      // COM1 is 0; without a number they are counted as they come.
      index: !usb && !pci && port !== null && port !== i ? port : undefined,
      ...(pci ? buses.place(serialProps, i) : {}),
      id: `serialport${i}`,
      chardev: `serial${i}`,
    });
  }
  if (own > 4) args.note('A PC has four serial ports: further ones are left out.');
  if (virtioConsole !== -1) {
    if (serials > 0) args.add('-chardev', 'null,id=console0');
    args.json('-device', {
      driver: 'virtconsole',
      bus: 'virtio-serial0.0',
      id: 'console0',
      chardev: serials > 0 ? 'console0' : 'serial0',
    });
  }
  domain.items('channel').forEach((_, i) => {
    addChannel(args, domain, run, i);
  });
}

function addChannel(args: Arguments, domain: Domain, run: QemuRun, i: number): void {
  const name = domain.get(channelProps.targetName, i);
  const type = domain.get(channelProps.type, i);
  const agent = name === 'org.qemu.guest_agent.0';
  if (domain.get(channelProps.targetType, i) !== 'virtio' || (!agent && type !== 'qemu-vdagent')) {
    args.note(`The channel ${name ?? i + 1} is left out.`);
    return;
  }
  const id = `${agent ? 'channel' : 'vdagent'}${i}`;
  if (agent) args.add('-chardev', socketChardev(id, run.agent));
  else {
    const clipboard = domain.get(channelProps.clipboard, i) === true ? 'on' : 'off';
    const mouse = domain.get(channelProps.mouse, i) === 'client' ? 'on' : 'off';
    args.add('-chardev', `qemu-vdagent,id=${id},clipboard=${clipboard},mouse=${mouse}`);
  }
  const controller = domain.get(channelProps.controller, i) ?? 0;
  args.json('-device', {
    driver: 'virtserialport',
    bus: `virtio-serial${controller}.0`,
    nr: domain.get(channelProps.port, i) ?? undefined,
    id: `port-${id}`,
    chardev: id,
    name: agent ? name : 'com.redhat.spice.0',
  });
}

/** Screen, pictures, input and sound. */
export function addScreen(args: Arguments, domain: Domain, run: QemuRun, buses: Buses): void {
  // However the XML has it, the screen is a socket that only this user can open (DESIGN.md, Trust).
  if (domain.count('graphics') === 0) args.add('-display', 'none');
  else {
    args.add('-vnc', `unix:${comma(socketPath(run.vnc))}`);
    const type = domain.get(graphicsProps.type);
    const keymap = domain.get(graphicsProps.keymap);
    if (keymap !== null) args.add('-k', plainWord(keymap, 'keyboard layout'));
    if (type !== 'vnc') args.note(`The screen is shown by VNC, not by ${type ?? 'what the XML names'}.`);
  }
  domain.items('video').forEach((_, i) => {
    addVideo(args, domain, buses, i);
  });
  domain.items('input').forEach((_, i) => {
    const bus = domain.get(inputProps.bus, i) ?? 'ps2';
    const type = domain.get(inputProps.type, i) ?? 'tablet';
    if (bus === 'ps2') return; // the machine's own
    const id = `input${i}`;
    if (bus === 'usb' && type !== 'evdev' && type !== 'passthrough')
      args.json('-device', {
        driver: `usb-${type === 'keyboard' ? 'kbd' : type}`,
        ...buses.usb(usbProps.input, i),
        id,
      });
    else if (bus === 'virtio' && type !== 'evdev' && type !== 'passthrough')
      args.json('-device', { driver: buses.virtio(`virtio-${type}`), ...buses.place(inputProps, i), id });
    else args.note(`The input device ${i + 1} (${type}) is left out.`);
  });
  domain.items('sound').forEach((_, i) => {
    addSound(args, domain, run, buses, i);
  });
}

function addVideo(args: Arguments, domain: Domain, buses: Buses, i: number): void {
  const model = domain.get(videoProps.model, i) ?? 'vga';
  if (model === 'none' || buses.micro) return;
  const first = i === 0;
  const size = {
    xres: domain.get(videoProps.xres, i) ?? undefined,
    yres: domain.get(videoProps.yres, i) ?? undefined,
  };
  const kib = (property: (typeof videoProps)['vram']) => {
    const value = domain.get(property, i);
    return value === null ? undefined : Math.max(1, Math.round(value / 1024));
  };
  const bytes = (property: (typeof videoProps)['vram']) => {
    const value = domain.get(property, i);
    return value === null ? undefined : value * 1024;
  };
  const common = { ...buses.place(videoProps, i), id: `video${i}` };
  switch (model) {
    case 'vga':
      args.json('-device', {
        driver: first ? 'VGA' : 'secondary-vga',
        ...common,
        vgamem_mb: kib(videoProps.vram),
        ...size,
      });
      return;
    case 'virtio':
    case 'virtio-vga': {
      const heads = domain.get(videoProps.heads, i) ?? 1;
      args.json('-device', {
        driver: first && !buses.virt ? 'virtio-vga' : 'virtio-gpu-pci',
        ...common,
        max_outputs: heads > 1 ? heads : undefined,
        ...size,
      });
      return;
    }
    case 'cirrus':
      args.json('-device', { driver: 'cirrus-vga', ...common });
      return;
    case 'qxl':
      args.json('-device', {
        driver: first ? 'qxl-vga' : 'qxl',
        ...common,
        vgamem_mb: kib(videoProps.vgamem),
        ram_size: bytes(videoProps.ram),
        vram_size: bytes(videoProps.vram),
      });
      return;
    case 'bochs':
      args.json('-device', { driver: 'bochs-display', ...common, ...size });
      return;
    case 'ramfb':
      args.json('-device', { driver: 'ramfb', id: common.id });
      return;
    case 'vmvga':
      args.json('-device', { driver: 'vmware-svga', ...common });
      return;
    default:
      throw new GuesthouseError('unsupported', `The video card ${model} cannot be run.`, {
        todo: 'Choose virtio, vga or qxl.',
      });
  }
}

function addSound(args: Arguments, domain: Domain, run: QemuRun, buses: Buses, i: number): void {
  const model = domain.get(soundProps.model, i);
  const audiodev = `audio${i}`;
  const place = buses.place(soundProps, i);
  const { pulse } = run;
  const backEnd = () => {
    if (pulse) args.add('-audiodev', `pa,id=${audiodev},server=unix:${comma(pulse)}`);
    else {
      args.add('-audiodev', `none,id=${audiodev}`);
      args.note('Sound is played nowhere: no PulseAudio or PipeWire is here that QEMU can play to.');
    }
  };
  if (model === 'ich9' || model === 'ich6') {
    backEnd();
    args.json('-device', {
      driver: model === 'ich9' ? 'ich9-intel-hda' : 'intel-hda',
      ...place,
      id: `sound${i}`,
    });
    args.json('-device', {
      driver: 'hda-duplex',
      id: `sound${i}-codec0`,
      bus: `sound${i}.0`,
      cad: 0,
      audiodev,
    });
  } else if (model === 'ac97' || model === 'es1370') {
    backEnd();
    args.json('-device', {
      driver: model === 'ac97' ? 'AC97' : 'ES1370',
      ...place,
      id: `sound${i}`,
      audiodev,
    });
  } else if (model === 'usb') {
    backEnd();
    args.json('-device', { driver: 'usb-audio', id: `sound${i}`, audiodev });
  } else args.note(`The sound card ${model ?? i + 1} is left out.`);
}

/** Random numbers, balloon, watchdog, TPM, generation id, shared folders, host devices. */
export function addOthers(
  args: Arguments,
  domain: Domain,
  run: QemuRun,
  buses: Buses,
  boot: BootIndex,
): void {
  domain.items('rng').forEach((_, i) => {
    const id = `rng${i}`;
    const builtin = domain.get(rngProps.backendModel, i) === 'builtin';
    // A source other than the kernel's generator would be a file or a network host of the XML's choice.
    args.json(
      '-object',
      builtin
        ? { 'qom-type': 'rng-builtin', id: `obj-${id}` }
        : { 'qom-type': 'rng-random', id: `obj-${id}`, filename: '/dev/urandom' },
    );
    const bytes = domain.get(rngProps.rateBytes, i);
    args.json('-device', {
      driver: buses.virtio('virtio-rng', domain.get(rngProps.model, i)),
      ...buses.place(rngProps, i),
      id,
      rng: `obj-${id}`,
      'max-bytes': bytes ?? undefined,
      period: bytes === null ? undefined : (domain.get(rngProps.ratePeriod, i) ?? 1000),
    });
  });
  const balloon = domain.get(memballoonProps.model);
  if (balloon !== null && balloon !== 'none' && balloon !== 'xen')
    args.json('-device', {
      driver: buses.virtio('virtio-balloon', balloon),
      ...buses.place(memballoonProps, 0),
      id: 'balloon0',
      'deflate-on-oom': domain.get(memballoonProps.autodeflate) ?? undefined,
      'free-page-reporting': domain.get(memballoonProps.freePageReporting) ?? undefined,
    });
  const watchdog = domain.get(watchdogProps.model);
  if (watchdog === 'i6300esb' || watchdog === 'ib700') {
    args.json('-device', {
      driver: watchdog,
      ...(watchdog === 'i6300esb' ? buses.place(watchdogProps, 0) : {}),
      id: 'watchdog0',
    });
    const action = domain.get(watchdogProps.action) ?? 'reset';
    args.add('-action', `watchdog=${action === 'dump' ? 'pause' : action}`);
  } else if (watchdog !== null) args.note(`The watchdog ${watchdog} is left out.`);
  addTpm(args, domain, run);
  const genid = domain.get(domainProps.genid);
  if (domain.get(domainProps.genidPresent) && !buses.micro)
    args.json('-device', { driver: 'vmgenid', guid: genid ?? 'auto', id: 'vmgenid0' });
  domain.items('filesystem').forEach((_, i) => {
    addFilesystem(args, domain, buses, i);
  });
  domain.items('hostdev').forEach((_, i) => {
    addHostdev(args, domain, buses, boot, i);
  });
  const cid = domain.get(vsockProps.cid);
  if (domain.count('vsock') > 0)
    args.note(
      `The vsock device${cid === null ? '' : ` with address ${cid}`} is left out: it needs a host module.`,
    );
}

function addTpm(args: Arguments, domain: Domain, run: QemuRun): void {
  if (domain.count('tpm') === 0) return;
  if (!run.tpm || domain.get(tpmProps.backend) !== 'emulator' || domain.get(tpmProps.version) === '1.2') {
    args.note('The TPM is left out.');
    return;
  }
  args.add('-chardev', `socket,id=chrtpm,path=${comma(socketPath(run.tpm))}`);
  args.add('-tpmdev', 'emulator,id=tpm-tpm0,chardev=chrtpm');
  const model = domain.get(tpmProps.model) === 'tpm-tis' ? 'tpm-tis' : 'tpm-crb';
  args.json('-device', { driver: model, tpmdev: 'tpm-tpm0', id: 'tpm0' });
}

function addFilesystem(args: Arguments, domain: Domain, buses: Buses, i: number): void {
  const dir = domain.get(filesystemProps.source, i);
  const tag = domain.get(filesystemProps.target, i);
  const type = domain.raw(filesystemProps.type, i)?.trim() ?? 'mount';
  if (!dir || !tag || type !== 'mount') {
    args.note(`The shared folder ${i + 1} is left out.`);
    return;
  }
  const id = `fs${i}`;
  const place = buses.place(filesystemProps, i);
  if (domain.get(filesystemProps.driver, i) === 'virtiofs') {
    args.note(`The shared folder ${tag} is left out: it is shared by virtiofs, and only 9p is offered.`);
    return;
  }
  const mapped = domain.get(filesystemProps.accessmode, i) !== 'passthrough';
  args.add(
    '-fsdev',
    `local,id=fsdev-${id},path=${comma(dir)},security_model=${mapped ? 'mapped-xattr' : 'none'}${
      domain.get(filesystemProps.readonly, i) === true ? ',readonly=on' : ''
    }`,
  );
  args.json('-device', {
    driver: buses.virtio('virtio-9p'),
    ...place,
    id,
    fsdev: `fsdev-${id}`,
    mount_tag: tag,
  });
}

function addHostdev(args: Arguments, domain: Domain, buses: Buses, boot: BootIndex, i: number): void {
  const vendor = domain.get(hostdevProps.vendor, i);
  const product = domain.get(hostdevProps.product, i);
  const bus = domain.get(hostdevProps.usbBus, i);
  const device = domain.get(hostdevProps.usbDevice, i);
  if (domain.get(hostdevProps.type, i) !== 'usb' || (vendor === null && bus === null)) {
    args.note(`The host device ${i + 1} is left out: only USB devices can be passed on.`);
    return;
  }
  args.json('-device', {
    driver: 'usb-host',
    ...buses.usb(usbProps.hostdev, i),
    id: `hostdev${i}`,
    bootindex: boot('hostdev', i),
    ...(vendor !== null
      ? { vendorid: vendor, productid: product ?? undefined }
      : { hostbus: bus, hostaddr: device }),
  });
}
