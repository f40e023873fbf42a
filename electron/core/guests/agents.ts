import { GuesthouseError } from '../../../shared/errors.ts';
import type { AgentInfo } from '../../../shared/ipc/guests.ts';
import { channelProps, Domain } from '../domain/index.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { AgentSession } from './agent.ts';
import type { Entry, Registry } from './registry.ts';

/** Milliseconds between two looks at every running guest. Addresses change rarely. */
const periodMs = 15_000;

/** The agents of the running guests: asked rarely, in turn, and missed by nothing when they are not there. */
export class Agents {
  private timer: NodeJS.Timeout | null = null;
  /** A socket takes one client: the next waits for the last. */
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => void this.look(), periodMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** Asks every running guest for its addresses; also called by the timer. */
  async look(): Promise<void> {
    const running = this.registry.all().filter((entry) => entry.state === 'running' && hasChannel(entry));
    await Promise.all(
      running
        .filter(({ id }) => !this.turns.has(id))
        .map(({ id }) =>
          this.talk(id, async (session) => this.keep(id, await session.addresses())).catch(() => {}),
        ),
    );
  }

  /** @throws {GuesthouseError} `unreachable` without an agent, `wrong-state` when it does not run */
  info(ref: string): Promise<AgentInfo> {
    const { id } = this.registry.get(ref);
    return this.talk(id, async (session) => {
      const addresses = await session.addresses();
      this.keep(id, addresses);
      return { addresses, os: await session.os() };
    });
  }

  /** A guest resumed from a saved memory believes it is still then: its clock is set where an agent can. */
  async setClock(id: string): Promise<void> {
    const entry = this.registry.find(id);
    if (!entry || !hasChannel(entry)) return;
    await this.talk(id, (session) => session.setTime(this.clock.now())).catch((error: Error) =>
      this.log.info(`${id}: the clock was not set: ${error.message}`),
    );
  }

  private keep(id: string, addresses: readonly string[]): void {
    if (this.registry.find(id)?.process) this.registry.update(id, { addresses });
  }

  private talk<T>(id: string, use: (session: AgentSession) => Promise<T>): Promise<T> {
    const entry = this.registry.find(id);
    if (!entry?.process)
      return Promise.reject(new GuesthouseError('wrong-state', 'The guest does not run.', { subject: id }));
    const { agent } = entry.process.files;
    const before = this.turns.get(id) ?? Promise.resolve();
    const turn = before.catch(() => {}).then(() => AgentSession.with(agent, use));
    this.turns.set(id, turn);
    const over = () => {
      if (this.turns.get(id) === turn) this.turns.delete(id);
    };
    turn.then(over, over);
    return turn;
  }
}

/** Whether the running QEMU was given a channel for the agent. */
function hasChannel({ process, runningText, stored }: Entry): boolean {
  if (!process) return false;
  const domain = runningText === null ? stored.domain : Domain.parse(runningText);
  if (!domain) return false;
  for (let i = 0; i < domain.count('channel'); i++)
    if (domain.get(channelProps.targetName, i) === 'org.qemu.guest_agent.0') return true;
  return false;
}
