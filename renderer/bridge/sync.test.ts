// @vitest-environment jsdom
import { afterEach, describe, expect, it } from 'vitest';
import { useConnection } from '../stores/connection.ts';
import { useGuests } from '../stores/guests.ts';
import { operationEnd, useOperations } from '../stores/operations.ts';
import { useToasts } from '../stores/toasts.ts';
import { fakeBridge, makeGuest, makeOperation } from '../testing/fake-bridge.ts';
import { connect } from './sync.ts';

let stop = () => {};
afterEach(() => stop());

async function joined(bridge: ReturnType<typeof fakeBridge>) {
  window.guesthouse = bridge;
  ({ stop } = connect());
  await expect.poll(() => useConnection.getState().connection.status).toBe('ready');
}
const names = () => useGuests.getState().all.map((guest) => guest.name);

describe('the stores follow core', () => {
  it('drops events the snapshot holds already, and keeps later ones that came before it', async () => {
    const web = makeGuest('web');
    const bridge = fakeBridge({ revision: 10 });
    bridge.answer({
      'core.snapshot': async () => {
        bridge.emit({ type: 'guest-gone', id: web.id }, 9);
        bridge.emit({ type: 'guest', guest: makeGuest('late') }, 11);
        return {
          revision: 10,
          version: '1',
          guests: [web],
          templates: [],
          starters: [],
          operations: [],
          terminals: [],
          settings: {},
        };
      },
    });
    await joined(bridge);
    expect(names()).toEqual(['web', 'late']);
    bridge.emit({ type: 'guest-gone', id: web.id }, 11);
    expect(names()).toEqual(['web', 'late']);
    bridge.emit({ type: 'guest-gone', id: web.id }, 12);
    expect(names()).toEqual(['late']);
  });

  it('takes a snapshot again after a reset, with revisions that start anew', async () => {
    const bridge = fakeBridge({ revision: 500, guests: [makeGuest('old')] });
    await joined(bridge);
    const before = useConnection.getState().epoch;
    bridge.answer({
      'core.snapshot': () => ({
        revision: 3,
        version: '1',
        guests: [makeGuest('new')],
        templates: [],
        starters: [],
        operations: [],
        terminals: [],
        settings: {},
      }),
    });
    bridge.emit({ type: 'reset' }, 0);
    await expect.poll(names).toEqual(['new']);
    await expect.poll(() => useConnection.getState().epoch).toBe(before + 1);
    bridge.emit({ type: 'guest', guest: makeGuest('newer') }, 4);
    expect(names()).toEqual(['new', 'newer']);
  });

  it('tells a failure once, and never tells a cancelled operation as one', async () => {
    const bridge = fakeBridge({ operations: [makeOperation({ id: 'a' }), makeOperation({ id: 'b' })] });
    await joined(bridge);
    const ended = { endedAt: 1, phase: '' };
    const error = { code: 'no-space', message: 'Full.' } as const;
    const failed = operationEnd('a');
    const cancelled = operationEnd('b');
    bridge.emit({
      type: 'operation',
      operation: makeOperation({ id: 'a', status: 'failed', error, ...ended }),
    });
    bridge.emit({
      type: 'operation',
      operation: makeOperation({ id: 'a', status: 'failed', error, ...ended }),
    });
    bridge.emit({ type: 'operation', operation: makeOperation({ id: 'b', status: 'cancelled', ...ended }) });
    await expect(failed).rejects.toMatchObject({ code: 'no-space' });
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(useToasts.getState().toasts.map((toast) => toast.tone)).toEqual(['bad', 'plain']);
    expect(useOperations.getState().all).toHaveLength(2);
  });

  it('says why core could not be reached', async () => {
    const bridge = fakeBridge();
    bridge.answer({
      'core.snapshot': () => {
        throw new Error('gone');
      },
    });
    window.guesthouse = bridge;
    ({ stop } = connect());
    await expect
      .poll(() => useConnection.getState().connection)
      .toMatchObject({ status: 'failed', error: { message: 'gone' } });
  });
});
