import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../platform/exec.ts';
import { processStat } from '../platform/proc.ts';
import { runFiles } from '../qemu/run-files.ts';
import { QmpDecoder } from '../qmp/codec.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

/** One guest, booted once, goes through its whole life: each step begins where the last one ended. */
let home: TempHome;
let at: TestCore;
let id: string;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
const file = (name: string) => path.join(home.paths.guests, id, name);
const files = () => runFiles(home.paths.runtime, id);
const start = async () => at.done(await call('guests.start', { id }));

/** The owner goes and another one comes. */
async function handOver(): Promise<void> {
  await at.close();
  at = await openTestCore(home.paths);
}

async function gone(pid: number): Promise<void> {
  while (processStat(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function until(state: string): Promise<void> {
  while ((await at.guest(id)).state !== state) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function holdDisk(disk: string): Promise<ChildProcess> {
  const holder = spawn('qemu-io', ['-f', 'qcow2', disk], { stdio: ['pipe', 'pipe', 'inherit'] });
  holder.stdin!.write('length\n');
  await new Promise((resolve) => holder.stdout!.once('data', resolve));
  return holder;
}

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  at = await openTestCore(home.paths);
}, 900_000);

afterAll(async () => {
  if (id) await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  home?.remove();
});

describe('a guest’s life', () => {
  it('is made from a starter, whole, private, and with its own identity', async () => {
    const made = await call('guests.create', {
      name: 'Web One',
      from: { kind: 'starter', id: 'debian-12' },
      diskSize: 9,
      tags: ['a'],
    });
    id = made.id;
    expect(id).toMatch(/^web-one-[0-9a-f]{8}$/);
    // Until it is whole there is no guest.
    expect((await call('core.snapshot', undefined)).guests).toEqual([]);
    await at.done(made);
    const guest = await at.guest(id);
    expect(guest).toMatchObject({
      name: 'Web One',
      state: 'off',
      vcpus: 2,
      memory: 1024,
      tags: ['a'],
      problem: null,
    });
    expect(guest.disks).toMatchObject([
      { target: 'vda', format: 'qcow2', virtualSize: 9 * 2 ** 30, backing: null },
    ]);
    expect(guest.ssh).toMatchObject({ user: 'debian', address: '127.0.0.1' });
    expect(guest.ssh!.port).toBeGreaterThanOrEqual(2201);
    for (const name of readdirSync(path.join(home.paths.guests, id)))
      expect(statSync(file(name)).mode & 0o077, name).toBe(0);
    expect(readFileSync(file('known_hosts'), 'utf8')).toMatch(new RegExp(`^${guest.uuid} ssh-ed25519 `));
    expect(readdirSync(home.paths.staging)).toEqual([]);
  });

  it('has a name of its own, and only names a list can show', async () => {
    const from = { kind: 'starter', id: 'debian-12' } as const;
    await expect(call('guests.create', { name: 'wEB oNE', from })).rejects.toMatchObject({
      code: 'name-taken',
    });
    for (const name of ['../../x', 'a,b', '-x', 'x'.repeat(300), 'a\nb', '', ' x', '.x', 'a\u202eb'])
      await expect(call('guests.rename', { id, name }), name).rejects.toMatchObject({
        code: 'invalid-input',
      });
    await call('guests.rename', { id, name: 'Wéb 🚀 "two" & <three>' });
    expect((await at.guest(id)).name).toBe('Wéb 🚀 "two" & <three>');
    await call('guests.rename', { id: 'WÉB 🚀 "TWO" & <THREE>', name: 'web' });
    expect(readdirSync(home.paths.guests)).toEqual([id]);
  });

  it('says what keeps it from starting, and is as before afterwards', async () => {
    const { port } = (await at.guest(id)).ssh!;
    const squatter = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    await expect(start()).rejects.toMatchObject({
      code: 'port-taken',
      message: expect.stringContaining(`${port}`),
    });
    await new Promise((resolve) => squatter.close(resolve));

    const holder = await holdDisk(file('disk.qcow2'));
    await expect(start()).rejects.toMatchObject({
      code: 'disk-in-use',
      why: expect.stringContaining(`${holder.pid} (qemu-io)`),
    });
    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('exit', resolve));

    renameSync(file('disk.qcow2'), file('gone.qcow2'));
    await expect(call('guests.start', { id })).rejects.toMatchObject({ code: 'disk-missing' });
    expect(await at.guest(id)).toMatchObject({ state: 'broken', problem: { code: 'disk-missing' } });
    renameSync(file('gone.qcow2'), file('disk.qcow2'));

    const xml = readFileSync(file('domain.xml'), 'utf8');
    writeFileSync(file('domain.xml'), xml.replace(/<memory[^<]*</, "<memory unit='TiB'>120<"));
    await expect(start()).rejects.toMatchObject({ code: 'no-memory' });
    writeFileSync(file('domain.xml'), xml.replace(/machine='pc-q35-[\d.]+'/, "machine='pc-q35-jammy'"));
    await expect(start()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('pc-q35-jammy'),
      todo: expect.stringMatching(/^Put pc-q35-\d[\d.]* into its XML/),
    });
    writeFileSync(file('domain.xml'), xml);

    expect((await call('guests.detail', { id })).guest).toMatchObject({
      state: 'off',
      problem: null,
      pid: null,
    });
    expect(existsSync(files().pidfile)).toBe(false);
  });

  it('starts with private sockets, and refuses what makes no sense while it runs', async () => {
    await start();
    const guest = await at.guest(id);
    expect(guest).toMatchObject({ state: 'running', crash: null });
    expect(processStat(guest.pid!)).not.toBeNull();
    for (const socket of [files().serial, files().qmp, files().vnc]) {
      expect(statSync(socket).isSocket(), socket).toBe(true);
      expect(statSync(socket).mode & 0o077, socket).toBe(0);
    }
    // Without KVM it says so; the definition keeps its wish.
    if (guest.accelerator === 'tcg') expect(guest.notes.join()).toMatch(/KVM/);
    expect(readFileSync(file('domain.xml'), 'utf8')).toContain("type='kvm'");
    for (const name of ['guests.start', 'guests.delete', 'guests.resume', 'guests.discardSaved'] as const)
      await expect(call(name, { id }), name).rejects.toMatchObject({ code: 'wrong-state' });
    const listening = await run(['ss', '-Hltnp']);
    const ports = listening.stdout.split('\n').filter((line) => line.includes(`pid=${guest.pid},`));
    expect(ports.map((line) => line.split(/\s+/)[3])).toEqual([`127.0.0.1:${guest.ssh!.port}`]);
  });

  it('answers over SSH only when its own server does', async () => {
    await at.done(await call('guests.waitSsh', { id }));
    // The log-in prompt may come after sshd.
    await expect
      .poll(() => readFileSync(file('serial.log'), 'utf8'), { timeout: 120_000 })
      .toContain('login:');
  }, 600_000);

  // Its system is up: a reset in the first hundredths of a second of QEMU 7.2 can leave an emulated processor in memory
  // that the firmware has not filled yet, for good.
  it('is reset without leaving its QEMU, and boots again', async () => {
    const { pid } = await at.guest(id);
    // A socket of QMP has one client: what the owner hears is listened to there.
    const heard = vi.spyOn(QmpDecoder.prototype, 'push');
    await call('guests.reset', { id });
    // Firmware that finds itself run before resets the machine once more itself; those do not count.
    const resets = () =>
      heard.mock.results
        .flatMap(({ value }) => value as ReturnType<QmpDecoder['push']>)
        .filter(
          (message) => 'event' in message && message.event === 'RESET' && message.data?.guest === false,
        );
    await expect.poll(resets).toMatchObject([{ data: { reason: 'host-qmp-system-reset' } }]);
    heard.mockRestore();
    expect(await at.guest(id)).toMatchObject({ state: 'running', pid, crash: null });
    await at.done(await call('guests.waitSsh', { id }));
  }, 600_000);

  it('pauses and resumes', async () => {
    await call('guests.pause', { id });
    expect((await at.guest(id)).state).toBe('paused');
    await expect(call('guests.shutdown', { id })).rejects.toMatchObject({ code: 'wrong-state' });
    await call('guests.resume', { id });
    expect((await at.guest(id)).state).toBe('running');
  });

  it('takes labels at once and hardware at the next start', async () => {
    await call('guests.rename', { id, name: 'web two' });
    await call('guests.setLabels', { id, tags: ['b', 'c'], description: 'x < y', user: 'ann' });
    expect((await at.guest(id)).ssh).toMatchObject({ user: 'ann' });
    await call('guests.setLabels', { id, user: 'debian' });
    expect(await at.guest(id)).toMatchObject({
      name: 'web two',
      tags: ['b', 'c'],
      description: 'x < y',
      pendingRestart: false,
    });
    const xml = readFileSync(file('domain.xml'), 'utf8');
    writeFileSync(file('domain.xml'), xml.replace(/<vcpu([^>]*)>2</, '<vcpu$1>1<'));
    const detail = await call('guests.detail', { id });
    expect(detail.guest).toMatchObject({ pendingRestart: true, vcpus: 1 });
    expect(detail.runningXml).toContain('>2</vcpu>');
    writeFileSync(file('domain.xml'), xml);
    expect((await call('guests.detail', { id })).guest.pendingRestart).toBe(false);
    expect(detail.commandLine!.join(' ')).toContain('-sandbox on');
  });

  it('goes on when the owner ends, and the next one finds it', async () => {
    const before = await at.guest(id);
    // The machine that runs has the UUID it was started with, whatever its definition says by now.
    const xml = readFileSync(file('domain.xml'), 'utf8');
    writeFileSync(file('domain.xml'), xml.replace(before.uuid!, '11111111-2222-4333-8444-555555555555'));
    await handOver();
    expect(await at.guest(id)).toMatchObject({ state: 'running', pid: before.pid, pendingRestart: true });
    writeFileSync(file('domain.xml'), xml);
    await call('guests.detail', { id });
    const after = await at.guest(id);
    expect(after).toMatchObject({
      state: 'running',
      pid: before.pid,
      accelerator: before.accelerator,
      notes: before.notes,
    });
    expect(after.pendingRestart).toBe(false);
  });

  it('keeps running when saving is cancelled', async () => {
    const { operation } = await call('guests.save', { id });
    await call('operations.cancel', { id: operation });
    await until('running');
    const left = readdirSync(path.join(home.paths.guests, id));
    expect(left.filter((name) => /^(saved|saving)/.test(name))).toEqual([]);
  });

  it('saves its memory and goes on from it', async () => {
    const { pid } = await at.guest(id);
    await at.done(await call('guests.save', { id }));
    expect(await at.guest(id)).toMatchObject({ state: 'saved', pid: null });
    expect(processStat(pid!)).toBeNull();
    await handOver();
    expect((await at.guest(id)).state).toBe('saved');
    await start();
    expect((await at.guest(id)).state).toBe('running');
    expect(existsSync(file('saved.json'))).toBe(false);
    // The very system that was saved: nothing booted anew.
    await at.done(await call('guests.waitSsh', { id, timeout: 20 }));
  });

  it('shuts down when asked', async () => {
    await at.done(await call('guests.shutdown', { id }));
    expect(await at.guest(id)).toMatchObject({ state: 'off', pid: null, crash: null });
    expect(existsSync(files().pidfile)).toBe(false);
    expect(existsSync(files().vnc)).toBe(false);
  });

  it('offers to force what does not listen', async () => {
    await start();
    await expect(
      call('guests.shutdown', { id, deadline: 0.2 }).then((started) => at.done(started)),
    ).rejects.toMatchObject({ code: 'timeout', todo: expect.stringContaining('force') });
    expect((await at.guest(id)).state).toBe('running');
    await call('guests.forceOff', { id });
    expect(await at.guest(id)).toMatchObject({ state: 'off', crash: null });
  });

  it('is shown as crashed with its log when QEMU is killed, until it starts again', async () => {
    await start();
    const { pid } = await at.guest(id);
    process.kill(pid!, 'SIGKILL');
    await until('crashed');
    expect((await at.guest(id)).crash!.logTail).toContain('qemu-system-x86_64');
    await handOver();
    expect((await at.guest(id)).state).toBe('crashed');
    await start();
    expect(await at.guest(id)).toMatchObject({ state: 'running', crash: null });
  });

  it('is shown as crashed when QEMU was killed while nobody watched', async () => {
    const { pid } = await at.guest(id);
    await at.close();
    process.kill(pid!, 'SIGKILL');
    await gone(pid!);
    at = await openTestCore(home.paths);
    const guest = await at.guest(id);
    expect(guest.state).toBe('crashed');
    expect(guest.crash!.reason).toMatch(/while Guesthouse was not running/);
  });

  it('is broken with line and reason when its XML is, and comes back when that is mended', async () => {
    const xml = readFileSync(file('domain.xml'), 'utf8');
    writeFileSync(file('domain.xml'), xml.replace('</vcpu>', '</cpu>'));
    await expect(call('guests.start', { id })).rejects.toMatchObject({
      code: 'xml-invalid',
      why: expect.stringMatching(/[Ll]ine \d+/),
    });
    expect((await at.guest(id)).state).toBe('broken');
    await expect(call('guests.rename', { id, name: 'other' })).rejects.toMatchObject({ code: 'xml-invalid' });
    expect(readFileSync(file('domain.xml'), 'utf8')).toContain('</cpu>');
    writeFileSync(file('domain.xml'), xml);
    expect((await call('guests.detail', { id })).guest.state).toBe('crashed');
  });

  it('is deleted with what is its own and nothing else', async () => {
    const outside = path.join(home.home, 'mine.iso');
    writeFileSync(outside, 'mine');
    const xml = readFileSync(file('domain.xml'), 'utf8');
    writeFileSync(
      file('domain.xml'),
      xml.replace(
        '<controller',
        `<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='${outside}'/><target dev='sdz' bus='sata'/><readonly/></disk>\n    <controller`,
      ),
    );
    await call('guests.detail', { id });
    const plan = await call('guests.deletePlan', { id });
    // What reaches outside the library is asked about before it is ever opened.
    await expect(call('guests.start', { id })).rejects.toMatchObject({
      code: 'needs-consent',
      why: expect.stringContaining(outside),
    });
    const { problems } = await call('guests.detail', { id });
    expect(problems).toMatchObject([{ kind: 'outside', reaches: outside, agreed: false }]);
    await call('guests.allowOutside', { id, reaches: [outside] });
    await start();
    await call('guests.forceOff', { id });
    expect(plan.kept).toEqual([{ path: outside, why: expect.any(String) }]);
    expect(plan.removed.every((entry) => entry.path.startsWith(path.join(home.paths.guests, id)))).toBe(true);
    await call('guests.delete', { id });
    expect(readdirSync(home.paths.guests)).toEqual([]);
    expect(readdirSync(home.paths.staging)).toEqual([]);
    expect(existsSync(outside)).toBe(true);
    expect((await call('core.snapshot', undefined)).guests).toEqual([]);
    expect(at.events.at(-1)).toMatchObject({ type: 'operation' });
    expect(at.events).toContainEqual({ type: 'guest-gone', id });
  });
});
