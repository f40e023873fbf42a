import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { TerminalFromView, TerminalToView } from '../../../shared/model/terminal.ts';
import type { PortLike } from '../api.ts';
import { baseEnv } from '../platform/exec.ts';
import { highWater, lowWater } from './flow.ts';
import type { SourceEnd } from './host-protocol.ts';
import { PtySource } from './pty-source.ts';
import { Session } from './session.ts';

/** A view: draws at once and says so, unless told to be slow. */
class View implements PortLike {
  readonly got: TerminalToView[] = [];
  readonly hash = createHash('sha256');
  bytes = 0;
  acking = true;
  private listener: ((message: unknown) => void) | null = null;
  private onGone: (() => void) | null = null;
  private waiters: { test: () => boolean; resolve: () => void }[] = [];

  postMessage(message: unknown): void {
    const said = message as TerminalToView;
    if (said.t === 'data') {
      this.bytes += said.bytes.length;
      this.hash.update(said.bytes);
      if (this.acking) setImmediate(() => this.say({ t: 'ack', bytes: said.bytes.length }));
    }
    this.got.push(said);
    for (const waiter of this.waiters.filter((one) => one.test())) waiter.resolve();
    this.waiters = this.waiters.filter((one) => !one.test());
  }
  onMessage(listener: (message: unknown) => void): void {
    this.listener = listener;
  }
  onClose(listener: () => void): void {
    this.onGone = listener;
  }
  close(): void {
    this.onGone?.();
  }
  say(message: TerminalFromView): void {
    this.listener?.(message);
  }
  text(kind: 'data' | 'replay' = 'data'): string {
    return Buffer.concat(
      this.got.flatMap((one) => (one.t === kind ? [Buffer.from(one.bytes)] : [])),
    ).toString();
  }
  until(test: () => boolean): Promise<void> {
    return test() ? Promise.resolve() : new Promise((resolve) => this.waiters.push({ test, resolve }));
  }
}

function shell(script: string) {
  let onEnd: (end: SourceEnd) => void;
  const ended = new Promise<SourceEnd>((resolve) => {
    onEnd = resolve;
  });
  const session = new Session({ started() {}, ended: (end) => onEnd(end) });
  const start = () =>
    session.start(
      (events, size) =>
        new PtySource(
          { kind: 'pty', argv: ['/bin/sh', '-c', script], env: baseEnv(), cwd: tmpdir() },
          size,
          events,
        ),
    );
  return { session, start, ended };
}

describe('a program in a pty', () => {
  it('loses not one of 5,000,000 bytes at its end, in 20 runs', async () => {
    // The same bytes each time; sed gives the pty the \r\n that its line discipline would make.
    const want = createHash('sha256');
    const line = Buffer.from(`${'x'.repeat(76)}\r\n`);
    const lines = 64_000;
    for (let i = 0; i < lines; i++) want.update(line);
    const expected = want.digest('hex');
    for (let round = 0; round < 20; round++) {
      const { session, start, ended } = shell(`yes ${'x'.repeat(76)} | head -n ${lines}`);
      const view = new View();
      session.attach(view);
      start();
      expect(await ended).toEqual({ exitCode: 0, signal: null, error: null });
      expect(view.bytes).toBe(line.length * lines);
      expect(view.hash.digest('hex')).toBe(expected);
    }
  }, 120_000);

  it('loses nothing when the view draws nothing until long after the exit', async () => {
    const { session, start, ended } = shell('head -c 600000 /dev/zero | tr "\\0" a; echo the end');
    const view = new View();
    view.acking = false;
    session.attach(view);
    start();
    await view.until(() => view.bytes > highWater);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(over).toBe(false);
    view.acking = true;
    view.say({ t: 'ack', bytes: view.bytes });
    await ended;
    expect(view.bytes).toBe(600_000 + 'the end\r\n'.length);
    expect(view.text().endsWith('the end\r\n')).toBe(true);
  });

  it('is held back by a view that does not draw', async () => {
    const { session, start, ended } = shell('exec yes');
    const view = new View();
    view.acking = false;
    session.attach(view);
    start();
    await view.until(() => view.bytes > highWater);
    const held = view.bytes;
    expect(held).toBeLessThan(highWater + 3 * (64 << 10));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(view.bytes).toBeLessThanOrEqual(held + (64 << 10));
    view.say({ t: 'ack', bytes: view.bytes - lowWater + 1 });
    await view.until(() => view.bytes > held + 100_000);
    session.close();
    expect((await ended).signal).toBe(1);
  });

  it('stops at Ctrl-C while its output floods', async () => {
    const { session, start, ended } = shell('exec yes');
    const view = new View();
    session.attach(view);
    start();
    await view.until(() => view.bytes > 2_000_000);
    view.say({ t: 'input', text: '\x03' });
    expect(await ended).toEqual({ exitCode: null, signal: 2, error: null });
  });

  it('takes input, is resized, and says its exit code', async () => {
    const { session, start, ended } = shell('read a; echo "got $a"; read b; stty size; exit 7');
    const view = new View();
    session.attach(view);
    start();
    view.say({ t: 'input', text: 'grüße\n' });
    await view.until(() => view.text().includes('got grüße'));
    view.say({ t: 'resize', cols: 123, rows: 45 });
    view.say({ t: 'input', text: '\n' });
    expect((await ended).exitCode).toBe(7);
    expect(view.text()).toContain('45 123');
  });

  it('takes more input than the terminal holds at once', async () => {
    const { session, start, ended } = shell('stty -icanon -echo; echo ready; head -c 300000 | sha256sum');
    const view = new View();
    session.attach(view);
    start();
    await view.until(() => view.text().includes('ready'));
    const typed = 'abcdefghi\n'.repeat(30_000);
    view.say({ t: 'input', text: typed });
    await ended;
    expect(view.text()).toContain(createHash('sha256').update(typed).digest('hex'));
  });

  it('shows a later view what was there, and both what comes', async () => {
    const { session, start, ended } = shell('echo first; read a; echo second');
    const one = new View();
    session.attach(one);
    start();
    await one.until(() => one.text().includes('first'));
    const two = new View();
    session.attach(two);
    expect(two.got.map((message) => message.t)).toEqual(['replay', 'live']);
    expect(two.text('replay')).toBe('first\r\n');
    two.say({ t: 'input', text: '\n' });
    await ended;
    expect(two.text()).toContain('second');
    expect(one.text()).toContain('second');
    const late = new View();
    session.attach(late);
    expect(late.text('replay')).toContain('first');
    expect(late.text('replay')).toContain('second');
  });

  it('goes on when the view that held it back goes away', async () => {
    const { session, start, ended } = shell('head -c 2000000 /dev/zero | tr "\\0" a');
    const view = new View();
    view.acking = false;
    session.attach(view);
    start();
    await view.until(() => view.bytes > highWater);
    view.close();
    expect((await ended).exitCode).toBe(0);
  });

  it('ignores what is no message of a view', async () => {
    const { session, start, ended } = shell('read a; echo "<$a>"');
    const view = new View();
    session.attach(view);
    start();
    for (const nonsense of [
      null,
      5,
      { t: 'resize', cols: -1, rows: 1e9 },
      { t: 'input', text: 5 },
      { t: 'x' },
    ])
      view.say(nonsense as never);
    view.say({ t: 'input', text: 'ok\n' });
    await ended;
    expect(view.text()).toContain('<ok>');
  });

  it('says why a program cannot be started', async () => {
    const { session, ended } = shell('');
    session.start(() => {
      throw new Error('no pty');
    });
    expect((await ended).error).toBe('no pty');
  });
});
