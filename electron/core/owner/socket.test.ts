import { mkdtemp, rm, stat } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PortLike } from '../api.ts';
import { silentLog } from '../platform/log.ts';
import { type FixtureCore, fixtureCore } from '../testing/owner-fixture.ts';
import { ClientCore, NotBegun } from './client.ts';
import { encodeJson, encodePort, FrameReader, protocolVersion } from './framing.ts';
import { OwnerServer } from './server.ts';

let dir: string;
let path: string;
let core: FixtureCore;
let server: OwnerServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gh-own-'));
  path = join(dir, 'core.sock');
  core = fixtureCore();
  server = await OwnerServer.listen(path, '/lib', silentLog);
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

async function client(): Promise<ClientCore> {
  server.serve(core);
  const connected = await ClientCore.connect(path, '/lib');
  if (!connected) throw new Error('nobody listens');
  return connected;
}

/** A view's end of a channel, and the channel. */
function ends() {
  const got: unknown[] = [];
  let send: (message: unknown) => void = () => {};
  let gone: () => void = () => {};
  const closed = vi.fn();
  const port: PortLike = {
    postMessage: (message) => void got.push(message),
    onMessage: (listener) => {
      send = listener;
    },
    onClose: (listener) => {
      gone = listener;
    },
    close: closed,
  };
  return { port, got, closed, send: (message: unknown) => send(message), leave: () => gone() };
}

