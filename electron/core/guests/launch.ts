import * as fs from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { type DiskRef, openGuestDisk } from '../disks/index.ts';
import { Domain, diskProps, domainProps, tpmProps } from '../domain/index.ts';
import type { Networks } from '../networks/index.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { Entrance } from '../platform/detached.ts';
import { exists } from '../platform/fs.ts';
import { type Accelerators, findProgram } from '../qemu/accelerators.ts';
import { type QemuRun, qemuArgv } from '../qemu/argv.ts';
import { findPulse } from '../qemu/audio.ts';
import { offeredBy } from '../qemu/offered.ts';
import { endQemu, launchQemu, type QemuProcess } from '../qemu/process.ts';
import { runFiles } from '../qemu/run-files.ts';
import { startTpm } from '../qemu/swtpm.ts';
import { startCommands } from './at-start.ts';
import { logFile } from './crash.ts';
import { judgeImages } from './images.ts';
import { explainLacking } from './lacking.ts';
import { guestPolicy, type LoadingDeps } from './loading.ts';
import { pinFromDisk } from './pin-host-keys.ts';
import type { Entry } from './registry.ts';
import { type SavedInfo, savedFiles } from './saved.ts';
import { nameOf } from './store.ts';
import { isLive } from './transitions.ts';
import { planFirmware, prepareFirmware } from './uefi.ts';

export interface LaunchDeps extends LoadingDeps {
  readonly accelerators: Accelerators;
  readonly qemu?: string;
  /** How QEMU enters the resource group the guest is in; null when it is in none. */
  readonly enterGroup?: (id: string) => Promise<{
    readonly enter: Entrance | null;
    readonly note: string | null;
  } | null>;
  readonly networks: Pick<Networks, 'find' | 'netdevs' | 'prepare'>;
}

/** What the serial console said, in a guest's folder. */
export const serialLog = (folder: string) => path.join(folder, 'serial.log');

/**
 * Starts a guest's QEMU, or one that waits for a saved memory, under the accelerator that works here.
 * @param how.wrap a program and its arguments that QEMU is run by, which becomes it (exec(2))
 * @throws {GuesthouseError} what keeps it from starting, for people; nothing runs then
 */
export async function launchGuest(
  deps: LaunchDeps,
  entry: Entry,
  saved: SavedInfo | null,
  op: OperationContext,
  how: { readonly wrap?: readonly string[] } = {},
): Promise<QemuProcess> {
  const { paths, clock } = deps;
  const { id, stored } = entry;
  const xml = saved ? await fs.readFile(savedFiles(stored.folder).xml, 'utf8') : stored.text;
  const wished = saved ? Domain.parse(xml) : stored.domain!;
  op.phase('Looking at its disks');
  const policy = guestPolicy(paths, stored.folder);
  const { backing, empty } = await judgeImages(wished, policy);
  const uefi = await planFirmware(wished, stored.folder);
  const domain = empty.reduce((made, index) => made.set(diskProps.file, null, index), wished);
  refuseTwin(deps, entry, domain);
  op.phase('Finding out what the processor can do');
  const { chosen } = await deps.accelerators.report();
  const accelerator = saved?.accelerator ?? (domain.get(domainProps.type) === 'qemu' ? 'tcg' : chosen);
  if (saved?.accelerator === 'kvm' && chosen !== 'kvm')
    throw new GuesthouseError(
      'accelerator-unusable',
      'The saved memory needs KVM, which cannot be used now.',
      {
        todo: 'Make KVM work again (see the Host page), or discard the saved memory.',
      },
    );
  op.check();
  if (!saved) await pinFromDisk(deps, stored, domain);
  const files = runFiles(paths.runtime, id);
  if (Object.keys(deps.networks.netdevs(files.dir, domain)).length > 0) op.phase('Opening its network');
  await deps.networks.prepare(id, domain);
  // A saved memory brings the state of its links and of its balloon along.
  const first = saved ? [] : startCommands(domain);
  const run: QemuRun = {
    ...files,
    netdevs: deps.networks.netdevs(files.dir, domain),
    serialLog: serialLog(stored.folder),
    accelerator,
    backing,
    ...(uefi ? { firmware: await prepareFirmware(uefi, policy) } : {}),
    tscKhz: await tscKhz(),
    ...(saved ? { incoming: 'defer' } : {}),
    paused: saved !== null || first.length > 0,
    ...(await kernelFor(deps, entry, domain, saved !== null, op)),
  };
  const program = (await findProgram(deps.qemu ?? 'qemu-system-x86_64')) ?? 'qemu-system-x86_64';
  const pulse = domain.count('sound') > 0 ? await findPulse(program).catch(() => null) : null;
  const { argv, notes: differs } = qemuArgv(domain, { ...run, pulse });
  const notes = [...differs, ...beyond(domain)];
  notes.push(...(uefi?.notes ?? []));
  for (const index of empty)
    notes.push(`The drive ${wished.disks()[index]!.target} is empty: its medium is not there.`);
  const group = (await deps.enterGroup?.(id)) ?? null;
  op.phase('Starting QEMU');
  const process = await launchQemu({
    files,
    argv: [...(how.wrap ?? []), program, ...argv],
    xml,
    logFile: logFile(stored.folder),
    images: domain.disks().flatMap((disk) => (disk.file && disk.type === 'file' ? [disk.file] : [])),
    accelerator,
    notes: group?.note ? [...notes, group.note] : notes,
    clock,
    signal: op.signal,
    enter: group?.enter ?? undefined,
    ...(hasTpm(domain)
      ? {
          prepare: () =>
            startTpm({
              files,
              state: tpmState(stored.folder),
              log: path.join(stored.folder, 'swtpm.log'),
              signal: op.signal,
            }),
        }
      : {}),
  }).catch(async (error) => {
    if (!(error instanceof GuesthouseError)) throw error;
    throw explainLacking(error, domain, await offeredBy(deps.qemu), saved !== null);
  });
  if (first.length === 0) return process;
  try {
    for (const { command, arguments: args } of first) await process.qmp.execute(command, args);
    await process.qmp.execute('cont');
    return process;
  } catch (error) {
    await endQemu(process).catch(() => {});
    process.qmp.close();
    throw error;
  }
}

