import { GuesthouseError } from '../../../shared/errors.ts';
import type { AgentInfo, Frozen } from '../../../shared/ipc/guests.ts';
import { channelProps, Domain } from '../domain/index.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { QemuProcess } from '../qemu/process.ts';
import { AgentSession } from './agent.ts';
import type { Entry, Registry } from './registry.ts';

/** Milliseconds between two looks at every running guest. Addresses change rarely. */
const periodMs = 15_000;
/** Milliseconds a script may take: an emulated guest that boots is slow. */
const scriptTimeout = 30_000;

/** The agents of the running guests: asked rarely, in turn, and missed by nothing when they are not there. */
export class Agents {
  private timer: NodeJS.Timeout | null = null;
  /** A socket takes one client: the next waits for the last. */
  private readonly turns = new Map<string, Promise<unknown>>();
  /** QEMUs whose agent has answered. */
  private readonly heard = new WeakSet<QemuProcess>();
  /** Guests frozen by us, with what thaws them in time. */
  private readonly frozen = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => void this.look(), periodMs);
    this.timer.unref();
  }

  /** Thaws what is frozen: nobody would do it later. */
  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await Promise.all([...this.frozen.keys()].map((id) => this.thaw(id).catch(() => {})));
  }

  /** Asks every running guest for its addresses; also called by the timer. */
  async look(): Promise<void> {
    const running = this.registry.all().filter((entry) => entry.state === 'running' && hasChannel(entry));
    await Promise.all(
      running
        .filter(({ id }) => !this.turns.has(id))
        .map(({ id }) =>
          this.talk(id, async (session) => {
            if (!this.frozen.has(id)) this.keep(id, await session.addresses());
          }).catch(() => {}),
        ),
    );
  }

  /** @throws {GuesthouseError} `unreachable` without an agent, `wrong-state` when it does not run */
  info(ref: string): Promise<AgentInfo> {
    const { id } = this.registry.get(ref);
    return this.talk(id, async (session) => {
      const addresses = await session.addresses();
      this.keep(id, addresses);
      return { addresses, os: await session.os(), fileSystems: await session.fileSystems() };
    });
  }

  /**
   * Asks the system inside to shut down, where its agent was heard before: one that is not there is not waited for.
   * @returns whether it was asked
   */
  async shutdown(id: string): Promise<boolean> {
    const process = this.registry.find(id)?.process;
    if (!process || !this.heard.has(process)) return false;
    try {
      await this.talk(id, (session) => session.shutdown());
      return true;
    } catch (error) {
      this.log.info(`${id}: its agent did not shut it down: ${(error as Error).message}`);
      return false;
    }
  }

  /**
   * Freezes a guest's file systems: what was written is on its disks, and nothing more is until {@link thaw}, which comes
   * by itself after `seconds`.
   * @throws {GuesthouseError} `unreachable` without an agent, `wrong-state` when it is frozen already
   */
  async freeze(ref: string, seconds: number): Promise<Frozen> {
    const { id } = this.registry.get(ref);
    if (this.frozen.has(id))
      throw new GuesthouseError('wrong-state', 'Its file systems are frozen already.', { subject: id });
    const timer = setTimeout(() => void this.thaw(id).catch(() => {}), seconds * 1000);
    this.frozen.set(id, timer);
    try {
      return { fileSystems: await this.talk(id, (session) => session.freeze()) };
    } catch (error) {
      // It may have frozen some, or all and said so too late.
      await this.thaw(id).catch(() => {});
      throw error;
    }
  }

  /** @throws {GuesthouseError} `unreachable` without an agent */
  async thaw(ref: string): Promise<Frozen> {
    const { id } = this.registry.get(ref);
    clearTimeout(this.frozen.get(id));
    try {
      return { fileSystems: await this.talk(id, (session) => session.thaw()) };
    } finally {
      this.frozen.delete(id);
    }
  }

  /** A guest resumed from a saved memory believes it is still then: its clock is set where an agent can. */
  async setClock(id: string): Promise<void> {
    const entry = this.registry.find(id);
    if (!entry || !hasChannel(entry)) return;
    await this.talk(id, (session) => session.setTime(this.clock.now())).catch((error: Error) =>
      this.log.info(`${id}: the clock was not set: ${error.message}`),
    );
  }

  /**
   * Runs a POSIX script as root in the guest and gives its output, or null where no agent answers or it may not.
   * @throws {GuesthouseError} `program-failed`, `timeout`
   */
  async script(id: string, text: string): Promise<string | null> {
    const entry = this.registry.find(id);
    if (!entry || !hasChannel(entry) || this.frozen.has(id)) return null;
    try {
      return await this.talk(id, (session) => session.script(text, scriptTimeout));
    } catch (error) {
      if (error instanceof GuesthouseError && ['unreachable', 'unsupported'].includes(error.code))
        return null;
      throw error;
    }
  }

  private keep(id: string, addresses: readonly string[]): void {
    if (this.registry.find(id)?.process) this.registry.update(id, { addresses });
  }

  /** An agent heard for the first time: an earlier owner that was killed may have left the guest frozen. */
  private async meet(id: string, process: QemuProcess, session: AgentSession): Promise<void> {
    if (this.heard.has(process)) return;
    this.heard.add(process);
    if (!this.frozen.has(id) && (await session.frozen().catch(() => false))) await session.thaw();
  }

  private talk<T>(id: string, use: (session: AgentSession) => Promise<T>): Promise<T> {
    const entry = this.registry.find(id);
    if (!entry?.process)
      return Promise.reject(new GuesthouseError('wrong-state', 'The guest does not run.', { subject: id }));
    const { process } = entry;
    const before = this.turns.get(id) ?? Promise.resolve();
    const turn = before
      .catch(() => {})
      .then(() =>
        AgentSession.with(process.files.agent, async (session) => {
          await this.meet(id, process, session);
          return use(session);
        }),
      );
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
