import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../platform/exec.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { makeUefiIso } from './testing/boot-media.ts';

// Emulated guests on a busy machine take minutes for what takes seconds.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let home: TempHome;
let at: TestCore;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  at = await openTestCore(home.paths);
});
afterAll(async () => {
  const { guests } = await call('core.snapshot', undefined);
  for (const { id } of guests) await call('guests.forceOff', { id }).catch(() => {});
  await at.close();
  home.remove();
});

const folderOf = (id: string) => path.join(home.paths.guests, id);
/** Processes of a program that have this word in their command line. */
function processes(program: string, word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return (
          path.basename(readlinkSync(`/proc/${pid}/exe`)) === program &&
          readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word)
        );
      } catch {
        return false;
      }
    });
}
const tpms = (id: string) => processes('swtpm', `dir=${path.join(folderOf(id), 'tpm')},`);
async function gone(id: string): Promise<void> {
  while (tpms(id).length > 0) await new Promise((done) => setTimeout(done, 50));
}

describe('a guest with a TPM', () => {
  it('has one of its own, which ends with it, however it ends; its Secure Boot starts no unsigned loader', async () => {
    const iso = makeUefiIso(home.paths.home, 'UNSIGNED', 'unsigned and running');
    const made = await call('guests.create', {
      name: 'measured',
      from: { kind: 'iso', path: iso, firmware: 'secure-boot' },
      tpm: true,
      memory: 256,
      vcpus: 1,
    });
    await at.done(made);
    const { id } = made;
    const { xml } = await call('guests.exportXml', { id });
    const check = await call('guests.checkXml', { xml });
    expect(check.schema.state).toBe('valid');
    expect(check.problems.filter((problem) => problem.kind === 'unsupported')).toEqual([]);
    expect(tpms(id)).toEqual([]);
    await at.done(await call('guests.start', { id }));
    expect(tpms(id)).toHaveLength(1);
    const log = path.join(folderOf(id), 'serial.log');
    // The firmware has started the TPM by then, and found a loader that nobody signed.
    const said = () => readFileSync(log, 'latin1');
    while (!/failed to load .*Access Denied/.test(said())) {
      expect(said()).not.toContain('unsigned and running');
      await new Promise((done) => setTimeout(done, 100));
    }
    const state = path.join(folderOf(id), 'tpm', 'tpm2-00.permall');
    expect(statSync(state).size).toBeGreaterThan(0);
    expect(statSync(state).mode & 0o077).toBe(0);
    await call('guests.forceOff', { id });
    await gone(id);
    // The same TPM again, and this time QEMU is killed.
    await at.done(await call('guests.start', { id }));
    expect(tpms(id)).toHaveLength(1);
    const [qemu] = processes('qemu-system-x86_64', (await at.guest(id)).uuid ?? 'none');
    process.kill(qemu!, 'SIGKILL');
    await gone(id);
    const { removed } = await call('guests.deletePlan', { id });
    expect(removed.map((one) => one.path)).toContain(state);
  });

  it('is seen by the system inside, and is not a clone’s', async () => {
    const key = path.join(home.paths.home, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const made = await call('guests.create', {
      name: 'sealed',
      from: { kind: 'starter', id: 'debian-12' },
      // The cloud kernel has no driver for it; the full one does.
      kind: 'full',
      tpm: true,
      memory: 512,
      authorizedKeys: [readFileSync(`${key}.pub`, 'utf8').trim()],
    });
    await at.done(made);
    const { id } = made;
    await at.done(await call('guests.start', { id }));
    await at.done(await call('guests.waitSsh', { id }));
    const guest = await at.guest(id);
    const { stdout } = await run([
      'ssh', '-F', 'none', '-i', key, '-o', 'BatchMode=yes', '-o', `HostKeyAlias=${guest.uuid}`, '-o',
      `UserKnownHostsFile=${path.join(folderOf(id), 'known_hosts')}`, '-p', String(guest.ssh!.port),
      `${guest.ssh!.user}@127.0.0.1`,
      'test -c /dev/tpm0 && cat /sys/class/tpm/tpm0/tpm_version_major',
    ]); // biome-ignore format: a command
    expect(stdout.trim()).toBe('2');
    await at.done(await call('guests.shutdown', { id }));
    await gone(id);
    const plan = await call('clones.plan', { source: id, names: ['copy'], linked: false });
    expect(plan.warnings.join(' ')).toMatch(/new, empty TPM/);
    await at.done(await call('clones.run', { planId: plan.planId }));
    const [clone] = await call('clones.results', { planId: plan.planId });
    expect(existsSync(path.join(folderOf(id), 'tpm'))).toBe(true);
    expect(existsSync(path.join(folderOf(clone!.id!), 'tpm'))).toBe(false);
  });
});
