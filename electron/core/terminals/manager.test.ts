import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { Terminal, TerminalFromView, TerminalToView } from '../../../shared/model/terminal.ts';
import type { PortLike } from '../api.ts';
import { silentLog } from '../platform/log.ts';
import { forkWithNode, type HostProcess } from './host-process.ts';
import { createTerminals, type Program, type SerialPort, type Terminals } from './manager.ts';

// The real terminal host in its real process. Built inside the checkout, where it finds node-pty.
const bundle = resolve(__dirname, `../../../dist/test/terminal-host-${process.pid}.cjs`);
beforeAll(async () => {
  await mkdir(resolve(bundle, '..'), { recursive: true });
  await build({
    entryPoints: [join(__dirname, 'host-main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    external: ['node-pty'],
  });
});
afterAll(() => rm(bundle, { force: true }));

/**
 * What QEMU's chardev is to a client: one at a time, taken in by a main loop some time after it connected, written to
 * first and logged right after, and logged also while nobody listens.
 */
class Chardev {
  private client: net.Socket | null = null;
  readonly typed: string[] = [];
  private readonly server = net.createServer({ pauseOnConnect: true }, (socket) => {
    setTimeout(() => {
      this.client = socket;
      socket.resume();
      socket.on('data', (chunk: Buffer) => void this.typed.push(chunk.toString()));
      socket.on('error', () => {});
    }, this.acceptMs);
  });
  constructor(
    private readonly log: string,
    private readonly acceptMs = 0,
  ) {}
  listen(path: string): Promise<void> {
    return new Promise((done) => this.server.listen(path, done));
  }
  say(text: string): void {
    this.client?.write(text);
    appendFileSync(this.log, text);
  }
  get taken(): boolean {
    return this.client !== null;
  }
  quit(): Promise<void> {
    this.client?.destroy();
    return new Promise((done) => this.server.close(() => done()));
  }
}

class View implements PortLike {
  text = '';
  readonly kinds: string[] = [];
  closed = false;
  private listener: (message: TerminalFromView) => void = () => {};
  private gone: () => void = () => {};
  postMessage(message: unknown): void {
    const said = message as TerminalToView;
    this.kinds.push(said.t);
    if (said.t === 'data' || said.t === 'replay') this.text += Buffer.from(said.bytes).toString();
    if (said.t === 'data') this.say({ t: 'ack', bytes: said.bytes.length });
  }
  onMessage(listener: (message: unknown) => void): void {
    this.listener = listener;
  }
  onClose(listener: () => void): void {
    this.gone = listener;
  }
  close(): void {
    this.closed = true;
    this.gone();
  }
  say(message: TerminalFromView): void {
    this.listener(message);
  }
}

let dir: string;
let events: CoreEvent[];
let guest: SerialPort;
let terminals: Terminals;
let host: HostProcess | null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gh-term-'));
  events = [];
  host = null;
  guest = {
    id: 'web-1234',
    name: 'web',
    state: 'off',
    socket: join(dir, 's.sock'),
    log: join(dir, 'serial.log'),
  };
  terminals = createTerminals({
    fork: () => {
      host = forkWithNode(bundle)();
      return host;
    },
    announce: (event) => void events.push(event),
    log: silentLog,
    serial: (ref) => {
      if (ref !== guest.id && ref !== guest.name) throw new GuesthouseError('not-found', 'No such guest.');
      return guest;
    },
    serialPorts: () => [guest],
  });
});
afterEach(async () => {
  await terminals.close();
  await rm(dir, { recursive: true, force: true });
});

const state = (next: SerialPort['state']) => {
  guest = { ...guest, state: next };
  terminals.guestChanged({ id: guest.id, name: guest.name, state: next });
};
const serial = () =>
  terminals.handlers['terminals.openSerial']({ id: 'web' }, { signal: new AbortController().signal });
const now = (id: string): Terminal | undefined => terminals.list().find((one) => one.id === id);
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });
async function show(id: string): Promise<View> {
  const view = new View();
  await terminals.openPort(id, view);
  await until(() => expect(view.kinds).toContain('live'));
  return view;
}

