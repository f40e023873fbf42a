import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { GuesthouseError } from '../../../../shared/errors.ts';

/** What an OVF descriptor says of its one machine (DMTF DSP0243, OVF 1.x; the items of 2.x are read too). */
export interface OvfMachine {
  readonly name: string;
  /** What the vendor calls the system inside; null when it says nothing. */
  readonly os: string | null;
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  readonly firmware: 'bios' | 'uefi' | 'secure-boot';
  readonly tpm: boolean;
  readonly disks: readonly OvfDisk[];
  /** Models of the network cards, as the vendor names them. */
  readonly interfaces: readonly string[];
  /** What was left out, as sentences. */
  readonly notes: readonly string[];
}

export interface OvfDisk {
  /** The file's name in the archive; null for a disk that begins empty. */
  readonly file: string | null;
  /** Bytes the system inside sees. */
  readonly capacity: number;
}

type Node = { readonly [name: string]: unknown };

const maxCapacity = 2 ** 46;

/**
 * Reads an OVF descriptor. Entities are not expanded, a document type is refused, and no schema or file is looked up.
 * @throws {GuesthouseError} `xml-invalid`, `unsupported`, `disk-refused`, each with the reason
 */
export function readOvf(text: string): OvfMachine {
  const envelope = parse(text);
  const system = oneSystem(envelope);
  const hardware = first(system.VirtualHardwareSection);
  if (!hardware) throw invalid('The virtual system has no hardware section.');
  const items = [...list(hardware.Item), ...list(hardware.StorageItem), ...list(hardware.EthernetPortItem)];
  const ofType = (...types: number[]) =>
    items.filter((item) => types.includes(number(item.ResourceType) ?? -1));
  const vcpus = number(ofType(3)[0]?.VirtualQuantity) ?? 1;
  const [memory] = ofType(4);
  const mib =
    ((number(memory?.VirtualQuantity) ?? 1024) * unit(word(memory?.AllocationUnits) ?? 'byte * 2^20')) /
    2 ** 20;
  if (!(vcpus >= 1 && vcpus <= 256)) throw invalid(`It asks for ${vcpus} processors.`);
  if (!(mib >= 16 && mib <= 4 << 20)) throw invalid(`It asks for ${mib} MiB of memory.`);
  const notes: string[] = [];
  for (const [type, what] of [
    [14, 'A floppy drive'],
    [15, 'A CD drive'],
    [16, 'A DVD drive'],
    [23, 'A USB controller'],
    [35, 'A sound card'],
  ] as const)
    if (ofType(type).length > 0) notes.push(`${what} is left out.`);
  const config = configOf(hardware, system);
  const secure = config.get('uefi.secureBoot.enabled') === 'true';
  const uefi = config.get('firmware')?.toLowerCase() === 'efi';
  return {
    name: systemName(system),
    os: osName(system),
    vcpus: Math.floor(vcpus),
    memory: Math.max(64, Math.ceil(mib)),
    firmware: uefi ? (secure ? 'secure-boot' : 'uefi') : 'bios',
    tpm: config.has('tpm'),
    disks: disksOf(envelope, ofType(17)),
    interfaces: ofType(10).map((item) => word(item.ResourceSubType) ?? 'unnamed'),
    notes,
  };
}

function parse(text: string): Node {
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) throw invalid('It has a document type, which an OVF has no use for.');
  const wrong = XMLValidator.validate(text, { allowBooleanAttributes: false });
  if (wrong !== true) throw invalid(`Line ${wrong.err.line}: ${wrong.err.msg}`);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    textNodeName: '#',
    removeNSPrefix: true,
    parseTagValue: false,
    parseAttributeValue: false,
    processEntities: false,
    htmlEntities: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
  });
  const envelope = first((parser.parse(text) as Node).Envelope);
  if (!envelope) throw invalid('Its root is no <Envelope>.');
  return envelope;
}

function oneSystem(envelope: Node): Node {
  const collected = list(envelope.VirtualSystemCollection).flatMap((one) => list(one.VirtualSystem));
  const systems = [...list(envelope.VirtualSystem), ...collected];
  const [system] = systems;
  if (!system) throw invalid('It describes no virtual system.');
  if (systems.length > 1)
    throw new GuesthouseError('unsupported', 'The archive holds several machines.', {
      why: `${systems.map(systemName).join(', ')} are in one archive.`,
      todo: 'Export each in an archive of its own.',
    });
  return system;
}

const systemName = (system: Node) =>
  (word(system.Name) ?? word(system['@id']) ?? 'imported').replace(/\s+/g, ' ').slice(0, 60);

function osName(system: Node): string | null {
  const section = first(system.OperatingSystemSection);
  if (!section) return null;
  const said = word(section.Description) ?? word(section['@osType']) ?? word(section.OSType);
  return said ? said.slice(0, 120) : null;
}

