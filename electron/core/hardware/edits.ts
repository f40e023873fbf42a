import { GuesthouseError } from '../../../shared/errors.ts';
import type { HardwareChange } from '../../../shared/ipc/hardware.ts';
import {
  type Domain,
  diskProps,
  domainProps,
  el,
  filesystemProps,
  forwardElement,
  forwardProps,
  hostdevProps,
  interfaceProps,
  type ListName,
  memballoonProps,
  metaProps,
  randomMac,
  soundProps,
  tpmProps,
  videoProps,
  watchdogProps,
} from '../domain/index.ts';
import { withoutVdagent, withVdagent } from '../guests/clipboard.ts';
import { diskIndex, editDisk, isMicro, isQ35, setBootOrder } from './drives.ts';

/** Changes that are an edit of the domain and nothing else; disks to add and kinds need more (index.ts, kinds.ts). */
export type PlainChange = Exclude<HardwareChange, { do: 'add-disk' | 'grow-disk' | 'kind' }>;

export interface EditContext {
  /** Names of disks that must not be given out: those of the guest as it runs. */
  readonly targets: ReadonlySet<string>;
  /** MAC address of a card to be added without one; the same for the domain that runs and the one on disk. */
  readonly mac: string;
}

const mib = 2 ** 20;

/** A MAC that no card of these domains has. */
export function freeMac(...domains: readonly (Domain | null)[]): string {
  const used = new Set(domains.flatMap((domain) => domain?.interfaces().map((nic) => nic.mac) ?? []));
  for (;;) {
    const mac = randomMac();
    if (!used.has(mac)) return mac;
  }
}

/**
 * The domain with a change made. Pure; addresses of new devices are left to completeDomain.
 * @throws {GuesthouseError} `not-found`, `invalid-input`, `unsupported`
 */
export function editHardware(domain: Domain, change: PlainChange, context: EditContext): Domain {
  switch (change.do) {
    case 'cpu':
      return editCpu(domain, change);
    case 'memory':
      return editMemory(domain, change);
    case 'edit-disk':
      return editDisk(domain, change, context.targets);
    case 'remove-disk':
      return domain.remove('disk', diskIndex(domain, change.target));
    case 'medium':
      return setMedium(domain, change.target, change.file);
    case 'add-nic':
      return addNic(domain, change, context.mac);
    case 'edit-nic':
      return editNic(domain, change);
    case 'remove-nic':
      return domain.remove('interface', nicIndex(domain, change.mac));
    case 'restrict':
      return domain.set(metaProps.restrict, change.on ? true : null);
    case 'add-forward':
      return addForward(domain, change);
    case 'remove-forward':
      return removeForward(domain, change);
    case 'display':
      return editDisplay(domain, change);
    case 'clipboard':
      return change.on ? withVdagent(domain) : withoutVdagent(domain);
    case 'sound':
      refuseOnMicro(domain, change.model, 'a sound card');
      return single(domain, 'sound', change.model && el('sound', { model: change.model }), (d) =>
        change.model ? d.set(soundProps.model, change.model) : d,
      );
    case 'tpm':
      refuseOnMicro(domain, change.model, 'a TPM');
      return single(
        domain,
        'tpm',
        change.model &&
          el('tpm', { model: change.model }, el('backend', { type: 'emulator', version: '2.0' })),
        (d) => (change.model ? d.set(tpmProps.model, change.model) : d),
      );
    case 'rng':
      return single(
        domain,
        'rng',
        change.on ? el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom')) : null,
      );
    case 'watchdog': {
      refuseOnMicro(domain, change.model, 'a watchdog');
      const { model, action } = change;
      return single(domain, 'watchdog', model && el('watchdog', { model, action }), (d) =>
        model === d.get(watchdogProps.model)
          ? d.set(watchdogProps.action, action)
          : d.remove('watchdog', 0).add('watchdog', el('watchdog', { model, action })),
      );
    }
    case 'add-usb':
      return addUsb(domain, change.vendor, change.product);
    case 'remove-usb':
      return domain.remove('hostdev', usbIndex(domain, change.vendor, change.product));
    case 'add-folder':
      return addFolder(domain, change);
    case 'remove-folder':
      return removeFolder(domain, change.tag);
    case 'boot-order':
      return setBootOrder(domain, change.order);
  }
}

