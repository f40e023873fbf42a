import { GuesthouseError } from '../../../shared/errors.ts';
import { isVolumeName, type ParsedContainerSpec } from '../../../shared/model/container-spec.ts';
import type { ContainerPlacement } from '../limits/placement.ts';
import type { OperationContext } from '../operations/runner.ts';
import { checkLimits, checkPlacement, createCommand, kindsOf, operationLabel } from './create-args.ts';
import type { Engine } from './engine.ts';
import type { Host } from './hosts.ts';
import { prepareImage } from './images.ts';
import { containerId } from './read.ts';
import type { ContainerStore } from './store.ts';

/** Milliseconds `podman create` may take. */
const createLimit = 120_000;

/** The resource group a container is made in. */
interface GroupToBe {
  place(): Promise<ContainerPlacement>;
  joined(podmanId: string): Promise<void>;
  left(podmanId: string): Promise<void>;
}

/** Makes a container and starts it. One that was not made whole is taken away again; its image stays. */
export async function createContainer(
  host: Host,
  spec: ParsedContainerSpec,
  group: GroupToBe | null,
  store: ContainerStore,
  cache: string,
  op: OperationContext,
): Promise<void> {
  const { engine } = host;
  op.phase('Looking at the host');
  const facts = await host.facts({ signal: op.signal, ask: true });
  checkLimits(spec.limits, facts);
  const placement = group ? await group.place() : null;
  if (placement) checkPlacement(placement, facts);
  const image = await prepareImage(engine, facts, spec.source, cache, op);
  op.check();
  op.phase('Making the container');
  const { args, input } = createCommand(spec, image, engine.needs, facts, op.id, placement);
  let made: string | null = null;
  const wanted = spec.volumes.map(({ source }) => source).filter(isVolumeName);
  const volumes = wanted.length ? await volumesOf(engine) : [];
  try {
    // Without the signal: over SSH only our end would stop, and the container appear after we had looked for it.
    const { stdout } = await engine.podman(args, {
      input: input ?? undefined,
      stdinByName: input !== null,
      timeoutMs: createLimit,
    });
    const podmanId = stdout.trim().split('\n').at(-1) ?? '';
    made = podmanId;
    await group?.joined(podmanId);
    const id = containerId(engine.id, podmanId);
    if (kindsOf(spec.limits).length) await store.setWanted(id, spec.limits, false);
    op.check();
    if (!spec.start) return void (await host.refreshAfter());
    op.phase('Starting it');
    await startContainer(host, podmanId);
    host.keepLimits();
  } catch (error) {
    // One that never ran is of no use, and its name would be taken; the error says why.
    await removeMade(engine, op.id).catch(() => {});
    const fresh = [...new Set(wanted)].filter((name) => !volumes.includes(name));
    // podman made it on the way; one that another container took up meanwhile it keeps.
    for (const name of fresh) await engine.podman(['volume', 'rm', '--', name]).catch(() => {});
    if (made !== null) await group?.left(made);
    await host.refreshAfter().catch(() => {});
    throw error;
  }
}

async function volumesOf(engine: Engine): Promise<string[]> {
  const { stdout } = await engine.podman(['volume', 'ls', '--quiet'], { timeoutMs: 30_000 });
  return stdout.split('\n').filter(Boolean);
}

/** Removes what an operation made, by its label: a name could be another container's. */
async function removeMade(engine: Engine, operation: string): Promise<void> {
  const { stdout } = await engine.podman(
    ['ps', '--all', '--quiet', '--no-trunc', `--filter=label=${operationLabel(operation)}`],
    { timeoutMs: 30_000 },
  );
  const ids = stdout.split('\n').filter(Boolean);
  if (ids.length) await engine.podman(['rm', '--force', '--time=0', '--volumes', '--', ...ids]);
}

/**
 * Starts a container and looks again, whatever came of it: the list must not lie.
 * @throws {GuesthouseError} `program-failed` also when it runs and its limits do not hold
 */
export async function startContainer(host: Host, podmanId: string): Promise<void> {
  try {
    await host.engine.podman(['start', '--', podmanId], { ask: true, timeoutMs: 120_000 });
  } finally {
    await host.refreshAfter().catch(() => {});
  }
  checkHeld(host, podmanId);
}

/** @throws {GuesthouseError} when the container runs without limits that it should have */
export function checkHeld(host: Host, podmanId: string): void {
  const now = host.list().find((one) => one.podmanId === podmanId);
  if (!now?.notHeld) return;
  const { message, why, todo, detail } = now.notHeld;
  throw new GuesthouseError('program-failed', `${now.name} runs, but not all its limits hold.`, {
    why: [message, why].filter(Boolean).join(' '),
    todo: todo ?? 'Stop it where that matters, or change its limits.',
    detail,
    subject: now.id,
  });
}
