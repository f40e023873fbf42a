import { randomBytes } from 'node:crypto';
import { GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { BlockDevice, HostFacts } from '../../../shared/model/container.ts';
import type { Engine, PodmanNeeds } from './engine.ts';
import { placeOf } from './engine.ts';
import { readImages } from './read.ts';
import { supportOf } from './support.ts';
import { exitProgram, tarOf } from './tiny-image.ts';

/** podman before this lacks `update` and reads some of our options otherwise. */
export const oldestPodman = [4, 0] as const;

/** One way to run a container. */
export interface Attempt {
  readonly manager: 'cgroupfs' | null;
  readonly runtime: string | null;
  /** 0: podman's own; 1: this shell's hard limits; 2: 1024. */
  readonly ulimits: 0 | 1 | 2;
}
export const firstAttempt: Attempt = { manager: null, runtime: null, ulimits: 0 };

/**
 * What to change after a failure, by what it says; null when nothing is left to try. crun refuses cgroup v1 beside v2,
 * limits on files and processes above this process's own cannot be set without CAP_SYS_RESOURCE, and without a systemd
 * that listens the cgroups are made by hand.
 */
export function nextAttempt(last: Attempt, said: string, runtimes: readonly string[]): Attempt | null {
  if (/rlimit/i.test(said) && last.ulimits < 2)
    return { ...last, ulimits: (last.ulimits + 1) as Attempt['ulimits'] };
  if (/systemd|dbus|D-Bus|sd-bus/i.test(said) && last.manager === null)
    return { ...last, manager: 'cgroupfs' };
  const other = runtimes.find(
    (name) => name !== last.runtime && !(last.runtime === null && name === runtimes[0]),
  );
  if (/cgroup|runtime|hybrid/i.test(said) && last.runtime === null && other)
    return { ...last, runtime: other };
  if (/cgroup/i.test(said) && last.manager === null) return { ...last, manager: 'cgroupfs' };
  return null;
}

export function needsOf(attempt: Attempt, hard: { files: number; processes: number }): PodmanNeeds {
  const global: string[] = [];
  if (attempt.manager) global.push(`--cgroup-manager=${attempt.manager}`);
  if (attempt.runtime) global.push(`--runtime=${attempt.runtime}`);
  const files = attempt.ulimits === 1 ? hard.files : 1024;
  const processes = attempt.ulimits === 1 ? hard.processes : 1024;
  const create =
    attempt.ulimits === 0
      ? []
      : [`--ulimit=nofile=${files}:${files}`, `--ulimit=nproc=${processes}:${processes}`];
  return { global, create };
}

function needWords(attempt: Attempt): string[] {
  const words: string[] = [];
  if (attempt.runtime) words.push(`the runtime ${attempt.runtime}`);
  if (attempt.manager) words.push('cgroups without systemd');
  if (attempt.ulimits) words.push('lower limits on open files and processes');
  return words;
}

/** Prints what the kernel and the machine offer, one fact a line. */
const factsScript = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
echo "user $(id -un)"
echo "files $(ulimit -Hn)"
echo "processes $(ulimit -Hu 2>/dev/null || echo unlimited)"
for p in runc crun tc nsenter ip slirp4netns; do command -v $p >/dev/null 2>&1 && echo "has $p"; done
[ -e /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes ] && echo "has memsw"
[ -e /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device ] && echo "has throttle"
for d in /sys/block/*; do
  n=\${d##*/}
  case $n in loop*|ram*|zram*|sr*|fd*) continue ;; esac
  [ -e /dev/$n ] && echo "disk $n $(cat $d/size)"
