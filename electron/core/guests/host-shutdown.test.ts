import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../platform/log.ts';
import { ShutdownReader, watchHostShutdown } from './host-shutdown.ts';

// dbus-monitor's own words.
const signal = (value: boolean) =>
  `signal time=1700000000.5 sender=:1.3 -> destination=(null destination) serial=99 path=/org/freedesktop/login1; interface=org.freedesktop.login1.Manager; member=PrepareForShutdown\n   boolean ${value}\n`;
const other =
  'signal time=1.0 sender=org.freedesktop.DBus -> destination=:1.5 serial=2 path=/org/freedesktop/DBus; interface=org.freedesktop.DBus; member=NameAcquired\n   boolean true\n';

describe('ShutdownReader', () => {
  it('hears the signal however its text is cut, and no other', () => {
    const text = other + signal(true);
    for (const size of [1, 7, 1000]) {
      const reader = new ShutdownReader();
      let heard = 0;
      for (let i = 0; i < text.length; i += size) if (reader.push(text.slice(i, i + size))) heard++;
      expect(heard).toBe(1);
    }
    expect(new ShutdownReader().push(signal(false))).toBe(false);
    expect(new ShutdownReader().push(other)).toBe(false);
  });
});

describe('watchHostShutdown', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'gh-logind-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('holds the lock until the guests are safe', async () => {
    // logind is not to be had in a test: a program that says what dbus-monitor would and stays.
    const program = path.join(dir, 'inhibit');
    writeFileSync(
      program,
      `#!/bin/sh\ntrap 'echo > ${dir}/released; exit' TERM\ncat <<'E'\n${signal(true)}E\nwhile :; do sleep 0.05; done\n`,
    );
    chmodSync(program, 0o700);
    const order: string[] = [];
    const released = () => existsSync(path.join(dir, 'released'));
    const stop = await watchHostShutdown({
      log: silentLog,
      command: [program],
      bus: dir,
      prepare: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(released() ? 'too early' : 'safe');
      },
    });
    while (!released()) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(order).toEqual(['safe']);
    stop();
  });

  it('does nothing where there is no bus', async () => {
    const stop = await watchHostShutdown({
      log: silentLog,
      command: ['/nonexistent'],
      bus: path.join(dir, 'none'),
      prepare: async () => {},
    });
    stop();
  });
});
