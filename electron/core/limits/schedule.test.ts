import { expect, it } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { Schedule } from './schedule.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('looks at each machine in its own time: one that does not answer holds up no other', async () => {
  let now = 1_000_000;
  const looks: (string | null)[] = [];
  let answer = () => {};
  const schedule = new Schedule({
    clock: { ...systemClock, now: () => now },
    log: silentLog,
    hosts: () => [null, 'dead', 'off', null],
    known: () => true,
    reachable: (host) => host !== 'off',
    watched: () => true,
    look: (host) => {
      looks.push(host);
      return host === 'dead' ? new Promise((resolve) => (answer = () => resolve([]))) : Promise.resolve([]);
    },
    announce: () => {},
  });
  const tick = async () => {
    schedule.tick();
    await settled();
    now += 2000;
    return looks.splice(0);
  };
  expect(await tick()).toEqual([null, 'dead']);
  for (let round = 0; round < 10; round++) expect(await tick()).toEqual([null]);
  answer();
  await settled();
  expect(await tick()).toEqual([null, 'dead']);
});

it('looks at nothing while nobody listens', async () => {
  const schedule = new Schedule({
    clock: systemClock,
    log: silentLog,
    hosts: () => [null],
    known: () => true,
    reachable: () => true,
    watched: () => false,
    look: () => {
      throw new Error('looked');
    },
    announce: () => {},
  });
  schedule.tick();
  await settled();
});
