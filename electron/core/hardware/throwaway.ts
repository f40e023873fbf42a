import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { createOverlay } from '../disks/index.ts';
import {
  type Domain,
  diskProps,
  domainProps,
  interfaceProps,
  metaProps,
  nvramOf,
  withNvram,
} from '../domain/index.ts';
import { addAgreed, readAgreed } from '../guests/consent.ts';
import type { CreateDeps } from '../guests/create-spec.ts';
import { launchGuest, serialLog } from '../guests/launch.ts';
import { guestPolicy } from '../guests/loading.ts';
import { choosePort, hostPorts } from '../guests/ports.ts';
import type { Entry } from '../guests/registry.ts';
import { waitForSsh } from '../guests/wait-ssh.ts';
import { applyIdentity } from '../identity/apply.ts';
import { makeValues } from '../identity/values.ts';
import type { OperationContext } from '../operations/runner.ts';
import { run } from '../platform/exec.ts';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';
import { isAlive } from '../platform/proc.ts';
import { awaitEnd, endQemu } from '../qemu/process.ts';
import { runFiles } from '../qemu/run-files.ts';
import type { SshTarget } from '../ssh/command.ts';

/** A copy of a guest that is booted once and thrown away: overlays, and a way in that only it has. */
export interface Throwaway {
  readonly entry: Entry;
  readonly target: SshTarget;
}

/**
 * Puts overlays on a guest's disks into `dir` and a domain on them. The copy gets a key and a host key of its own, so
 * that it is logged in to without asking anybody; the guest itself is not touched.
 * @param domain the guest's, of the kind to try
 */
export async function makeThrowaway(
  deps: CreateDeps,
  entry: Entry,
  domain: Domain,
  dir: string,
  op: OperationContext,
): Promise<Throwaway> {
  const { folder } = entry.stored;
  await addAgreed(dir, await readAgreed(folder));
  const policy = await guestPolicy(deps.paths, folder);
  let made = alone(domain);
  for (const disk of made.disks()) {
    if (disk.file === null) continue;
    const overlay = path.join(dir, `${disk.target}.qcow2`);
    await createOverlay(
      overlay,
      { path: disk.file, format: disk.format === 'qcow2' ? 'qcow2' : 'raw' },
      policy,
    );
    made = made
      .set(diskProps.file, overlay, disk.index)
      .set(diskProps.format, 'qcow2', disk.index)
      .set(diskProps.backingEnd, null, disk.index)
      // O_DIRECT: this computer's cache neither helps nor hides anything.
      .set(diskProps.cache, 'none', disk.index);
  }
  const nvram = nvramOf(made);
  if (nvram !== null) {
    const own = path.join(dir, 'nvram');
    const there = await fs.copyFile(nvram.file, own).then(
      () => true,
      () => false, // the copy is given one when it starts
    );
    made = withNvram(made, there ? own : null);
  }
  const claimed = new Set(
    deps.registry.all().flatMap((other) => (other.stored.domain ? hostPorts(other.stored.domain) : [])),
  );
  const port = await choosePort(claimed);
  made = made.set(metaProps.sshPort, port);
  const target = await giveWayIn(deps, made, dir, port, op);
  const stored = { id: path.basename(dir), folder: dir, text: made.text, domain: made, problem: null };
  return { entry: { ...entry, id: stored.id, stored, process: null, runningText: null }, target };
}

/** Without anything outside, and with nothing that slows it down on purpose. */
function alone(domain: Domain): Domain {
  let made = domain;
  for (const list of ['hostdev', 'filesystem', 'tpm', 'forward'] as const)
    while (made.count(list) > 0) made = made.remove(list, 0);
  for (let i = made.count('disk') - 1; i >= 0; i--) {
    if (made.disks()[i]!.device !== 'disk') {
      made = made.remove('disk', i);
      continue;
    }
    for (const property of [
      diskProps.totalBytesSec,
      diskProps.readBytesSec,
      diskProps.writeBytesSec,
      diskProps.totalIopsSec,
      diskProps.readIopsSec,
      diskProps.writeIopsSec,
    ])
      made = made.set(property, null, i);
  }
  for (let i = 0; i < made.count('interface'); i++)
    made = made
      .set(interfaceProps.type, 'user', i)
      .set(interfaceProps.network, null, i)
      .set(interfaceProps.bridge, null, i)
      .set(interfaceProps.link, null, i);
  return made.set(domainProps.currentMemory, null);
}