describe('a serial console', () => {
  it('shows the history of a guest that is off, opens when it starts, and stays through a restart', async () => {
    await writeFile(guest.log, 'the last run\n');
    const { id, status, reason } = await serial();
    expect({ status, reason }).toEqual({
      status: 'waiting',
      reason: 'The guest is off; its console opens when it starts.',
    });
    const view = await show(id);
    expect(view.text).toBe('the last run\n');

    const first = new Chardev(guest.log);
    await first.listen(guest.socket);
    state('running');
    await until(() => expect(now(id)?.status).toBe('open'));
    await until(() => expect(first.taken).toBe(true));
    first.say('login: ');
    await until(() => expect(view.text).toBe('the last run\nlogin: '));
    view.say({ t: 'input', text: 'debian\n' });
    await until(() => expect(first.typed.join('')).toBe('debian\n'));

    await first.quit();
    state('off');
    await until(() =>
      expect(now(id)).toMatchObject({ status: 'waiting', reason: expect.stringContaining('off') }),
    );
    const second = new Chardev(guest.log);
    // Said before anybody is connected: in the log alone.
    second.say('\nfirmware\n');
    await second.listen(guest.socket);
    state('running');
    await until(() => expect(second.taken).toBe(true));
    second.say('again\n');
    await until(() => expect(view.text).toBe('the last run\nlogin: \nfirmware\nagain\n'));
    await second.quit();

    const reloaded = await show(id);
    expect(reloaded.text).toBe(view.text);
  });

  it('shows once what was said between connecting and being taken in, and nothing twice', async () => {
    const { id } = await serial();
    const view = await show(id);
    const chardev = new Chardev(guest.log, 150);
    await chardev.listen(guest.socket);
    state('running');
    await until(() => expect(now(id)?.status).toBe('open'));
    chardev.say('missed by the socket\n');
    await until(() => expect(view.text).toBe('missed by the socket\n'));
    await until(() => expect(chardev.taken).toBe(true));
    for (let i = 0; i < 50; i++) chardev.say(`line ${i}\n`);
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join('');
    await until(() => expect(view.text).toBe(`missed by the socket\n${lines}`));
    await chardev.quit();
  });

  it('waits for a socket that comes later than the news of the start', async () => {
    const { id } = await serial();
    state('starting');
    await new Promise((done) => setTimeout(done, 120));
    expect(now(id)?.status).toBe('waiting');
    const chardev = new Chardev(guest.log);
    await chardev.listen(guest.socket);
    await until(() => expect(now(id)?.status).toBe('open'));
    // It connects before it is taken in, and what was not taken in cannot be let go.
    await until(() => expect(chardev.taken).toBe(true));
    await chardev.quit();
  });

  it('is one, however often it is opened, and goes with its guest', async () => {
    const one = await serial();
    expect((await serial()).id).toBe(one.id);
    const view = await show(one.id);
    terminals.guestGone(guest.id);
    await until(() => expect(view.closed).toBe(true));
    expect(terminals.list()).toEqual([]);
    expect(events.at(-1)).toEqual({ type: 'terminal-gone', id: one.id });
    await expect(terminals.openPort(one.id, new View())).rejects.toMatchObject({ code: 'not-found' });
  });

  it('comes back when the process that holds the consoles is killed', async () => {
    const { id } = await serial();
    const chardev = new Chardev(guest.log);
    await chardev.listen(guest.socket);
    state('running');
    await until(() => expect(chardev.taken).toBe(true));
    chardev.say('before\n');
    const view = await show(id);
    await until(() => expect(view.text).toBe('before\n'));
    const killed = host;
    killed!.kill();
    await until(() => expect(view.closed).toBe(true));
    await until(() => expect(host).not.toBe(killed));
    await until(() => expect(now(id)?.status).toBe('open'));
    expect((await show(id)).text).toBe('before\n');
    await chardev.quit();
  });
});

