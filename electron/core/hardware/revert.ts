import { GuesthouseError } from '../../../shared/errors.ts';
import {
  type Domain,
  diskProps,
  domainProps,
  el,
  filesystemProps,
  forwardProps,
  hostdevProps,
  interfaceProps,
  type ListName,
  metaProps,
  type NewElement,
  type Property,
} from '../domain/index.ts';
import { isVdagent } from '../guests/clipboard.ts';
import { usbId } from './differences.ts';
import { setBootOrder } from './drives.ts';
import { hardwareOf } from './model.ts';

/**
 * The wished domain with one part as it runs. Pure. Parts that hang together, the kind and how it is booted, are not
 * taken back one by one: then the whole is.
 * @param part as `differences` names it; null is all
 */
export function revertPart(wanted: Domain, running: Domain, part: string | null): Domain {
  if (part === null || part === 'kind' || part === 'boot') return running;
  const at = part.indexOf(':');
  const [name, key] = at === -1 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
  switch (name) {
    case 'cpu':
      return copyProperties(wanted, running, [
        domainProps.vcpu,
        domainProps.vcpuCurrent,
        domainProps.cpuMode,
        domainProps.cpuMatch,
        domainProps.cpuCheck,
        domainProps.cpuMigratable,
        domainProps.cpuModel,
        domainProps.cpuSockets,
        domainProps.cpuDies,
        domainProps.cpuCores,
        domainProps.cpuThreads,
      ]);
    case 'memory':
      return copyList(
        copyProperties(wanted, running, [domainProps.memory, domainProps.currentMemory]),
        running,
        'memballoon',
      );
    case 'order': {
      const there = new Set([
        ...wanted.disks().map((d) => d.target),
        ...wanted.interfaces().map((n) => n.mac),
      ]);
      return setBootOrder(
        wanted,
        hardwareOf(running).bootOrder.filter((each) => there.has(each)),
      );
    }
    case 'display':
      return copyList(copyList(wanted, running, 'graphics'), running, 'video');
    case 'clipboard':
      return copyItem(wanted, running, 'channel', isVdagent);
    case 'sound':
    case 'tpm':
    case 'rng':
    case 'watchdog':
      return copyList(wanted, running, name);
    case 'disk':
      return copyItem(wanted, running, 'disk', (d, i) => d.get(diskProps.target, i) === key);
    case 'nic':
      return copyItem(wanted, running, 'interface', (d, i) => d.get(interfaceProps.mac, i) === key);
    case 'folder':
      return copyItem(wanted, running, 'filesystem', (d, i) => d.get(filesystemProps.target, i) === key);
    case 'forward':
      return copyItem(
        copyProperties(
          wanted,
          running,
          key === `tcp:${running.get(metaProps.sshPort)}` ? [metaProps.sshPort] : [],
        ),
        running,
        'forward',
        (d, i) => `${d.get(forwardProps.proto, i) ?? 'tcp'}:${d.get(forwardProps.hostPort, i)}` === key,
      );
    case 'usb':
      return copyItem(
        wanted,
        running,
        'hostdev',
        (d, i) => usbId(d.get(hostdevProps.vendor, i) ?? 0, d.get(hostdevProps.product, i) ?? 0) === key,
      );
    default:
      throw new GuesthouseError('invalid-input', `${part} is no part of a guest’s hardware.`);
  }
}

function copyProperties(
  to: Domain,
  from: Domain,
  properties: readonly Property<never>[] | readonly unknown[],
): Domain {
  return (properties as readonly Property<never>[]).reduce<Domain>(
    (made, property) => made.set(property, from.get(property)),
    to,
  );
}

function copyList(to: Domain, from: Domain, list: ListName): Domain {
  let made = to;
  while (made.count(list) > 0) made = made.remove(list, 0);
  for (const item of from.items(list)) made = made.add(list, elementOf(item));
  return made;
}

/** One item as it runs: put back, taken out, or replaced. */
function copyItem(
  to: Domain,
  from: Domain,
  list: ListName,
  is: (domain: Domain, index: number) => boolean,
): Domain {
  const indexIn = (domain: Domain) => domain.items(list).findIndex((_, i) => is(domain, i));
  const there = indexIn(to);
  const wished = indexIn(from);
  let made = there === -1 ? to : to.remove(list, there);
  if (wished !== -1)
    made = made.add(list, elementOf(from.items(list)[wished]!), Math.min(wished, made.count(list)) - 1);
  return made;
}

type Item = ReturnType<Domain['items']>[number];

/** An element of a text as one to be written; comments inside are left behind. */
function elementOf(item: Item): NewElement {
  const attributes = Object.fromEntries(item.attributes.map(({ name, value }) => [name, value]));
  const children = item.children.flatMap((child): (NewElement | string)[] => {
    if (child.kind === 'element') return [elementOf(child)];
    return (child.kind === 'text' || child.kind === 'cdata') && child.value.trim() !== ''
      ? [child.value]
      : [];
  });
  return el(item.name, attributes, ...children);
}
