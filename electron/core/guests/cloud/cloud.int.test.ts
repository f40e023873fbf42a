import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { debugfs, makeExt, makeRootTree, tempDir, tool } from '../../disks/testing/make-disk.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { type TempHome, tempHome } from '../../testing/temp-home.ts';
import type { CloudSource } from './catalog.ts';

// A vendor's site on this computer: it can cut, lie, stall and forget.
let server: Server;
let home: TempHome;
let at: TestCore;
let dir: string;
const files = new Map<string, Buffer>();
const asked: { url: string; range: string | undefined }[] = [];
let misbehave: ((request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean) | null = null;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];

function answer(request: IncomingMessage, response: ServerResponse): void {
  const body = files.get(request.url ?? '');
  if (!body) return void response.writeHead(404).end();
  asked.push({ url: request.url!, range: request.headers.range });
  if (misbehave?.(request, response, body)) return;
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  if (from !== undefined && request.headers['if-range'] === etag && Number(from) < body.length) {
    const rest = body.subarray(Number(from));
    response.writeHead(206, {
      etag,
      'content-length': rest.length,
      'content-range': `bytes ${from}-${body.length - 1}/${body.length}`,
    });
    response.end(rest);
  } else response.writeHead(200, { etag, 'content-length': body.length }).end(body);
}

const sum = (content: Buffer) => createHash('sha256').update(content).digest('hex');
/** Sends the head and half of the body, then hangs up. */
const cutOnce = () => {
  misbehave = (request, response, body) => {
    if (!request.url!.endsWith('.img')) return false;
    misbehave = null;
    response.writeHead(200, {
      etag: `"${sum(body).slice(0, 16)}"`,
      'content-length': body.length,
    });
    response.write(body.subarray(0, body.length >> 1), () => setTimeout(() => request.socket.destroy(), 50));
    return true;
  };
};

beforeAll(async () => {
  dir = tempDir('cloud');
  const tree = path.join(dir, 'tree');
  mkdirSync(tree);
  makeRootTree(tree);
  mkdirSync(path.join(tree, 'etc/cloud'));
  writeFileSync(path.join(tree, 'etc/cloud/cloud.cfg'), 'datasource_list: [NoCloud]\n');
  makeExt(path.join(dir, 'ext.raw'), tree, 24);
  tool([
    'qemu-img',
    'convert',
    '-f',
    'raw',
    '-O',
    'qcow2',
    path.join(dir, 'ext.raw'),
    path.join(dir, 'ext.img'),
  ]);
  files.set('/ext.img', readFileSync(path.join(dir, 'ext.img')));
  // A file system that is not read here: the identity has to come from a seed.
  const ntfs = Buffer.alloc(8 << 20);
  ntfs.write('NTFS    ', 3);
  files.set('/far.img', ntfs);
  files.set('/big.img', Buffer.alloc(32 << 20, 'x'));
  const list = () =>
    [...files]
      .filter(([name]) => name.endsWith('.img'))
      .map(([name, body]) => `${sum(body)}  ${name.slice(1)}`);
  files.set('/SHA256SUMS', Buffer.from(`${list().join('\n')}\n`));
  files.set('/WRONG', Buffer.from(`${'0'.repeat(64)}  ext.img\n`));
  files.set('/OTHERS', Buffer.from(`${'0'.repeat(64)}  other.img\n`));
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const image = (id: string, file: string, checksums = 'SHA256SUMS'): CloudSource => ({
    id,
    name: id,
    url: `${base}/${file}`,
    checksums: { url: `${base}/${checksums}`, algorithm: 'sha256' },
    signature: null,
    user: 'debian',
    firmware: 'bios',
  });
  // A vendor with a key: one list signed apart, one in itself, and the same with a line changed afterwards.
  const gnupg = tempDir('gnupg');
  const gpg = (...args: string[]) =>
    tool(['gpg', '--homedir', gnupg, '--batch', '--quiet', '--yes', '--pinentry-mode', 'loopback', ...args]);
  gpg('--passphrase', '', '--quick-generate-key', 'vendor@example', 'ed25519', 'sign');
  const keyring = path.join(dir, 'vendor.asc');
  gpg('--armor', '--output', keyring, '--export');
  const listFile = path.join(dir, 'SIGNED');
  writeFileSync(listFile, files.get('/SHA256SUMS')!);
  gpg('--detach-sign', listFile);
  gpg('--clear-sign', listFile);
  files.set('/SIGNED', readFileSync(listFile));
  for (const end of ['sig', 'asc']) files.set(`/SIGNED.${end}`, readFileSync(`${listFile}.${end}`));
  files.set('/WRONG.sig', files.get('/SIGNED.sig')!);
  const altered = files.get('/SIGNED.asc')!.toString().replace('ext.img', 'far.img');
  files.set('/ALTERED.asc', Buffer.from(altered));
  tool(['gpgconf', '--homedir', gnupg, '--kill', 'all']);
  tool(['rm', '-rf', gnupg]);
  const signed = (id: string, list: string, form: 'apart' | 'within'): CloudSource => ({
    ...image(id, 'ext.img', list),
    signature: {
      url: form === 'apart' ? `${base}/${list}.sig` : `${base}/${list}`,
      key: 'of this test',
      form,
      keyrings: ['/nowhere/keys.gpg', keyring],
    },
  });
  home = tempHome();
  at = await openTestCore(home.paths, {
    cloudImages: [
      image('ext', 'ext.img'),
      image('far', 'far.img'),
      image('big', 'big.img'),
      image('wrong', 'ext.img', 'WRONG'),
      image('unlisted', 'ext.img', 'OTHERS'),
      image('gone', 'gone.img'),
      signed('signed', 'SIGNED', 'apart'),
      signed('within', 'SIGNED.asc', 'within'),
      signed('forged', 'WRONG', 'apart'),
      signed('altered', 'ALTERED.asc', 'within'),
    ],
  });
});
afterEach(() => {
  misbehave = null;
  asked.length = 0;
});
afterAll(async () => {
  await at.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  home.remove();
  tool(['rm', '-rf', dir]);
});

