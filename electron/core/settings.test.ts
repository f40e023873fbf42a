import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CoreEvent } from '../../shared/ipc/events.ts';
import { defaultSettings } from '../../shared/model/settings.ts';
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
