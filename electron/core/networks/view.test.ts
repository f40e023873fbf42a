import { describe, expect, it } from 'vitest';
import type { Card } from './members.ts';
import type { NetworkStatus } from './protocol.ts';
import { newRecord } from './store.ts';
import { configOf, type NetworkState, outProblem, rowOf, takenAddresses } from './view.ts';

const macs = ['52:54:00:00:00:01', '52:54:00:00:00:02'] as const;
/** The nth card, of a guest with that card alone. */
function card(n: 0 | 1, live: boolean): Card {
  const nic = { index: 0, type: 'network', source: 'lab', mac: macs[n] } as Card['nic'];
  const metadata = { ssh: { hostPort: 2200 + n }, forwards: [] };
  const domain = { interfaces: () => [nic], metadata } as unknown as Card['guest']['domain'];
  return {
    guest: { id: `g${n}`, name: `Guest ${n}`, domain, live, dir: `/run/g${n}` },
    nic,
    mac: macs[n],
    name: `guest-${n}`,
  };
}
const record = { ...newRecord('lab', []), subnet: '10.77.3.0/24', leases: { [macs[0]]: '10.77.3.10' } };
const status = (patch: Partial<NetworkStatus> = {}): NetworkStatus =>
  ({
    pid: 42,
    startedAt: 1000,
    problem: null,
    forwardProblems: {},
    members: [{ mac: macs[0], connected: true, leasedAt: 5, says: 'me', sent: 1, received: 2, refused: 3 }],
    ...patch,
  }) as NetworkStatus;
const state = (patch: Partial<NetworkState> = {}): NetworkState => ({
  record,
  state: 'on',
  problem: null,
  status: status(),
  ...patch,
});

describe('a network', () => {
  it('is shown with its own addresses, and its cards by what its process says', () => {
    const row = rowOf(state(), [card(0, true), card(1, true)]);
    expect(row).toMatchObject({
      gateway: '10.77.3.1',
      dns: '10.77.3.2',
      pid: 42,
      since: 1000,
      problem: null,
    });
    expect(row.members).toMatchObject([
      { guest: 'g0', address: '10.77.3.10', link: 'plugged-in', says: 'me', refused: 3 },
      { guest: 'g1', address: '', link: 'waiting', says: null, sent: 0 },
    ]);
    const off = rowOf(state({ status: null, state: 'off' }), [card(0, false)]);
    expect(off).toMatchObject({ pid: null, members: [{ link: 'off', leasedAt: null }] });
  });

  it('tells its process of cards that have an address, with a socket only where a guest runs', () => {
    const { members, prefix } = configOf(record, [card(0, true), card(1, true)], 'qemu');
    expect(prefix).toBe('10.77.3.');
    expect(members).toEqual([
      {
        guest: 'g0',
        mac: macs[0],
        address: '10.77.3.10',
        name: 'guest-0',
        socket: '/run/g0/net0.sock',
        forwards: [{ proto: 'tcp', hostAddress: '127.0.0.1', hostPort: 2200, guestPort: 22 }],
      },
    ]);
    expect(configOf(record, [card(0, false)], 'qemu').members[0]?.socket).toBeNull();
  });

  it('says what is wrong with the way out, its own problem first', () => {
    expect(outProblem(null)).toBeNull();
    expect(outProblem(status())).toBeNull();
    expect(outProblem(status({ problem: 'QEMU ended' }))).toMatchObject({
      code: 'qemu-failed',
      why: 'QEMU ended.',
    });
    const taken = status({ forwardProblems: { 'tcp:127.0.0.1:80': 'in use', 'tcp:127.0.0.1:81': 'in use' } });
    expect(outProblem(taken)).toMatchObject({
      message: '2 forwards could not be opened.',
      code: 'port-taken',
    });
    const own = { code: 'program-failed' as const, message: 'It ended.' };
    expect(rowOf(state({ problem: own, status: taken }), []).problem).toBe(own);
  });

  it('knows the addresses that guests took, of those that run', () => {
    const both = { ...record, leases: { [macs[0]]: '10.77.3.10', [macs[1]]: '10.77.3.11' } };
    const now = status();
    expect(takenAddresses(both, now, [card(0, true), card(1, true)])).toEqual(
      new Map([['g0', ['10.77.3.10']]]),
    );
    expect(takenAddresses(both, now, [card(0, false)])).toEqual(new Map());
  });
});
