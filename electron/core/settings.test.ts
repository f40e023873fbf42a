import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CoreEvent } from '../../shared/ipc/events.ts';
import { defaultSettings, type Settings } from '../../shared/model/settings.ts';
import { silentLog } from './platform/log.ts';
import { createSettings } from './settings.ts';
import { type TempHome, tempHome } from './testing/temp-home.ts';

let home: TempHome;
const events: CoreEvent[] = [];
const open = () =>
  createSettings({ config: home.paths.config, log: silentLog, announce: (event) => events.push(event) });
const file = () => path.join(home.paths.config, 'settings.json');
const context = { signal: new AbortController().signal };
beforeEach(() => {
  home = tempHome();
  events.length = 0;
});
afterEach(() => home.remove());

it('takes each field that can be read and the default for the rest', async () => {
  expect((await open()).get()).toEqual(defaultSettings);
  writeFileSync(file(), '{ broken');
  expect((await open()).get()).toEqual(defaultSettings);
  writeFileSync(file(), JSON.stringify({ theme: 'dark', consoleFontSize: 9999, later: { a: 1 } }));
  const settings = await open();
  expect(settings.get()).toEqual({ ...defaultSettings, theme: 'dark' });
  await settings.handlers['settings.set']({ osc52: true, theme: undefined }, context);
  expect(settings.get()).toEqual({ ...defaultSettings, theme: 'dark', osc52: true });
  expect(events).toMatchObject([{ type: 'settings', settings: { osc52: true } }]);
  // What a later version wrote stays.
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ later: { a: 1 }, osc52: true });
  expect((await open()).get().osc52).toBe(true);
});

it('takes changes that come at once one after the other: none is lost, the last one holds', async () => {
  const settings = await open();
  const set = (change: Partial<Settings>) => settings.handlers['settings.set'](change, context);
  await Promise.all([
    set({ osc52: true }),
    ...[14, 15, 16, 17].map((consoleFontSize) => set({ consoleFontSize })),
  ]);
  expect(settings.get()).toEqual({ ...defaultSettings, osc52: true, consoleFontSize: 17 });
  expect(events.map((event) => event.type === 'settings' && event.settings.consoleFontSize)).toEqual([
    13, 14, 15, 16, 17,
  ]);
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ osc52: true, consoleFontSize: 17 });
});