done
[ "$(id -u)" = 0 ] || { sudo -n podman --version >/dev/null 2>&1 && echo "has sudo"; }
exit 0
`;

export interface MachineFacts {
  readonly user: string;
  readonly hard: { readonly files: number; readonly processes: number };
  readonly has: ReadonlySet<string>;
  readonly devices: readonly BlockDevice[];
}

export function readMachineFacts(text: string): MachineFacts {
  const has = new Set<string>();
  const devices: BlockDevice[] = [];
  let user = '';
  const hard = { files: 1024, processes: 1024 };
  for (const line of text.split('\n')) {
    const [word, first, second] = line.trim().split(' ');
    if (word === 'user') user = first ?? '';
    else if (word === 'has' && first) has.add(first);
    else if (word === 'disk' && first && /^[A-Za-z0-9!_-]+$/.test(first))
      devices.push({ path: `/dev/${first}`, size: Number(second) * 512 || 0 });
    else if ((word === 'files' || word === 'processes') && Number(first) > 0) hard[word] = Number(first);
  }
  return { user, hard, has, devices };
}

interface PodmanInfo {
  readonly version: string;
  readonly arch: string;
  readonly cpus: number;
  readonly memory: number;
  readonly rootless: boolean;
  readonly v2: boolean;
  readonly manager: 'systemd' | 'cgroupfs';
  readonly controllers: readonly string[];
  readonly runtime: string;
  readonly selinux: boolean;
}

/** Reads `podman info --format json`. */
export function readInfo(text: string): PodmanInfo {
  const info = JSON.parse(text) as {
    host?: Record<string, unknown> & {
      ociRuntime?: { name?: string };
      security?: { rootless?: boolean; selinuxEnabled?: boolean };
    };
    version?: { Version?: string };
  };
  const host = info.host ?? {};
  return {
    version: info.version?.Version ?? '0',
    arch: String(host.arch ?? ''),
    cpus: Number(host.cpus) || 1,
    memory: Number(host.memTotal) || 0,
    rootless: host.security?.rootless === true,
    v2: host.cgroupVersion === 'v2',
    manager: host.cgroupManager === 'systemd' ? 'systemd' : 'cgroupfs',
    controllers: Array.isArray(host.cgroupControllers) ? host.cgroupControllers.map(String) : [],
    runtime: host.ociRuntime?.name ?? '',
    selinux: host.security?.selinuxEnabled === true,
  };
}

const older = (version: string, than: readonly [number, number]) => {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return major < than[0] || (major === than[0] && minor < than[1]);
};

export interface Probed {
  readonly facts: HostFacts;
  readonly needs: PodmanNeeds;
}

/**
 * Asks podman what it is, then runs the smallest container there is, changing one setting after another until it runs.
 *
 * @throws {GuesthouseError} `program-missing`; `unsupported` when podman is too old; `program-failed` when no setting
 *   makes it run, with what it said
 */
export async function probeHost(engine: Engine, signal?: AbortSignal, ask = false): Promise<Probed> {
  const fresh: Engine = { ...engine, needs: { global: [], create: [] } };
  const info = readInfo(
    (await engine.podman(['info', '--format', 'json'], { signal, ask, timeoutMs: 60_000 })).stdout,
  );
  if (older(info.version, oldestPodman))
    throw new GuesthouseError('unsupported', `podman on ${placeOf(engine)} is too old.`, {
      why: `It is version ${info.version}; Guesthouse needs ${oldestPodman.join('.')} or newer.`,
      todo: 'Install a newer podman.',
      subject: fresh.id,
    });
  const machine = readMachineFacts(
    (await engine.script(factsScript, [], { signal, timeoutMs: 30_000 })).stdout,
  );
  const program = exitProgram(info.arch);
  const { attempt, grouped } = program
    ? await tryRuns(engine, program, info, machine, signal)
    : { attempt: firstAttempt, grouped: true };
  const needs = needsOf(attempt, machine.hard);
  const runtime = attempt.runtime ?? info.runtime;
  return {
    needs,
    facts: {
      version: info.version,
      rootless: info.rootless,
      user: machine.user,
      cgroups: info.v2 ? 'v2' : 'v1',
      manager: attempt.manager ?? info.manager,
      runtime,
      arch: info.arch,
      cpus: info.cpus,
      memory: info.memory,
      devices: machine.devices,
      needs: needWords(attempt),
      selinux: info.selinux,
      sudoWorks: machine.has.has('sudo') && !engine.sudo,
      limits: supportOf({
        place: placeOf(engine),
        v2: info.v2,
        rootless: info.rootless,
        controllers: info.controllers,
        has: machine.has,
        grouped,
        updatable: !older(info.version, [4, 3]),
      }),
    },
  };
}

/** False for what podman refused; what kept it from trying is thrown on. */
function isRefusal(error: unknown): false {
  if (isCancelled(error) || !(error instanceof GuesthouseError) || !error.detail) throw error;
  return false;
}

/** The name of the images that a look at a host runs once. A person's list of images leaves them out. */
export const probeImage = 'localhost/guesthouse-probe';

/** Removes those that an owner who was killed left behind; younger ones may be another owner's at work. */
async function sweepProbes(engine: Engine): Promise<void> {
  const { stdout } = await engine.podman(['images', `--filter=reference=${probeImage}`, '--format=json'], {
    timeoutMs: 30_000,
  });
  const left = readImages(stdout).filter(({ createdAt }) => Date.now() - createdAt > 3_600_000);
  if (left.length > 0)
    await engine.podman(['rmi', '--', ...left.map(({ name }) => name)], { timeoutMs: 30_000 });
}

async function tryRuns(
  engine: Engine,
  program: Buffer,
  info: PodmanInfo,
  machine: MachineFacts,
  signal?: AbortSignal,
): Promise<{ attempt: Attempt; grouped: boolean }> {
  const image = `${probeImage}:${randomBytes(6).toString('hex')}`;
  const before = engine.needs;
  engine.needs = { global: [], create: [] };
  try {
    await engine.podman(['import', '-', image], {
      input: tarOf([{ name: 'exit', mode: 0o755, data: program }]),
      signal,
      timeoutMs: 60_000,
    });
    const runtimes = [info.runtime, ...['crun', 'runc'].filter((name) => machine.has.has(name))].filter(
      (name, index, all) => name !== '' && all.indexOf(name) === index,
    );
    const once = (...options: string[]) =>
      engine.podman(
        [
          'run',
          '--rm',
          '--pull=never',
          '--network=none',
          ...engine.needs.create,
          ...options,
          '--',
          image,
          '/exit',
        ],
        { signal, timeoutMs: 60_000 },
      );
    for (let attempt: Attempt = firstAttempt; ; ) {
      engine.needs = needsOf(attempt, machine.hard);
      try {
        await once();
        // podman then lists controllers that its user may not use: a container with a limit tells.
        const unsure = info.rootless && info.v2 && (attempt.manager ?? info.manager) === 'cgroupfs';
        const grouped = !unsure || (await once('--memory=64m').then(() => true, isRefusal));
        return { attempt, grouped };
      } catch (error) {
        if (isCancelled(error) || !(error instanceof GuesthouseError) || !error.detail) throw error;
        const next = nextAttempt(attempt, error.detail, runtimes);
        if (!next)
          throw new GuesthouseError('program-failed', `podman on ${placeOf(engine)} cannot run containers.`, {
            why: error.why,
            detail: error.detail,
            todo: 'Make "podman run" work there, then look again.',
            subject: engine.id,
            cause: error,
          });
        attempt = next;
      }
    }
  } finally {
    engine.needs = before;
    await engine.podman(['rmi', '--force', '--', image], { timeoutMs: 30_000 }).catch(() => {});
    await sweepProbes(engine).catch(() => {});
  }
}
