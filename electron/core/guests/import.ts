import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { guestContract, Imported } from '../../../shared/ipc/guests.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import {
  type ConvertSource,
  convertImage,
  createOverlay,
  type ImagePolicy,
  standAlone,
  withinFolders,
} from '../disks/index.ts';
import {
  completeDomain,
  consoleProps,
  Domain,
  diskProps,
  domainProps,
  interfaceProps,
  metaProps,
  missingIn,
  randomMac,
  serialProps,
  withNvram,
} from '../domain/index.ts';
import type { OperationContext } from '../operations/runner.ts';
import { syncPath, writeAtomic } from '../platform/fs.ts';
import { decodeXml } from '../platform/xml-encoding.ts';
import { offeredBy } from '../qemu/offered.ts';
import { addAgreed, withRealPaths } from './consent.ts';
import type { CreateDeps } from './create-spec.ts';
import { foreignFormats } from './describe.ts';
import { copiedStore, imagesOutside, ownDisks } from './import-images.ts';
import { serialLog } from './launch.ts';
import { lockOf } from './lifecycle.ts';
import { loadOne } from './loading.ts';
import { choosePort, hostPorts } from './ports.ts';
import { assertNameFree, domainFile, folderName, type GuestStore } from './store.ts';
import { refuseOthersDisks } from './xml.ts';

export type ParsedImport = z.output<(typeof guestContract)['guests.importXml']['input']>;

const maxFile = 2 << 20;

export interface ImportDeps extends CreateDeps {
  readonly templates: GuestStore;
}

/** Makes guests of domain XML that nobody vouches for. A guest appears whole, by one rename, or not at all. */
export class Importer {
  constructor(private readonly deps: ImportDeps) {}

  async import(spec: ParsedImport): Promise<Imported> {
    const { registry, runner, store, paths } = this.deps;
    let domain = Domain.parse(spec.xml ?? (await readXmlFile(spec.path!)));
    const name = spec.name ?? domain.name.trim();
    const problem = nameProblem(name);
    if (problem)
      throw new GuesthouseError('invalid-input', problem, {
        why: `The XML says ${JSON.stringify(name.slice(0, 200))}.`,
        todo: 'Give the guest another name.',
      });
    assertNameFree(name, await this.deps.names());
    const changes: string[] = [];
    if (name !== domain.name) domain = domain.set(domainProps.name, name);
    domain = await this.withFreeIdentity(domain, changes);
    if (spec.nearest) domain = await this.withNearest(domain, changes);
    const id = folderName(name, domain.uuid!);
    const folder = store.folder(id);
    if (spec.disks === 'reference') await refuseOthersDisks(paths, domain, folder);
    else await this.requireAgreed(domain, spec);
    const complete = completeDomain(domain);
    if (complete !== domain) changes.push('Devices without an address were given one, as libvirt does.');
    const { operation, result } = runner.start(
      { kind: 'guest.import', title: `Importing ${name}`, subject: id, lock: lockOf(id) },
      async (op) => {
        const staged = await store.stage(id);
        try {
          const final =
            spec.disks === 'reference' ? complete : await this.takeDisks(complete, spec, staged, id, op);
          op.phase('Writing its definition');
          await writeAtomic(path.join(staged, domainFile), final.text);
          if (spec.agreed.length > 0) await addAgreed(staged, await withRealPaths(spec.agreed));
          op.check();
          await loadOne(this.deps, await store.publish(staged, id));
        } catch (error) {
          await store.discard(staged);
          throw error;
        }
      },
    );
    result.catch((error) => {
      if (registry.find(id)) this.deps.log.error(`${id} was imported and then`, error);
    });
    return { id, operation: operation.id, changes };
  }

  /** What this computer's QEMU lacks becomes the nearest it has. */
  private async withNearest(source: Domain, changes: string[]): Promise<Domain> {
    const offered = await offeredBy(this.deps.qemu);
    let domain = source;
    for (const { property, what, name, nearest } of offered ? missingIn(domain, offered) : []) {
      if (nearest === null) continue;
      domain = domain.set(property, nearest);
      changes.push(`This computer’s QEMU has no ${what} ${name}: it was given ${nearest}.`);
    }
    return domain;
  }

  /** Two guests with one UUID, MAC address or host port would be one machine twice: what is taken is made anew. */
  private async withFreeIdentity(source: Domain, changes: string[]): Promise<Domain> {
    const { registry, templates } = this.deps;
    const others = [...registry.all().map((e) => e.stored), ...(await templates.list())].flatMap((stored) =>
      stored.domain ? [stored.domain] : [],
    );
    let domain = source;
    const taken = others.find((other) => other.uuid !== null && other.uuid === domain.uuid);
    if (taken || domain.uuid === null) {
      const uuid = randomUUID();
      domain = domain.set(domainProps.uuid, uuid);
      if (domain.has(domainProps.sysinfoUuid)) domain = domain.set(domainProps.sysinfoUuid, uuid);
      if (domain.has(domainProps.genidPresent)) domain = domain.set(domainProps.genid, randomUUID());
      changes.push(
        taken
          ? `${taken.name} has its UUID already: it was given a new one.`
          : 'The XML has no UUID: it was given one.',
      );
    }
    const macs = new Set(
      others.flatMap((other) => other.interfaces().flatMap(({ mac }) => mac?.toLowerCase() ?? [])),
    );
    for (const { mac, index } of domain.interfaces()) {
      if (mac !== null && !macs.has(mac.toLowerCase())) continue;
      const next = randomMac();
      domain = domain.set(interfaceProps.mac, next, index);
      changes.push(
        mac === null
          ? `A network card was given the address ${next}.`
          : `Another guest has the network address ${mac}: it was given ${next}.`,
      );
    }
    const ports = new Set(others.flatMap(hostPorts));
    const { hostPort } = domain.metadata.ssh;
    if (hostPort !== null && ports.has(hostPort)) {
      const next = await choosePort(new Set([...ports, ...hostPorts(domain)]));
      domain = domain.set(metaProps.sshPort, next);
      changes.push(`Another guest has port ${hostPort} of this computer: SSH is reached at ${next}.`);
    }
    return domain;
  }

