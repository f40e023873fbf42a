import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { SharedNetwork } from '../../../shared/model/network.ts';
import { run } from '../platform/exec.ts';
import { processStat } from '../platform/proc.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { networkHostForTests } from '../testing/network-host.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// Three real clones on one shared network, started by a core that is then killed.
// Emulated guests on a busy machine take minutes for what takes seconds.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 900_000 });

const names = ['web-01', 'web-02', 'web-03'];
let home: TempHome;
let test: TestCore;
let networkHost: readonly string[];
let pidBefore = 0;

const network = async (): Promise<SharedNetwork> =>
  (await test.core.call('networks.list', undefined)).find(({ name }) => name === 'default')!;
/** Runs a command in a guest and gives what it printed. */
async function inGuest(name: string, script: string, okCodes: readonly number[] = [0]): Promise<string> {
  const { argv } = await test.core.call('ssh.command', { target: name, command: ['bash', '-c', script] });
  const [program, ...rest] = argv;
  return (await run([program!, ...rest], { timeoutMs: 120_000, okCodes })).stdout;
}

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  networkHost = networkHostForTests(home.home);
  test = await openTestCore(home.paths, { networkHost });
  const { core, done } = test;
  const source = await core.call('guests.create', {
    name: 'source',
    from: { kind: 'starter', id: 'debian-12' },
  });
  await done(source);
  await core.call('networks.plug', { id: source.id, place: { kind: 'shared', network: 'default' } });
  const seal = await core.call('templates.planSeal', { id: source.id, name: 'debian' });
  await done(await core.call('templates.seal', { planId: seal.planId }));
  const key = await core.call('keys.create', { name: 'console', location: 'app' });
  await done(key);
  const line = (await core.call('keys.publicText', { id: key.id })).trim();
  const plan = await core.call('clones.plan', {
    source: 'debian',
    names,
    authorizedKeys: [line],
    memory: 512,
    vcpus: 1,
  });
  await done(await core.call('clones.run', { planId: plan.planId }));
  expect((await network()).state).toBe('off'); // nobody needs it yet
  await test.close();

  const file = path.join(home.home, 'fault-child.cjs');
  await build({
    entryPoints: [path.resolve(__dirname, '../testing/fault-child.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    external: ['node-pty', 'electron'],
    logLevel: 'silent',
  });
  const child = spawn(process.execPath, [file, 'start', ...names], {
    env: { ...process.env, ...home.env, GUESTHOUSE_TEST_NETWORK: JSON.stringify(networkHost) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk) => {
        said += chunk;
        if (said.includes('started')) resolve();
      });
      child.on('exit', () => reject(new Error('the owner ended')));
    });
    pidBefore = Number(/network (\d+)/.exec(said)![1]);
  } finally {
    child.kill('SIGKILL');
    await ended;
    // Also when it failed: what it had started by then is ended by a core that knows of it.
    test = await openTestCore(home.paths, { networkHost });
  }
});
afterAll(async () => {
  for (const name of names) await test?.core.call('guests.forceOff', { id: name }).catch(() => {});
  await test?.close();
  home?.remove();
});

it('outlives its owner and is adopted, with every guest plugged in and at an address of its own', async () => {
  let now = await network();
  while (now.members.some(({ link, leasedAt }) => link !== 'plugged-in' || leasedAt === null)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = await network();
  }
  expect(now).toMatchObject({ state: 'on', pid: pidBefore, problem: null });
  expect(processStat(pidBefore)).not.toBeNull();
  expect(new Set(now.members.map(({ address }) => address)).size).toBe(3);
  for (const { guest, address } of now.members) {
    expect((await test.guest(guest)).addresses).toContain(address);
    expect(await inGuest(guest, 'ip -4 -o addr show scope global')).toContain(` ${address}/24 `);
  }
});

it('lets guests find and reach each other by name', async () => {
  const { members, domain } = await network();
  for (const from of names) {
    // One connection a guest: each takes seconds on an emulated one.
    const others = names.filter((name) => name !== from);
    const script = others.map(
      (to) =>
        `getent ahostsv4 ${to}.${domain} | head -n1; getent ahostsv4 ${to} | head -n1; ` +
        `exec 3<>/dev/tcp/${to}/22; head -c 7 <&3; echo`,
    );
    const said = (await inGuest(from, script.join('; '))).trim().split('\n');
    for (const [index, to] of others.entries()) {
      const { address } = members.find(({ name }) => name === to)!;
      const [whole, single, banner] = said.slice(index * 3, index * 3 + 3);
      expect([whole?.split(' ')[0], single?.split(' ')[0], banner]).toEqual([address, address, 'SSH-2.0']);
    }
  }
});

it('leads out, and to this computer’s own services only when it may', async () => {
  const web = createServer((_, answer) => answer.end('from the host')).listen(0, '127.0.0.1');
  await new Promise((resolve) => web.once('listening', resolve));
  const { port } = web.address() as AddressInfo;
  const ask = `exec 3<>/dev/tcp/10.77.0.1/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
  expect(await inGuest('web-01', `timeout 3 bash -c '${ask.replaceAll("'", `'\\''`)}'`, [124])).toBe('');
  await test.core.call('networks.edit', { name: 'default', reachHost: true });
  expect(await inGuest('web-01', ask)).toContain('from the host');
  web.close();
});

it('is there again when its process was killed, and no guest notices for long', async () => {
  const { pid } = await network();
  process.kill(pid!, 'SIGKILL');
  while (processStat(pid!)) await new Promise((resolve) => setTimeout(resolve, 10));
  let now = await network();
  while (now.pid === null || now.pid === pid || now.members.some(({ link }) => link !== 'plugged-in')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = await network();
  }
  // The new process learns where each guest is from its next frame; a line that comes before may be refused.
  await expect
    .poll(() => inGuest('web-01', `exec 3<>/dev/tcp/web-03/22; head -c 7 <&3`).catch(String), {
      timeout: 60_000,
    })
    .toBe('SSH-2.0');
});

it('ends when no guest needs it, and is deleted only when no guest has a card on it', async () => {
  await expect(test.core.call('networks.delete', { name: 'default' })).rejects.toMatchObject({
    code: 'wrong-state',
  });
  const { pid } = await network();
  for (const name of names) await test.core.call('guests.forceOff', { id: name });
  while (processStat(pid!)) await new Promise((resolve) => setTimeout(resolve, 20));
  while ((await network()).state !== 'off') await new Promise((resolve) => setTimeout(resolve, 20));
});
