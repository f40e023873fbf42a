import { describe, expect, it } from 'vitest';
import { type GuestState, guestStates } from '../../../shared/model/guest.ts';
import { decide, type Effect, follow, isLive, type Request, requests, runStates } from './transitions.ts';

/** What each request does in each state: `-` refused, else the job or the QMP commands. */
const table: Record<GuestState, Partial<Record<Request, string>>> = {
  off: { start: 'start', delete: '' },
  crashed: { start: 'start', delete: '' },
  saved: { start: 'restore', 'discard-saved': '', delete: '' },
  broken: { delete: '' },
  starting: { 'force-off': 'cancel' },
  restoring: { 'force-off': 'cancel' },
  saving: {},
  running: {
    shutdown: 'shutdown',
    reboot: 'reboot',
    reset: 'system_reset',
    pause: 'stop',
    'force-off': 'quit',
    save: 'save',
  },
  'shutting-down': {
    shutdown: 'shutdown',
    reboot: 'reboot',
    reset: 'system_reset',
    pause: 'stop',
    'force-off': 'quit',
    save: 'save',
  },
  paused: { reset: 'system_reset', resume: 'cont', 'force-off': 'quit', save: 'save' },
  suspended: {
    reset: 'system_reset',
    resume: 'system_wakeup',
    'force-off': 'quit',
    save: 'save',
    pause: undefined,
  },
  'io-error': { reset: 'system_reset cont', resume: 'cont', 'force-off': 'quit', save: 'save' },
  'guest-panicked': { reset: 'system_reset cont', 'force-off': 'quit' },
  'internal-error': { reset: 'system_reset cont', 'force-off': 'quit' },
  watchdog: { reset: 'system_reset cont', resume: 'cont', 'force-off': 'quit', save: 'save' },
  debug: { reset: 'system_reset cont', resume: 'cont', 'force-off': 'quit' },
  prelaunch: { reset: 'system_reset', resume: 'cont', 'force-off': 'quit', save: 'save' },
  migrating: { 'force-off': 'quit' },
  unreachable: { 'force-off': 'quit' },
};

describe('decide', () => {
  for (const state of guestStates)
    for (const request of requests)
      it(`${request} when ${state}: ${table[state][request] ?? 'refused'}`, () => {
        const decision = decide(state, request);
        const wanted = table[state][request];
        if (wanted === undefined) {
          expect(decision.ok).toBe(false);
          // Every refusal is a sentence a person can read.
          if (!decision.ok) expect(decision.why).toMatch(/^[A-Z].*\.$/);
          return;
        }
        expect(decision.ok && (decision.job ?? decision.effects.join(' '))).toBe(wanted);
      });

  it('sends nothing to QEMU where none runs', () => {
    for (const state of guestStates.filter((s) => !isLive(s)))
      for (const request of requests) {
        const decision = decide(state, request);
        if (decision.ok) expect(decision.effects).toEqual([] satisfies Effect[]);
      }
  });
});

describe('follow', () => {
  it('never leaves a dead state for QEMU’s late words', () => {
    for (const state of guestStates.filter((s) => !isLive(s)))
      for (const status of runStates) expect(follow(state, { type: 'run-state', status })).toBe(state);
  });

  it('gives every RunState of a running guest a state of its own meaning', () => {
    const states = Object.fromEntries(
      runStates.map((status) => [status, follow('running', { type: 'run-state', status })]),
    );
    expect(states).toEqual({
      running: 'running',
      paused: 'paused',
      suspended: 'suspended',
      'io-error': 'io-error',
      'guest-panicked': 'guest-panicked',
      'internal-error': 'internal-error',
      watchdog: 'watchdog',
      debug: 'debug',
      prelaunch: 'prelaunch',
      inmigrate: 'migrating',
      postmigrate: 'migrating',
      'finish-migrate': 'migrating',
      'restore-vm': 'migrating',
      'save-vm': 'migrating',
      colo: 'migrating',
      shutdown: 'shutting-down',
    });
  });

  it('keeps the wish to shut down while QEMU still runs, until the deadline', () => {
    const asked = follow('running', { type: 'began', job: 'shutdown' });
    expect(asked).toBe('shutting-down');
    expect(follow(asked, { type: 'run-state', status: 'running' })).toBe('shutting-down');
    expect(follow(asked, { type: 'deadline' })).toBe('running');
    expect(follow('paused', { type: 'deadline' })).toBe('paused');
  });

  it('lets save and restore say themselves when they are over', () => {
    for (const status of runStates) {
      expect(follow('saving', { type: 'run-state', status })).toBe('saving');
      expect(follow('restoring', { type: 'run-state', status })).toBe('restoring');
    }
    expect(follow('saving', { type: 'ended', how: 'saved' })).toBe('saved');
  });

  it('tells a failed start from a crash', () => {
    expect(follow('starting', { type: 'ended', how: 'crashed' })).toBe('starting');
    expect(follow('starting', { type: 'start-failed', saved: false })).toBe('off');
    expect(follow('restoring', { type: 'start-failed', saved: true })).toBe('saved');
    expect(follow('running', { type: 'ended', how: 'crashed' })).toBe('crashed');
    expect(follow('off', { type: 'ended', how: 'crashed' })).toBe('off');
  });

  it('takes the files’ word only while nothing runs', () => {
    const fact = { type: 'files', broken: true, saved: false, crashed: false } as const;
    for (const state of guestStates) expect(follow(state, fact)).toBe(isLive(state) ? state : 'broken');
    expect(follow('broken', { ...fact, broken: false, crashed: true })).toBe('crashed');
    expect(follow('crashed', { ...fact, broken: false })).toBe('off');
    expect(follow('off', { ...fact, broken: false, saved: true })).toBe('saved');
  });
});
