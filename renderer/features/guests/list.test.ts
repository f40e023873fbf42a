import { describe, expect, it } from 'vitest';
import { decide, requests } from '../../../electron/core/guests/transitions.ts';
import { guestStates } from '../../../shared/model/guest.ts';
import { actionsFor, allows, bulkActions } from '../../stores/guest-actions.ts';
import { makeGuest } from '../../testing/fake-bridge.ts';
import { moveFor, step } from './selection.ts';
import { type View, visibleGuests } from './visible.ts';

const view: View = {
  filter: '',
  stateFilter: new Set(),
  tagFilter: new Set(),
  sort: { key: 'name', descending: false },
  cpuOf: () => undefined,
  memoryOf: () => undefined,
};
const guests = [
  makeGuest('web-10', { state: 'running', tags: ['prod'] }),
  makeGuest('web-2', { tags: ['prod', 'eu'] }),
  makeGuest('Build', { state: 'paused', addresses: ['10.0.2.15'] }),
];
const shown = (patch: Partial<View>) =>
  visibleGuests(guests, { ...view, ...patch }).map((guest) => guest.name);

describe('the list', () => {
  it('sorts numbers in names as numbers, without case', () => {
    expect(shown({})).toEqual(['Build', 'web-2', 'web-10']);
    expect(shown({ sort: { key: 'name', descending: true } })).toEqual(['web-10', 'web-2', 'Build']);
  });

  it('finds by every word, in name, state, address and tag', () => {
    expect(shown({ filter: 'prod web' })).toEqual(['web-2', 'web-10']);
    expect(shown({ filter: 'PAUSED' })).toEqual(['Build']);
    expect(shown({ filter: '10.0.2' })).toEqual(['Build']);
    expect(shown({ stateFilter: new Set(['running']), tagFilter: new Set(['prod']) })).toEqual(['web-10']);
  });

  it('puts what has no sample last when the busiest come first', () => {
    const cpuOf = (id: string) => (id.startsWith('Build') ? 0.2 : id.startsWith('web-10') ? 0.9 : undefined);
    expect(shown({ sort: { key: 'cpu', descending: true }, cpuOf })).toEqual(['web-10', 'Build', 'web-2']);
  });
});

describe('the selection', () => {
  const ids = ['a', 'b', 'c', 'd'];
  const start = { selection: new Set(['b']), cursor: 'b', anchor: 'b' };
  it('grows and shrinks a range around where it began', () => {
    const down = step(ids, start, { to: 3, mode: 'range' });
    expect([...down.selection]).toEqual(['b', 'c', 'd']);
    expect([...step(ids, down, { to: 0, mode: 'range' }).selection]).toEqual(['a', 'b']);
  });
  it('stays inside the list', () => {
    expect(step(ids, start, { to: 99, mode: 'only' }).cursor).toBe('d');
    expect(step(ids, start, { to: moveFor('PageUp', 1, 4, 10) ?? 0, mode: 'only' }).cursor).toBe('a');
    expect(step([], start, { to: 0, mode: 'only' })).toEqual({
      selection: new Set(),
      cursor: null,
      anchor: null,
    });
  });
  it('toggles one and leaves the others', () => {
    expect([...step(ids, start, { to: 3, mode: 'toggle' }).selection]).toEqual(['b', 'd']);
    expect([...step(ids, start, { to: 1, mode: 'toggle' }).selection]).toEqual([]);
  });
});

describe('what each state allows', () => {
  it('offers something in every state, and nothing twice', () => {
    for (const state of guestStates) {
      const { primary, more } = actionsFor(state);
      expect(primary.length, state).toBeGreaterThan(0);
      expect(new Set([...primary, ...more]).size, state).toBe(primary.length + more.length);
    }
  });
  it('offers nothing that core refuses then', () => {
    for (const state of guestStates)
      for (const request of requests)
        if (allows(state, request))
          expect(decide(state, request), `${request} when ${state}`).toMatchObject({ ok: true });
  });
  it('never offers to start or delete what runs, nor to pull the plug of what does not', () => {
    for (const state of guestStates) {
      expect(allows(state, 'start') && allows(state, 'force-off'), state).toBe(false);
      expect(allows(state, 'delete') && allows(state, 'force-off'), state).toBe(false);
    }
    expect(allows('running', 'delete')).toBe(false);
    expect(bulkActions(['running', 'off'])).toEqual(
      expect.arrayContaining(['start', 'shutdown', 'force-off', 'delete']),
    );
  });
});
