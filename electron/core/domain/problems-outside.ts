import type { Domain } from './domain.ts';
import { Finder, type Found, pathOf } from './problems-finder.ts';
import {
  channelProps,
  filesystemProps,
  graphicsProps,
  hostdevProps,
  interfaceProps,
  rngProps,
  serialProps,
} from './properties/devices.ts';
import { domainProps } from './properties/domain.ts';
import type { Property } from './properties/types.ts';

/**
 * What reaches outside the library: files, devices, networks and folders of this computer. The person is asked about
 * each before the first start, so what is not found here is given to a guest unasked.
 */
export class OutsideFinder extends Finder {
  constructor(
    domain: Domain,
    found: Found[],
    private readonly inside: (file: string) => boolean,
  ) {
    super(domain, found);
  }

  private file(property: Property<string>, index: number, what: string): void {
    const file = this.domain.get(property, index);
    if (file && !this.inside(file))
      this.add(this.at(property, index), pathOf(property), `${what} outside the library`, file);
  }

  find(): void {
    const { domain } = this;
    for (const property of [
      domainProps.kernel,
      domainProps.initrd,
      domainProps.nvram,
      domainProps.nvramSource,
    ])
      this.file(property, 0, `${pathOf(property).slice(3)} is`);
    for (const property of [domainProps.loader, domainProps.nvramTemplate])
      if (!domain.get(property)?.startsWith('/usr/share/')) this.file(property, 0, 'the firmware is');
    for (const disk of domain.disks()) {
      const at = domain.items('disk')[disk.index]!.span.start;
      for (const file of [disk.file, ...(disk.backing ?? []).map((image) => image.file)])
        if (file !== null && !this.inside(file))
          this.add(at, 'devices/disk/source', `the image of ${disk.target} is outside the library`, file);
    }
    for (let i = 0; i < domain.count('interface'); i++)
      if (domain.get(interfaceProps.type, i) === 'bridge')
        this.add(
          this.at(interfaceProps.type, i),
          'devices/interface@type',
          'the guest would be on a network bridge of this computer, and QEMU may start the bridge helper',
          domain.get(interfaceProps.bridge, i) ?? 'bridge',
        );
    for (let i = 0; i < domain.count('hostdev'); i++)
      this.add(
        domain.items('hostdev')[i]!.span.start,
        'devices/hostdev',
        'a device of this computer would be given to the guest',
        this.hostDevice(i),
      );
    for (let i = 0; i < domain.count('filesystem'); i++)
      this.add(
        domain.items('filesystem')[i]!.span.start,
        'devices/filesystem',
        'the guest would see a folder of this computer',
        domain.get(filesystemProps.source, i) ?? '?',
      );
    for (let i = 0; i < domain.count('graphics'); i++) this.screen(i);
    for (const [list, props] of [
      ['serial', serialProps],
      ['channel', channelProps],
    ] as const)
      for (let i = 0; i < domain.count(list); i++) {
        const type = domain.get(props.type, i);
        if (type === 'tcp' || type === 'udp' || type === 'dev' || type === 'pipe' || type === 'file')
          this.add(
            this.at(props.type, i),
            pathOf(props.type),
            `the port would be connected to ${type === 'tcp' || type === 'udp' ? 'the network' : 'a file or device of this computer'}: a private socket takes its place`,
            domain.get(props.path, i) ?? type,
          );
        this.file(props.logFile, i, 'the log is written');
      }
    for (let i = 0; i < domain.count('rng'); i++) {
      const source = domain.get(rngProps.backend, i)?.trim();
      if (source && !['/dev/urandom', '/dev/random'].includes(source))
        this.add(
          this.at(rngProps.backend, i),
          'devices/rng/backend',
          'random numbers would come from this source: /dev/urandom takes its place',
          source,
        );
    }
    for (const forward of domain.metadata.forwards)
      if (!forward.hostAddress.startsWith('127.'))
        this.add(
          domain.items('forward')[0]!.span.start,
          'metadata/gh:guest/gh:forward',
          'a port would be opened to the network: only loopback addresses are',
          `${forward.hostAddress}:${forward.hostPort}`,
        );
  }

  private hostDevice(i: number): string {
    const raw = (property: Property<unknown>) => this.domain.raw(property, i);
    const type = raw(hostdevProps.type) ?? 'unknown';
    if (type !== 'usb') return `${type} device`;
    if (raw(hostdevProps.vendor) !== null)
      return `${raw(hostdevProps.vendor)}:${raw(hostdevProps.product) ?? 'any'}`;
    return `USB bus ${raw(hostdevProps.usbBus) ?? '?'}, device ${raw(hostdevProps.usbDevice) ?? '?'}`;
  }

  private screen(i: number): void {
    const { domain } = this;
    const listen = domain.get(graphicsProps.listen, i);
    if (listen === 'socket' || listen === 'none' || domain.has(graphicsProps.socketAttribute, i)) return;
    const address =
      domain.get(graphicsProps.listenAddress, i) ?? domain.get(graphicsProps.listenAttribute, i);
    this.add(
      domain.items('graphics')[i]!.span.start,
      'devices/graphics',
      'the screen would listen on a network address: a private socket takes its place',
      address ?? '127.0.0.1',
    );
  }
}
