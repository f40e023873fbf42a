import type { Server } from '../../shared/model/server.ts';
import { call } from '../bridge/call.ts';
import { useGuests } from './guests.ts';
import { keyedStore } from './keyed.ts';
import { operationEnd } from './operations.ts';
import { tell, tellError } from './toasts.ts';

export const useServers = keyedStore<Server>();

/** `admin@203.0.113.7:2222`, as one would say it. */
export function serverAddress({ user, address, port }: Pick<Server, 'user' | 'address' | 'port'>): string {
  const host = port !== 22 && address.includes(':') ? `[${address}]` : address;
  return `${user ? `${user}@` : ''}${host}${port === 22 ? '' : `:${port}`}`;
}

/** Something one can reach by SSH. */
export interface Host {
  readonly id: string;
  readonly name: string;
  readonly kind: 'guest' | 'server';
  /** Beside the name: its address or state. */
  readonly note: string;
  /** It can be reached now, or nobody knows. */
  readonly ready: boolean;
}

/** Every guest and server, running ones first, in natural order. */
export function useHosts(): readonly Host[] {
  const guests = useGuests((state) => state.all);
  const servers = useServers((state) => state.all);
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const hosts: Host[] = [
    ...guests
      .filter((guest) => guest.state !== 'broken')
      .map((guest) => ({
        id: guest.id,
        name: guest.name,
        kind: 'guest' as const,
        note:
          guest.pid === null
            ? 'not running'
            : guest.ssh
              ? (guest.ssh.user ?? 'user not said')
              : 'no SSH known',
        ready: guest.pid !== null && guest.ssh !== null,
      })),
    ...servers.map((server) => ({
      id: server.id,
      name: server.name,
      kind: 'server' as const,
      note: serverAddress(server),
      ready: true,
    })),
  ];
  return hosts.sort((a, b) => Number(b.ready) - Number(a.ready) || order.compare(a.name, b.name));
}

/** For texts: the guest's or server's name, or its id when it is gone. */
export function hostNameOf(id: string): string {
  return useGuests.getState().byId[id]?.name ?? useServers.getState().byId[id]?.name ?? id;
}

/** Forgets a server; what was entered can be put back, which makes it a new one. */
export async function removeServer(server: Server): Promise<void> {
  const { name, address, port, user, keyId, jump, tags } = server;
  try {
    await call('servers.remove', { id: server.id });
    const spec = { name, address, port, user, keyId, jump, tags: [...tags] };
    tell(`${name} was removed from the list`, {
      label: 'Undo',
      run: () => void call('servers.add', spec).catch(tellError),
    });
  } catch (error) {
    tellError(error);
  }
}

/** Runs one of the operations about a server; how it failed is told where every operation's end is. */
export async function askServer(name: 'servers.test' | 'servers.refresh', id: string): Promise<boolean> {
  let operation: string;
  try {
    ({ operation } = await call(name, { id }));
  } catch (error) {
    tellError(error);
    return false;
  }
  return operationEnd(operation).then(
    () => true,
    () => false,
  );
}
