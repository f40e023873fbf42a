import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nameOf, type StoredGuest } from '../guests/store.ts';
import { silentLog } from '../platform/log.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { TemplateStore } from './home.ts';
import { checkSealed, readSealed, writeSealed } from './sealed.ts';

let home: TempHome;
let store: TemplateStore;
const uuid = '11111111-2222-4333-8444-555555555555';
const at = (...names: string[]) => path.join(home.paths.templates, ...names);
const byId = async () => new Map((await store.list()).map((stored) => [stored.id, stored]));
const disk = (id: string, from: ReadonlyMap<string, StoredGuest>) => from.get(id)?.domain?.disks()[0]?.file;

beforeEach(async () => {
  home = tempHome();
  store = new TemplateStore(home.paths, silentLog);
  mkdirSync(at('deb-1'));
  writeFileSync(at('deb-1/vda.raw'), 'a whole disk', { mode: 0o444 });
  const device = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${at('deb-1/vda.raw')}'/><target dev='vda' bus='virtio'/></disk>`;
  const xml = `<domain type='kvm'>\n  <name>debian</name>\n  <uuid>${uuid}</uuid>\n  <memory unit='MiB'>512</memory>\n  <os><type arch='x86_64' machine='q35'>hvm</type></os>\n  <devices>\n    ${device}\n  </devices>\n</domain>\n`;
  writeFileSync(at('deb-1/domain.xml'), xml);
  await writeSealed(at('deb-1'), [at('deb-1/vda.raw')], 7);
});
afterEach(() => home.remove());

it('leaves one alone that is where its definition says', async () => {
  const before = readFileSync(at('deb-1/domain.xml'), 'utf8');
  expect((await store.list()).map(({ text }) => text)).toEqual([before]);
  expect(readFileSync(at('deb-1/domain.xml'), 'utf8')).toBe(before);
  expect(await store.movedFrom('deb-1')).toEqual([]);
});

it('makes a copy a template of its own: files, UUID, name and seal', async () => {
  for (const name of ['one', 'two']) {
    cpSync(at('deb-1'), at(name), { recursive: true });
    writeFileSync(at(name, 'vda.raw.new'), 'a whole disk');
    renameSync(at(name, 'vda.raw.new'), at(name, 'vda.raw')); // another time than the sealed one
  }
  const found = await byId();
  expect([...found].map(([id, stored]) => [id, nameOf(stored), disk(id, found)])).toEqual([
    ['deb-1', 'debian', at('deb-1/vda.raw')],
    ['one', 'one', at('one/vda.raw')],
    ['two', 'two', at('two/vda.raw')],
  ]);
  expect(new Set([...found.values()].map(({ domain }) => domain?.uuid)).size).toBe(3);
  expect(found.get('deb-1')!.domain!.uuid).toBe(uuid);
  await checkSealed(found.get('one')!);
  expect((await readSealed(at('one')))?.sealedAt).toBe(7);
  // It stays what it became.
  expect([...(await byId()).values()].map(({ text }) => text)).toEqual(
    [...found.values()].map(({ text }) => text),
  );
});

it('says of a copy that is not whole what it lacks, and takes it in when it is', async () => {
  cpSync(at('deb-1'), at('copy'), { recursive: true });
  rmSync(at('copy/sealed.json'));
  rmSync(at('copy/vda.raw'));
  writeFileSync(at('copy/vda.raw'), 'a whole disk');
  truncateSync(at('copy/vda.raw'), 5);
  const before = readFileSync(at('copy/domain.xml'), 'utf8');
  expect((await byId()).get('copy')).toMatchObject({
    domain: null,
    problem: { code: 'disk-damaged', why: 'vda.raw has 5 of 12 bytes.' },
  });
  expect(readFileSync(at('copy/domain.xml'), 'utf8')).toBe(before);
  writeFileSync(at('copy/vda.raw'), 'a whole disk');
  expect(disk('copy', await byId())).toBe(at('copy/vda.raw'));
});

it('follows a folder that was renamed, remembers the old name until all know, and does not seal anew', async () => {
  renameSync(at('deb-1'), at('deb-2'));
  const { mtimeMs } = statSync(at('deb-2/sealed.json'));
  const found = await byId();
  expect(disk('deb-2', found)).toBe(at('deb-2/vda.raw'));
  expect(found.get('deb-2')!.domain).toMatchObject({ uuid });
  expect(nameOf(found.get('deb-2')!)).toBe('debian');
  expect(statSync(at('deb-2/sealed.json')).mtimeMs).toBe(mtimeMs);
  renameSync(at('deb-2'), at('deb-3'));
  expect(disk('deb-3', await byId())).toBe(at('deb-3/vda.raw'));
  expect(await store.movedFrom('deb-3')).toEqual([at('deb-1'), at('deb-2')]);
  // A copy made meanwhile is nobody's new place, and a folder that is there again nobody's old one.
  cpSync(at('deb-3'), at('copy'), { recursive: true, preserveTimestamps: true });
  expect(disk('copy', await byId())).toBe(at('copy/vda.raw'));
  expect(await store.movedFrom('copy')).toEqual([]);
  mkdirSync(at('deb-2'));
  expect(await store.movedFrom('deb-3')).toEqual([at('deb-1')]);
  await store.arrived('deb-3');
  expect(await store.movedFrom('deb-3')).toEqual([]);
});
