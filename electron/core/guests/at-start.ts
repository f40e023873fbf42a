import { type Domain, domainProps, memballoonProps } from '../domain/index.ts';

/** A QMP command and its arguments. */
export interface StartCommand {
  readonly command: 'set_link' | 'balloon';
  readonly arguments: Readonly<Record<string, unknown>>;
}

/**
 * What QEMU's command line has no word for, to be said before the guest's processors run: links that are down, and the
 * memory its balloon leaves it. Pure.
 */
export function startCommands(domain: Domain): StartCommand[] {
  const links = domain
    .interfaces()
    .filter(({ linkUp }) => !linkUp)
    .map(({ index }) => ({ command: 'set_link' as const, arguments: { name: `net${index}`, up: false } }));
  const model = domain.get(memballoonProps.model);
  const most = domain.get(domainProps.memory);
  const left = domain.get(domainProps.currentMemory);
  const ballooned = model !== null && model !== 'none' && model !== 'xen';
  return ballooned && most !== null && left !== null && left < most
    ? [...links, { command: 'balloon', arguments: { value: left } }]
    : links;
}