describe("a program's console", () => {
  it('runs it with a clean environment and says how it ended', async () => {
    const { id } = terminals.openPty({
      argv: ['/bin/sh', '-c', 'echo "$A $SECRET_OF_OURS<"; exit 3'],
      env: { A: 'yes' },
      title: 't',
      subject: null,
    });
    process.env.SECRET_OF_OURS = 'no';
    const view = await show(id);
    await until(() => expect(now(id)?.status).toBe('ended'));
    delete process.env.SECRET_OF_OURS;
    expect(now(id)).toMatchObject({ exitCode: 3, reason: 'The program ended with exit code 3.' });
    await until(() => expect(view.text).toBe('yes <\r\n'));
  });

  it('waits with a reason until it can run, and runs again in the same tab', async () => {
    let go: () => void = () => {};
    let runs = 0;
    const { id } = terminals.open({
      kind: 'ssh',
      title: 'web',
      subject: 'web-1234',
      launch: async (waiting) => {
        waiting('starting sshd, 4 s');
        await new Promise<void>((done) => {
          go = done;
        });
        return { argv: ['/bin/sh', '-c', `echo run ${++runs}`] };
      },
    });
    expect(now(id)).toMatchObject({ status: 'waiting', reason: 'starting sshd, 4 s' });
    go();
    await until(() => expect(now(id)?.status).toBe('ended'));
    terminals.again(id);
    expect(now(id)?.status).toBe('waiting');
    go();
    await until(() => expect(now(id)?.status).toBe('ended'));
    expect((await show(id)).text).toBe('run 1\r\nrun 2\r\n');
  });

  it('ends with the reason when it cannot run', async () => {
    const { id } = terminals.open({
      kind: 'ssh',
      title: 'web',
      subject: null,
      launch: async () => {
        throw new GuesthouseError('unreachable', 'web did not answer.', { why: 'It is off.' });
      },
    });
    await until(() =>
      expect(now(id)).toMatchObject({ status: 'ended', reason: 'web did not answer. It is off.' }),
    );
  });

  it('says so when the process that holds the consoles keeps ending, and runs again a minute later', async () => {
    const { now: clock } = Date;
    let later = 0;
    const time = vi.spyOn(Date, 'now').mockImplementation(() => clock() + later);
    try {
      const { id } = terminals.openPty({ argv: ['true'], title: 'true', subject: null });
      await until(() => expect(now(id)?.reason).toBe('The program ended.'));
      for (let ends = 0; ends < 5; ends++) {
        const before = host;
        before!.kill();
        await until(() => expect(host).not.toBe(before));
      }
      const last = host;
      last!.kill();
      await until(() => {
        const { reason } = now(id)!;
        terminals.again(id);
        expect(reason).toContain('again and again');
      });
      expect(host).toBe(last);
      later = 61_000;
      terminals.again(id);
      await until(() => expect(now(id)?.reason).toBe('The program ended.'));
      expect(host).not.toBe(last);
    } finally {
      time.mockRestore();
    }
  });

  it('is told apart from another one to the same machine by a number', async () => {
    const launch = async (): Promise<Program> => ({ argv: ['true'] });
    const open = (title: string, kind: 'ssh' | 'exec' = 'ssh', subject = 'web-1234') =>
      terminals.open({ kind, title, subject, launch });
    const [first, second] = [open('web'), open('web')];
    expect([first.title, second.title, open('db', 'ssh', 'db-1').title]).toEqual(['web', 'web 2', 'db']);
    expect([open('app', 'exec').title, open('app log', 'exec').title]).toEqual(['app', 'app log']);
    await terminals.handlers['terminals.close']({ id: first.id }, { signal: new AbortController().signal });
    terminals.guestChanged({ id: 'web-1234', name: 'www', state: 'running' });
    expect([now(second.id)?.title, open('www').title, open('www').title]).toEqual(['www 2', 'www', 'www 3']);
  });

  it('is ended with its tab', async () => {
    const { id } = terminals.openPty({
      argv: ['/bin/sh', '-c', 'echo $$; exec sleep 1000'],
      title: 't',
      subject: null,
    });
    const view = await show(id);
    await until(() => expect(view.text).toMatch(/^\d+\r\n$/));
    const pid = Number.parseInt(view.text, 10);
    await terminals.handlers['terminals.close']({ id }, { signal: new AbortController().signal });
    await until(() => expect(() => process.kill(pid, 0)).toThrow());
  });
});
