import { isCancelled } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Announce } from '../api.ts';
import type { OperationContext, OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { SshSurroundings } from '../ssh/remote.ts';
import type { Targets } from '../ssh/targets.ts';
import type { Applications } from './applications.ts';
import type { GroupEngine } from './engine.ts';
import type { Asking, Hosts } from './hosts.ts';
import type { Schedule } from './schedule.ts';
import type { GroupStore, StoredGroup } from './store.ts';
import type { GroupWatch } from './watch.ts';

/** What is known of containers elsewhere. `host`: guest or server; null: this machine. */
export interface KnownContainers {
  /** By podman's id; null: not known. */
  name(host: string | null, id: string): string | null;
  /** Asks podman. Null: it cannot be asked. */
  exists(host: string | null, id: string): Promise<boolean | null>;
  /** Whether a container that left the list was removed, rather than that its host left or lost podman. */
  removed(containerId: string): boolean;
}

export interface LimitsDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly clock: Clock;
  readonly runner: OperationRunner;
  readonly announce: Announce;
  readonly around: SshSurroundings;
  readonly targets: Pick<Targets, 'resolve'>;
  readonly guests: { list(): readonly Guest[]; find(ref: string): { readonly id: string } };
  readonly containers: KnownContainers;
  /** True while somebody listens to events. */
  readonly watched: () => boolean;
}

/** What the calls about groups and about their members work with. */
export interface GroupWork {
  readonly deps: LimitsDeps;
  readonly store: GroupStore;
  readonly hosts: Hosts;
  readonly engine: GroupEngine;
  readonly watch: GroupWatch;
  readonly schedule: Schedule;
  readonly applications: Applications;
}

export const asking = (op: OperationContext): Asking => ({ operation: op.id, signal: op.signal });

/** Runs a job about a group in turn on its machine, and looks at it afterwards. */
export function begin(
  { deps, store, engine, schedule }: GroupWork,
  group: StoredGroup,
  kind: string,
  title: string,
  job: (op: OperationContext) => Promise<void>,
): Started {
  const { operation, result } = deps.runner.start(
    { kind: `group.${kind}`, title, subject: group.id },
    async (op) => {
      try {
        await engine.inTurn(group.host, () => job(op));
      } finally {
        if (store.list().some(({ host }) => host === group.host))
          await schedule.look(group.host).catch(() => {});
      }
    },
  );
  result.catch((error) => {
    if (!isCancelled(error)) deps.log.warn(`${group.id}: ${String(error)}`);
  });
  return { operation: operation.id };
}

/** Guest or server as its id; the person may have named it. */
export async function hostId({ deps }: GroupWork, ref: string | null): Promise<string | null> {
  return ref === null ? null : (await deps.targets.resolve(ref)).id;
}