const cache = () => path.join(home.paths.cache, 'cloud');
const fetchImage = async (id: string) => at.done(await call('cloudImages.fetch', { id }));
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGKkWxY5n3vXo6Qq7m5u4yYF6T2q9J3o0o0o0o0o0o0o me@here';

describe('a cloud image', () => {
  it('goes on where the connection was cut, and is what the vendor’s list says', async () => {
    cutOnce();
    await fetchImage('ext');
    const ranges = asked.filter((one) => one.url === '/ext.img').map((one) => one.range);
    expect(ranges).toHaveLength(2);
    expect(ranges[0]).toBeUndefined();
    expect(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1])).toBeGreaterThan(0);
    expect(readFileSync(path.join(cache(), 'ext.img')).equals(files.get('/ext.img')!)).toBe(true);
    expect(readdirSync(cache())).toEqual(['ext.img', 'tried.json']);
    expect((await call('cloudImages.list', undefined)).find((one) => one.id === 'ext')).toMatchObject({
      cached: { bytes: files.get('/ext.img')!.length },
      tried: true,
      signatureChecked: false,
    });
    // What is there already is not asked for again.
    asked.length = 0;
    await fetchImage('ext');
    expect(asked).toEqual([]);
  });

  it('is begun anew when the server has another file by now', async () => {
    writeFileSync(path.join(cache(), 'big.img.part'), 'something older');
    const { url } = (await call('cloudImages.list', undefined)).find((one) => one.id === 'big')!;
    writeFileSync(path.join(cache(), 'big.img.part.json'), JSON.stringify({ url, validator: '"older"' }));
    await fetchImage('big');
    expect(asked.find((one) => one.url === '/big.img')?.range).toBe('bytes=15-');
    expect(statSync(path.join(cache(), 'big.img')).size).toBe(32 << 20);
    await call('cloudImages.discard', { id: 'big' });
    expect(existsSync(path.join(cache(), 'big.img'))).toBe(false);
  });

  it.each([
    ['wrong', 'disk-refused', /not what the vendor published/],
    ['unlisted', 'disk-refused', /does not name the image/],
    ['gone', 'disk-refused', /does not name the image/],
    ['forged', 'disk-refused', /not signed by its key/],
    ['altered', 'disk-refused', /not signed by its key/],
  ])('that is %s is refused, and leaves nothing', async (id, code, message) => {
    await expect(fetchImage(id)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(cache()).filter((name) => name.startsWith(id))).toEqual([]);
  });

  it.each(['signed', 'within'])('whose list is %s by the vendor’s key is taken', async (id) => {
    await fetchImage(id);
    expect((await call('cloudImages.list', undefined)).find((one) => one.id === id)).toMatchObject({
      signatureChecked: true,
      tried: true,
    });
    await call('cloudImages.discard', { id });
  });

  it('leaves nothing half when it is cancelled', async () => {
    let stalled = () => {};
    const arrived = new Promise<void>((resolve) => {
      stalled = resolve;
    });
    misbehave = (request, response, body) => {
      if (!request.url!.endsWith('.img')) return false;
      response.writeHead(200, { etag: '"a"', 'content-length': body.length });
      response.write(body.subarray(0, 1 << 20), stalled);
      return true;
    };
    const started = await call('cloudImages.fetch', { id: 'big' });
    await arrived;
    await call('operations.cancel', { id: started.operation });
    await expect(at.done(started)).rejects.toMatchObject({ code: 'cancelled' });
    expect(readdirSync(cache()).filter((name) => name.startsWith('big'))).toEqual([]);
  });
});

describe('a guest from a cloud image', () => {
  const make = async (name: string, id: string) => {
    const made = await call('guests.create', {
      name,
      from: { kind: 'cloud', id },
      authorizedKeys: [key],
      diskSize: 1,
    });
    await at.done(made);
    return made.id;
  };

  it('has its identity and keys on its disk where that can be edited', async () => {
    const id = await make('web', 'ext');
    const folder = path.join(home.paths.guests, id);
    const guest = await at.guest(id);
    expect(guest.disks).toMatchObject([{ virtualSize: 2 ** 30 }]);
    expect(guest.ssh).toMatchObject({ user: 'debian' });
    const raw = path.join(dir, 'out.raw');
    tool(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', path.join(folder, 'disk.qcow2'), raw]);
    const userData = debugfs(raw, ['cat /var/lib/cloud/seed/nocloud/user-data']);
    expect(userData).toContain(key);
    expect(userData).toContain('ssh_deletekeys: false');
    expect(debugfs(raw, ['cat /etc/hostname'])).toContain('web');
    const { rows } = await call('identity.audit', {});
    const row = rows.find((one) => one.id === id)!;
    expect(row.facts?.machineId).toMatch(/^[0-9a-f]{32}$/);
    expect(row.facts?.machineId).not.toBe('0123456789abcdef0123456789abcdef');
    expect(readFileSync(path.join(folder, 'known_hosts'), 'utf8')).toContain(guest.uuid!);
  });

  it('has them in a seed of its own where it cannot', async () => {
    const id = await make('rock', 'far');
    const seed = readFileSync(path.join(home.paths.guests, id, 'seed.iso'), 'latin1');
    expect(seed).toContain('CIDATA');
    expect(seed).toContain(key);
    expect((await at.guest(id)).disks).toHaveLength(2);
  });
});
