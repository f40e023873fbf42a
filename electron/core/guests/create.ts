import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import { hostnameFrom } from '../../../shared/model/names.ts';
import { type Domain, newDomain } from '../domain/index.ts';
import { applyIdentity } from '../identity/apply.ts';
import { writeRecord } from '../identity/record.ts';
import { type IdentityValues, makeValues } from '../identity/values.ts';
import { stageGivenKeys } from '../keys/given.ts';
import { type OperationContext, partOf } from '../operations/runner.ts';
import { run } from '../platform/exec.ts';
import { syncPath, writeAtomic } from '../platform/fs.ts';
import { buildStarter, type StarterImage } from '../templates/starter/build.ts';
import { prepareCloudImage } from './cloud/prepare.ts';
import { copyDisk } from './copy-disk.ts';
import { createFrom, type FileSource, type KnownSystem } from './create-from.ts';
import type { CreateDeps, ParsedCreate } from './create-spec.ts';
import { serialLog } from './launch.ts';
import type { Lifecycle } from './lifecycle.ts';
import { libraryPolicy, loadOne } from './loading.ts';
import { choosePort, hostPorts } from './ports.ts';
import { assertNameFree, domainFile, folderName } from './store.ts';

type StarterCreate = ParsedCreate & { readonly from: { readonly kind: 'starter' } };

/** Machine types by kind, pinned: QEMU keeps them for years, and a guest keeps its hardware. */
const machines = { hybrid: 'pc-q35-7.2', full: 'pc-i440fx-7.2', paravirtual: 'microvm' } as const;

/** Makes guests. A guest appears whole, by one rename, or not at all. */
export class Creator {
  private readonly pendingNames = new Set<string>();
  private readonly pendingPorts = new Set<number>();

  constructor(
    private readonly deps: CreateDeps,
    private readonly lifecycle: Lifecycle,
  ) {}

  async create(spec: ParsedCreate): Promise<Started & { id: string }> {
    const { id, make, forget } = await this.prepare(spec);
    try {
      const { operation, result } = this.deps.runner.start(
        { kind: 'guest.create', title: `Making ${spec.name}`, subject: id, lock: `guest:${id}` },
        make,
      );
      result
        .finally(forget)
        .then(() => (spec.start ? this.lifecycle.start(id) : undefined))
        .catch((error) => {
          if (this.deps.registry.find(id)) this.deps.log.error(`${id} was made but not started`, error);
        });
      return { id, operation: operation.id };
    } catch (error) {
      forget();
      throw error;
    }
  }

  /**
   * Claims the name. Nothing is made until `make` is called, within an operation that holds `guest:<id>`.
   * @returns `forget` gives the name free: call it when `make` has ended, or is not to be called
   */
  async prepare(
    spec: ParsedCreate,
  ): Promise<{ id: string; make: (op: OperationContext) => Promise<void>; forget: () => void }> {
    if (spec.tpm && spec.kind === 'paravirtual')
      throw new GuesthouseError('unsupported', 'A paravirtual guest has no TPM.', {
        todo: 'Choose hybrid or full, or leave the TPM out.',
      });
    assertNameFree(spec.name, [...(await this.deps.names()), ...this.pendingNames]);
    const uuid = randomUUID();
    const id = folderName(spec.name, uuid);
    this.pendingNames.add(spec.name);
    return {
      id,
      make: (op) =>
        spec.from.kind === 'starter'
          ? this.run(id, uuid, { ...spec, from: spec.from }, op)
          : this.runFrom(id, uuid, spec, spec.from, op),
      forget: () => void this.pendingNames.delete(spec.name),
    };
  }

  private async runFrom(
    id: string,
    uuid: string,
    spec: ParsedCreate,
    source: Exclude<ParsedCreate['from'], { kind: 'starter' }>,
    op: OperationContext,
  ): Promise<void> {
    let from: FileSource;
    let known: KnownSystem | undefined;
    let rest = op;
    if (source.kind === 'cloud') {
      const { cloud } = this.deps;
      const { user, firmware } = cloud.source(source.id);
      const file = await cloud.get(source.id, op, 0.7);
      from = { kind: 'image', path: file, mode: 'copy', format: null, firmware: source.firmware ?? firmware };
      rest = partOf(op, 0.7, 1);
      known = {
        user,
        prepare: (staged, folder) => prepareCloudImage(this.deps, spec, uuid, staged, folder, rest),
      };
    } else from = source;
    const port = await choosePort(this.claimedPorts());
    this.pendingPorts.add(port);
    try {
      await createFrom(this.deps, { id, uuid, port }, spec, from, rest, known);
    } finally {
      this.pendingPorts.delete(port);
    }
  }