/** A device of which a guest has one or none. */
function single(
  domain: Domain,
  list: ListName,
  element: ReturnType<typeof el> | null,
  edit: (domain: Domain) => Domain = (d) => d,
): Domain {
  if (element === null) {
    let made = domain;
    while (made.count(list) > 0) made = made.remove(list, 0);
    return made;
  }
  return domain.count(list) > 0 ? edit(domain) : domain.add(list, element);
}

function refuseOnMicro(domain: Domain, wanted: string | null, what: string): void {
  if (wanted === null || !isMicro(domain)) return;
  throw new GuesthouseError('unsupported', `A paravirtual guest cannot have ${what}.`, {
    why: 'Its machine, microvm, has no PCI bus.',
    todo: 'Give the guest the kind hybrid first.',
  });
}

function editCpu(domain: Domain, change: Extract<HardwareChange, { do: 'cpu' }>): Domain {
  const before = { count: domain.vcpus, max: domain.get(domainProps.vcpu) ?? 1 };
  const count = change.count ?? Math.min(before.count, change.max ?? before.max);
  // A guest that could be given more keeps its reserve; others have as many as they start with.
  const max = change.max ?? (before.max > before.count ? Math.max(before.max, count) : count);
  if (count > max)
    throw new GuesthouseError(
      'invalid-input',
      `${count} processors are more than the most there may be, ${max}.`,
    );
  let made = domain.set(domainProps.vcpu, max).set(domainProps.vcpuCurrent, count === max ? null : count);
  if (change.topology !== undefined) made = setTopology(made, change.topology, max);
  else if (made.get(domainProps.cpuSockets) !== null && max !== before.max)
    made = setTopology(made, null, max);
  if (change.mode === 'model' || (change.model !== undefined && change.mode === undefined)) {
    const model = change.model ?? made.get(domainProps.cpuModel);
    if (!model)
      throw new GuesthouseError('invalid-input', 'Name the processor model.', {
        todo: 'For example Skylake-Client.',
      });
    made = made
      .set(domainProps.cpuMode, 'custom')
      .set(domainProps.cpuMatch, 'exact')
      .set(domainProps.cpuMigratable, null)
      .set(domainProps.cpuModel, model);
  } else if (change.mode !== undefined) {
    made = made.set(domainProps.cpuModel, null).set(domainProps.cpuMatch, null);
    // libvirt takes host-passthrough for KVM only.
    const host = domain.get(domainProps.type) === 'qemu' ? 'maximum' : 'host-passthrough';
    made = made.set(domainProps.cpuMode, change.mode === 'host' ? host : null);
    if (change.mode === 'default')
      made = made.set(domainProps.cpuCheck, null).set(domainProps.cpuMigratable, null);
  }
  return made;
}

function setTopology(
  domain: Domain,
  topology: { sockets: number; cores: number; threads: number } | null,
  max: number,
): Domain {
  if (topology && topology.sockets * topology.cores * topology.threads !== max)
    throw new GuesthouseError('invalid-input', 'The topology does not make up the number of processors.', {
      why: `${topology.sockets} sockets × ${topology.cores} cores × ${topology.threads} threads are ${topology.sockets * topology.cores * topology.threads}, not ${max}.`,
      todo: 'Change one of them.',
    });
  return domain
    .set(domainProps.cpuDies, null)
    .set(domainProps.cpuSockets, topology?.sockets ?? null)
    .set(domainProps.cpuCores, topology?.cores ?? null)
    .set(domainProps.cpuThreads, topology?.threads ?? null);
}

