import { GuesthouseError } from '../../../shared/errors.ts';
import { type HostFacts, type LimitKind, type Limits, limitWords } from '../../../shared/model/container.ts';
import { isVolumeName, type ParsedContainerSpec } from '../../../shared/model/container-spec.ts';
import type { ContainerPlacement } from '../limits/placement.ts';
import type { PodmanNeeds } from './engine.ts';
import { sharesOf } from './read.ts';

/** The limits that are set, by what they hold. */
export function kindsOf(limits: Limits): LimitKind[] {
  const kinds: LimitKind[] = [];
  if (limits.memory !== null) kinds.push('memory');
  if (limits.swap !== null) kinds.push('swap');
  if (limits.cpus !== null) kinds.push('cpus');
  if (limits.cpuWeight !== null) kinds.push('cpuWeight');
  if (limits.cpuSet !== null) kinds.push('cpuSet');
  if (limits.pids !== null) kinds.push('pids');
  if (limits.disk.some((one) => one.readBps ?? one.writeBps ?? one.readIops ?? one.writeIops))
    kinds.push('disk');
  if (limits.netUp !== null) kinds.push('netUp');
  if (limits.netDown !== null) kinds.push('netDown');
  return kinds;
}

/**
 * Limits that cannot hold are never silently dropped.
 * @throws {GuesthouseError} `unsupported` with why and how to get it; `invalid-input` for limits that contradict
 */
export function checkLimits(limits: Limits, facts: HostFacts): void {
  const refused = kindsOf(limits).flatMap((kind) => {
    const support = facts.limits.find((one) => one.kind === kind);
    return support && !support.ok ? [support] : [];
  });
  if (refused.length) {
    const unique = (texts: (string | null)[]) => [...new Set(texts.filter(Boolean))].join(' ');
    throw new GuesthouseError(
      'unsupported',
      `These limits cannot be enforced there: ${refused.map(({ kind }) => limitWords[kind]).join(', ')}.`,
      { why: unique(refused.map(({ why }) => why)), todo: unique(refused.map(({ todo }) => todo)) },
    );
  }
  if (limits.swap !== null && limits.memory === null)
    throw new GuesthouseError('invalid-input', 'Swap is limited only together with memory.');
  if (limits.cpus !== null && limits.cpus > facts.cpus)
    throw new GuesthouseError('invalid-input', `The host has ${facts.cpus} CPUs.`, {
      todo: `Give at most ${facts.cpus}.`,
    });
  const last = Math.max(0, ...(limits.cpuSet ?? '0').split(/[,-]/).map(Number));
  if (last >= facts.cpus)
    throw new GuesthouseError('invalid-input', `The host has no CPU ${last}.`, {
      why: `Its CPUs are 0 to ${facts.cpus - 1}.`,
    });
  for (const { device } of limits.disk)
    if (!facts.devices.some(({ path }) => path === device))
      throw new GuesthouseError('invalid-input', `The host has no block device ${device}.`, {
        why: `It has ${facts.devices.map(({ path }) => path).join(', ') || 'none'}.`,
      });
}

/** The part of the limits that podman knows at creation. */
function limitArgs(limits: Limits, facts: HostFacts): string[] {
  const args: string[] = [];
  if (limits.memory !== null) {
    args.push(`--memory=${limits.memory}`);
    const counted = facts.limits.some(({ kind, ok }) => kind === 'swap' && ok);
    // Left out, podman would allow as much swap again as memory.
    if (counted) args.push(`--memory-swap=${limits.swap === null ? -1 : limits.memory + limits.swap}`);
  }
  if (limits.cpus !== null) args.push(`--cpus=${limits.cpus}`);
  if (limits.cpuWeight !== null) args.push(`--cpu-shares=${sharesOf(limits.cpuWeight)}`);
  if (limits.cpuSet !== null) args.push(`--cpuset-cpus=${limits.cpuSet}`);
  if (limits.pids !== null) args.push(`--pids-limit=${limits.pids}`);
  for (const { device, readBps, writeBps, readIops, writeIops } of limits.disk) {
    if (readBps !== null) args.push(`--device-read-bps=${device}:${readBps}`);
    if (writeBps !== null) args.push(`--device-write-bps=${device}:${writeBps}`);
    if (readIops !== null) args.push(`--device-read-iops=${device}:${readIops}`);
    if (writeIops !== null) args.push(`--device-write-iops=${device}:${writeIops}`);
  }
  return args;
}

/**
 * Whether this podman can put a container where its group is.
 * @throws {GuesthouseError} `unsupported` with why and how to get it
 */
export function checkPlacement(placement: ContainerPlacement, facts: HostFacts): void {
  const refuse = (why: string, todo: string) => {
    throw new GuesthouseError('unsupported', 'The container cannot be in that group.', { why, todo });
  };
  if (placement.root && facts.rootless)
    refuse(
      'The group is root’s, and podman runs as an ordinary user there.',
      'Use root’s podman of that host.',
    );
  if (placement.manager !== facts.manager)
    refuse(
      `Its control groups are kept by ${placement.manager}, and podman keeps its own by ${facts.manager} there.`,
      'Limit the container by itself.',
    );
}

/** Marks what an operation made, so that it is found again whatever became of the answer. */
export const operationLabel = (operation: string) => `org.guesthouse.operation=${operation}`;

export interface CreateCommand {
  readonly args: readonly string[];
  /** For stdin: variables, whose values stay out of every argument list. Null: none. */
  readonly input: string | null;
}

/**
 * `podman create` for a container (podman-create(1)). Pure. `=` joins options to their values and `--` ends them, so that
 * nothing a person enters can become an option.
 */
export function createCommand(
  spec: ParsedContainerSpec,
  image: string,
  needs: PodmanNeeds,
  facts: HostFacts,
  operation: string,
  placement: ContainerPlacement | null = null,
): CreateCommand {
  const args = [
    'create',
    `--name=${spec.name}`,
    `--label=${operationLabel(operation)}`,
    '--pull=never',
    ...needs.create,
  ];
  if (placement) args.push(`--cgroup-parent=${placement.cgroupParent}`);
  if (spec.restart !== 'no') args.push(`--restart=${spec.restart}`);
  if (!spec.network) args.push('--network=none');
  if (spec.interactive) args.push('--interactive', '--tty');
  if (spec.env.length) args.push('--env-file=/dev/stdin');
  for (const { address, hostPort, port, protocol } of spec.ports) {
    const host = address.includes(':') ? `[${address}]` : address;
    const left =
      host === '' ? (hostPort === 0 ? '' : `${hostPort}:`) : `${host}:${hostPort === 0 ? '' : hostPort}:`;
    args.push(`--publish=${left}${port}/${protocol}`);
  }
  for (const { source, target, readOnly } of spec.volumes) {
    // `z` labels the folder for all containers; podman's own volumes have that label from the start.
    const labelled = facts.selinux && !isVolumeName(source);
    const options = [...(readOnly ? ['ro'] : []), ...(labelled ? ['z'] : [])];
    args.push(`--volume=${[source, target, ...(options.length ? [options.join(',')] : [])].join(':')}`);
  }
  args.push(...limitArgs(spec.limits, facts), '--', image, ...spec.command);
  return {
    args,
    input: spec.env.length ? spec.env.map(({ name, value }) => `${name}=${value}\n`).join('') : null,
  };
}
