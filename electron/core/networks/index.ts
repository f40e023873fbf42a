import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import type { NetworkMember, SharedNetwork } from '../../../shared/model/network.ts';
import type { Announce, Handlers } from '../api.ts';
import type { Domain } from '../domain/index.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { findProgram } from '../qemu/accelerators.ts';
import { hostBridges } from './bridges.ts';
import { NetworkLink, networkDir } from './link.ts';
import { type Card, cardSocket, cardsOn, forwardsOf, type NetworkGuest } from './members.ts';
import { dnsHost, gatewayHost, type NetworkConfig, type NetworkStatus } from './protocol.ts';
import { assignLeases, type NetworkRecord, NetworkStore, newRecord, prefixOf } from './store.ts';

export type { NetworkGuest } from './members.ts';

export interface NetworksDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly announce: Announce;
  /** A network's process: program and arguments, before its folder. */
  readonly host: readonly string[];
  readonly qemu?: string;
  readonly guests: () => readonly NetworkGuest[];
  /** Called when a guest took its address. */
  readonly onAddresses: (guest: string, addresses: readonly string[]) => void;
}

type NetworkCall = Exclude<Extract<keyof Handlers, `networks.${string}`>, 'networks.plug'>;

interface Live {
  record: NetworkRecord;
  state: SharedNetwork['state'];
  problem: WireError | null;
  link: NetworkLink | null;
  status: NetworkStatus | null;
  /** Configuration its process has, as text. */
  told: string;
  /** Changes wait for each other. */
  turn: Promise<void>;
  announced: string;
  /** Milliseconds since the epoch of its process's ends. */
  losses: number[];
}

/** Unasked ends of a network's process within a minute, after which it is left alone until something changes. */
const maxLosses = 5;