/** What the guest is to have beyond what this computer has in all, for people. */
function beyond(domain: Domain): string[] {
  const notes: string[] = [];
  if (domain.memoryMiB * 2 ** 20 > totalmem())
    notes.push('The guest may take more memory than this computer has: it may be ended when that runs out.');
  if (domain.vcpus > availableParallelism())
    notes.push(`The guest has ${domain.vcpus} processors, more than this computer: that only slows it down.`);
  return notes;
}

/** What a guest's emulated TPM holds. A clone begins without: its TPM is another one. */
const tpmState = (folder: string) => path.join(folder, 'tpm');

const hasTpm = (domain: Domain) =>
  domain.count('tpm') > 0 &&
  domain.get(tpmProps.backend) === 'emulator' &&
  domain.get(tpmProps.version) !== '1.2';

/** Two guests with one UUID would fight over addresses and licences, and cannot be told apart by QMP. */
function refuseTwin(deps: LaunchDeps, entry: Entry, domain: Domain): void {
  const twin = deps.registry
    .all()
    .find(
      (other) => other.id !== entry.id && isLive(other.state) && other.stored.domain?.uuid === domain.uuid,
    );
  if (twin && domain.uuid)
    throw new GuesthouseError('wrong-state', 'A guest with the same UUID is running.', {
      why: `${nameOf(twin.stored)} has UUID ${domain.uuid} too: one of them is a copy of the other’s folder.`,
      todo: 'Shut that one down, or give this guest an identity of its own.',
    });
}

/** Kernel and initrd, read anew from the root disk so that an update inside the guest is taken up. */
async function kernelFor(
  deps: LaunchDeps,
  entry: Entry,
  domain: Domain,
  keep: boolean,
  op: OperationContext,
): Promise<Pick<QemuRun, 'kernel'>> {
  const { bootFromDisk } = domain.metadata;
  if (!bootFromDisk) return {};
  const dir = path.join(entry.stored.folder, 'boot');
  if (keep) {
    const initrd = path.join(dir, 'initrd');
    return {
      kernel: { kernel: path.join(dir, 'vmlinuz'), initrd: (await exists(initrd)) ? initrd : undefined },
    };
  }
  op.phase('Reading the kernel from the disk');
  const disks = domain.disks();
  const disk = disks.find((d) => d.target === bootFromDisk.disk) ?? disks.find((d) => d.device === 'disk');
  if (!disk?.file)
    throw new GuesthouseError('disk-missing', 'The guest has no disk to read its kernel from.', {
      todo: 'Add its disk again, or take <gh:boot-from-disk> out of its XML.',
    });
  const image: DiskRef = { path: disk.file, format: disk.format === 'qcow2' ? 'qcow2' : 'raw' };
  const root = await openGuestDisk(image, guestPolicy(deps.paths, entry.stored.folder));
  try {
    const found = await root.extractKernel(dir);
    return { kernel: { kernel: found.kernel, initrd: found.initrd ?? undefined } };
  } finally {
    await root.close();
  }
}

/** The command line it would start with, for people; null when it cannot start. */
export async function commandLine(deps: LaunchDeps, entry: Entry): Promise<readonly string[] | null> {
  const domain = entry.stored.domain;
  if (!domain) return null;
  try {
    const boot = path.join(entry.stored.folder, 'boot');
    const files = runFiles(deps.paths.runtime, entry.id);
    const uefi = await planFirmware(domain, entry.stored.folder);
    const { argv } = qemuArgv(domain, {
      ...files,
      netdevs: deps.networks.netdevs(files.dir, domain),
      serialLog: serialLog(entry.stored.folder),
      accelerator: entry.process?.record.accelerator ?? 'kvm',
      ...(uefi ? { firmware: uefi.firmware } : {}),
      ...(domain.metadata.bootFromDisk
        ? { kernel: { kernel: path.join(boot, 'vmlinuz'), initrd: path.join(boot, 'initrd') } }
        : {}),
    });
    return ['qemu-system-x86_64', ...argv];
  } catch {
    return null; // what is wrong stands among the problems
  }
}

/**
 * The time stamp counter's kHz by /proc/cpuinfo: the name's nominal frequency, at which it counts, else the present one.
 * Unknown (another processor's file) is undefined.
 */
async function tscKhz(): Promise<number | undefined> {
  const text = await fs.readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const named = Number(/^model name.*@ ([\d.]+)GHz/m.exec(text)?.[1] ?? 0) * 1e6;
  const present = Number(/^cpu MHz\s*: ([\d.]+)/m.exec(text)?.[1] ?? 0) * 1e3;
  return Math.round(named || present) || undefined;
}
