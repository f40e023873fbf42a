import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { createAccelerators, judgeKvm, probeAccelerator } from './accelerators.ts';
import { kvmProbe } from './kvm-probe.ts';

let home: TempHome;
beforeEach(() => {
  home = tempHome();
});
afterEach(() => home.remove());

describe('the probe', () => {
  it('is a boot sector that TCG runs to its end', async () => {
    expect(kvmProbe.length).toBe(512);
    expect(kvmProbe.readUInt16LE(510)).toBe(0xaa55);
    const floppy = path.join(home.home, 'p.img');
    writeFileSync(floppy, kvmProbe);
    expect(await probeAccelerator('tcg', floppy)).toEqual({ result: 'works' });
  });

  it('does not pass a boot sector that never ends', async () => {
    const floppy = path.join(home.home, 'loop.img');
    const loop = Buffer.alloc(512);
    loop.set([0xeb, 0xfe]);
    loop.set([0x55, 0xaa], 510);
    writeFileSync(floppy, loop);
    expect(await probeAccelerator('tcg', floppy, { limitMs: 1500 })).toEqual({ result: 'hangs' });
  });

  it('ends with an owner that is killed, also when it hangs', async () => {
    const floppy = path.join(home.home, 'loop.img');
    const loop = Buffer.alloc(512);
    loop.set([0xeb, 0xfe]);
    loop.set([0x55, 0xaa], 510);
    writeFileSync(floppy, loop);
    const script = path.join(home.home, 'owner.cjs');
    await build({
      stdin: {
        contents: `import { probeAccelerator } from './accelerators.ts'; probeAccelerator('tcg', ${JSON.stringify(floppy)});`,
        resolveDir: __dirname,
      },
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'silent',
    });
    const owner = spawn(process.execPath, [script], { stdio: 'ignore' });
    const trials = () =>
      readdirSync('/proc').filter((pid) => {
        try {
          return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(floppy);
        } catch {
          return false;
        }
      });
    await expect.poll(trials, { timeout: 20_000 }).toHaveLength(1);
    owner.kill('SIGKILL');
    await expect.poll(trials, { timeout: 20_000 }).toEqual([]);
  });

  it('is kept for the next start, and tried anew when asked or when the device changed', async () => {
    const deps = { cache: home.paths.cache, clock: systemClock, log: silentLog };
    const first = await createAccelerators(deps).report();
    const second = await createAccelerators(deps).report();
    expect(second).toEqual(first);
    expect((await createAccelerators(deps).report(true)).triedAt).toBeGreaterThan(first.triedAt);
    const without = await createAccelerators({ ...deps, device: '/nonexistent/kvm' }).report();
    expect(without).toMatchObject({ chosen: 'tcg', kvm: 'absent' });
  });
});

describe('a verdict on KVM', () => {
  const log = silentLog;
  /** A program in QEMU's place, and a file in /dev/kvm's. */
  const stand = (script: string) => {
    const [qemu, device] = [path.join(home.home, 'qemu'), path.join(home.home, 'kvm')];
    writeFileSync(device, '');
    writeFileSync(qemu, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    return { cache: home.paths.cache, clock: systemClock, log, device, qemu };
  };

  it('is not given where QEMU is missing, and is as soon as that is there', async () => {
    const deps = stand('exit 85');
    renameSync(deps.qemu, `${deps.qemu}-away`);
    const accelerators = createAccelerators(deps);
    expect(await accelerators.report()).toMatchObject({ chosen: 'tcg', kvm: 'untried' });
    renameSync(`${deps.qemu}-away`, deps.qemu);
    expect(await accelerators.report()).toMatchObject({ chosen: 'kvm', kvm: 'works' });
  });

  it('waits for a trial that gets no processor, and not for one that uses it up', async () => {
    expect(await createAccelerators(stand('sleep 6; exit 85')).report()).toMatchObject({ kvm: 'works' });
    const busy = createAccelerators(stand('while :; do :; done'));
    expect(await busy.report(true)).toMatchObject({ kvm: 'unusable' });
  });

  it('is looked at again when the device is another, without a new start', async () => {
    const deps = stand('exit 85');
    const accelerators = createAccelerators(deps);
    expect(await accelerators.report()).toMatchObject({ kvm: 'works' });
    rmSync(deps.device);
    expect(await accelerators.report()).toMatchObject({ kvm: 'absent' });
  });
});

describe('judgeKvm', () => {
  it('names each case', () => {
    expect(judgeKvm('present', { result: 'works' })).toMatchObject({ chosen: 'kvm', kvm: 'works' });
    expect(judgeKvm('present', { result: 'internal-error' })).toMatchObject({
      chosen: 'tcg',
      kvm: 'unusable',
    });
    expect(judgeKvm('present', { result: 'hangs' })).toMatchObject({ chosen: 'tcg', kvm: 'unusable' });
    expect(judgeKvm('no-permission', null)).toMatchObject({ chosen: 'tcg', kvm: 'no-permission' });
    expect(
      judgeKvm('present', {
        result: 'refused',
        stderr: 'Could not access KVM kernel module: Permission denied',
      }),
    ).toMatchObject({ kvm: 'no-permission' });
    expect(judgeKvm('absent', null)).toMatchObject({ chosen: 'tcg', kvm: 'absent' });
  });
});
