import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFiles } from '../qemu/run-files.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { makeIso } from './testing/boot-media.ts';
import { handshake, View } from './testing/view.ts';

let home: TempHome;
let at: TestCore;
let id: string;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeAll(async () => {
  home = tempHome();
  at = await openTestCore(home.paths);
  const medium = makeIso(home.paths.home, 'SCREEN', 'booted');
  const made = await call('guests.create', {
    name: 'screen',
    from: { kind: 'iso', path: medium },
    kind: 'full',
    memory: 64,
    vcpus: 1,
  });
  id = made.id;
  await at.done(made);
  await at.done(await call('guests.start', { id }));
  const log = path.join(home.paths.guests, id, 'serial.log');
  while (!readFileSync(log, 'latin1').includes('booted')) await new Promise((done) => setTimeout(done, 50));
}, 120_000);
afterAll(async () => {
  await call('guests.forceOff', { id }).catch(() => {});
  await at.close();
  home.remove();
});

describe('a guest’s screen', () => {
  it('speaks RFB to a view and sends it the picture', async () => {
    const view = new View();
    await at.core.openPort('screen', id, view.port);
    const [width, height] = await handshake(view);
    expect([width, height]).toEqual([720, 400]); // the text mode the BIOS leaves
    view.send(2, 0, 0, 1, 0, 0, 0, 0); // raw alone
    view.send(3, 0, 0, 0, 0, 0, width >> 8, width & 255, height >> 8, height & 255);
    const head = await view.take(4);
    expect(head[0]).toBe(0);
    let lit = 0;
    for (let rectangle = 0; rectangle < head.readUInt16BE(2); rectangle++) {
      const place = await view.take(12);
      expect(place.readInt32BE(8)).toBe(0);
      const pixels = await view.take(place.readUInt16BE(4) * place.readUInt16BE(6) * 4);
      for (let i = 0; i < pixels.length; i += 4) if (pixels.readUInt32LE(i) & 0xffffff) lit++;
    }
    expect(lit).toBeGreaterThan(100);
    view.hangUp();
  });

  it('is had by a second view when the first has gone', async () => {
    const first = new View();
    await at.core.openPort('screen', id, first.port);
    await handshake(first);
    first.hangUp();
    const second = new View();
    await at.core.openPort('screen', id, second.port);
    await handshake(second);
    second.hangUp();
  });

  it('is photographed', async () => {
    const { width, height, png } = await call('guests.screenshot', { id });
    expect([width, height]).toEqual([720, 400]);
    const bytes = Buffer.from(png, 'base64');
    const data: Buffer[] = [];
    for (let offset = 8; offset < bytes.length; ) {
      const length = bytes.readUInt32BE(offset);
      if (bytes.toString('latin1', offset + 4, offset + 8) === 'IDAT')
        data.push(bytes.subarray(offset + 8, offset + 8 + length));
      offset += length + 12;
    }
    expect(inflateSync(Buffer.concat(data)).some((byte) => byte > 0x80)).toBe(true);
    expect(readdirSync(runFiles(home.paths.runtime, id).dir).filter((name) => name.endsWith('.png'))).toEqual(
      [],
    );
  });

  it('closes with the guest’s end, and is not there without it', async () => {
    const view = new View();
    await at.core.openPort('screen', id, view.port);
    await handshake(view);
    await call('guests.forceOff', { id });
    await view.closed;
    expect(view.told).toEqual([{ t: 'closed' }]);
    await expect(at.core.openPort('screen', id, new View().port)).rejects.toMatchObject({
      code: 'unreachable',
    });
    await expect(call('guests.screenshot', { id })).rejects.toMatchObject({ code: 'wrong-state' });
  });
});
