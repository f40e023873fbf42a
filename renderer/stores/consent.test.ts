// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from 'vitest';
import { GuesthouseError } from '../../shared/errors.ts';
import { fakeBridge, makeOperation } from '../testing/fake-bridge.ts';
import { startGuest } from './consent.ts';
import { useOperations } from './operations.ts';
import { announceOutcome } from './outcomes.ts';
import { useToasts } from './toasts.ts';
import { useUi } from './ui.ts';

describe('a guest that reaches outside', () => {
  beforeEach(() => {
    useUi.getState().close();
    useToasts.setState({ toasts: [] });
    useOperations.getState().load([]);
  });

  it('is asked about when its start is refused at once', async () => {
    window.guesthouse = fakeBridge(
      {},
      {
        'guests.start': () => {
          throw new GuesthouseError('needs-consent', 'This guest reaches for things outside the library.');
        },
      },
    );
    await startGuest('web');
    expect(useUi.getState().dialog).toEqual({ kind: 'consent', id: 'web' });
    expect(useToasts.getState().toasts).toEqual([]);
  });

  it('is asked about, and no failure is told, when its operation ends so', async () => {
    window.guesthouse = fakeBridge({}, { 'guests.start': () => ({ operation: 'op' }) });
    const failed = makeOperation({
      id: 'op',
      kind: 'guest.start',
      status: 'failed',
      endedAt: 1,
      error: { code: 'needs-consent', message: 'This guest reaches for things outside the library.' },
    });
    const asked = startGuest('web');
    announceOutcome(undefined, failed);
    useOperations.getState().put(failed);
    await asked;
    expect(useUi.getState().dialog).toEqual({ kind: 'consent', id: 'web' });
    expect(useToasts.getState().toasts).toEqual([]);
  });

  it('fails as anything else does when that was not the reason', async () => {
    window.guesthouse = fakeBridge(
      {},
      {
        'guests.start': () => {
          throw new GuesthouseError('no-memory', 'There is not enough memory.');
        },
      },
    );
    await startGuest('web');
    expect(useUi.getState().dialog).toBeNull();
    expect(useToasts.getState().toasts).toMatchObject([{ text: 'There is not enough memory.' }]);
  });
});
