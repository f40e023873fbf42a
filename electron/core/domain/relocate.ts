import type { Domain } from './domain.ts';
import { nvramOf, withNvram } from './firmware.ts';
import { channelProps, consoleProps, diskProps, graphicsProps, serialProps } from './properties/devices.ts';
import { domainProps } from './properties/domain.ts';
import type { Property } from './properties/types.ts';

/**
 * The domain with what it keeps in one folder, but its disks, in another: kernel, variable store, logs, sockets. Pure.
 * @param from absolute folder; what is not below it stays as it is
 */
export function relocated(domain: Domain, from: string, to: string): Domain {
  const moved = (property: Property<string>, index = 0) => {
    const file = domain.has(property, index) ? domain.get(property, index) : null;
    if (file?.startsWith(`${from}/`)) domain = domain.set(property, to + file.slice(from.length), index);
  };
  for (const property of [domainProps.kernel, domainProps.initrd]) moved(property);
  const store = nvramOf(domain)?.file;
  if (store?.startsWith(`${from}/`)) domain = withNvram(domain, to + store.slice(from.length));
  for (const [list, properties] of [
    ['serial', [serialProps.logFile, serialProps.path]],
    ['console', [consoleProps.logFile, consoleProps.path]],
    ['channel', [channelProps.path]],
    ['graphics', [graphicsProps.socket]],
  ] as const)
    for (let index = 0; index < domain.count(list); index++)
      for (const property of properties) moved(property, index);
  return domain;
}

/** As {@link relocated}, the disks too. */
export function relocatedWithDisks(domain: Domain, from: string, to: string): Domain {
  let now = relocated(domain, from, to);
  for (const { index, file } of now.disks())
    if (file?.startsWith(`${from}/`)) now = now.set(diskProps.file, to + file.slice(from.length), index);
  return now;
}
