import { describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import { newDomain } from '../domain/index.ts';
import { Registry } from './registry.ts';
import type { StoredGuest } from './store.ts';

const stored = (id: string, name: string): StoredGuest => {
  const domain = newDomain({
    name,
    kind: 'hybrid',
    machine: 'pc-q35-7.2',
    memoryMiB: 512,
    vcpus: 3,
    disks: [],
    sshUser: 'debian',
    sshHostPort: 2201,
    forwards: [{ proto: 'udp', hostAddress: '127.0.0.1', hostPort: 5353, guestPort: 53 }],
  });
  return { id, folder: `/lib/${id}`, text: domain.text, domain, problem: null };
};

function make() {
  const events: CoreEvent[] = [];
  let now = 1000;
  const clock = { now: () => now, sleep: async () => {} };
  const registry = new Registry(clock, (event) => events.push(event));
  return { events, registry, later: () => (now += 1000) };
}

describe('Registry', () => {
  it('announces a guest when something about it changed, and only then', () => {
    const { events, registry, later } = make();
    registry.add(stored('a-1', 'a'), 'off');
    expect(events).toHaveLength(1);
    later();
    registry.update('a-1', { state: 'off', notes: [] });
    expect(events).toHaveLength(1);
    registry.update('a-1', { state: 'starting' });
    expect(events.at(-1)).toMatchObject({ type: 'guest', guest: { state: 'starting', stateSince: 2000 } });
    registry.remove('a-1');
    registry.remove('a-1');
    expect(events.at(-1)).toEqual({ type: 'guest-gone', id: 'a-1' });
    expect(events).toHaveLength(3);
  });

  it('shows what the definition says', () => {
    const { registry } = make();
    registry.add(stored('a-1', 'a'), 'off');
    expect(registry.row('a-1')).toMatchObject({
      name: 'a',
      vcpus: 3,
      memory: 512,
      kind: 'hybrid',
      forwards: [
        { proto: 'tcp', hostPort: 2201, guestPort: 22 },
        { proto: 'udp', hostPort: 5353, guestPort: 53 },
      ],
      ssh: { user: 'debian', address: '127.0.0.1', port: 2201 },
      pendingRestart: false,
    });
  });

  it('finds by id, else by name without regard to case, and never guesses', () => {
    const { registry } = make();
    registry.add(stored('a-1', 'Web'), 'off');
    registry.add(stored('a-2', 'web'), 'off');
    registry.add(stored('Other', 'a-1'), 'off');
    expect(registry.get('a-1').id).toBe('a-1');
    expect(() => registry.get('WEB')).toThrow(expect.objectContaining({ code: 'invalid-input' }));
    expect(() => registry.get('nobody')).toThrow(expect.objectContaining({ code: 'not-found' }));
  });

  it('lets one wait for a state, with a deadline and a cancel', async () => {
    const { registry } = make();
    registry.add(stored('a-1', 'a'), 'starting');
    const running = registry.waitFor('a-1', (entry) => entry?.state === 'running');
    registry.update('a-1', { state: 'running' });
    await running;
    await expect(registry.waitFor('a-1', () => false, { timeoutMs: 5 })).rejects.toMatchObject({
      code: 'timeout',
    });
    const controller = new AbortController();
    const cancelled = registry.waitFor('a-1', () => false, { signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    const gone = registry.waitFor('a-1', (entry) => entry === undefined);
    registry.remove('a-1');
    await gone;
  });
});