function editMemory(domain: Domain, change: Extract<HardwareChange, { do: 'memory' }>): Domain {
  const full = domain.memoryMiB;
  const max = change.max ?? full;
  const old = Math.floor((domain.get(domainProps.currentMemory) ?? full * mib) / mib);
  // Who was given all it had is given all it will have.
  const current = change.current ?? (old >= full ? max : Math.min(old, max));
  if (current > max)
    throw new GuesthouseError(
      'invalid-input',
      'The balloon cannot give more memory than the guest started with.',
      {
        why: `${current} MiB are more than ${max} MiB.`,
        todo: 'Raise the memory itself; that takes effect at the next start.',
      },
    );
  let made = domain.set(domainProps.memory, max * mib);
  if (made.has(domainProps.currentMemory) || current !== max)
    made = made.set(domainProps.currentMemory, current * mib);
  if (change.balloon === undefined) return made;
  if (change.balloon && isMicro(domain))
    throw new GuesthouseError(
      'unsupported',
      'A paravirtual guest has no balloon: libvirt takes none on a microvm.',
    );
  if (made.count('memballoon') === 0)
    return made.add('memballoon', el('memballoon', { model: change.balloon ? 'virtio' : 'none' }));
  const index = 0;
  if (change.balloon === (made.get(memballoonProps.model, index) !== 'none')) return made;
  return made
    .remove('memballoon', 0)
    .add('memballoon', el('memballoon', { model: change.balloon ? 'virtio' : 'none' }));
}

function setMedium(domain: Domain, target: string, file: string | null): Domain {
  const index = diskIndex(domain, target);
  if (domain.disks()[index]!.device !== 'cdrom')
    throw new GuesthouseError('invalid-input', `${target} is no CD drive.`);
  return domain
    .set(diskProps.file, file, index)
    .set(diskProps.type, 'file', index)
    .set(diskProps.format, 'raw', index);
}

/** @throws `not-found` */
export function nicIndex(domain: Domain, mac: string): number {
  const nic = domain.interfaces().find((each) => each.mac === mac);
  if (!nic) throw new GuesthouseError('not-found', `There is no network card ${mac}.`);
  return nic.index;
}

function usualModel(domain: Domain): string {
  if (domain.kind !== 'full') return 'virtio';
  return isQ35(domain) ? 'e1000e' : 'e1000';
}

function needSource(type: string, source: string | null | undefined): void {
  if (type !== 'user' && !source)
    throw new GuesthouseError('invalid-input', `Name the ${type === 'bridge' ? 'bridge' : 'network'}.`);
}

function addNic(domain: Domain, change: Extract<HardwareChange, { do: 'add-nic' }>, mac: string): Domain {
  const { type, source } = change;
  needSource(type, source);
  const address = change.mac ?? mac;
  if (domain.interfaces().some((nic) => nic.mac === address)) throw macTaken(address);
  return domain.add(
    'interface',
    el(
      'interface',
      { type },
      el('mac', { address }),
      type === 'user' ? null : el('source', { [type === 'bridge' ? 'bridge' : 'network']: source! }),
      el('model', { type: change.model ?? usualModel(domain) }),
    ),
  );
}

const macTaken = (mac: string) =>
  new GuesthouseError('name-taken', `The guest has a network card ${mac} already.`, {
    todo: 'Choose another address.',
  });

function editNic(domain: Domain, change: Extract<HardwareChange, { do: 'edit-nic' }>): Domain {
  const index = nicIndex(domain, change.mac);
  const nic = domain.interfaces()[index]!;
  let made = domain;
  if (change.model !== undefined && change.model !== nic.model) {
    if (isMicro(domain) && change.model !== 'virtio')
      throw new GuesthouseError('unsupported', 'A microvm has virtio network cards and nothing else.');
    made = made.set(interfaceProps.model, change.model, index);
  }
  if (change.type !== undefined || change.source !== undefined) {
    const type = change.type ?? nic.type;
    const source = change.source === undefined ? (type === nic.type ? nic.source : null) : change.source;
    needSource(type, source);
    made = made
      .set(interfaceProps.type, type as 'user', index)
      .set(interfaceProps.network, type === 'network' ? source : null, index)
      .set(interfaceProps.bridge, type === 'bridge' ? source : null, index);
  }
  if (change.linkUp !== undefined) made = made.set(interfaceProps.link, change.linkUp ? null : 'down', index);
  if (change.newMac !== undefined && change.newMac !== change.mac) {
    if (domain.interfaces().some((each) => each.mac === change.newMac)) throw macTaken(change.newMac);
    made = made.set(interfaceProps.mac, change.newMac, index);
  }
  return made;
}

