import { GuesthouseError } from '../../../../shared/errors.ts';
import { canRun, type Domain, interfaceProps, runnable } from '../../domain/index.ts';
import type { Buses } from './address.ts';
import type { BootIndex } from './disks.ts';
import { type Arguments, plainWord, type QemuRun } from './run.ts';

/** Network card and back end of the nth interface: `net0`, `hostnet0`. */
export function addInterfaces(
  args: Arguments,
  domain: Domain,
  run: QemuRun,
  buses: Buses,
  boot: BootIndex,
): void {
  let forwards: readonly string[] = hostForwards(domain);
  for (const nic of domain.interfaces()) {
    const id = `hostnet${nic.index}`;
    const given = run.netdevs?.[nic.index];
    if (given) args.json('-netdev', { ...given, id });
    else if (nic.type === 'bridge') {
      args.spawns = true;
      args.note('A bridged network needs QEMU’s bridge helper: for this guest QEMU may start programs.');
      args.json('-netdev', { type: 'bridge', id, br: plainWord(nic.source ?? '', 'bridge') });
    } else {
      if (nic.type !== 'user')
        args.note(
          nic.type === 'network'
            ? `Network card ${nic.index + 1} is to be on the network “${nic.source ?? ''}”, which is not among the shared networks here: it gets a network of its own instead.`
            : `The network card ${nic.index + 1} is of type ${nic.type}: it gets a network of its own instead.`,
        );
      args.json('-netdev', {
        type: 'user',
        id,
        restrict: domain.metadata.restrict || undefined,
        hostfwd: forwards.length > 0 ? forwards.map((str) => ({ str })) : undefined,
      });
      forwards = []; // a port of this computer leads to one card
    }
    args.json('-device', {
      driver: driverOf(nic.model, buses),
      ...buses.place(interfaceProps, nic.index),
      id: `net${nic.index}`,
      netdev: id,
      mac: nic.mac ?? undefined,
      bootindex: boot('interface', nic.index),
      host_mtu: virtio(nic.model) ? (domain.get(interfaceProps.mtu, nic.index) ?? undefined) : undefined,
    });
  }
}

const virtio = (model: string | null) => model?.startsWith('virtio') === true;

function driverOf(model: string | null, buses: Buses): string {
  if (virtio(model) || buses.micro) return buses.virtio('virtio-net', model);
  if (model === null) return 'rtl8139'; // libvirt's default on x86 (formatdomain, "Setting the NIC model")
  if (canRun(runnable.nicModels, model)) return model;
  throw new GuesthouseError('unsupported', `The network card model ${model} cannot be run.`, {
    todo: 'Choose virtio, e1000e, e1000 or rtl8139.',
  });
}

/**
 * The forwards the guest asks for, as slirp's rules. Only loopback addresses of this computer: nothing of a guest
 * is opened to the network by XML alone.
 */
function hostForwards(domain: Domain): string[] {
  const { ssh, forwards } = domain.metadata;
  const all = [...forwards];
  if (ssh.hostPort !== null)
    all.unshift({ proto: 'tcp', hostAddress: '127.0.0.1', hostPort: ssh.hostPort, guestPort: 22 });
  return all.map(({ proto, hostAddress, hostPort, guestPort }) => {
    if (!/^127(\.\d{1,3}){3}$/.test(hostAddress))
      throw new GuesthouseError(
        'unsupported',
        `A forward listens on ${hostAddress}, which is no loopback address.`,
        {
          todo: 'Let the forward listen on 127.0.0.1.',
        },
      );
    for (const port of [hostPort, guestPort])
      if (port < 1 || port > 65535)
        throw new GuesthouseError('invalid-input', `${port} is no port.`, {
          todo: 'Ports go from 1 to 65535.',
        });
    return `${proto}:${hostAddress}:${hostPort}-:${guestPort}`;
  });
}
