import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keygen, type Sandbox, sandbox, startSshd, type TestSshd, targetOf } from '../ssh/sshd.fixture.ts';
import { remoteMachines } from './remote-machines.ts';

// Servers that a person knows by an alias of ~/.ssh/config: ssh files their keys under the real address and port.
let box: Sandbox;
let sshd: TestSshd;
let machines: ReturnType<typeof remoteMachines>;
const known = () => fs.readFileSync(path.join(box.dir, 'known_hosts'), 'utf8');

beforeEach(async () => {
  box = sandbox();
  const key = path.join(box.dir, 'id');
  const line = keygen(key);
  sshd = await startSshd(box.dir);
  fs.writeFileSync(sshd.authorizedKeys, line, { mode: 0o600 });
  const configFile = path.join(box.dir, 'config');
  fs.writeFileSync(configFile, `Host box\n  HostName 127.0.0.1\n  HostKeyAlias its-own-name\n`);
  const target = targetOf(box.dir, sshd.port, { address: 'box', identityFiles: [key], configFile });
  machines = remoteMachines({
    targets: { resolve: async () => target },
    around: box.around,
    servers: { list: () => [] },
  });
});
afterEach(async () => {
  await sshd?.stop();
  box.close();
});

it('asks for an unknown host key once, then works quietly, and pins under the name ssh looks up', async () => {
  await expect(machines.run('box', ['true'], {})).rejects.toMatchObject({ code: 'host-key-unknown' });
  expect(box.asked).toEqual([]);
  box.answer = (prompt) => (prompt.kind === 'host-key' ? 'yes' : null);
  expect(await machines.run('box', ['cat'], { ask: true, input: 'first' })).toBe('first');
  expect(box.asked.map((prompt) => prompt.kind)).toEqual(['host-key']);
  expect(known()).toMatch(/^its-own-name ssh-ed25519 /);
  expect(await machines.run('box', ['echo', 'quiet'], {})).toBe('quiet\n');

  // The machine gets new keys, written by us: pinned, the next connection asks nothing and is not refused.
  const { port, authorizedKeys } = sshd;
  const authorized = fs.readFileSync(authorizedKeys);
  await sshd.stop();
  sshd = await startSshd(box.dir, { port });
  fs.writeFileSync(sshd.authorizedKeys, authorized, { mode: 0o600 });
  await expect(machines.run('box', ['true'], {})).rejects.toMatchObject({ code: 'host-key-changed' });
  const [type, key] = fs.readFileSync(`${sshd.hostKey}.pub`, 'utf8').split(' ');
  await machines.pin('box', [{ type: type!, key: key! }]);
  expect(await machines.run('box', ['echo', 'again'], { ask: true })).toBe('again\n');
  expect(box.asked).toHaveLength(1);
  expect(known().trim().split('\n')).toHaveLength(1);
});
