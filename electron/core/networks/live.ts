import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import type { SharedNetwork } from '../../../shared/model/network.ts';
import type { Announce } from '../api.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { findProgram } from '../qemu/accelerators.ts';
import { NetworkLink, networkDir } from './link.ts';
import { type Card, cardsOn, type NetworkGuest } from './members.ts';
import { endLeftOver } from './out.ts';
import type { NetworkStatus } from './protocol.ts';
import { assignLeases, type NetworkRecord, type NetworkStore } from './store.ts';
import { configOf, rowOf, takenAddresses } from './view.ts';

export interface LiveDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly announce: Announce;
  readonly store: NetworkStore;
  /** A network's process: program and arguments, before its folder. */
  readonly host: readonly string[];
  readonly qemu?: string;
  readonly guests: () => readonly NetworkGuest[];
  /** Called when a guest took its address. */
  readonly onAddresses: (guest: string, addresses: readonly string[]) => void;
}

/** Unasked ends of a network's process within a minute, after which it is left alone until something changes. */
const maxLosses = 5;

/** One network and the process that carries it. */
export class LiveNetwork {
  state: SharedNetwork['state'] = 'off';
  problem: WireError | null = null;
  status: NetworkStatus | null = null;
  private link: NetworkLink | null = null;
  /** Configuration its process has, as text. */
  private told = '';
  /** Changes wait for each other. */
  private turn: Promise<void> = Promise.resolve();
  private announced = '';
  /** Milliseconds since the epoch of its process's ends. */
  private losses: number[] = [];
  /** Deleted, or the app ends. */
  private closed = false;

  constructor(
    public record: NetworkRecord,
    private readonly deps: LiveDeps,
  ) {}

  cards(): Card[] {
    return cardsOn(this.record.name, this.deps.guests());
  }

  row(): SharedNetwork {
    return rowOf(this, this.cards());
  }

  /** Announces it when a person would see a difference. */
  publish(): void {
    const network = this.row();
    const text = JSON.stringify(network);
    if (text === this.announced || this.closed) return;
    this.announced = text;
    this.deps.announce({ type: 'network', network });
  }

  /** Makes it be as it should; its changes wait for each other. */
  sync(): Promise<void> {
    const turn = this.turn.catch(() => {}).then(() => this.bring());
    this.turn = turn;
    return turn;
  }

  /** Something changed: its process may end as often again. */
  forgive(): void {
    this.losses = [];
  }

  /** A process that outlived the last owner, where there is one; of one that was killed, what it left is ended. */
  async adopt(): Promise<void> {
    const dir = networkDir(this.deps.paths.runtime, this.record.name);
    const link = await NetworkLink.connect(dir);
    if (!link) return endLeftOver(dir);
    this.join(link);
    this.state = 'on';
  }

  /** Lets go of the process, which goes on. */
  close(): void {
    this.closed = true;
    this.link?.close();
  }

  private async bring(): Promise<void> {
    if (this.closed) return;
    const cards = this.cards();
    const leased = assignLeases(
      this.record,
      cards.map(({ mac }) => mac),
    );
    if (leased) {
      await this.deps.store.write(leased);
      this.record = leased;
    }
    const wanted = this.record.keepOn || cards.some(({ guest }) => guest.live);
    try {
      if (wanted) await this.turnOn(cards);
      else await this.turnOff();
      this.problem = null;
    } catch (error) {
      this.state = 'failed';
      this.problem = toWire(error);
      throw error;
    } finally {
      this.publish();
    }
  }

  private async turnOn(cards: readonly Card[]): Promise<void> {
    const { deps } = this;
    const qemu = (await findProgram(deps.qemu ?? 'qemu-system-x86_64')) ?? 'qemu-system-x86_64';
    const config = configOf(this.record, cards, qemu);
    const text = JSON.stringify(config);
    if (this.link && this.told === text) return;
    if (!this.link) {
      this.state = 'starting';
      this.publish();
      this.join(await NetworkLink.open(deps.host, networkDir(deps.paths.runtime, config.name), config));
    }
    this.take(await this.link!.ask({ do: 'configure', config }));
    this.told = text;
    this.state = 'on';
  }

  private async turnOff(): Promise<void> {
    const { link } = this;
    if (link) {
      this.leave();
      await link.ask({ do: 'end' }).catch(() => {}); // it is gone either way
      link.close();
    }
    this.state = 'off';
  }

  private join(link: NetworkLink): void {
    this.link = link;
    this.told = '';
    link.onStatus = (status) => {
      this.take(status);
      this.publish();
    };
    link.onLost = () => {
      if (this.link !== link || this.closed) return;
      this.leave();
      const now = Date.now();
      this.losses = [...this.losses.filter((at) => now - at < 60_000), now];
      const { log } = this.deps;
      log.warn(`the process of network ${this.record.name} ended unasked`);
      if (this.losses.length <= maxLosses)
        void this.sync().catch((error) => log.error('a network could not be changed', error));
      else {
        this.state = 'failed';
        this.problem = toWire(
          new GuesthouseError('program-failed', 'The network’s process ends again and again.'),
        );
        this.publish();
      }
    };
  }

  private leave(): void {
    if (this.link) this.link.onLost = () => {};
    this.link = null;
    this.status = null;
    this.told = '';
  }

  private take(status: NetworkStatus): void {
    this.status = status;
    for (const [guest, addresses] of takenAddresses(this.record, status, this.cards()))
      this.deps.onAddresses(guest, addresses);
  }
}