/** The shared networks: what is declared, and the processes that carry them. */
export function createNetworks(deps: NetworksDeps) {
  const { log, announce } = deps;
  const store = new NetworkStore(deps.paths.data, log);
  const all = new Map<string, Live>();
  /** Guests about to start, with the domain they start with. */
  const launching = new Map<string, Domain>();
  let closed = false;
  let looking: NodeJS.Timeout | null = null;

  const guests = () =>
    deps.guests().map((guest): NetworkGuest => {
      const domain = launching.get(guest.id);
      return domain ? { ...guest, domain, live: true } : guest;
    });

  function add(record: NetworkRecord): Live {
    const live: Live = {
      record,
      state: 'off',
      problem: null,
      link: null,
      status: null,
      told: '',
      turn: Promise.resolve(),
      announced: '',
      losses: [],
    };
    all.set(record.name, live);
    return live;
  }

  function get(name: string): Live {
    const live = all.get(name);
    if (live) return live;
    throw new GuesthouseError('not-found', `There is no network named “${name}”.`, {
      todo: 'See the Networks page for those there are.',
    });
  }

  function rowOf(live: Live): SharedNetwork {
    const { record, state, problem, status } = live;
    const prefix = prefixOf(record.subnet);
    const members = cardsOn(record.name, guests()).map(({ guest, nic, mac, name }): NetworkMember => {
      const now = status?.members.find((member) => member.mac === mac);
      return {
        guest: guest.id,
        guestName: guest.name,
        card: nic.index,
        mac,
        address: record.leases[mac] ?? '',
        name,
        link: now?.connected ? 'plugged-in' : guest.live ? 'waiting' : 'off',
        leasedAt: now?.leasedAt ?? null,
        says: now?.says ?? null,
        sent: now?.sent ?? 0,
        received: now?.received ?? 0,
        refused: now?.refused ?? 0,
      };
    });
    const { name, subnet, domain, wayOut, reachHost, keepOn } = record;
    return {
      id: name,
      name,
      subnet,
      domain,
      wayOut,
      reachHost,
      keepOn,
      gateway: `${prefix}${gatewayHost}`,
      dns: `${prefix}${dnsHost}`,
      state,
      since: status?.startedAt ?? null,
      pid: status?.pid ?? null,
      problem: problem ?? outProblem(status),
      members,
    };
  }

  function publish(live: Live): void {
    const network = rowOf(live);
    const text = JSON.stringify(network);
    if (text === live.announced || closed) return;
    live.announced = text;
    announce({ type: 'network', network });
  }

  function configOf(live: Live, cards: readonly Card[], qemu: string): NetworkConfig {
    const { name, subnet, domain, wayOut, reachHost, keepOn, leases } = live.record;
    return {
      name,
      prefix: prefixOf(subnet),
      domain,
      wayOut,
      reachHost,
      keepOn,
      qemu,
      members: cards.flatMap((card) => {
        const address = leases[card.mac];
        if (!address) return [];
        const { guest, nic, mac } = card;
        const socket = guest.live ? cardSocket(guest.dir, nic.index) : null;
        return [{ guest: guest.id, mac, address, name: card.name, socket, forwards: forwardsOf(card) }];
      }),
    };
  }

  /** Makes one network be as it should; the changes of one network wait for each other. */
  function sync(live: Live): Promise<void> {
    const turn = live.turn.catch(() => {}).then(() => bring(live));
    live.turn = turn;
    return turn;
  }

  async function bring(live: Live): Promise<void> {
    if (closed || all.get(live.record.name) !== live) return;
    const cards = cardsOn(live.record.name, guests());
    const leased = assignLeases(
      live.record,
      cards.map(({ mac }) => mac),
    );
    if (leased) {
      await store.write(leased);
      live.record = leased;
    }
    const wanted = live.record.keepOn || cards.some(({ guest }) => guest.live);
    try {
      if (wanted) await turnOn(live, cards);
      else await turnOff(live);
      live.problem = null;
    } catch (error) {
      live.state = 'failed';
      live.problem = toWire(error);
      throw error;
    } finally {
      publish(live);
    }
  }

  async function turnOn(live: Live, cards: readonly Card[]): Promise<void> {
    const qemu = (await findProgram(deps.qemu ?? 'qemu-system-x86_64')) ?? 'qemu-system-x86_64';
    const config = configOf(live, cards, qemu);
    const text = JSON.stringify(config);
    if (live.link && live.told === text) return;
    if (!live.link) {
      live.state = 'starting';
      publish(live);
      join(live, await NetworkLink.open(deps.host, networkDir(deps.paths.runtime, config.name), config));
    }
    take(live, await live.link!.ask({ do: 'configure', config }));
    live.told = text;
    live.state = 'on';
  }

  async function turnOff(live: Live): Promise<void> {
    const { link } = live;
    if (link) {
      leave(live);
      await link.ask({ do: 'end' }).catch(() => {}); // it is gone either way
      link.close();
    }
    live.state = 'off';
  }

  function join(live: Live, link: NetworkLink): void {
    live.link = link;
    live.told = '';
    link.onStatus = (status) => {
      take(live, status);
      publish(live);
    };
    link.onLost = () => {
      if (live.link !== link || closed) return;
      leave(live);
      const now = Date.now();
      live.losses = [...live.losses.filter((at) => now - at < 60_000), now];
      log.warn(`the process of network ${live.record.name} ended unasked`);
      if (live.losses.length <= maxLosses) void sync(live).catch(report);
      else {
        live.state = 'failed';
        live.problem = toWire(
          new GuesthouseError('program-failed', 'The network’s process ends again and again.'),
        );
        publish(live);
      }
    };
  }

  function leave(live: Live): void {
    if (live.link) live.link.onLost = () => {};
    live.link = null;
    live.status = null;
    live.told = '';
  }

  function take(live: Live, status: NetworkStatus): void {
    live.status = status;
    const byGuest = new Map<string, string[]>();
    for (const { guest, mac } of cardsOn(live.record.name, guests())) {
      const address = live.record.leases[mac];
      const leased = status.members.find((member) => member.mac === mac)?.leasedAt ?? null;
      if (address && leased !== null && guest.live)
        byGuest.set(guest.id, [...(byGuest.get(guest.id) ?? []), address]);
    }
    for (const [guest, addresses] of byGuest) deps.onAddresses(guest, addresses);
  }

  const report = (error: unknown) => log.error('a network could not be changed', error);
  const syncAll = () => {
    for (const live of all.values()) void sync(live).catch(() => publish(live));
  };

  function mustBeFree(subnet: string, except: string | null): void {
    const other = [...all.values()].find(
      ({ record }) => record.subnet === subnet && record.name !== except,
    )?.record;
    if (other)
      throw new GuesthouseError('name-taken', `The network “${other.name}” has ${subnet} already.`, {
        todo: 'Choose other addresses.',
      });
  }

  const handlers: Handlers<NetworkCall> = {
    'networks.list': async () => [...all.values()].map(rowOf),
    'networks.bridges': () => hostBridges(),
    'networks.create': async ({ name, ...wishes }) => {
      if (all.has(name))
        throw new GuesthouseError('name-taken', `There is a network named “${name}” already.`, {
          todo: 'Choose another name.',
        });
      const record = {
        ...newRecord(
          name,
          [...all.values()].map((live) => live.record),
        ),
        ...given(wishes),
      };
      mustBeFree(record.subnet, null);
      const live = add(record);
      await store.write(record);
      // Guests may have named it already, imported ones for example.
      await sync(live).catch(report);
      return rowOf(live);
    },
    'networks.edit': async ({ name, ...wishes }) => {
      const live = get(name);
      const next = { ...live.record, ...given(wishes) };
      if (next.subnet !== live.record.subnet) {
        mustBeFree(next.subnet, name);
        if (cardsOn(name, guests()).some(({ guest }) => guest.live))
          throw new GuesthouseError('wrong-state', 'The addresses cannot be changed now.', {
            why: 'Guests that run have theirs already.',
            todo: 'Shut the guests on this network down first.',
          });
      }
      await store.write(next);
      live.record = next;
      live.losses = [];
      await sync(live);
      return rowOf(live);
    },
    'networks.delete': async ({ name }) => {
      const live = get(name);
      const cards = cardsOn(name, guests());
      if (cards.length > 0)
        throw new GuesthouseError('wrong-state', `The network “${name}” cannot be deleted.`, {
          why: `${[...new Set(cards.map(({ guest }) => guest.name))].join(', ')} ${cards.length === 1 ? 'has a card' : 'have cards'} on it.`,
          todo: 'Plug those in elsewhere first.',
        });
      live.record = { ...live.record, keepOn: false };
      await sync(live);
      all.delete(name);
      await store.remove(name);
      announce({ type: 'network-gone', name });
    },
  };

  return {
    handlers,
    snapshot: (): readonly SharedNetwork[] => [...all.values()].map(rowOf),
    /** What a network that an XML names is here, or null. */
    find: (name: string): SharedNetwork | null => {
      const live = all.get(name);
      return live ? rowOf(live) : null;
    },

    async load(): Promise<void> {
      for (const record of await store.load()) {
        const live = add(record);
        // One that outlived the last owner is adopted, also when it is no longer needed: it is then ended.
        const link = await NetworkLink.connect(networkDir(deps.paths.runtime, record.name));
        if (link) {
          join(live, link);
          live.state = 'on';
        }
      }
    },

    /** After the guests are known. */
    start: syncAll,

    /**
     * A guest changed. What many changes mean is looked at once.
     * @param starts it is between {@link prepare} and its QEMU's first word
     */
    guestChanged(id: string, starts: boolean): void {
      if (!starts) launching.delete(id);
      looking ??= setTimeout(() => {
        looking = null;
        syncAll();
      }, 30);
    },
    /**
     * QEMU's back ends for a guest's cards on shared networks, by card. Pure: nothing is started.
     * @param dir folder of the guest's sockets
     */
    netdevs(dir: string, domain: Domain): Record<number, Record<string, unknown>> {
      const found: Record<number, Record<string, unknown>> = {};
      for (const { index, type, source, mac } of domain.interfaces())
        if (type === 'network' && mac !== null && source !== null && all.has(source))
          found[index] = {
            type: 'stream',
            server: true,
            addr: { type: 'unix', path: cardSocket(dir, index) },
          };
      return found;
    },

    /**
     * Makes the networks of a guest that is about to start be there, with its forwards open.
     * @throws {GuesthouseError} `port-taken`, `program-failed`
     */
    async prepare(id: string, domain: Domain): Promise<void> {
      launching.set(id, domain);
      const wanted = new Set(
        domain.interfaces().flatMap(({ type, source }) => (type === 'network' && source ? [source] : [])),
      );
      try {
        for (const name of wanted) {
          const live = all.get(name);
          if (!live) continue;
          live.losses = [];
          await sync(live);
          for (const card of cardsOn(name, guests()).filter(({ guest }) => guest.id === id))
            for (const { proto, hostAddress, hostPort } of forwardsOf(card)) {
              const said = live.status?.forwardProblems[`${proto}:${hostAddress}:${hostPort}`];
              if (said)
                throw new GuesthouseError('port-taken', `Port ${hostPort} of this computer is taken.`, {
                  why: said,
                  todo: 'End the program that listens there, or give the guest another port.',
                  subject: id,
                });
            }
        }
      } catch (error) {
        launching.delete(id);
        syncAll();
        throw error;
      }
    },

    /** Lets go; the networks go on for the guests on them. */
    close(): void {
      closed = true;
      if (looking) clearTimeout(looking);
      for (const live of all.values()) live.link?.close();
    },
  };
}

export type Networks = ReturnType<typeof createNetworks>;

function outProblem(status: NetworkStatus | null): WireError | null {
  if (!status) return null;
  if (status.problem)
    return {
      code: 'qemu-failed',
      message: 'The way out does not work.',
      why: `${status.problem}.`,
      todo: 'It is tried again every second. Guests reach each other meanwhile.',
    };
  const ports = Object.entries(status.forwardProblems);
  if (ports.length === 0) return null;
  return {
    code: 'port-taken',
    message: `${ports.length === 1 ? 'A forward' : `${ports.length} forwards`} could not be opened.`,
    why: ports.map(([rule, said]) => `${rule}: ${said}`).join(' '),
  };
}

/** What was really given: an absent wish changes nothing. */
function given<T extends object>(wishes: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
