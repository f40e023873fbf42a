import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noLimits } from '../../../shared/model/container.ts';
import { silentLog } from '../platform/log.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { ContainerStore } from './store.ts';

let home: TempHome;
let file: string;
beforeEach(() => {
  home = tempHome();
  file = path.join(home.paths.data, 'containers.json');
});
afterEach(() => home.remove());

const id = (host: string, digit: string) => `${host}:${digit.repeat(64)}`;
const open = async () => {
  const store = new ContainerStore(home.paths.data, silentLog);
  await store.load();
  return store;
};

it('keeps limits by container, and whether null means none', async () => {
  const store = await open();
  const limits = { ...noLimits, memory: 64 << 20 };
  await Promise.all([
    store.setWanted(id('local', 'a'), limits, true),
    store.setWanted(id('far/root', 'b'), limits, false),
    store.setHosts([{ target: 'far', sudo: true }]),
  ]);
  const again = await open();
  expect(again.wanted(id('local', 'a'))).toEqual({ limits, exact: true });
  expect(again.wanted(id('far/root', 'b'))).toEqual({ limits, exact: false });
  expect(again.hosts()).toEqual([{ target: 'far', sudo: true }]);
  expect(again.idsOf('far/root')).toEqual([id('far/root', 'b')]);
  await again.drop([id('local', 'a'), id('local', 'c')]);
  expect((await open()).idsOf('local')).toEqual([]);
});

it('loses nothing over one entry it does not understand, and writes that back', async () => {
  const odd = { target: 7 };
  const newer = { memory: 'much' };
  writeFileSync(
    file,
    JSON.stringify({
      hosts: [{ target: 'far', sudo: false }, odd],
      wanted: { [id('local', 'a')]: { pids: 50 }, [id('local', 'b')]: newer },
    }),
  );
  const store = await open();
  expect(store.hosts()).toEqual([{ target: 'far', sudo: false }]);
  expect(store.wanted(id('local', 'a'))).toEqual({ limits: { ...noLimits, pids: 50 }, exact: false });
  await store.setWanted(id('local', 'a'), { ...noLimits, pids: 60 }, true);
  const written = JSON.parse(readFileSync(file, 'utf8'));
  expect(written.hosts).toEqual([{ target: 'far', sudo: false }, odd]);
  expect(written.wanted[id('local', 'b')]).toEqual(newer);
});

it('keeps a file that is no JSON beside the new one', async () => {
  for (const text of ['{"hosts": [', '[]x', '{"hosts": 3}', 'null']) {
    writeFileSync(file, text);
    const store = await open();
    expect(store.hosts()).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(text);
    await store.setHosts([{ target: 'far', sudo: false }]);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(text);
    expect((await open()).hosts()).toHaveLength(1);
  }
});
