import { withoutSeedDrive } from '../cloud-init/seed.ts';
import {
  Domain,
  diskProps,
  domainProps,
  el,
  forwardProps,
  interfaceProps,
  metaProps,
  nvramOf,
  relocated,
  withNvram,
} from '../domain/index.ts';

/** What one clone's domain differs in. Paths are absolute and final. */
export interface CloneDomainSpec {
  readonly name: string;
  readonly uuid: string;
  /** VM generation id (QEMU vmgenid): new, so that the system inside reseeds its random generator. */
  readonly genid: string;
  /** Old MAC to new MAC, lower case. */
  readonly macs: ReadonlyMap<string, string>;
  /** New image by target device; others (CDs) stay as they are. */
  readonly disks: ReadonlyMap<string, { readonly file: string; readonly format: string }>;
  /** Folder of the source and of the clone: paths under the first move to the second. */
  readonly sourceFolder: string;
  readonly folder: string;
  readonly origin: { readonly uuid: string | null; readonly name: string; readonly linked: boolean };
  /** Host port by old host port: no two guests share one. */
  readonly ports: ReadonlyMap<number, number>;
  readonly sshUser: string | null;
  readonly vcpus: number | null;
  /** MiB; null keeps the source's. */
  readonly memory: number | null;
  readonly tags: readonly string[];
}

/** What all clones of a batch have in common; of the images, their formats. */
export type BatchDomainSpec = Pick<
  CloneDomainSpec,
  'disks' | 'origin' | 'sshUser' | 'vcpus' | 'memory' | 'tags'
>;

/**
 * The domain of a clone: the source's text with everything changed that must differ between two machines, and nothing
 * else. Pure.
 */
export function cloneDomain(source: Domain, spec: CloneDomainSpec): Domain {
  return oneOfBatch(batchDomain(source, spec), spec);
}

/** The first half of {@link cloneDomain}, the same for a whole batch: each edit scans the text, so it is made once. */
export function batchDomain(source: Domain, spec: BatchDomainSpec): Domain {
  // A seed names the machine it was made for: cloud-init in the clone would take that name and those keys.
  let domain = withoutSeedDrive(Domain.parse(source.text)).set(domainProps.title, null);
  domain = withHardware(domain, spec.vcpus, spec.memory);
  for (const disk of domain.disks()) {
    const image = spec.disks.get(disk.target);
    if (!image) continue;
    domain = domain
      .set(diskProps.format, image.format, disk.index)
      // What is below the overlay stands in its header, which Guesthouse wrote; the old list would be wrong.
      .set(diskProps.backingEnd, null, disk.index)
      .set(diskProps.readonly, null, disk.index);
  }
  domain = domain
    .set(metaProps.template, null)
    .set(metaProps.originUuid, spec.origin.uuid)
    .set(metaProps.originName, spec.origin.name)
    .set(metaProps.originLinked, spec.origin.linked)
    .set(metaProps.autostart, null);
  if (spec.sshUser !== null) domain = domain.set(metaProps.sshUser, spec.sshUser);
  while (domain.count('tag') > 0) domain = domain.remove('tag', 0);
  for (const tag of spec.tags) domain = domain.add('tag', el('gh:tag', {}, tag));
  return Domain.parse(domain.text);
}

/** The second half of {@link cloneDomain}. @param batch the domain of {@link batchDomain} */
export function oneOfBatch(
  batch: Domain,
  spec: Omit<CloneDomainSpec, Exclude<keyof BatchDomainSpec, 'disks'>>,
): Domain {
  let domain = batch.set(domainProps.name, spec.name).set(domainProps.uuid, spec.uuid);
  if (domain.has(domainProps.genidPresent)) domain = domain.set(domainProps.genid, spec.genid);
  // The SMBIOS system UUID must be the domain's (formatdomain, "SMBIOS System Information").
  if (domain.has(domainProps.sysinfoUuid)) domain = domain.set(domainProps.sysinfoUuid, spec.uuid);
  if (domain.has(domainProps.sysinfoSerial)) domain = domain.set(domainProps.sysinfoSerial, spec.uuid);

  domain = relocated(domain, spec.sourceFolder, spec.folder);
  // A store elsewhere is the source's alone: the clone is given one when it first starts.
  const store = nvramOf(domain)?.file;
  if (store && !store.startsWith(`${spec.folder}/`)) domain = withNvram(domain, null);

  for (const disk of domain.disks()) {
    const image = spec.disks.get(disk.target);
    if (image) domain = domain.set(diskProps.file, image.file, disk.index);
  }
  for (const nic of domain.interfaces()) {
    const mac = nic.mac && spec.macs.get(nic.mac.toLowerCase());
    if (mac) domain = domain.set(interfaceProps.mac, mac, nic.index);
  }

  const sshPort = domain.get(metaProps.sshPort);
  if (sshPort !== null) domain = domain.set(metaProps.sshPort, spec.ports.get(sshPort) ?? sshPort);
  for (let index = 0; index < domain.count('forward'); index++) {
    const port = domain.get(forwardProps.hostPort, index);
    if (port !== null) domain = domain.set(forwardProps.hostPort, spec.ports.get(port) ?? port, index);
  }
  return Domain.parse(domain.text);
}

/** The domain with other processors and memory (MiB); null keeps what it has. */
export function withHardware(domain: Domain, vcpus: number | null, memory: number | null): Domain {
  const counted = vcpus === null ? domain : withVcpus(domain, vcpus);
  if (memory === null) return counted;
  const bytes = memory * 2 ** 20;
  return counted
    .set(domainProps.memory, bytes)
    .set(domainProps.currentMemory, counted.has(domainProps.currentMemory) ? bytes : null);
}

/** A topology that no longer multiplies to the count would be refused: it goes. */
function withVcpus(domain: Domain, vcpus: number): Domain {
  return domain
    .set(domainProps.vcpu, vcpus)
    .set(domainProps.vcpuCurrent, null)
    .with(
      ...[domainProps.cpuSockets, domainProps.cpuDies, domainProps.cpuCores, domainProps.cpuThreads].map(
        (property) => (d: Domain) => d.set(property, null),
      ),
    );
}
