import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { IdentityRow } from '../../../shared/model/identity.ts';
import { AgentSession } from '../guests/agent.ts';
import { runFiles } from '../qemu/run-files.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

// Two clones of one template, really booted: what was planned is what they are, also after a repair over SSH.
// Emulated guests on a busy machine take minutes for what takes seconds.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let home: TempHome;
let test: TestCore;
let ids: readonly string[] = [];
let planned: readonly { name: string; machineId: string | null }[] = [];

const rowOf = async (id: string, overSsh = false): Promise<IdentityRow> =>
  (await test.core.call('identity.audit', { overSsh })).rows.find((row) => row.id === id)!;

/** Runs a script as root by a guest's agent. */
const insideOf = (id: string, script: string) =>
  AgentSession.with(runFiles(home.paths.runtime, id).agent, (session) => session.script(script, 60_000));
/** Answers questions for a password, the given ones first. @returns what was asked */
function answerPasswords(first: readonly string[], then: string): string[] {
  const asked: string[] = [];
  const answers = [...first];
  test.core.onEvent(({ event }) => {
    if (event.type !== 'prompt' || event.prompt.kind !== 'password') return;
    const { id, text } = event.prompt;
    asked.push(text);
    void test.core.call('prompts.answer', { id, answer: answers.shift() ?? then });
  });
  return asked;
}

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  test = await openTestCore(home.paths);
  const { core, done } = test;
  const source = await core.call('guests.create', {
    name: 'source',
    from: { kind: 'starter', id: 'debian-12' },
  });
  await done(source);
  const seal = await core.call('templates.planSeal', { id: source.id, name: 'debian' });
  await done(await core.call('templates.seal', { planId: seal.planId }));
  const key = await core.call('keys.create', { name: 'console', location: 'app' });
  await done(key);
  const line = (await core.call('keys.publicText', { id: key.id })).trim();
  const plan = await core.call('clones.plan', {
    source: 'debian',
    names: ['web-01', 'web-02'],
    authorizedKeys: [line],
    memory: 512,
    vcpus: 1,
  });
  await done(await core.call('clones.run', { planId: plan.planId }));
  ids = (await core.call('clones.results', { planId: plan.planId })).map((result) => result.id!).sort();
  planned = plan.items.map(({ name, identity }) => ({ name, machineId: identity.machineId }));
  for (const id of ids) await done(await core.call('guests.start', { id }));
  for (const id of ids) await done(await core.call('guests.waitSsh', { id }));
});
afterAll(async () => {
  for (const id of ids) await test?.core.call('guests.forceOff', { id }).catch(() => {});
  await test?.close();
  home?.remove();
});

