import * as path from 'node:path';
import { defaultSettings, type Settings, settingsSchema } from '../../shared/model/settings.ts';
import type { Announce, Handlers } from './api.ts';
import { readTextIfAny, writeAtomic } from './platform/fs.ts';
import type { Log } from './platform/log.ts';

export interface SettingsDeps {
  /** `$XDG_CONFIG_HOME/guesthouse`. */
  readonly config: string;
  readonly log: Log;
  readonly announce: Announce;
}

/** What a person chose, in `settings.json`. A field that cannot be read has its default; unknown ones are kept. */
export async function createSettings(deps: SettingsDeps) {
  const file = path.join(deps.config, 'settings.json');
  let raw: Record<string, unknown> = {};
  let current: Settings = defaultSettings;

  async function load(): Promise<void> {
    try {
      const value: unknown = JSON.parse((await readTextIfAny(file)) ?? '{}');
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        raw = value as Record<string, unknown>;
    } catch (error) {
      deps.log.warn(`${file} cannot be read, defaults are used: ${String(error)}`);
    }
    const read: Record<string, unknown> = { ...defaultSettings };
    for (const [name, schema] of Object.entries(settingsSchema.shape)) {
      const parsed = schema.safeParse(raw[name]);
      if (parsed.success) read[name] = parsed.data;
    }
    current = settingsSchema.parse(read);
  }

  async function set(change: Partial<Settings>): Promise<void> {
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const next = settingsSchema.parse({ ...current, ...given });
    await writeAtomic(file, `${JSON.stringify({ ...raw, ...next }, null, 2)}\n`);
    raw = { ...raw, ...next };
    current = next;
    deps.announce({ type: 'settings', settings: next });
  }

  let queue: Promise<unknown> = Promise.resolve();
  await load();
  const handlers: Handlers<'settings.set'> = {
    'settings.set': (change) => {
      // One after the other: each goes on from what the one before wrote, and is told in the order they came.
      const next = queue.then(() => set(change));
      queue = next.catch(() => {});
      return next;
    },
  };
  return { handlers, get: () => current };
}
