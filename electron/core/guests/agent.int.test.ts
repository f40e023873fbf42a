import { afterAll, beforeAll, expect, it } from 'vitest';
import { runFiles } from '../qemu/run-files.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { AgentSession } from './agent.ts';

let home: TempHome;
let at: TestCore;
let id = '';
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  at = await openTestCore(home.paths);
}, 900_000);
afterAll(async () => {
  if (id) await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  home?.remove();
});

it('hears the starter’s own agent, freezes and thaws it, sets its clock after a resume, and shuts it down', async () => {
  const made = await call('guests.create', { name: 'agent', from: { kind: 'starter', id: 'debian-12' } });
  id = made.id;
  await at.done(made);
  await expect(call('guests.agent', { id })).rejects.toMatchObject({ code: 'wrong-state' });
  await at.done(await call('guests.start', { id }));
  const answer = async () => {
    for (;;)
      try {
        const info = await call('guests.agent', { id });
        if (info.addresses.length > 0) return info;
      } catch (error) {
        expect(error).toMatchObject({ code: 'unreachable' });
      }
  };
  const { addresses, os, fileSystems } = await answer();
  expect(addresses).toContain('10.0.2.15'); // QEMU's user network gives it to everybody
  expect(os).toMatchObject({ id: 'debian', version: '12' });
  expect((await at.guest(id)).addresses).toEqual(addresses);

  expect(fileSystems).toContainEqual(
    expect.objectContaining({ mountpoint: '/', type: 'ext4', used: expect.any(Number) }),
  );

  // Frozen it writes nothing, and is thawed in time by itself: an agent does not answer such questions while frozen.
  const { fileSystems: count } = await call('guests.freeze', { id, seconds: 600 });
  expect(count).toBeGreaterThan(0);
  await expect(call('guests.freeze', { id })).rejects.toMatchObject({ code: 'wrong-state' });
  await expect(call('guests.agent', { id })).rejects.toMatchObject({ code: 'unsupported' });
  expect(await call('guests.thaw', { id })).toEqual({ fileSystems: count });
  await call('guests.freeze', { id, seconds: 0.1 });
  while (!(await call('guests.agent', { id }).catch(() => null)))
    await new Promise((done) => setTimeout(done, 100));

  const { agent } = runFiles(home.paths.runtime, id);
  // A clock that is a day behind when the guest is saved is right when it goes on.
  const day = 86_400_000;
  await AgentSession.with(agent, (session) => session.setTime(Date.now() - day));
  await at.done(await call('guests.save', { id }));
  expect((await at.guest(id)).addresses).toEqual([]);
  await at.done(await call('guests.start', { id }));
  const behind = () => AgentSession.with(agent, async (session) => Date.now() - (await session.time()));
  while (Math.abs(await behind().catch(() => day)) > day / 2)
    await new Promise((done) => setTimeout(done, 200));

  // The next owner finds it frozen, as one that was killed leaves it, and thaws it.
  await AgentSession.with(agent, (session) => session.freeze());
  await at.close();
  at = await openTestCore(home.paths);
  await answer();
  const still = () => AgentSession.with(agent, (session) => session.frozen());
  expect(await still()).toBe(false);

  // It is the agent that is asked to take it down.
  await at.done(await call('guests.shutdown', { id }));
  expect((await at.guest(id)).state).toBe('off');
  const phases = at.events.flatMap((event) => (event.type === 'operation' ? [event.operation.phase] : []));
  expect(phases).toContain('Waiting for the system inside, as its agent was asked');
}, 600_000);
