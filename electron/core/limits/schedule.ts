import type { GroupUse } from '../../../shared/model/group.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** Milliseconds between two looks. A far machine is looked at over its connection. */
const period = { here: 2000, far: 5000, again: 30_000 };

export interface ScheduleDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Machines with groups; null is this one. */
  readonly hosts: () => Iterable<string | null>;
  /** A machine that was looked at before; others are tried rarely. */
  readonly known: (host: string) => boolean;
  /** False: it needs no connection to know that it is off. */
  readonly reachable: (host: string | null) => boolean;
  /** True while somebody listens. */
  readonly watched: () => boolean;
  readonly look: (host: string | null) => Promise<readonly GroupUse[]>;
  readonly announce: (uses: readonly GroupUse[]) => void;
}

/** When each machine is looked at. Each has its own time: one that does not answer holds up no other. */
export class Schedule {
  private readonly last = new Map<string | null, number>();
  private readonly looking = new Set<string | null>();
  private timer: NodeJS.Timeout | null = null;
  /** The first look at this machine, after the start. */
  first: Promise<void> = Promise.resolve();

  constructor(private readonly deps: ScheduleDeps) {}

  async look(host: string | null): Promise<void> {
    this.last.set(host, this.deps.clock.now());
    const uses = await this.deps.look(host);
    if (uses.length > 0) this.deps.announce(uses);
  }

  start(): void {
    // Put back as they were: after a start of this computer, and for guests that ran on without us.
    if ([...this.deps.hosts()].includes(null))
      this.first = this.look(null).catch((error) => this.deps.log.error('groups', error));
    this.timer = setInterval(() => this.tick(), 1000);
    this.timer.unref();
  }

  close(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** Begins a look at each machine whose time has come and that is not being looked at. */
  tick(): void {
    const { watched, hosts, log } = this.deps;
    if (!watched()) return;
    for (const host of new Set(hosts())) {
      if (this.looking.has(host) || !this.due(host)) continue;
      this.looking.add(host);
      void this.look(host)
        .catch((error) => log.error('groups', error))
        .finally(() => this.looking.delete(host));
    }
  }

  private due(host: string | null): boolean {
    const { clock, known, reachable } = this.deps;
    const every = host === null ? period.here : known(host) ? period.far : period.again;
    return reachable(host) && clock.now() - (this.last.get(host) ?? 0) >= every - 50;
  }
}