/** VMware's `<vmw:Config key value>` and VirtualBox's own machine element: firmware and TPM stand nowhere else. */
function configOf(hardware: Node, system: Node): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const one of [...list(hardware.Config), ...list(hardware.ExtraConfig)]) {
    const key = word(one['@key']);
    const value = word(one['@value']);
    if (key && value) found.set(key, value);
  }
  for (const item of list(hardware.Item))
    if (/^vmware\.vtpm$/i.test(word(item.ResourceSubType) ?? '')) found.set('tpm', 'vtpm');
  const own = first(first(system.Machine)?.Hardware);
  if (/^efi/i.test(word(first(own?.Firmware)?.['@type']) ?? '')) found.set('firmware', 'efi');
  if (/^v2/i.test(word(first(own?.TrustedPlatformModule)?.['@type']) ?? '')) found.set('tpm', 'v2.0');
  return found;
}

function disksOf(envelope: Node, drives: readonly Node[]): OvfDisk[] {
  const files = new Map(list(first(envelope.References)?.File).map((file) => [word(file['@id']), file]));
  const described = new Map(
    list(first(envelope.DiskSection)?.Disk).map((disk) => [word(disk['@diskId']), disk]),
  );
  const nameOf = (id: string | undefined) => {
    const file = files.get(id);
    const href = word(file?.['@href']);
    if (!file || !href) throw invalid(`It refers to a file ${JSON.stringify(id)} that it does not list.`);
    if (/^[a-z][a-z0-9+.-]*:/i.test(href) || href.startsWith('/') || href.split('/').includes('..'))
      throw new GuesthouseError('disk-refused', 'The descriptor names a disk outside of the archive.', {
        why: `It is ${JSON.stringify(href.slice(0, 200))}.`,
      });
    const compression = word(file['@compression']);
    if ((compression && compression !== 'identity') || word(file['@chunkSize']))
      throw new GuesthouseError('unsupported', 'A disk in the archive is packed or cut in pieces.', {
        why: `${href} is ${compression ? `packed by ${compression}` : 'in chunks'}.`,
        todo: 'Unpack the archive and the disk, and make the guest from the disk image.',
      });
    return href.replace(/^(\.\/+)+/, '');
  };
  return drives.map((drive) => {
    const resource = word(drive.HostResource) ?? '';
    const [, kind, id] = /^(?:ovf:)?\/?(disk|file)\/(.+)$/.exec(resource) ?? [];
    if (kind === 'file') return { file: nameOf(id), capacity: 0 };
    const disk = described.get(id);
    if (kind !== 'disk' || !disk)
      throw invalid(
        `A disk drive refers to ${JSON.stringify(resource.slice(0, 200))}, which is not described.`,
      );
    if (word(disk['@parentRef']))
      throw new GuesthouseError('unsupported', 'A disk in the archive is based on another one.', {
        todo: 'Export the machine with its snapshots merged.',
      });
    const capacity =
      (number(disk['@capacity']) ?? 0) * unit(word(disk['@capacityAllocationUnits']) ?? 'byte');
    if (!(capacity >= 0 && capacity <= maxCapacity))
      throw new GuesthouseError('disk-refused', 'A disk in the archive claims to be too large.', {
        why: `It claims ${capacity} bytes.`,
      });
    const file = word(disk['@fileRef']);
    return { file: file === undefined ? null : nameOf(file), capacity };
  });
}

/**
 * Bytes of an allocation unit: `byte * 2^20` (DSP0004, programmatic units) or the words of older writers.
 * @throws {GuesthouseError} `xml-invalid`
 */
export function unit(text: string): number {
  const words: Readonly<Record<string, number>> = {
    byte: 1, bytes: 1, b: 1, kb: 2 ** 10, kilobytes: 2 ** 10, mb: 2 ** 20, megabytes: 2 ** 20, gb: 2 ** 30,
    gigabytes: 2 ** 30, tb: 2 ** 40, terabytes: 2 ** 40,
  }; // biome-ignore format: a table
  const plain = text.trim().toLowerCase();
  const known = Object.hasOwn(words, plain) ? words[plain] : undefined;
  if (known !== undefined) return known;
  const power = /^bytes?\s*\*\s*(2|10)\s*\^\s*(\d{1,2})$/.exec(plain);
  if (power) return Number(power[1]) ** Number(power[2]);
  throw invalid(`${JSON.stringify(text.slice(0, 60))} is no unit of bytes.`);
}

const invalid = (why: string) =>
  new GuesthouseError('xml-invalid', 'The descriptor in the archive cannot be used.', {
    why,
    todo: 'Export the machine again as OVF 1.x.',
  });

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const list = (value: unknown): Node[] =>
  (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((one) =>
    isNode(one) ? one : { '#': one },
  );
const first = (value: unknown): Node | undefined => list(value)[0];

/** The text of an element or attribute, its five named entities resolved; undefined when there is none. */
function word(value: unknown): string | undefined {
  const one = Array.isArray(value) ? value[0] : value;
  const text = isNode(one) ? one['#'] : one;
  if (typeof text !== 'string' || text.trim() === '') return undefined;
  const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.trim().replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => named[name]!);
}

function number(value: unknown): number | undefined {
  const text = word(value);
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : undefined;
}
