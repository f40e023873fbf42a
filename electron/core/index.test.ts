import { readdirSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CallName, callNames } from '../../shared/ipc/channels.ts';
import type { EventEnvelope } from '../../shared/ipc/events.ts';
import { openTestCore, type TestCore } from './testing/core.ts';
import { type TempHome, tempHome } from './testing/temp-home.ts';

let home: TempHome;
let at: TestCore;
beforeEach(async () => {
  home = tempHome();
  at = await openTestCore(home.paths, { qemu: '/nonexistent/qemu' });
});
afterEach(async () => {
  await at.close();
  home.remove();
});

describe('the one door', () => {
  it('answers every call of the contract, and parses what it is given', async () => {
    const nonsense = Symbol('nonsense') as never;
    for (const name of callNames)
      await expect(at.core.call(name, nonsense), name).rejects.toMatchObject({ code: 'invalid-input' });
    for (const name of ['nope', '__proto__', 'constructor', 'toString'])
      await expect(at.core.call(name as CallName, undefined as never), name).rejects.toMatchObject({
        code: 'unsupported',
      });
  });

  it('says of an input what cannot be used, each thing once', async () => {
    const { core } = at;
    await expect(core.call('guests.rename', { id: 'a' } as never)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(/./),
      why: 'In “name”.',
    });
    const two = await core.call('guests.rename', { id: 1, name: 2 } as never).catch((error) => error);
    expect(two).toMatchObject({ code: 'invalid-input', message: expect.stringMatching(/./) });
    const [first, second, ...more] = two.why.split('; ');
    expect([first, second, more]).toEqual([
      expect.stringMatching(/^id: ./),
      expect.stringMatching(/^name: ./),
      [],
    ]);
    // The input as a whole has no name, and a message that is the whole reason is not said twice.
    await expect(core.call('guests.rename', 7 as never)).rejects.toMatchObject({ why: undefined });
    const many = { aliases: Array.from({ length: 400 }, () => 1) };
    const long = await core.call('servers.import', many as never).catch((error) => error);
    expect(long.why).toHaveLength(1000);
  });

  it('numbers events without a gap, and a snapshot says which it includes', async () => {
    const seen: EventEnvelope[] = [];
    at.core.onEvent((envelope) => seen.push(envelope));
    const { revision } = await at.core.call('core.snapshot', undefined);
    await at.core.call('settings.set', { theme: 'dark' });
    await at.core.call('settings.set', { theme: 'light' });
    const after = await at.core.call('core.snapshot', undefined);
    expect(seen.map((envelope) => envelope.revision)).toEqual(
      seen.map((_, index) => seen[0]!.revision + index),
    );
    expect(seen[0]!.revision).toBeGreaterThan(revision);
    expect(after.revision).toBe(seen.at(-1)!.revision);
    expect(after.settings.theme).toBe('light');
  });

  it('does not let one bad listener keep the others from hearing', async () => {
    const seen: string[] = [];
    at.core.onEvent(() => {
      throw new Error('bad listener');
    });
    const off = at.core.onEvent(({ event }) => seen.push(event.type));
    await at.core.call('settings.set', { osc52: true });
    off();
    await at.core.call('settings.set', { osc52: false });
    expect(seen).toEqual(['settings']);
  });

  it('keeps the library to its owner, and answers no more once it is closed', async () => {
    for (const dir of [home.paths.data, home.paths.runtime])
      for (const name of ['', ...readdirSync(dir)])
        expect(statSync(`${dir}/${name}`).mode & 0o077, `${dir}/${name}`).toBe(0);
    await at.close();
    await expect(at.core.call('core.snapshot', undefined)).rejects.toMatchObject({ code: 'not-owner' });
  });
});