  /**
   * A copy of a file the XML names would be the guest's to read, and nothing would be asked at its start any more: so it
   * is asked now.
   */
  private async requireAgreed(domain: Domain, spec: ParsedImport): Promise<void> {
    const agreed = new Set(spec.agreed);
    const outside = (await imagesOutside(domain, this.deps.paths.data)).filter((file) => !agreed.has(file));
    if (outside.length > 0)
      throw new GuesthouseError('needs-consent', 'The XML asks for images outside the library.', {
        why: `The guest could read what is in ${outside.join(', ')}.`,
        todo: 'Allow it only when these are the images of the machine you want.',
      });
  }

  /** Copies each disk into the staged folder, or puts an overlay on it there. CDs stay where they are. */
  private async takeDisks(
    source: Domain,
    spec: ParsedImport,
    staged: string,
    id: string,
    op: OperationContext,
  ): Promise<Domain> {
    const { store, paths } = this.deps;
    const folder = store.folder(id);
    const policy = await agreedPolicy(paths.data, spec.agreed);
    const disks = ownDisks(source);
    let domain = source;
    for (const [i, disk] of disks.entries()) {
      const said = disk.format ?? 'raw';
      op.phase(spec.disks === 'copy' ? `Copying ${disk.target}` : `Making an overlay on ${disk.target}`);
      const file = `${disk.target.replace(/[^A-Za-z0-9]/g, '') || `disk${i}`}.qcow2`;
      const target = path.join(staged, file);
      const from = sourceOf(disk.file, said);
      if (spec.disks === 'copy')
        await convertImage(from, { path: target, format: 'qcow2' }, policy, {
          signal: op.signal,
          progress: (fraction) => op.progress(fraction === null ? null : (i + fraction) / disks.length),
        });
      else if (from.format === 'raw' || from.format === 'qcow2')
        await createOverlay(target, { path: from.path, format: from.format }, policy);
      else
        throw new GuesthouseError('unsupported', `A ${said} image cannot stand below a linked disk.`, {
          todo: 'Copy it: that converts it.',
        });
      await syncPath(target);
      domain = domain
        .set(diskProps.file, path.join(folder, file), disk.index)
        .set(diskProps.format, 'qcow2', disk.index)
        .set(diskProps.backingEnd, null, disk.index);
    }
    const variables = await copiedStore(domain);
    if (variables) {
      const target = path.join(staged, 'nvram.qcow2');
      op.phase('Copying the firmware’s variables');
      await convertImage(
        { path: variables.file, format: variables.format },
        { path: target, format: 'qcow2' },
        policy,
        { signal: op.signal },
      );
      await syncPath(target);
      domain = withNvram(domain, path.join(folder, 'nvram.qcow2'), 'qcow2');
    }
    return withOwnLogs(domain, serialLog(folder));
  }
}

/** Logs of the source machine are not written to any more. */
function withOwnLogs(source: Domain, log: string): Domain {
  let domain = source;
  for (const [list, property] of [
    ['serial', serialProps.logFile],
    ['console', consoleProps.logFile],
  ] as const)
    for (let index = 0; index < domain.count(list); index++)
      if (domain.has(property, index)) domain = domain.set(property, log, index);
  return domain;
}

function sourceOf(file: string, format: string): ConvertSource {
  if (format === 'raw' || format === 'qcow2') return { path: file, format };
  const foreign = foreignFormats[format];
  if (!foreign)
    throw new GuesthouseError('unsupported', `Images of format ${format} cannot be converted.`, {
      why: file,
    });
  return { path: file, format: foreign };
}

/** The library's files and the agreed ones, by whatever links they were named. */
async function agreedPolicy(library: string, agreed: readonly string[]): Promise<ImagePolicy> {
  const all = new Set(await withRealPaths(agreed));
  const inside = all.size === 0 ? standAlone : { allow: (file: string) => all.has(file) };
  const own = withinFolders(library);
  return { allow: async (file) => (await inside.allow(file)) || own.allow(file) };
}

/** @throws {GuesthouseError} `not-found`, `invalid-input` for what is no regular file of a sensible size */
export async function readXmlFile(file: string): Promise<string> {
  const full = path.resolve(file);
  try {
    const handle = await fs.open(full, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size > maxFile)
        throw new GuesthouseError('invalid-input', `${full} is no domain XML.`, {
          why: stat.isFile()
            ? `It has ${stat.size} bytes; at most ${maxFile} are read.`
            : 'It is no ordinary file.',
        });
      return decodeXml(await handle.readFile(), full);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof GuesthouseError) throw error;
    throw new GuesthouseError('not-found', `${full} cannot be read.`, {
      why: (error as Error).message,
      cause: error,
    });
  }
}
