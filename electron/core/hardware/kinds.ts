import { GuesthouseError } from '../../../shared/errors.ts';
import type { GuestKindName, HardwareDifference, KindPlan } from '../../../shared/model/hardware.ts';
import {
  channelProps,
  completeDomain,
  type Domain,
  diskProps,
  domainProps,
  el,
  filesystemProps,
  inputProps,
  interfaceProps,
  type ListName,
  metaProps,
  type Property,
  rngProps,
  rootPortElements,
  videoProps,
} from '../domain/index.ts';
import { withoutVdagent } from '../guests/clipboard.ts';
import { differences } from './differences.ts';
import { isMicro, isQ35, moveTo, usualBus } from './drives.ts';
import { hardwareOf } from './model.ts';

/** How a guest's kernel is booted directly: files its own disk's kernel is copied to, and its command line. */
export interface DirectBoot {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
}

/** Pinned, as for new guests. */
const q35 = 'pc-q35-7.2';

/**
 * The domain as another kind. Pure. Names, memory, processors, images, networks, forwards and labels stay; what the other
 * machine has no place for goes.
 * @param direct how to boot its kernel directly, where that could be found out; needed for paravirtual guests only
 * @throws {GuesthouseError} `unsupported` when there is no way
 */
export function toKind(domain: Domain, kind: GuestKindName, direct: DirectBoot | null): Domain {
  if (domain.kind === kind) return domain;
  // Everything at its place first, so that what stays keeps it.
  const complete = completeDomain(domain);
  const made = kind === 'paravirtual' ? toMicrovm(complete, direct) : toPc(complete, kind);
  return completeDomain(made.set(metaProps.kind, kind));
}

function toMicrovm(domain: Domain, direct: DirectBoot | null): Domain {
  let made = withKernel(domain, direct)
    .set(domainProps.machine, 'microvm')
    .set(domainProps.genidPresent, null)
    .set(domainProps.loader, null)
    .set(domainProps.nvram, null)
    .set(domainProps.firmware, null)
    .set(domainProps.smm, null);
  for (const list of [
    'controller',
    'input',
    'graphics',
    'video',
    'sound',
    'watchdog',
    'tpm',
    'hostdev',
    'boot',
  ] as const)
    made = without(made, list);
  made = without(made, 'memballoon').add('memballoon', el('memballoon', { model: 'none' }));
  made = made.add('controller', el('controller', { type: 'usb', index: 0, model: 'none' }));
  for (let i = made.count('disk') - 1; i >= 0; i--) {
    const disk = made.disks()[i]!;
    if (disk.file === null || disk.device === 'floppy') {
      made = made.remove('disk', i);
      continue;
    }
    // A CD becomes a read-only disk, which shows the system the same files.
    if (disk.device === 'cdrom')
      made = made.set(diskProps.device, 'disk', i).set(diskProps.readonly, true, i);
    made = moveTo(made, i, 'virtio', new Set());
  }
  for (let i = 0; i < made.count('interface'); i++) made = made.set(interfaceProps.model, 'virtio', i);
  // Without a screen there is no clipboard to tie.
  return unplaced(withAgent(withoutVdagent(made)), ['disk', 'interface', 'rng', 'filesystem']);
}

function withKernel(domain: Domain, direct: DirectBoot | null): Domain {
  if (domain.get(domainProps.kernel) !== null) return domain;
  if (!direct)
    throw new GuesthouseError('unsupported', 'A paravirtual guest boots a kernel given from outside.', {
      why: 'No kernel could be found in /boot on its disk.',
      todo: 'Choose hybrid: it is as fast for disk and network.',
    });
  return domain
    .set(domainProps.kernel, direct.kernel)
    .set(domainProps.initrd, direct.initrd)
    .set(domainProps.cmdline, direct.cmdline)
    .set(metaProps.bootFromDisk, true)
    .set(metaProps.bootRoot, domain.disks().find((disk) => disk.device === 'disk')?.target ?? null);
}

