import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { broughtHome } from './home.ts';
import { GuestStore } from './store.ts';

let root: string;
let store: GuestStore;
const uuid = '11111111-2222-4333-8444-555555555555';

const xml = (
  folder: string,
  over: { name?: string; uuid?: string; more?: string } = {},
) => `<domain type='kvm'>
  <name>${over.name ?? 'web'}</name>
  <uuid>${over.uuid ?? uuid}</uuid>
  <memory unit='MiB'>512</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type><nvram>${folder}/nvram.fd</nvram></os>
  <devices>
    <disk type='file' device='disk'><source file='${folder}/vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><source file='/srv/iso/debian.iso'/><target dev='sda' bus='sata'/></disk>
    ${over.more ?? ''}
  </devices>
</domain>
`;
function make(id: string, text: string): string {
  const folder = path.join(root, 'guests', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'domain.xml'), text);
  writeFileSync(path.join(folder, 'vda.qcow2'), id);
  return folder;
}
const home = async (id: string) => broughtHome(await store.read(id), (other) => store.read(other));

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'gh-home-'));
  mkdirSync(path.join(root, 'guests'));
  store = new GuestStore(path.join(root, 'guests'), path.join(root, 'staging'));
  make('web-1', xml(path.join(root, 'guests/web-1')));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('leaves a guest alone that is where its definition says', async () => {
  expect(await home('web-1')).toBeNull();
});

it('gives a copy its own files and its folder’s name', async () => {
  const guests = path.join(root, 'guests');
  cpSync(path.join(guests, 'web-1'), path.join(guests, 'old copy'), { recursive: true });
  const { domain, copied } = (await home('old copy'))!;
  expect(copied).toBe(true);
  expect(domain.text).toBe(xml(path.join(guests, 'old copy'), { name: 'old copy' }));
});

it('keeps a name that is not its original’s', async () => {
  const guests = path.join(root, 'guests');
  make('copy', xml(path.join(guests, 'web-1'), { name: 'mine' }));
  expect((await home('copy'))!.domain.text).toBe(xml(path.join(guests, 'copy'), { name: 'mine' }));
});

it('follows a folder that was renamed, and a library that was moved', async () => {
  const guests = path.join(root, 'guests');
  renameSync(path.join(guests, 'web-1'), path.join(guests, 'web-2'));
  expect(await home('web-2')).toMatchObject({ from: path.join(guests, 'web-1'), copied: false });
  expect((await home('web-2'))!.domain.text).toBe(xml(path.join(guests, 'web-2')));
  make('web-3', xml('/gone/guesthouse/guests/web-3'));
  expect((await home('web-3'))!.domain.text).toBe(xml(path.join(guests, 'web-3')));
});

it('leaves a disk alone that another guest lends, or that is away just now', async () => {
  const lent = path.join(root, 'guests/web-1');
  make('rescue', xml(lent, { uuid: '99999999-2222-4333-8444-555555555555', name: 'rescue' }));
  expect(await home('rescue')).toBeNull();
  make('usb', xml('/media/not-plugged-in'));
  expect(await home('usb')).toBeNull();
  make(
    'own',
    xml(lent, {
      more: `<disk type='file'><source file='${root}/guests/own/b.qcow2'/><target dev='vdb'/></disk>`,
    }),
  );
  expect(await home('own')).toBeNull();
});