function addForward(domain: Domain, change: Extract<HardwareChange, { do: 'add-forward' }>): Domain {
  const { ssh, forwards } = domain.metadata;
  const taken =
    (change.proto === 'tcp' && ssh.hostPort === change.hostPort) ||
    forwards.some((f) => f.proto === change.proto && f.hostPort === change.hostPort);
  if (taken)
    throw new GuesthouseError('port-taken', `Port ${change.hostPort} leads into this guest already.`, {
      todo: 'Choose another port of this computer.',
    });
  const { proto, hostPort, guestPort } = change;
  return domain.add('forward', forwardElement({ proto, hostAddress: '127.0.0.1', hostPort, guestPort }));
}

function removeForward(domain: Domain, change: Extract<HardwareChange, { do: 'remove-forward' }>): Domain {
  if (change.proto === 'tcp' && domain.get(metaProps.sshPort) === change.hostPort)
    return domain.set(metaProps.sshPort, null);
  for (let i = 0; i < domain.count('forward'); i++)
    if (
      domain.get(forwardProps.hostPort, i) === change.hostPort &&
      (domain.get(forwardProps.proto, i) ?? 'tcp') === change.proto
    )
      return domain.remove('forward', i);
  throw new GuesthouseError('not-found', `No port ${change.hostPort} leads into this guest.`);
}

function editDisplay(domain: Domain, change: Extract<HardwareChange, { do: 'display' }>): Domain {
  refuseOnMicro(
    domain,
    change.screen || (change.video && change.video !== 'none') ? 'yes' : null,
    'a screen',
  );
  let made = domain;
  if (change.screen !== undefined)
    made = single(
      made,
      'graphics',
      change.screen ? el('graphics', { type: 'vnc' }, el('listen', { type: 'socket' })) : null,
    );
  if (change.video === undefined) return made;
  if (made.count('video') === 0)
    return made.add('video', el('video', {}, el('model', { type: change.video, heads: 1, primary: 'yes' })));
  return made.set(videoProps.model, change.video);
}

/** @throws `not-found` */
function usbIndex(domain: Domain, vendor: number, product: number): number {
  for (let i = 0; i < domain.count('hostdev'); i++)
    if (domain.get(hostdevProps.vendor, i) === vendor && domain.get(hostdevProps.product, i) === product)
      return i;
  throw new GuesthouseError('not-found', 'The guest does not have this USB device.');
}

function addUsb(domain: Domain, vendor: number, product: number): Domain {
  refuseOnMicro(domain, 'usb', 'USB devices');
  const id = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;
  for (let i = 0; i < domain.count('hostdev'); i++)
    if (domain.get(hostdevProps.vendor, i) === vendor && domain.get(hostdevProps.product, i) === product)
      throw new GuesthouseError('name-taken', 'The guest has this USB device already.');
  return domain.add(
    'hostdev',
    el(
      'hostdev',
      { mode: 'subsystem', type: 'usb', managed: 'yes' },
      el('source', {}, el('vendor', { id: id(vendor) }), el('product', { id: id(product) })),
    ),
  );
}

/** By 9p: QEMU serves it itself. The virtiofsd of Debian 12 needs root, and a process beside each guest. */
function addFolder(domain: Domain, change: Extract<HardwareChange, { do: 'add-folder' }>): Domain {
  for (let i = 0; i < domain.count('filesystem'); i++)
    if (domain.get(filesystemProps.target, i) === change.tag)
      throw new GuesthouseError('name-taken', `There is a shared folder named ${change.tag} already.`);
  return domain.add(
    'filesystem',
    el(
      'filesystem',
      { type: 'mount', accessmode: 'mapped' },
      el('source', { dir: change.path }),
      el('target', { dir: change.tag }),
      change.readonly ? el('readonly') : null,
    ),
  );
}

function removeFolder(domain: Domain, tag: string): Domain {
  for (let i = 0; i < domain.count('filesystem'); i++)
    if (domain.get(filesystemProps.target, i) === tag) return domain.remove('filesystem', i);
  throw new GuesthouseError('not-found', `There is no shared folder named ${tag}.`);
}