function toPc(domain: Domain, kind: 'full' | 'hybrid'): Domain {
  const hybrid = kind === 'hybrid';
  let made = isMicro(domain) ? microToQ35(domain) : domain;
  // The machine as it will be decides on buses and cards.
  made = made.set(metaProps.kind, kind);
  if (!hybrid) {
    // The guest's full kernel knows emulated hardware, and its own boot loader finds that one.
    made = made
      .set(domainProps.kernel, null)
      .set(domainProps.initrd, null)
      .set(domainProps.cmdline, null)
      .set(metaProps.bootFromDisk, null);
    for (const list of ['rng', 'filesystem'] as const) made = without(made, list);
    made = without(made, 'memballoon').add('memballoon', el('memballoon', { model: 'none' }));
    for (let i = made.count('channel') - 1; i >= 0; i--)
      if (made.get(channelProps.targetType, i) === 'virtio') made = made.remove('channel', i);
    made = withoutController(made, 'virtio-serial');
  }
  for (const { index, device, bus, file } of made.disks())
    if (device === 'disk' && file !== null && bus !== 'usb') {
      const readonly = made.get(diskProps.readonly, index) === true;
      if (!hybrid && readonly) made = made.set(diskProps.device, 'cdrom', index);
      made = moveTo(made, index, usualBus(made, !hybrid && readonly ? 'cdrom' : 'disk'), new Set());
    }
  const model = hybrid ? 'virtio' : isQ35(made) ? 'e1000e' : 'e1000';
  for (let i = 0; i < made.count('interface'); i++) made = made.set(interfaceProps.model, model, i);
  made = unplaced(made, ['interface']);
  for (let i = 0; i < made.count('video'); i++)
    if (made.get(videoProps.model, i) !== 'none')
      made = made.set(videoProps.model, hybrid ? 'virtio' : 'vga', i);
  for (let i = 0; i < made.count('input'); i++)
    if (!hybrid && made.get(inputProps.bus, i) === 'virtio') {
      made = unplaced(made, ['input']).set(inputProps.bus, 'usb', i);
    }
  if (!hybrid) return made;
  made = withAgent(made);
  if (made.count('rng') === 0)
    made = made.add(
      'rng',
      el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom')),
    );
  return without(made, 'memballoon').add('memballoon', el('memballoon', { model: 'virtio' }));
}

/** A PC around what a microvm had: bus, ports, screen, keyboard and mouse. */
function microToQ35(domain: Domain): Domain {
  let made = without(domain.set(domainProps.machine, q35), 'controller');
  made = unplaced(made, ['disk', 'interface', 'rng', 'filesystem']);
  made = made
    .add('controller', el('controller', { type: 'usb', index: 0, model: 'qemu-xhci' }))
    .add('controller', el('controller', { type: 'sata', index: 0 }))
    .add('controller', el('controller', { type: 'pci', index: 0, model: 'pcie-root' }));
  for (const port of rootPortElements()) made = made.add('controller', port);
  return made
    .add('input', el('input', { type: 'tablet', bus: 'usb' }))
    .add('input', el('input', { type: 'mouse', bus: 'ps2' }))
    .add('input', el('input', { type: 'keyboard', bus: 'ps2' }))
    .add('graphics', el('graphics', { type: 'vnc' }, el('listen', { type: 'socket' })))
    .add('video', el('video', {}, el('model', { type: 'virtio', heads: 1, primary: 'yes' })));
}

function withAgent(domain: Domain): Domain {
  const there = domain
    .items('channel')
    .some((_, i) => domain.get(channelProps.targetName, i) === 'org.qemu.guest_agent.0');
  return there
    ? domain
    : domain.add(
        'channel',
        el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
      );
}

function without(domain: Domain, list: ListName): Domain {
  let made = domain;
  while (made.count(list) > 0) made = made.remove(list, 0);
  return made;
}

