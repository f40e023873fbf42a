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

it('hears the starter’s own agent, freezes and thaws it, and sets its clock after a resume', async () => {
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
  const { addresses, os } = await answer();
  expect(addresses).toContain('10.0.2.15'); // QEMU's user network gives it to everybody
  expect(os).toMatchObject({ id: 'debian', version: '12' });
  expect((await at.guest(id)).addresses).toEqual(addresses);

  const { agent } = runFiles(home.paths.runtime, id);
  await AgentSession.with(agent, async (session) => {
    const frozen = await session.freeze();
    expect(frozen).toBeGreaterThan(0);
    expect(await session.thaw()).toBe(frozen);
  });

  // A clock that is a day behind when the guest is saved is right when it goes on.
  const day = 86_400_000;
  await AgentSession.with(agent, (session) => session.setTime(Date.now() - day));
  await at.done(await call('guests.save', { id }));
  expect((await at.guest(id)).addresses).toEqual([]);
  await at.done(await call('guests.start', { id }));
  const behind = () => AgentSession.with(agent, async (session) => Date.now() - (await session.time()));
  while (Math.abs(await behind().catch(() => day)) > day / 2)
    await new Promise((done) => setTimeout(done, 200));
}, 600_000);
