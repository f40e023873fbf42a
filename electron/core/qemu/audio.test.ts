import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { findPulse } from './audio.ts';

it('plays to PulseAudio where it listens and QEMU has its back end', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'gh-pulse-'));
  const qemu = (name: string, drivers: string) => {
    const file = path.join(dir, name);
    writeFileSync(file, `#!/bin/sh\nprintf '${drivers}'\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const full = qemu('full', 'Available audio drivers:\\nnone\\npa\\nwav\\n');
  const small = qemu('small', 'Available audio drivers:\\nnone\\nspice\\n');
  const env = { XDG_RUNTIME_DIR: dir };
  expect(await findPulse(full, env)).toBeNull();
  mkdirSync(path.join(dir, 'pulse'));
  const socket = path.join(dir, 'pulse/native');
  const server = createServer();
  await new Promise<void>((done) => server.listen(socket, done));
  expect(await findPulse(full, env)).toBe(socket);
  expect(await findPulse(full, { PULSE_SERVER: `unix:${socket}` })).toBe(socket);
  expect(await findPulse(full, { PULSE_SERVER: 'tcp:elsewhere' })).toBeNull();
  expect(await findPulse(small, env)).toBeNull();
  await new Promise((done) => server.close(done));
  rmSync(dir, { recursive: true });
});