function withoutController(domain: Domain, type: string): Domain {
  for (let i = domain.count('controller') - 1; i >= 0; i--)
    if (domain.items('controller')[i]!.attributes.some((a) => a.name === 'type' && a.value === type))
      return withoutController(domain.remove('controller', i), type);
  return domain;
}

const placed = {
  disk: diskProps,
  interface: interfaceProps,
  rng: rngProps,
  input: inputProps,
  filesystem: filesystemProps,
} as const;

/** PCI and virtio-mmio addresses taken away, to be given out anew; those on other buses stay. */
function unplaced(domain: Domain, lists: readonly (keyof typeof placed)[]): Domain {
  let made = domain;
  for (const list of lists) {
    const props = placed[list];
    for (let i = 0; i < made.count(list); i++) {
      const type = made.get(props.addressType, i);
      if (type !== 'pci' && type !== 'virtio-mmio') continue;
      for (const property of [
        props.pciDomain,
        props.pciBus,
        props.pciSlot,
        props.pciFunction,
        props.pciMultifunction,
        props.addressType,
      ] as Property<never>[])
        made = made.set(property, null, i);
    }
  }
  return made;
}

/** What a change of kind would mean, without making it. */
export function planKind(domain: Domain, kind: GuestKindName, direct: DirectBoot | null): KindPlan {
  let after: Domain | null = null;
  let blocked: string | null = null;
  try {
    after = toKind(domain, kind, direct);
  } catch (error) {
    if (!(error instanceof GuesthouseError)) throw error;
    blocked = [error.message, error.why].filter(Boolean).join(' ');
  }
  return {
    from: domain.kind,
    to: kind,
    changes: after ? joined(differences(hardwareOf(domain), hardwareOf(after)), domain, after) : [],
    needs: domain.kind === kind ? [] : needsOf(domain, kind, direct),
    blocked,
    xml: after?.text ?? domain.text,
  };
}

/** A disk that is found under another name afterwards is one change, not one gone and one new. */
function joined(
  changes: readonly HardwareDifference[],
  before: Domain,
  after: Domain,
): readonly HardwareDifference[] {
  const fileOf = (domain: Domain, part: string) =>
    domain.disks().find((disk) => part === `disk:${disk.target}`)?.file ?? null;
  const used = new Set<HardwareDifference>();
  const rows = changes.map((change) => {
    const file = change.to === null ? fileOf(before, change.part) : null;
    const now = changes.find(
      (other) => other.from === null && file !== null && fileOf(after, other.part) === file,
    );
    if (!now) return change;
    used.add(now);
    return { ...change, to: `${now.part.slice('disk:'.length)}: ${now.to}` };
  });
  return rows.filter((_, i) => !used.has(changes[i]!));
}

function needsOf(domain: Domain, kind: GuestKindName, direct: DirectBoot | null): KindPlan['needs'] {
  const starter = domain.metadata.starter !== null;
  const names = {
    text: 'Its disks get other names inside: /etc/fstab must name them by UUID or label.',
    met: starter ? true : null,
  };
  switch (kind) {
    case 'full':
      return [
        {
          text: 'A kernel with drivers for AHCI or IDE disks and Intel network cards.',
          met: starter ? true : null,
        },
        {
          text: 'A boot loader on its disk, since no kernel is given from outside.',
          met: starter ? true : null,
        },
        names,
      ];
    case 'hybrid':
      return [
        {
          text: 'virtio drivers: Linux has them; Windows needs virtio-win installed first.',
          met: starter ? true : null,
        },
        names,
      ];
    case 'paravirtual':
      return [
        {
          text: 'A Linux kernel in /boot of its disk, which is started directly.',
          met: domain.get(domainProps.kernel) !== null || direct !== null,
        },
        { text: 'Drivers for virtio-mmio in that kernel or its initrd.', met: starter ? true : null },
        names,
        { text: 'No screen: it is reached by its serial console and SSH.', met: true },
      ];
  }
}
