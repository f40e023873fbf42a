import { GuesthouseError } from '../../../shared/errors.ts';
import type { SharedNetwork } from '../../../shared/model/network.ts';
import type { Handlers } from '../api.ts';
import type { Domain } from '../domain/index.ts';
import { hostBridges } from './bridges.ts';
import { type LiveDeps, LiveNetwork } from './live.ts';
import { cardSocket, forwardsOf, type NetworkGuest } from './members.ts';
import { NetworkStore, newRecord } from './store.ts';

export type { NetworkGuest } from './members.ts';

export type NetworksDeps = Omit<LiveDeps, 'store'>;

type NetworkCall = Exclude<Extract<keyof Handlers, `networks.${string}`>, 'networks.plug'>;

/** The shared networks: what is declared, and the processes that carry them. */
export function createNetworks(deps: NetworksDeps) {
  const { log, announce } = deps;
  const store = new NetworkStore(deps.paths.data, log);
  const all = new Map<string, LiveNetwork>();
  /** Guests about to start, with the domain they start with. */
  const launching = new Map<string, Domain>();
  let looking: NodeJS.Timeout | null = null;

  /** In an order of their own: guests are read side by side, and addresses are not to follow which disk was quicker. */
  const guests = () =>
    [...deps.guests()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((guest): NetworkGuest => {
        const domain = launching.get(guest.id);
        return domain ? { ...guest, domain, live: true } : guest;
      });

  function add(record: LiveNetwork['record']): LiveNetwork {
    const live = new LiveNetwork(record, { ...deps, store, guests });
    all.set(record.name, live);
    return live;
  }

  function get(name: string): LiveNetwork {
    const live = all.get(name);
    if (live) return live;
    throw new GuesthouseError('not-found', `There is no network named “${name}”.`, {
      todo: 'See which there are, on the Networks page or by “guesthouse network list”.',
    });
  }

  const rows = () => [...all.values()].map((live) => live.row());
  const report = (error: unknown) => log.error('a network could not be changed', error);
  const syncAll = () => {
    for (const live of all.values()) void live.sync().catch(() => live.publish());
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
    'networks.list': async () => rows(),
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
      await live.sync().catch(report);
      return live.row();
    },
    'networks.edit': async ({ name, ...wishes }) => {
      const live = get(name);
      const next = { ...live.record, ...given(wishes) };
      if (next.subnet !== live.record.subnet) {
        mustBeFree(next.subnet, name);
        if (live.cards().some(({ guest }) => guest.live))
          throw new GuesthouseError('wrong-state', 'The addresses cannot be changed now.', {
            why: 'Guests that run have theirs already.',
            todo: 'Shut the guests on this network down first.',
          });
      }
      await store.write(next);
      live.record = next;
      live.forgive();
      await live.sync();
      return live.row();
    },
    'networks.delete': async ({ name }) => {
      const live = get(name);
      const cards = live.cards();
      if (cards.length > 0)
        throw new GuesthouseError('wrong-state', `The network “${name}” cannot be deleted.`, {
          why: `${[...new Set(cards.map(({ guest }) => guest.name))].join(', ')} ${cards.length === 1 ? 'has a card' : 'have cards'} on it.`,
          todo: 'Plug those in elsewhere first.',
        });
      live.record = { ...live.record, keepOn: false };
      await live.sync();
      all.delete(name);
      live.close();
      await store.remove(name);
      announce({ type: 'network-gone', name });
    },
  };

  return {
    handlers,
    snapshot: (): readonly SharedNetwork[] => rows(),
    /** What a network that an XML names is here, or null. */
    find: (name: string): SharedNetwork | null => all.get(name)?.row() ?? null,

    async load(): Promise<void> {
      // One that outlived the last owner is adopted, also when it is no longer needed: it is then ended.
      for (const record of await store.load()) await add(record).adopt();
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
          live.forgive();
          await live.sync();
          for (const card of live.cards().filter(({ guest }) => guest.id === id))
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
      if (looking) clearTimeout(looking);
      for (const live of all.values()) live.close();
    },
  };
}

export type Networks = ReturnType<typeof createNetworks>;

/** What was really given: an absent wish changes nothing. */
function given<T extends object>(wishes: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
