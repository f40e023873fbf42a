import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeQmp } from '../testing/fake-qmp.ts';
import { QmpClient, QmpCommandError } from './client.ts';

let dir: string;
let fake: FakeQmp | undefined;
const socket = () => path.join(dir, 's');
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-qmp-'));
});
afterEach(async () => {
  await fake?.close();
  fake = undefined;
  rmSync(dir, { recursive: true, force: true });
});

describe('QmpClient', () => {
  it('negotiates, answers by id, and reports refusals with QEMU’s words', async () => {
    fake = await FakeQmp.listen(socket(), {
      answers: { 'query-status': { status: 'running' }, 'human-monitor-command': (a: unknown) => a },
    });
    const client = await QmpClient.connect(socket());
    const [status, line] = await Promise.all([client.execute('query-status'), client.monitor('info x')]);
    expect(status).toEqual({ status: 'running' });
    expect(line).toEqual({ 'command-line': 'info x' });
    const refusal = await client.execute('nope').catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(QmpCommandError);
    expect(refusal).toMatchObject({ code: 'qmp-error', qmpClass: 'CommandNotFound' });
    expect(fake.commands[0]).toBe('qmp_capabilities');
    client.close();
  });

  it('rejects what is pending when QEMU goes away, and everything after', async () => {
    fake = await FakeQmp.listen(socket(), { answers: { 'query-status': null } });
    const client = await QmpClient.connect(socket());
    const pending = client.execute('query-status');
    const waiting = client.waitFor(() => false, { timeoutMs: 60_000, what: 'nothing' });
    fake.drop();
    await expect(pending).rejects.toMatchObject({ code: 'qmp-closed' });
    await expect(waiting).rejects.toMatchObject({ code: 'qmp-closed' });
    await expect(client.execute('query-status')).rejects.toMatchObject({ code: 'qmp-closed' });
    expect((await client.closed).code).toBe('qmp-closed');
  });

  it('gives a command its own deadline and drops the late answer', async () => {
    fake = await FakeQmp.listen(socket(), { answers: { 'query-status': null, stop: {} } });
    const client = await QmpClient.connect(socket());
    await expect(client.execute('query-status', undefined, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'timeout',
    });
    fake.send('{"return": {}, "id": 2}\r\n');
    await expect(client.execute('stop')).resolves.toEqual({});
    client.close();
  });

  it('does not wait for ever for a greeting', async () => {
    fake = await FakeQmp.listen(socket(), { greet: false });
    await expect(QmpClient.connect(socket(), { timeoutMs: 30 })).rejects.toMatchObject({ code: 'timeout' });
  });

  it('says so when nobody listens', async () => {
    await expect(QmpClient.connect(socket())).rejects.toMatchObject({ code: 'qmp-closed' });
  });

  it('can be cancelled while connecting and while a command runs', async () => {
    fake = await FakeQmp.listen(socket(), { greet: false });
    const early = new AbortController();
    const connecting = QmpClient.connect(socket(), { signal: early.signal });
    early.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'cancelled' });
    await fake.close();
    fake = await FakeQmp.listen(socket(), { answers: { stop: null } });
    const client = await QmpClient.connect(socket());
    const late = new AbortController();
    const running = client.execute('stop', undefined, { signal: late.signal });
    late.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    client.close();
  });

  it('ends on garbage instead of guessing', async () => {
    fake = await FakeQmp.listen(socket(), { answers: { stop: null } });
    const client = await QmpClient.connect(socket());
    const pending = client.execute('stop');
    fake.send('garbage\r\n');
    await expect(pending).rejects.toMatchObject({ code: 'qmp-error' });
    expect(client.open).toBe(false);
  });

  it('delivers events, those before an answer too', async () => {
    fake = await FakeQmp.listen(socket(), {
      answers: {
        stop: () => {
          fake!.event('STOP');
          return {};
        },
      },
    });
    const client = await QmpClient.connect(socket());
    const seen: string[] = [];
    const off = client.onEvent((event) => seen.push(event.event));
    await client.execute('stop');
    expect(seen).toEqual(['STOP']);
    off();
    const resumed = client.waitFor((e) => e.event === 'RESUME', { timeoutMs: 5000, what: 'RESUME' });
    fake.event('RESUME');
    expect((await resumed).event).toBe('RESUME');
    expect(seen).toEqual(['STOP']);
    client.close();
  });
});