async function giveWayIn(
  deps: CreateDeps,
  domain: Domain,
  dir: string,
  port: number,
  op: OperationContext,
): Promise<SshTarget> {
  const key = path.join(dir, 'key');
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'comparison', '-f', key], {
    signal: op.signal,
  });
  const values = await makeValues(null, ['ed25519']);
  const user = domain.metadata.ssh.user ?? 'root';
  const disks = domain
    .disks()
    .flatMap(({ file }) => (file === null ? [] : [{ path: file, format: 'qcow2' as const }]));
  await applyIdentity(
    { disks, policy: await guestPolicy(deps.paths, dir) },
    {
      mode: 'clone',
      parts: ['host-keys'],
      values,
      authorizedKeys: { user, lines: [(await fs.readFile(`${key}.pub`, 'utf8')).trim()] },
    },
    { runtimeDir: path.join(deps.paths.runtime, 'exports'), signal: op.signal },
  );
  const knownHosts = path.join(dir, 'known_hosts');
  const lines = values.hostKeys.map(
    (each) => `comparison ${each.publicKey.trim().split(' ').slice(0, 2).join(' ')}\n`,
  );
  await writeAtomic(knownHosts, lines.join(''));
  return {
    kind: 'guest',
    id: path.basename(dir),
    name: 'the copy',
    address: '127.0.0.1',
    port,
    user,
    hostKeyAlias: 'comparison',
    knownHosts: [knownHosts],
    identityFiles: [key],
    identitiesOnly: true,
    configFile: 'none',
    jump: null,
  };
}

/** Seconds a copy has to boot: a slow computer without KVM needs one minute for what takes others five seconds. */
const patience = 240;

export interface Booted {
  /** From QEMU's start until sshd spoke; null when it never did. */
  readonly seconds: number | null;
  readonly problem: string | null;
  /** Ends its QEMU for good. */
  end(): Promise<void>;
}

/** Boots the copy until its SSH server answers. Its QEMU ends with this process, however that ends. */
export async function bootThrowaway(
  deps: CreateDeps,
  copy: Throwaway,
  op: OperationContext,
  tell: (seconds: number) => void,
): Promise<Booted> {
  const begin = deps.clock.now();
  const process = await launchGuest(deps, copy.entry, null, quiet(op), {
    wrap: ['setpriv', '--pdeathsig=KILL', '--'],
  });
  const { pid, startTime } = process.record;
  const end = async () => {
    await endQemu(process).catch(() => {});
    process.qmp.close();
    await awaitEnd(process);
    await fs.rm(runFiles(deps.paths.runtime, copy.entry.id).dir, { recursive: true, force: true });
  };
  try {
    const seconds = () => (deps.clock.now() - begin) / 1000;
    const waiting = { ...quiet(op), phase: () => tell(Math.floor(seconds())) };
    const alive = () => isAlive(pid, startTime);
    await waitForSsh(copy.target, patience, alive, deps.clock, waiting);
    return { seconds: seconds(), problem: null, end };
  } catch (error) {
    const said = await lastWords(copy.entry.stored.folder);
    if (error instanceof GuesthouseError && (error.code === 'timeout' || error.code === 'wrong-state'))
      return {
        seconds: null,
        problem: `${error.message}${said ? ` Its console said last: ${said}` : ''}`,
        end,
      };
    await end();
    throw error;
  }
}

const quiet = (op: OperationContext): OperationContext => ({ ...op, phase() {}, progress() {} });

async function lastWords(folder: string): Promise<string> {
  const text = (await readTextIfAny(serialLog(folder))) ?? '';
  const lines = text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').split(/[\r\n]+/);
  return (
    lines
      .map((line) => line.trim())
      .filter(Boolean)
      .at(-1)
      ?.slice(0, 200) ?? ''
  );
}