  private async run(id: string, uuid: string, spec: StarterCreate, op: OperationContext): Promise<void> {
    const { store, paths, log } = this.deps;
    const image = await buildStarter({ id: spec.from.id }, { paths, log }, partOf(op, 0, 0.8));
    this.deps.onStarterBuilt?.();
    if (spec.diskSize !== null && spec.diskSize * 2 ** 30 < image.virtualSize)
      throw new GuesthouseError('invalid-input', 'The disk cannot be smaller than what it is made from.', {
        why: `The starter’s disk has ${image.virtualSize / 2 ** 30} GiB.`,
        todo: 'Choose a larger size.',
      });
    const staged = await store.stage(id);
    let port: number | null = null;
    try {
      op.phase('Copying the disk');
      const disk = path.join(staged, 'disk.qcow2');
      await copyDisk(image.disk, disk, op, (fraction) => op.progress(0.8 + 0.12 * fraction));
      if (spec.diskSize !== null)
        await run(['qemu-img', 'resize', '-q', '-f', 'qcow2', disk, `${spec.diskSize}G`], {
          signal: op.signal,
        });
      op.phase('Giving it an identity');
      op.progress(0.93);
      const values = await makeValues(hostnameFrom(spec.name), ['ed25519', 'ecdsa']);
      await this.writeIdentity(disk, image, spec, values, op);
      op.check();
      op.phase('Writing its definition');
      op.progress(0.98);
      port = await choosePort(this.claimedPorts());
      this.pendingPorts.add(port);
      const domain = domainFor(store.folder(id), uuid, spec, image, port);
      await writeAtomic(path.join(staged, domainFile), domain.text);
      await writeAtomic(path.join(staged, 'known_hosts'), knownHosts(uuid, values));
      await stageGivenKeys(staged, spec.authorizedKeys);
      await writeRecord(staged, {
        version: 1,
        writtenAt: this.deps.clock.now(),
        machineId: values.machineId,
        hostname: values.hostname,
        hostKeys: values.hostKeys.map((key) => key.fingerprint),
        bootIdThen: null,
        verification: 'planned',
        before: null,
      });
      await syncPath(disk);
      op.check();
      await loadOne(this.deps, await store.publish(staged, id));
    } catch (error) {
      await store.discard(staged);
      throw error;
    } finally {
      if (port !== null) this.pendingPorts.delete(port);
    }
  }

  /** Ports claimed by any guest's definition or by one being made. */
  private claimedPorts(): Set<number> {
    const claimed = new Set(this.pendingPorts);
    for (const { stored } of this.deps.registry.all())
      if (stored.domain) for (const port of hostPorts(stored.domain)) claimed.add(port);
    return claimed;
  }

  private async writeIdentity(
    disk: string,
    image: StarterImage,
    spec: ParsedCreate,
    values: IdentityValues,
    op: OperationContext,
  ): Promise<void> {
    const { paths } = this.deps;
    await applyIdentity(
      { disks: [{ path: disk, format: 'qcow2' }], policy: libraryPolicy(paths) },
      {
        mode: 'clone',
        parts: ['machine-id', 'host-keys', 'hostname', 'random-seed', 'cloud-init'],
        values,
        authorizedKeys: { user: image.user, lines: spec.authorizedKeys },
      },
      { runtimeDir: path.join(paths.runtime, 'exports'), signal: op.signal },
    );
  }
}

function domainFor(
  folder: string,
  uuid: string,
  spec: ParsedCreate,
  image: StarterImage,
  port: number,
): Domain {
  // Emulated disks and cards need the full kernel, which its own boot loader finds.
  const direct = spec.kind !== 'full';
  return newDomain({
    name: spec.name,
    uuid,
    kind: spec.kind,
    machine: machines[spec.kind],
    memoryMiB: spec.memory,
    vcpus: spec.vcpus,
    tpm: spec.tpm,
    disks: [{ file: path.join(folder, 'disk.qcow2'), format: 'qcow2', backing: [] }],
    serialLog: serialLog(folder),
    starter: image.id,
    sshUser: image.user,
    sshHostPort: port,
    tags: spec.tags,
    ...(direct
      ? {
          bootFromDisk: 'vda',
          kernel: {
            kernel: path.join(folder, 'boot', 'vmlinuz'),
            initrd: path.join(folder, 'boot', 'initrd'),
            cmdline: image.kernelCmdline,
          },
        }
      : {}),
  });
}

/** The guest's keys under its UUID, which ssh is told as HostKeyAlias: known before the first connection. */
function knownHosts(uuid: string, values: IdentityValues): string {
  return values.hostKeys
    .map((key) => `${uuid} ${key.publicKey.trim().split(' ').slice(0, 2).join(' ')}\n`)
    .join('');
}
