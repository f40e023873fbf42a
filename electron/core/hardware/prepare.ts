import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { HardwareChange } from '../../../shared/ipc/hardware.ts';
import { createDisk, inspectChain, inspectImage, probeFormat } from '../disks/index.ts';
import { completeDomain, Domain } from '../domain/index.ts';
import { withRealPaths } from '../guests/consent.ts';
import type { CreateDeps } from '../guests/create-spec.ts';
import { hostPorts, isPortFree } from '../guests/ports.ts';
import type { Entry } from '../guests/registry.ts';
import { sourcePolicy } from '../guests/source-image.ts';
import { nameOf } from '../guests/store.ts';
import { isLive } from '../guests/transitions.ts';
import { usbId } from './differences.ts';
import { findDirectBoot } from './direct-boot.ts';
import { addDisk, type DiskBus, freeTarget, usualBus } from './drives.ts';
import { editHardware, freeMac, type PlainChange } from './edits.ts';
import { toKind } from './kinds.ts';

export type Edit = (domain: Domain) => Domain;

/** What a change comes down to once its files are there. */
export interface Prepared {
  readonly edit: Edit;
  /** Devices come, go or move: what has no address yet gets one first, so that nothing else moves. */
  readonly structural: boolean;
  /** What outside the library the person agreed to by choosing it. */
  readonly reaches: readonly string[];
  /** A file made for this change, which goes when it fails. */
  readonly made: string | null;
}

const gib = 2 ** 30;

/** Looks at, and makes, the files a change is about. Nothing of the guest is changed yet. */
export async function prepare(
  deps: CreateDeps,
  entry: Entry,
  stored: Domain,
  running: Domain | null,
  change: HardwareChange,
): Promise<Prepared> {
  const targets = new Set(
    [stored, running].flatMap((domain) => domain?.disks().map((disk) => disk.target) ?? []),
  );
  const plain = (edited: PlainChange, more: Partial<Prepared> = {}): Prepared => ({
    edit: (domain) => editHardware(domain, edited, { targets, mac }),
    structural: !settings.has(edited.do) || (edited.do === 'edit-disk' && edited.bus !== undefined),
    reaches: [],
    made: null,
    ...more,
  });
  const mac = freeMac(stored, running);
  switch (change.do) {
    case 'add-disk':
      return prepareDisk(deps, entry, stored, change, targets);
    case 'grow-disk':
      throw new Error('grown before');
    case 'kind': {
      const direct = await findDirectBoot(deps.paths, entry, stored, change.kind);
      return {
        edit: (domain) => toKind(domain, change.kind, direct),
        structural: false,
        reaches: [],
        made: null,
      };
    }
    case 'medium': {
      if (change.file === null) return plain(change);
      await inspectImage({ path: change.file, format: 'raw' }, sourcePolicy(deps.paths.data, change.file));
      return plain(change, { reaches: await withRealPaths([change.file]) });
    }
    case 'add-folder': {
      const stat = await fs.stat(change.path).catch(() => null);
      if (!stat?.isDirectory())
        throw new GuesthouseError('invalid-input', 'There is no such folder.', { why: change.path });
      needAgreement(
        change.agreed,
        `The guest would see${change.readonly ? '' : ', and could change,'} everything in ${change.path}.`,
      );
      return plain(change, { reaches: await withRealPaths([change.path]) });
    }
    case 'add-usb': {
      const device = usbId(change.vendor, change.product);
      needAgreement(change.agreed, `The USB device ${device} would leave this computer for the guest.`);
      const id = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;
      return plain(change, { reaches: [`${id(change.vendor)}:${id(change.product)}`] });
    }
    case 'add-forward':
      await needFreePort(deps, entry, change.hostPort, change.proto);
      return plain(change);
    default:
      return plain(change);
  }
}

async function needFreePort(
  deps: CreateDeps,
  entry: Entry,
  port: number,
  proto: 'tcp' | 'udp',
): Promise<void> {
  const other = deps.registry
    .all()
    .find(({ id, stored }) => id !== entry.id && stored.domain && hostPorts(stored.domain).includes(port));
  if (!other && (proto === 'udp' || (await isPortFree(port)))) return;
  throw new GuesthouseError('port-taken', `Port ${port} of this computer is taken.`, {
    why: other ? `It leads into ${nameOf(other.stored)}.` : 'Some program listens on it.',
    todo: 'Choose another port.',
  });
}

async function prepareDisk(
  deps: CreateDeps,
  entry: Entry,
  stored: Domain,
  change: Extract<HardwareChange, { do: 'add-disk' }>,
  targets: ReadonlySet<string>,
): Promise<Prepared> {
  const { device, source } = change;
  const bus: DiskBus = change.bus ?? usualBus(stored, device);
  const target = freeTarget(bus, targets);
  const cache = change.cache === undefined || change.cache === 'default' ? null : change.cache;
  const added = (
    file: string | null,
    format: string | null,
    reaches: readonly string[],
    made: string | null,
  ) => ({
    edit: (domain: Domain) => addDisk(domain, { target, device, bus, file, format, cache }),
    structural: true,
    reaches,
    made,
  });
  if (source === null) {
    if (device === 'disk')
      throw new GuesthouseError('invalid-input', 'Say how large the new disk is, or which file it is.');
    return added(null, 'raw', [], null);
  }
  if ('newGiB' in source) {
    if (device === 'cdrom') throw new GuesthouseError('invalid-input', 'A CD is a file, not a new disk.');
    // Thrown out before anything is made.
    addDisk(completeDomain(stored), { target, device, bus, file: '/', format: 'qcow2', cache });
    const file = path.join(entry.stored.folder, `disk-${target}-${randomBytes(3).toString('hex')}.qcow2`);
    await createDisk(file, 'qcow2', source.newGiB * gib);
    return added(file, 'qcow2', [], file);
  }
  const file = path.resolve(source.file);
  if (device === 'cdrom') {
    await inspectImage({ path: file, format: 'raw' }, sourcePolicy(deps.paths.data, file));
    return added(file, 'raw', await withRealPaths([file]), null);
  }
  const format = source.format ?? (await probeFormat(file));
  if (format !== 'raw' && format !== 'qcow2')
    throw new GuesthouseError('unsupported', `A disk of format ${format} cannot be added as it is.`, {
      todo: 'Make a guest from it, or convert it to qcow2.',
    });
  await inspectChain({ path: file, format }, sourcePolicy(deps.paths.data, file));
  if ([stored, runningOf(entry)].some((domain) => domain?.disks().some((disk) => disk.file === file)))
    throw new GuesthouseError('disk-refused', 'The guest has this disk already.', { why: file });
  return added(file, format, await withRealPaths([file]), null);
}

/** Changes of values: no device comes, goes or moves. */
const settings: ReadonlySet<HardwareChange['do']> = new Set([
  'cpu',
  'edit-disk',
  'medium',
  'edit-nic',
  'restrict',
  'add-forward',
  'remove-forward',
  'boot-order',
] as const);

/** The domain a guest's QEMU has now; null when none runs. */
export function runningOf(entry: Entry): Domain | null {
  return entry.process && isLive(entry.state) && entry.runningText !== null
    ? Domain.parse(entry.runningText)
    : null;
}

function needAgreement(agreed: boolean, why: string): void {
  if (!agreed)
    throw new GuesthouseError('needs-consent', 'This reaches outside the library.', {
      why,
      todo: 'Agree to it if you know what runs in the guest.',
    });
}