describe('a client', () => {
  it('calls as if core were here: answers, nothing, errors with all they say', async () => {
    const far = await client();
    expect(far.ownerPid).toBe(process.pid);
    expect(await far.call('guests.log', { id: 'a', lines: 3 })).toBe('{"id":"a","lines":3}');
    expect(await far.call('guests.pause', { id: 'a' })).toBeUndefined();
    expect(await far.call('starters.list', undefined)).toBeUndefined();
    await expect(far.call('guests.detail', { id: 'a' })).rejects.toMatchObject({
      code: 'not-found',
      message: 'No such guest.',
      why: 'It is a test.',
      subject: 'x',
    });
    await far.close();
  });

  it('hears events; core is listened to only while a client is there', async () => {
    const far = await client();
    const revisions: number[] = [];
    far.onEvent((envelope) => void revisions.push(envelope.revision));
    core.announce();
    core.announce();
    await vi.waitFor(() => expect(revisions).toEqual([1, 2]));
    await far.close();
    await vi.waitFor(() => expect(core.listeners).toBe(0));
  });

  it('cancels a call', async () => {
    const far = await client();
    const controller = new AbortController();
    const call = far.call('guests.start', { id: 'a' }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await vi.waitFor(() => expect(core.aborted).toEqual(['guests.start']));
    await far.close();
  });

  it('has its calls cancelled and its channels closed when it goes away', async () => {
    const far = await client();
    const call = far.call('guests.start', { id: 'a' });
    const view = ends();
    await far.openPort('terminal', 't', view.port);
    const gone = vi.fn();
    core.ports[0]!.onClose(gone);
    await far.close();
    await expect(call).rejects.toMatchObject({ code: 'not-owner' });
    await vi.waitFor(() => expect(core.aborted).toEqual(['guests.start']));
    await vi.waitFor(() => expect(gone).toHaveBeenCalled());
    expect(view.closed).toHaveBeenCalled();
  });

  it('has byte channels both ways, closed from either end, and refused ones', async () => {
    const far = await client();
    const one = ends();
    const two = ends();
    await far.openPort('terminal', 'a', one.port);
    await far.openPort('screen', 'b', two.port);
    const bytes = new Uint8Array(200_000).map((_, i) => i % 251);
    one.send({ t: 'data', bytes });
    two.send(bytes);
    await vi.waitFor(() => expect(two.got).toHaveLength(1));
    expect(two.got[0]).toEqual(bytes);
    expect(one.got).toEqual([{ t: 'data', bytes }]);

    const gone = vi.fn();
    core.ports[0]!.onClose(gone);
    one.leave();
    await vi.waitFor(() => expect(gone).toHaveBeenCalled());
    expect(two.closed).not.toHaveBeenCalled();
    core.ports[1]!.close();
    await vi.waitFor(() => expect(two.closed).toHaveBeenCalled());

    await expect(far.openPort('terminal', 'none', ends().port)).rejects.toMatchObject({ code: 'not-found' });
    await far.close();
  });

  it('knows when the owner is gone', async () => {
    const far = await client();
    const begun = expect(far.call('guests.start', { id: 'a' })).rejects.toMatchObject({
      code: 'not-owner',
      why: expect.stringContaining('not known'),
    });
    const gone = new Promise<void>((resolve) => far.onGone(resolve));
    // An answer to a later call: the first is under way.
    await far.call('guests.log', { id: 'a' });
    await server.close();
    await gone;
    await begun;
    await expect(far.call('guests.log', { id: 'a' })).rejects.toMatchObject({ code: 'not-owner' });
  });

  it('is told which calls a leaving owner never began; a holding one that goes on carries them out', async () => {
    const far = await client();
    await server.hold();
    const kept = far.call('guests.log', { id: 'kept' });
    await new Promise((done) => setTimeout(done, 50));
    server.go();
    expect(await kept).toBe('{"id":"kept"}');
    await server.hold();
    const lost = expect(far.call('guests.log', { id: 'lost' })).rejects.toBeInstanceOf(NotBegun);
    await new Promise((done) => setTimeout(done, 50));
    await server.close();
    await lost;
  });

  it('waits for an owner that still reads its library', async () => {
    const connecting = ClientCore.connect(path, '/lib');
    setTimeout(() => server.serve(core), 100);
    expect(await (await connecting)!.call('guests.log', { id: 'a' })).toBe('{"id":"a"}');
    await (await connecting)!.close();
  });

  it('gives up on an owner that says nothing', async () => {
    await expect(ClientCore.connect(path, '/lib', 100)).rejects.toMatchObject({ code: 'not-owner' });
  });

  it('is told that the library is another', async () => {
    server.serve(core);
    await expect(ClientCore.connect(path, '/other')).rejects.toMatchObject({
      code: 'unsupported',
      why: 'It holds /lib, not /other.',
    });
  });

  it('finds nobody where nothing or a dead socket is', async () => {
    expect(await ClientCore.connect(join(dir, 'nothing'), '/lib')).toBeNull();
  });
});

it('makes the socket for its person alone', async () => {
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

describe('a peer that is no client of ours', () => {
  /** Sends bytes and resolves with the JSON the owner said before it hung up. */
  function talk(...pieces: Buffer[]): Promise<unknown[]> {
    return new Promise((resolve) => {
      const said: unknown[] = [];
      const reader = new FrameReader();
      const socket = net.connect(path, () => {
        for (const piece of pieces) socket.write(piece);
      });
      socket.on('data', (chunk: Buffer) => {
        for (const frame of reader.push(chunk)) if (frame.kind === 'json') said.push(frame.value);
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(said));
    });
  }
  const hello = (extra: object = {}) =>
    encodeJson({ t: 'hello', protocol: protocolVersion, data: '/lib', pid: 1, ...extra });
  const tooLong = Buffer.from([0x7f, 0xff, 0xff, 0xff]);

  it.each([
    [
      'of another version is told so',
      [hello({ protocol: 999 })],
      [{ t: 'refused', error: { code: 'unsupported' } }],
    ],
    ['that speaks HTTP is let go', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], []],
    ['that announces a huge frame is let go', [tooLong], []],
    ['that announces a huge frame after hello is let go', [hello(), tooLong], [{ t: 'hello' }]],
    [
      'that calls before hello is let go',
      [encodeJson({ t: 'call', id: 1, name: 'guests.log', input: {} })],
      [],
    ],
    [
      'that sends no message of ours is let go',
      [hello(), encodeJson({ t: 'format-disk' })],
      [{ t: 'hello' }],
    ],
  ])('%s', async (_title, pieces, answers) => {
    server.serve(core);
    expect(await talk(...pieces)).toMatchObject(answers);
    // Others are served as before.
    const far = await client();
    expect(await far.call('guests.log', { id: 'a' })).toBe('{"id":"a"}');
    await far.close();
  });

  it('may write to channels that are not there', async () => {
    server.serve(core);
    const socket = net.connect(path);
    socket.write(hello());
    socket.write(encodePort(99, { t: 'input', text: 'x' }));
    socket.write(encodeJson({ t: 'close', port: 99 }));
    socket.write(encodeJson({ t: 'cancel', id: 99 }));
    socket.write(encodeJson({ t: 'call', id: 5, name: 'guests.log', input: { id: 'b' } }));
    const reader = new FrameReader();
    const reply = await new Promise((resolve) =>
      socket.on('data', (chunk: Buffer) => {
        for (const frame of reader.push(chunk))
          if (frame.kind === 'json' && (frame.value as { t: string }).t === 'reply') resolve(frame.value);
      }),
    );
    expect(reply).toEqual({ t: 'reply', id: 5, ok: true, value: '{"id":"b"}' });
    socket.destroy();
  });

  it('that stops reading does not fill the memory', async () => {
    server.serve(core);
    const socket = net.connect(path);
    socket.write(hello());
    await vi.waitFor(() => expect(core.listeners).toBe(1));
    socket.pause();
    socket.write(encodeJson({ t: 'open', port: 1, kind: 'terminal', id: 'x' }));
    await vi.waitFor(() => expect(core.ports).toHaveLength(1));
    const closed = vi.fn();
    core.ports[0]!.onClose(closed);
    const megabyte = new Uint8Array(1 << 20);
    for (let i = 0; i < 80; i++) core.ports[0]!.postMessage({ t: 'data', bytes: megabyte });
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
    socket.destroy();
  });
});