describe('booted clones', () => {
  it('are what was planned, read over SSH with pinned keys from a boot later than the edit', async () => {
    for (const id of ids) await test.done(await test.core.call('identity.verify', { id }));
    for (const id of ids) {
      const row = await rowOf(id);
      expect(row.verification).toBe('verified');
      expect(row.facts).toMatchObject({
        source: 'ssh',
        machineId: planned.find((one) => one.name === row.name)!.machineId,
        hostname: row.name,
        dbus: 'link',
        // The UUID by its agent, since only root may read it.
        seen: { uuid: row.uuid, macs: row.macs },
      });
    }
    const report = await test.core.call('identity.audit', {});
    expect(report.groups.filter((group) => group.severity === 'problem')).toEqual([]);
  });

  it('are read by their agent where SSH does not get in, and differ in D-Bus’s own id too', async () => {
    const id = ids[1]!;
    const { ssh } = await test.guest(id);
    await test.core.call('hardware.change', { id, change: { do: 'remove-forward', hostPort: ssh!.port } });
    const verify = async () => {
      await test.done(await test.core.call('identity.verify', { id }));
      return rowOf(id);
    };
    const { machineId } = (await rowOf(id)).facts!;
    expect(await verify()).toMatchObject({
      verification: 'verified',
      facts: { source: 'agent', machineId, dbus: 'link', hostKeys: [{}, {}] },
    });
    const inside = (script: string) => insideOf(id, script);
    const file = '/var/lib/dbus/machine-id';
    await inside(`rm ${file} && echo ${'f'.repeat(32)} > ${file}`);
    expect(await verify()).toMatchObject({
      verification: 'differs',
      facts: { machineId, dbus: 'different' },
    });
    await inside(`ln -sf /etc/machine-id ${file}`);
    expect((await verify()).verification).toBe('verified');
    await expect(inside('exit 3')).rejects.toMatchObject({ code: 'program-failed' });
  });

  it('are repaired over SSH by values made here, confirmed only by a later boot', async () => {
    const [id] = ids;
    // What people do: copy the folder. Now two guests have one UUID and one MAC, and this one runs.
    const folder = path.join(home.paths.guests, id!);
    const twin = path.join(home.paths.guests, 'twin-00000000');
    execFileSync('cp', ['-r', folder, twin]);
    const xml = path.join(twin, 'domain.xml');
    const text = readFileSync(xml, 'utf8').replaceAll(folder, twin);
    writeFileSync(xml, text.replace(/<name>[^<]*</, '<name>twin<'));
    await test.close();
    test = await openTestCore(home.paths);
    const labels = await rowOf(id!, true);
    const before = labels.facts!;
    const pins = () => readFileSync(path.join(folder, 'known_hosts'), 'utf8').trim().split('\n');
    const oldPins = pins();

    // Its user has to say a password to sudo, which is asked for here: anew for each step, and once within it.
    const secret = 'not-in-any-log';
    await insideOf(id!, `echo debian:${secret} | chpasswd && sed -i s/NOPASSWD:// /etc/sudoers.d/*`);
    const asked = answerPasswords(['wrong'], secret);
    const first = await test.core.call('identity.planRepair', { ids: [id!] });
    expect(first.items[0]).toMatchObject({ via: 'ssh', error: null });
    await test.done(await test.core.call('identity.repair', { planId: first.planId }));
    const repaired = await rowOf(id!);
    const { identity } = first.items[0]!;
    expect(repaired).toMatchObject({ uuid: identity.uuid, verification: 'restart-needed', restorable: true });
    expect(repaired.uuid).not.toBe(labels.uuid);
    expect(repaired.macs).not.toEqual(labels.macs);
    expect(repaired.facts!.machineId).toBe(identity.machineId);
    const question = 'sudo password for debian on web-01';
    expect(asked).toEqual([question, question, question]); // wrong and right for the preview, then for the repair

    // Everything goes back, also what stands in the definition; it was read by its old keys again.
    await test.done(await test.core.call('identity.restore', { id: id! }));
    const restored = await rowOf(id!);
    expect(restored).toMatchObject({ uuid: labels.uuid, macs: labels.macs, restorable: false });
    expect(restored.facts).toMatchObject({ machineId: before.machineId, hostKeys: before.hostKeys });
    expect(oldPins.every((line) => pins().includes(line))).toBe(true);
    await test.core.call('guests.delete', { id: 'twin-00000000' });
    expect(asked).toHaveLength(4);
    expect(JSON.stringify(test.events)).not.toContain(secret);
    await insideOf(id!, "echo 'debian ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/90-debian");

    const plan = await test.core.call('identity.planRepair', { ids: [id!] });
    await test.done(await test.core.call('identity.repair', { planId: plan.planId }));
    const row = await rowOf(id!);
    expect(row.verification).toBe('restart-needed');
    expect(row.facts!.machineId).toBe(plan.items[0]!.identity.machineId);
    expect(row.facts!.machineId).not.toBe(before.machineId);
    // The new keys are pinned: the old ones would be refused, and are gone from the file.
    expect(pins().filter((line) => line.startsWith(`${row.uuid} `))).toHaveLength(2);
    for (const line of oldPins) expect(pins()).not.toContain(line);
    await test.done(await test.core.call('identity.verify', { id: id! }));
    expect((await rowOf(id!)).verification).toBe('restart-needed');
    await test.done(await test.core.call('guests.reboot', { id: id! }));
    await test.done(await test.core.call('guests.waitSsh', { id: id! }));
    await test.done(await test.core.call('identity.verify', { id: id! }));
    expect((await rowOf(id!)).verification).toBe('verified');
  });
});
