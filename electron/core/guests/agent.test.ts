import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentSession } from './agent.ts';

let dir: string;
let file: string;
let server: Server | null = null;
const asked: string[] = [];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-agent-'));
  file = path.join(dir, 'a.sock');
  asked.length = 0;
});
afterEach(async () => {
  await new Promise((done) => (server ? server.close(done) : done(null)));
  server = null;
  rmSync(dir, { recursive: true });
});

/** An agent that syncs as QEMU's does, after `before`, and answers the rest by `answers`. */
async function agent(answers: Record<string, unknown>, before = Buffer.alloc(0)): Promise<void> {
  server = createServer((socket) => {
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
        const line = text.slice(0, end).replace(/^\xff/, '');
        text = text.slice(end + 1);
        asked.push(line);
        const { execute, arguments: given } = JSON.parse(line);
        if (execute === 'guest-sync-delimited') {
          socket.write(before);
          socket.write(Buffer.concat([Buffer.from([0xff]), Buffer.from(`{"return": ${given.id}}\n`)]));
        } else if (answers[execute] instanceof Buffer) socket.write(answers[execute] as Buffer);
        else if (execute in answers) socket.write(`${JSON.stringify({ return: answers[execute] })}\n`);
        else socket.write('{"error": {"class": "CommandNotFound", "desc": "no such command"}}\n');
      }
    });
  });
  await new Promise<void>((done) => server!.listen(file, done));
}

const nic = (name: string, ...addresses: string[]) => ({
  name,
  'ip-addresses': addresses.map((one) => ({
    'ip-address': one,
    'ip-address-type': one.includes(':') ? 'ipv6' : 'ipv4',
    prefix: 24,
  })),
});

describe('the guest agent', () => {
  it('is found behind what an earlier client left, and tells addresses and system', async () => {
    await agent(
      {
        'guest-network-get-interfaces': [
          nic('lo', '127.0.0.1', '::1'),
          nic('eth0', '10.0.2.15', 'fe80::1', 'fec0::5054:ff:fe12:3456'),
          { name: 'down' },
        ],
        'guest-get-osinfo': { id: 'debian', 'pretty-name': 'Debian GNU/Linux 12 (bookworm)' },
      },
      Buffer.from('{"return": {"half":\n{"return": 7}\n'),
    );
    const [addresses, os] = await AgentSession.with(file, async (session) => [
      await session.addresses(),
      await session.os(),
    ]);
    expect(addresses).toEqual(['10.0.2.15', 'fec0::5054:ff:fe12:3456']);
    expect(os).toEqual({ id: 'debian', name: 'Debian GNU/Linux 12 (bookworm)', version: null, kernel: null });
  });

  it('runs a script and gives what it printed, or why not', async () => {
    const b64 = (text: string) => Buffer.from(text).toString('base64');
    await agent({
      'guest-exec': { pid: 7 },
      'guest-exec-status': { exited: true, exitcode: 0, 'out-data': b64('é\n') },
    });
    expect(await AgentSession.with(file, (session) => session.script('echo x', 1000))).toBe('é\n');
    expect(JSON.parse(asked.at(-2)!).arguments).toMatchObject({ path: '/bin/sh', arg: ['-c', 'echo x'] });
    expect(JSON.parse(asked.at(-1)!).arguments).toEqual({ pid: 7 });
  });

  it.each([
    ['unsupported', {}],
    ['timeout', { 'guest-exec': { pid: 7 }, 'guest-exec-status': { exited: false } }],
    ['program-failed', { 'guest-exec': { pid: 7 }, 'guest-exec-status': { exited: true, exitcode: 2 } }],
    [
      'program-failed',
      { 'guest-exec': { pid: 7 }, 'guest-exec-status': { exited: true, exitcode: 0, 'out-truncated': true } },
    ],
  ])('says %s where a script does not run to its end', async (code, answers) => {
    await agent(answers);
    await expect(AgentSession.with(file, (session) => session.script('true', 10))).rejects.toMatchObject({
      code,
    });
  });

  it('tells the file systems on disks, and is not waited for once it shuts the system down', async () => {
    await agent({
      'guest-get-fsinfo': [
        { name: 'sda2', mountpoint: '/srv', type: 'xfs', disk: [] },
        { name: 'sda1', mountpoint: '/', type: 'ext4', 'used-bytes': 10, 'total-bytes': 40, disk: [{}] },
      ],
      'guest-fsfreeze-status': 'frozen',
      'guest-shutdown': Buffer.alloc(0),
    });
    await AgentSession.with(file, async (session) => {
      expect(await session.fileSystems()).toEqual([
        { mountpoint: '/', type: 'ext4', used: 10, total: 40 },
        { mountpoint: '/srv', type: 'xfs', used: null, total: null },
      ]);
      expect(await session.frozen()).toBe(true);
      await session.shutdown();
    });
    expect(asked.at(-1)).toBe('{"execute":"guest-shutdown","arguments":{"mode":"powerdown"}}');
  });

  it('says why it does not shut down', async () => {
    await agent({});
    await expect(AgentSession.with(file, (session) => session.shutdown())).rejects.toMatchObject({
      code: 'unsupported',
      why: 'no such command',
    });
  });

  it('is given the time in whole nanoseconds', async () => {
    await agent({ 'guest-set-time': {} });
    await AgentSession.with(file, (session) => session.setTime(1_700_000_000_123));
    expect(asked.at(-1)).toBe('{"execute":"guest-set-time","arguments":{"time":1700000000123000000}}');
  });

  it('is not believed when it lies, floods, or says what it cannot do', async () => {
    await agent({
      'guest-network-get-interfaces': [nic('eth0', '10.0.0.1\u001b[2J', '$(reboot)', '192.0.2.1')],
      'guest-get-osinfo': Buffer.alloc(2 << 20, 'x'),
      'guest-fsfreeze-freeze': 'many',
    });
    expect(await AgentSession.with(file, (session) => session.addresses())).toEqual(['192.0.2.1']);
    await expect(AgentSession.with(file, (session) => session.os())).rejects.toMatchObject({
      code: 'unreachable',
      why: 'It sends without end.',
    });
    await expect(AgentSession.with(file, (session) => session.freeze())).rejects.toMatchObject({
      code: 'unreachable',
    });
    await expect(AgentSession.with(file, (session) => session.thaw())).rejects.toMatchObject({
      code: 'unsupported',
      why: 'no such command',
    });
  });

  it('is missed by an error, not by a wait without end', async () => {
    await expect(AgentSession.with(file, (session) => session.os())).rejects.toMatchObject({
      code: 'unreachable',
    });
    server = createServer((socket) => socket.resume());
    await new Promise<void>((done) => server!.listen(file, done));
    await expect(AgentSession.with(file, (session) => session.os())).rejects.toMatchObject({
      code: 'unreachable',
      why: 'It said nothing in time.',
    });
  });
});
